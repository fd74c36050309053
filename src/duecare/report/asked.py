"""What questions to a run share: tables of artifacts that are as recorded, and settings side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core import LedgerError
from duecare.ledger.digest import file_digest
from duecare.report.gather import Stage
from duecare.vault import SUFFIX, opened

Record = dict[str, Any]
ABSENT = "(not set)"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in a table: the records, or None with the reason why it could not be looked into."""

    records: list[Record] | None
    why: str = ""

    @property
    def found(self) -> list[Record]:
        """The records; empty where nothing could be looked into."""
        return self.records or []


def look(run: Path, stage: Stage, name: str, columns: Sequence[str], **equal: str) -> Looked | None:
    """The records of a stage's table in which every column of `equal` has the value given.

    None where the stage wrote no such table. Nothing is read that is not, byte for byte, as recorded.
    """
    listed = next((each for each in (name, name + SUFFIX) if each in stage.listed), None)
    if listed is None:
        return None
    path = run / stage.folder / listed
    condition = None
    for column, value in equal.items():
        this = pc.field(column) == value
        condition = this if condition is None else condition & this
    try:
        if file_digest(path) != stage.listed[listed].sha256:
            return Looked(None, f"{listed} is not as recorded")
        with opened(path) as file:
            table = pq.read_table(file, columns=list(columns), filters=condition)
    except LedgerError:
        return Looked(None, f"{listed} is sealed, and its secret is not here")
    except (pa.ArrowException, OSError, ValueError):
        return Looked(None, f"{listed} cannot be read")
    return Looked(table.to_pylist())


def flat(settings: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every single setting by its path ("curate.toxicity.limit"), as text."""
    if isinstance(settings, Mapping):
        for name in sorted(settings):
            yield from flat(settings[name], f"{path}.{name}" if path else str(name))
    elif isinstance(settings, list | tuple):
        for place, value in _named(settings):
            yield from flat(value, f"{path}.{place}" if path else place)
        if not settings:
            yield path, "none"
    else:
        yield path, "none" if settings is None else str(settings)


def _named(values: Sequence[object]) -> Iterator[tuple[str, object]]:
    """Items of a list by their names where each has just one ("toxicity"), as steps have; else by place.

    A step put between two others then changes nothing about them.
    """
    names = [next(iter(each)) if isinstance(each, Mapping) and len(each) == 1 else None for each in values]
    counts: Counter[str] = Counter()
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        if name is None or None in names or not isinstance(value, Mapping):
            yield str(place), value
            continue
        counts[name] += 1
        yield name if counts[name] == 1 else f"{name}:{counts[name]}", value[name]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: where it is found, what it was and what it is."""

    where: str
    before: str
    after: str


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """Everything that differs between two mappings, by name."""
    return tuple(
        Change(name, before.get(name, ABSENT), after.get(name, ABSENT))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )
