"""The held-out pairs that an audit ranks, as a reward is asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import DataError, Message
from duecare.core.table import EXAMPLES, expect

One = TypeVar("One")
HELD_OUT, ALL = "held_out.parquet", "kept.parquet"


@dataclass(frozen=True, slots=True)
class Text:
    """One answer in its conversation: what a reward is asked about; `ended` by itself, or cut off."""

    turns: tuple[Message, ...]
    answer: str
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Pair:
    """One preference pair. `prompt` is the cluster: pairs with equal turns are not independent."""

    row: str
    key: str
    turns: tuple[Message, ...]
    chosen: str
    rejected: str
    groups: dict[str, str]
    subset: str | None
    weight: float

    @property
    def prompt(self) -> str:
        """The turns as one label."""
        return "\0".join(f"{turn.role}\0{turn.content}" for turn in self.turns)

    @property
    def texts(self) -> tuple[Text, Text]:
        """The chosen and the rejected answer in their conversation."""
        return Text(self.turns, self.chosen), Text(self.turns, self.rejected)


def rows_of(folder: Path, where: str) -> list[dict[str, Any]]:
    """The rows that count of an artifact's held-out part, where it has one, else of all.

    Raises a DataError that begins with `where` for an artifact that has neither.
    """
    path = next((folder / name for name in (HELD_OUT, ALL) if (folder / name).is_file()), None)
    if path is None:
        raise DataError(f"{where}: expected {HELD_OUT} or {ALL} in what `on` names")
    try:
        rows = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path.name}: expected a whole Parquet file; it is damaged or ends early") from error
    expect(rows, EXAMPLES, path.name)
    return [row for row in rows.to_pylist() if row["weight"] > 0]


def read_pairs(folder: Path, subset: str, most: int, seed: int) -> list[Pair]:
    """At most `most` preference pairs of an artifact, drawn by `seed`, in the order of the rows.

    Its held-out part, where it has one, else all rows. Raises DataError where it has neither, or no pair.
    """
    pairs = [_pair(row, subset) for row in rows_of(folder, "reward.audit") if row["kind"] == "preference"]
    if not pairs:
        raise DataError("reward.audit: what `on` names holds no preference pairs, and an audit ranks some")
    return drawn(pairs, most, seed)


def axes_of(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """The axes that some pair declares a group on, in the order in which they first appear."""
    return tuple(dict.fromkeys(axis for pair in pairs for axis in pair.groups))


def drawn(items: Sequence[One], most: int, seed: int) -> list[One]:
    """At most `most` of `items`, each as likely as any, in their order."""
    if len(items) <= most:
        return list(items)
    chosen = np.random.default_rng(seed).choice(len(items), most, replace=False)
    return [items[place] for place in sorted(chosen.tolist())]


def _pair(row: dict[str, Any], subset: str) -> Pair:
    fields = {each["name"]: each["value"] for each in row["fields"]}
    return Pair(
        row=row["row"],
        key=row["key"],
        turns=tuple(Message(role=turn["role"], content=turn["content"]) for turn in row["messages"]),
        chosen=row["chosen"],
        rejected=row["rejected"],
        groups={each["axis"]: each["value"] for each in row["groups"]},
        subset=fields.get(subset) or None,
        weight=float(row["weight"]),
    )
