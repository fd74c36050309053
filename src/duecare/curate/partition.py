"""A pure operator on one partition of rows: what it makes, what it could not work on, and both as bytes.

An engine (`curate.engine`) decides where partitions are worked on. What is made of one does not depend on
that: the same function on the same rows, so artifacts have the same bytes on any engine.
"""

from __future__ import annotations

import errno
import gc
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, TypeVar

import msgspec
import pyarrow as pa

from duecare.core import DataError, DuecareError

T = TypeVar("T")
Tables = Mapping[str, pa.RecordBatch]
"""What an operator makes of a partition, by name: "kept", "dropped", "changes", "scores"..."""

STOPS = (DuecareError, OSError, MemoryError)
"""Errors that are not about a row: they stop the step."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system calls a disk without room, and a user without any."""


class Work(Protocol):
    """What is done to every partition: a frozen dataclass of plain values, so that it can be sent about.

    `load` brings what is heavy (a detector); whoever works on partitions calls it once. What it returns
    looks at nothing but the rows that it is given: not at earlier ones, not at how many there are.
    """

    @property
    def name(self) -> str:
        """What errors call it: the step's name."""

    def load(self) -> Callable[[pa.RecordBatch], Tables]:
        """The operator."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Rows (EXAMPLES) that are worked on at once: partition `number`, whose first row is row `start`."""

    number: int
    start: int
    rows: pa.RecordBatch

    def __str__(self) -> str:
        return f"partition {self.number} (rows {self.start} to {self.start + len(self.rows) - 1})"


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a partition: tables, and rows (by position) that raised, with the error's type."""

    tables: Tables
    failed: Mapping[int, str] = field(default_factory=dict)


@contextmanager
def no_search_for_cycles() -> Iterator[None]:
    """While a batch is worked on: it makes many small objects and no cycles, and each search for cycles goes
    through all that is loaded, which took a quarter of the time."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


def in_lots(records: Iterable[T], size: int) -> Iterator[tuple[int, list[T]]]:
    """Position of the first of some records, and those, up to `size`: taken, and worked on, without a search
    for cycles; one that is due by then takes place between two lots."""
    start, waiting = 0, iter(records)
    while True:
        with no_search_for_cycles():
            if not (lot := list(islice(waiting, size))):
                return
            yield start, lot
        start += len(lot)


def attempt(operator: Callable[[pa.RecordBatch], Tables], part: Partition, name: str) -> Made:
    """`operator` on a partition; where it raises, on halves of it, down to the rows that are lost.

    Raises DataError where no row of several can be worked on: then it is not the rows. An error's message
    may hold a row's text: its type alone is kept.
    """
    failed: dict[int, str] = {}
    with no_search_for_cycles():
        made = list(_halves(operator, part.rows, 0, failed))
    if len(failed) == len(part.rows) > 1:
        raise DataError(
            f"{name}: {failed[0]} on every row of {part}; expected an operator that can work on some row"
        )
    if len(made) < 2:
        return Made(dict(made[0]) if made else {}, failed)
    return Made({stem: pa.concat_batches([each[stem] for each in made]) for stem in made[0]}, failed)


def _halves(
    operator: Callable[[pa.RecordBatch], Tables], rows: pa.RecordBatch, at: int, failed: dict[int, str]
) -> Iterator[Tables]:
    """What can be made of `rows`, the first of which is row `at` of the partition; adds to `failed`."""
    try:
        yield operator(rows)
        return
    except STOPS:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not _panic(error):
            raise
        if len(rows) == 1:
            failed[at] = type(error).__name__
            return
    half = len(rows) // 2
    yield from _halves(operator, rows.slice(0, half), at, failed)
    yield from _halves(operator, rows.slice(half), at + half, failed)


def _panic(error: BaseException) -> bool:
    """Whether compiled code gave up on what it was given: libraries in Rust say so beside `Exception`."""
    return type(error).__name__ == "PanicException"


def loaded(work: Work) -> Callable[[pa.RecordBatch], Tables]:
    """The operator of `work`; an error of any other kind becomes ours, for not every error can be sent."""
    try:
        return work.load()
    except STOPS:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not _panic(error):
            raise
        raise DuecareError(f"{work.name}: {type(error).__name__} while its detector was loaded") from error


_PACKED = pa.schema([pa.field("table", pa.string()), pa.field("rows", pa.large_binary())])
_FAILED = b"duecare.failed"


def pack(made: Made) -> bytes:
    """`made` as an Arrow file (compressed): cut short, it is refused, for its footer comes last."""
    names = list(made.tables)
    rows = [pack_rows(made.tables[name]) for name in names]
    schema = _PACKED.with_metadata({_FAILED: msgspec.json.encode(dict(made.failed))})
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        columns = [pa.array(names, pa.string()), pa.array(rows, pa.large_binary())]
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return sink.getvalue()


def unpack(packed: bytes) -> Made:
    """What `pack` was given; a pyarrow.ArrowInvalid where bytes are missing."""
    with pa.ipc.open_file(pa.BufferReader(packed)) as reader:
        table = reader.read_all()
        failed = msgspec.json.decode(reader.schema.metadata[_FAILED], type=dict[int, str])
    found = zip(table.column("table").to_pylist(), table.column("rows").to_pylist(), strict=True)
    return Made({name: unpack_rows(rows) for name, rows in found}, failed)


def pack_rows(rows: pa.RecordBatch) -> bytes:
    """Rows as an Arrow stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return sink.getvalue()


def unpack_rows(packed: bytes) -> pa.RecordBatch:
    """What `pack_rows` was given."""
    with pa.ipc.open_stream(pa.BufferReader(packed)) as reader:
        return reader.read_next_batch()


def attempt_far(work: Work, operator: Callable[[pa.RecordBatch], Tables], part: Partition) -> bytes:
    """`attempt`, where only bytes go back: what was made, or why the step has to stop."""
    try:
        return b"+" + pack(attempt(operator, part, work.name))
    except STOPS as error:
        return refused(work, error, str(part))


def refused(work: Work, error: BaseException, where: str) -> bytes:
    """Why the step has to stop, as bytes: in the words of an error of ours, of others by its type alone."""
    if isinstance(error, DuecareError):
        return b"-" + str(error).encode()
    mark = b"!" if isinstance(error, OSError) and error.errno in FULL else b"-"
    return mark + f"{work.name}: {type(error).__name__} in {where}".encode()


def from_far(sent: bytes) -> Made:
    """What `attempt_far` sent; a DuecareError where the step has to stop, an OSError where a disk is full."""
    if sent[:1] == b"+":
        return unpack(sent[1:])
    if sent[:1] == b"!":
        raise OSError(errno.ENOSPC, sent[1:].decode())
    raise DuecareError(sent[1:].decode())
