"""Rows dropped or copied so that declared groups have the shares of a population; each one recorded.

A plan that would take rows from a group which already has too few is refused: to balance by removing those
whom the balance should serve is the wrong way round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Literal

import pyarrow as pa

from duecare.core import Artifact, DataError
from duecare.core.table import EXAMPLES, group_column
from duecare.curate.flow import Sifted, batches, changes
from duecare.curate.twins import descended

Draw = Literal["both", "down", "up"]


def plan(
    counts: Mapping[str, int], share: Mapping[str, float], draw: Draw, axis: str, most: float
) -> dict[str, int]:
    """Group -> rows it is to have: as many as there are ("both"), or as few or many as leave ("down") or copy
    ("up") no other rows than needed.

    Raises DataError, with the numbers, where a group below its share would lose rows, or where a group would
    be copied more than `most` times.
    """
    total = sum(counts.values())
    ratios = [counts[group] / share[group] for group in counts]
    size = {"both": float(total), "down": min(ratios), "up": max(ratios)}[draw]
    made = {group: max(1, round(share[group] * size)) for group in counts}
    for group, count in sorted(counts.items()):
        if made[group] < count and count / total < share[group]:
            raise DataError(
                f"curate.balance: draw={draw} would drop {count - made[group]} of the {count} rows of "
                f"{axis} = {group}, which has {count / total:.1%} of the rows where {share[group]:.1%} is "
                "its share; take draw: both or up, or mode: weights"
            )
        if made[group] > count * most:
            raise DataError(
                f"curate.balance: the {count} rows of {axis} = {group} would be copied to {made[group]}, "
                f"more than {most:g} times (most={most:g}); collect rows of this group, or raise most"
            )
    return made


class Sampling:
    """Draws the rows of a plan; the same rows and seed give the same draw on any machine."""

    def __init__(self, axis: str, wanted: Mapping[str, int], seed: int) -> None:
        self.axis, self.wanted, self._seed = axis, dict(wanted), seed
        self._rank: dict[str, int] = {}
        self._count: dict[str, int] = {}

    def rank(self, artifact: Artifact) -> None:
        """First pass: each row's place in its group, by chance; holds a name and two numbers a row."""
        drawn: dict[str, list[tuple[int, str]]] = {}
        for batch in batches(artifact):
            groups = group_column(batch, self.axis).to_pylist()
            for row, group in zip(batch.column("row").to_pylist(), groups, strict=True):
                if group is not None:
                    drawn.setdefault(group, []).append((self._chance(row), row))
        for group, rows in drawn.items():
            self._count[group] = len(rows)
            self._rank.update({row: place for place, (_, row) in enumerate(sorted(rows))})

    def operate(self, batch: pa.RecordBatch) -> Sifted:
        """The draw as a function of a batch of EXAMPLES, after `rank` has seen them all."""
        kept: list[dict[str, Any]] = []
        dropped: list[dict[str, Any]] = []
        reasons: list[dict[str, object]] = []
        groups = group_column(batch, self.axis).to_pylist()
        for row, group in zip(batch.to_pylist(), groups, strict=True):
            times = 1 if group is None else self._times(group, row["row"])
            (kept if times else dropped).append(row)
            copies = [_copy(row, number) for number in range(1, times)]
            kept += copies
            reasons += self._reasons(row, str(group), times, copies)
        return Sifted(
            pa.RecordBatch.from_pylist(kept, schema=EXAMPLES),
            pa.RecordBatch.from_pylist(dropped, schema=EXAMPLES),
            changes(reasons),
        )

    def _times(self, group: str, row: str) -> int:
        """How often a row stands in the result."""
        whole, rest = divmod(self.wanted[group], self._count[group])
        return whole + (self._rank[row] < rest)

    def _chance(self, row: str) -> int:
        return int.from_bytes(blake2b(f"{self._seed}\0{row}".encode(), digest_size=8).digest(), "big")

    def _reasons(
        self, row: dict[str, Any], group: str, times: int, copies: list[dict[str, Any]]
    ) -> Iterator[dict[str, object]]:
        base = {"step": "balance", "label": group, "value": float(times)}
        said = f"{self._count.get(group)} rows of {self.axis} = {group} are to be {self.wanted.get(group)}"
        if not times:
            yield {
                **base,
                "row": row["row"],
                "key": row["key"],
                "action": "dropped",
                "reason": f"not drawn: {said}",
            }
        for copy in copies:
            yield {
                **base,
                "row": copy["row"],
                "key": copy["key"],
                "action": "added",
                "reason": f"drawn again: {said}",
            }


def _copy(row: dict[str, Any], number: int) -> dict[str, Any]:
    return {**row, "row": f"{row['row']}~copy:{number}", "fields": descended(row)}
