"""A stated population, and the weights that make declared groups count as in it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from duecare.core import DataError

COLUMNS = ("axis", "value", "share")
Population = dict[str, dict[str, float]]
"""Axis -> group -> share."""


def read_population(path: Path) -> Population:
    """Axis -> group -> share, from a CSV with the columns axis, value, share.

    Shares of an axis are divided by their sum, which must lie within 2 % of one. DataError names what
    is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"population {path.name} cannot be read: {type(error).__name__}") from error
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise DataError(f"population {path.name}: expected the columns {', '.join(COLUMNS)} and a row")
    found: Population = {}
    for line, row in enumerate(rows, start=2):
        share = _share(path, line, row["share"])
        found.setdefault(row["axis"], {})[row["value"]] = share
    for axis, shares in found.items():
        total = sum(shares.values())
        if not 0.98 <= total <= 1.02:
            raise DataError(f"population {path.name}: shares of {axis} add up to {total:.3f}, expected 1")
        found[axis] = {group: share / total for group, share in shares.items()}
    return found


def _share(path: Path, line: int, written: str | None) -> float:
    try:
        share = float(written or "")
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise DataError(
            f"population {path.name} line {line}: share = {written!r}: expected a number in (0, 1]"
        )
    return share


def shares(counts: Mapping[str, int], stated: Mapping[str, float] | None, axis: str) -> dict[str, float]:
    """Group -> share it is to have, of the groups that have rows; even shares without a stated population.

    DataError where no row declares a group, or the data has a group that the population does not name.
    """
    if not sum(counts.values()):
        raise DataError(f"no row declares a group on {axis}")
    target = dict.fromkeys(counts, 1 / len(counts)) if stated is None else dict(stated)
    if unnamed := sorted(set(counts) - set(target)):
        raise DataError(f"population of {axis} does not name the group {', '.join(unnamed)}")
    present = sum(target[group] for group in counts)
    return {group: target[group] / present for group in counts}


def weights(
    counts: Mapping[str, int], stated: Mapping[str, float] | None, axis: str, most: float
) -> dict[str, float]:
    """Group -> weight of its rows, with a mean of 1 over the rows that declare a group.

    A group's weight is its stated share over its share in the data (post-stratification). One that would
    need more than `most` (>= 1) gets `most`, and the others share the rest as the population has them.
    Without a stated population every group is to count the same. DataError as `shares`.
    """
    total, target = sum(counts.values()), shares(counts, stated, axis)
    capped: set[str] = set()
    while True:
        free = {group: target[group] for group in counts if group not in capped}
        left = total - most * sum(counts[group] for group in capped)
        found = {group: left * share / sum(free.values()) / counts[group] for group, share in free.items()}
        over = {group for group, weight in found.items() if weight > most}
        if not over:
            return {group: found.get(group, most) for group in counts}
        capped |= over
