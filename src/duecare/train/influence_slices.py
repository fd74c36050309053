"""Which rows belong to which slice of the data: what a gap may have come from. Free of JAX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from duecare.core import DataError
from duecare.core.table import texts
from duecare.train.influence import BY_COPIES, BY_GROUPS, BY_MENTIONS
from duecare.train.watch import Groups

MOST_VALUES = 20
"""A kept column with more values than this names rows rather than slices."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the rows: what it goes `by` and the `value` there; `mine` bool [N], by place in the table."""

    by: str
    value: str
    mine: npt.NDArray[np.bool_]

    @property
    def place(self) -> dict[str, str]:
        """As part of the slice of an Estimate."""
        return {"by": self.by, "value": self.value}


def slices_of(rows: pa.Table, asked: Sequence[str]) -> list[Slice]:
    """Every slice of a table of EXAMPLES that is asked for, as `Influence.slices` names them.

    Slices may overlap; one that holds all rows is none. DataError where a column is absent, or holds more
    values than can be compared.
    """
    found = [one for name in asked for one in _of(rows, name)]
    kept = [one for one in found if 0 < one.mine.sum() < len(rows)]
    if not kept:
        raise DataError(
            f"influence.slices: {', '.join(asked)} tell no {len(rows)} rows apart; expected slices that do"
        )
    return kept


def clusters_of(names: Sequence[str]) -> list[str]:
    """The row that each row stems from: copies that curation made of a row are no independent rows."""
    return [name.partition("~")[0] for name in names]


def _of(rows: pa.Table, asked: str) -> Iterator[Slice]:
    every = np.arange(len(rows))
    if asked == BY_GROUPS:
        for axis, group, mine in Groups.read(rows, ()).slices(every):
            yield Slice(axis, group, mine)
    elif asked == BY_MENTIONS:
        yield from _mentions(rows)
    elif asked == BY_COPIES:
        copied = np.array(["~" in name for name in rows.column("row").to_pylist()], dtype=np.bool_)
        yield Slice(BY_COPIES, "added by curation", copied)
    else:
        yield from _column(rows, asked)


def _mentions(rows: pa.Table) -> Iterator[Slice]:
    """Rows whose texts name a group, by the group's label."""
    from duecare.detect.identity import Identity

    naming: dict[str, set[str]] = {}
    for batch in rows.to_batches():
        spans = Identity()(texts(batch))
        for row, label in zip(
            spans.column("row").to_pylist(), spans.column("label").to_pylist(), strict=True
        ):
            naming.setdefault(label, set()).add(row)
    names = rows.column("row").to_pylist()
    for label in sorted(naming):
        axis, _, group = label.partition(":")
        yield Slice(f"mentions.{axis}", group, np.array([name in naming[label] for name in names]))


def _column(rows: pa.Table, name: str) -> Iterator[Slice]:
    kept = [
        next((field["value"] for field in fields if field["name"] == name), None)
        for fields in rows.column("fields").to_pylist()
    ]
    values = sorted({value for value in kept if value is not None})
    if not values or len(values) > MOST_VALUES:
        expected = f"a column kept with the rows, of at most {MOST_VALUES} values"
        raise DataError(f"influence.slices: {name!r} has {len(values)} values; expected {expected}")
    of = np.array(kept, dtype=object)
    for value in values:
        yield Slice(name, value, of == value)
