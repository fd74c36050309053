"""What privacy protects: rows, or people with all their rows, and the batches that hold them.

A unit's rows travel together through one gradient, so that one clipping covers them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from duecare.core import DataError
from duecare.train.batch import ASKED_TOGETHER
from duecare.train.engine_loop import Batch, Data
from duecare.train.private import Privacy

Entries = npt.NDArray[np.int64]


def members(data: Data, rows: Entries, privacy: Privacy) -> list[Entries]:
    """Which entries of a plan belong to each unit; `rows` int64 [N] is the place in the table of each.

    With people, entries beyond `rows_per_person` are left out. Raises DataError where a row says of no one.
    """
    if privacy.unit == "example":
        return _with_copies(data, rows)
    whose: dict[str, list[int]] = {}
    nobody = 0
    for entry, place in enumerate(rows):
        person = _person(data, int(place), str(privacy.person))
        if person is None:
            nobody += 1
        else:
            whose.setdefault(person, []).append(entry)
    if nobody:
        told = f"expected {privacy.person} in every row, and {nobody} of {len(rows)} rows have none"
        raise DataError(f"privacy.person: {told}")
    return [np.array(entries[: privacy.rows_per_person]) for entries in whose.values()]


def _with_copies(data: Data, rows: Entries) -> list[Entries]:
    """Each row with the copies that curation made of it (`row~...`): they are one row's content."""
    whose: dict[str, list[int]] = {}
    for entry, place in enumerate(rows):
        whose.setdefault(data.names[int(place)].partition("~")[0], []).append(entry)
    return [np.array(entries) for entries in whose.values()]


def _person(data: Data, place: int, column: str) -> str | None:
    example = data.example(place)
    kept = {field.name: field.value for field in example.fields}
    return kept.get(column) or example.group(column)


def most_of_a_unit(units: Sequence[Entries], sizes: npt.NDArray[np.int64]) -> int:
    """The most positions that any unit asks for, rounded up to whole chunks; `sizes` by entry.

    A unit of fewer rows than the largest is filled up by its first (`Batches`), which asks each time.
    """
    rows = max(len(entries) for entries in units)
    most = max(int(sizes[filled(entries, rows)].sum()) for entries in units)
    return max(1, -(-most // ASKED_TOGETHER)) * ASKED_TOGETHER


def filled(entries: Entries, rows: int) -> Entries:
    """A unit's entries, its first one again for each of the `rows` that it lacks: int64 [rows]."""
    return np.concatenate([entries, np.repeat(entries[:1], rows - len(entries))])


@dataclass(frozen=True, slots=True)
class Shape:
    """How units lie in a batch: `capacity` places of `rows` rows each, `together` worked on at a time."""

    capacity: int
    rows: int
    together: int

    @staticmethod
    def of(units: Sequence[Entries], capacity: int, expected: int) -> Shape:
        """A shape that holds `capacity` units; the last group worked on is half empty on average."""
        together = max(1, min(4, expected // 2))
        return Shape(
            capacity=-(-capacity // together) * together,
            rows=max(len(entries) for entries in units),
            together=together,
        )


class Batches:
    """Units as batches of one shape.

    `read(entries)` gives `shape.rows` rows as arrays, `owner(batch)` int [A] says for each position
    asked to which of these rows it belongs.
    """

    def __init__(
        self,
        units: Sequence[Entries],
        shape: Shape,
        read: Callable[[Entries], Batch],
        owner: Callable[[Batch], npt.NDArray[np.int32]],
    ) -> None:
        from duecare.privacy.clip import filling_order

        self.units, self.shape, self.read, self.owner = units, shape, read, owner
        self._places = filling_order(shape.capacity, shape.together)

    def batch(self, chosen: Entries) -> dict[str, npt.NDArray[Any]]:
        """The units `chosen`: what `read` gives, with a first axis of `capacity`; and of each place

        absent bool [C] (holds no unit), present bool [C, R] (holds a row), scale float32 [C] (factor on
        the loss, 1).
        """
        made = {int(self._places[i]): self._unit(int(unit)) for i, unit in enumerate(chosen)}
        blank = next(iter(made.values()), None) or self._unit(0)
        whole = {
            name: np.zeros((self.shape.capacity, *array.shape), dtype=array.dtype)
            for name, array in blank.items()
        }
        for place, arrays in made.items():
            for name, array in arrays.items():
                whole[name][place] = array
        absent = np.ones(self.shape.capacity, dtype=np.bool_)
        absent[list(made)] = False
        return {**whole, "absent": absent, "scale": np.ones(self.shape.capacity, dtype=np.float32)}

    def _unit(self, unit: int) -> dict[str, npt.NDArray[Any]]:
        """The rows of one unit; places beyond its last row repeat its first and count for nothing."""
        entries = self.units[unit]
        batch = dict(self.read(filled(entries, self.shape.rows)))
        present = np.arange(self.shape.rows) < len(entries)
        if "counts" in batch:  # a reward model scores whole answers, its loss counts pairs
            batch["counts"] = (batch["counts"] * present[self.owner(batch)]).astype(np.float32)
        return {**batch, "present": present}
