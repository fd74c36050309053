"""The records of a source, file after file, and its columns: what `source` makes rows of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from duecare.curate.croissant import described, opened_as
from duecare.curate.formats import Record, files, hub, suffix

if TYPE_CHECKING:
    from duecare.curate.rows import Layout
    from duecare.curate.source import Read

SAMPLED = 1000
"""Records that `sample` looks at."""
_WHOLE = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
"""Files of which whole records are read, whichever columns are wanted."""


def paths(step: Read) -> list[Path]:
    """The files of a source, sorted; none for a data set of the hub. Raises DataError as `files` does."""
    about = described(step.source, step.record_set)
    return list(about.files) if about else files(step.source, step.split)


def sample(step: Read) -> tuple[tuple[str, ...], list[Record]]:
    """The columns of a source and its first records; of several files the first that has any."""
    columns, records, _ = _begun(step)
    return columns, records


def records_of(step: Read) -> tuple[Layout, Iterator[Record]]:
    """Which column is what, and all records. Of files of text none is read twice."""
    columns, first, rest = _begun(step)
    layout = step.layout(columns)
    whole = all(suffix(path) in _WHOLE for path in paths(step))
    if whole and not described(step.source, step.record_set):
        return layout, chain(first, rest)
    return layout, (record for _, records in _opened(step, layout) for record in records)


def _begun(step: Read) -> tuple[tuple[str, ...], list[Record], Iterator[Record]]:
    """As `sample`, and the records that come after those."""
    columns: tuple[str, ...] = ()
    waiting = _opened(step, None)
    for header, found in waiting:
        records = list(islice(found, min(SAMPLED, step.rows or SAMPLED)))
        seen: dict[str, None] = {}
        for record in records if header is None else ():
            if isinstance(record.value, Mapping):
                seen.update(dict.fromkeys(map(str, record.value)))
        columns = tuple(seen) if header is None else header
        if records:
            return columns, records, chain(found, (record for _, more in waiting for record in more))
    return columns, [], iter(())


def _opened(step: Read, layout: Layout | None) -> Iterator[tuple[tuple[str, ...] | None, Iterator[Record]]]:
    """Header and records of each file of the source, or of the hub where there is none."""
    about, wanted = described(step.source, step.record_set), None if layout is None else layout.columns
    for path in (about.files if about else files(step.source, step.split)) or (None,):
        if path is None:
            found = hub(step.source, step.split)
            yield found.columns, found.records
            return
        with opened_as(
            path, about, skip_lines=step.skip_lines, wanted=wanted, encoding=step.encoding
        ) as found:
            yield found.columns, found.records
