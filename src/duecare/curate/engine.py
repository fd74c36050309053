"""Where partitions are worked on: in this process or in processes beside it; and what a kill leaves of them.

The engine changes how fast results come, never what they are: it is part of no digest.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from shutil import rmtree
from typing import Protocol

import pyarrow as pa

from duecare.core import Artifact, DuecareError, LedgerError, refuse_unless
from duecare.curate.partition import FULL, Made, Partition, Work, attempt, loaded, pack, unpack
from duecare.vault import SUFFIX, opened, writing


class Engine(Protocol):
    """Works on partitions somewhere. A few are taken ahead of the results, never all."""

    def carry(self, work: Work, parts: Iterator[Partition]) -> Iterator[Made]:
        """What `work` makes of each partition, in the order of the partitions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Local:
    """This machine: `workers` processes, or this very process where it is one."""

    workers: int = 1

    def __post_init__(self) -> None:
        whole = isinstance(self.workers, int) and not isinstance(self.workers, bool) and self.workers >= 1
        refuse_unless("engine", (whole, "workers", self.workers, "a whole number from 1"))

    def carry(self, work: Work, parts: Iterator[Partition]) -> Iterator[Made]:
        """See `Engine`."""
        if self.workers > 1:
            from duecare.curate.processes import carry_in_processes

            yield from carry_in_processes(work, parts, self.workers)
            return
        operator = loaded(work)
        for part in parts:
            yield attempt(operator, part, work.name)


ENGINES = {"local": "", "daft": "daft>=0.7.26,<0.8", "ray": "ray[data]>=2.50"}
"""Engines by name, and what to install for each."""


def engine_of(name: str, workers: int) -> Engine:
    """The engine called `name` with so many workers; a DuecareError where its package is not installed."""
    local = Local(workers=workers)  # refuses a wrong number
    refuse_unless("engine", (name in ENGINES, "name", name, f"one of {', '.join(ENGINES)}"))
    if name == "local":
        return local
    try:
        if name == "daft":
            from duecare.curate.engine_daft import Daft

            return Daft(workers)
        from duecare.curate.engine_ray import RayData

        return RayData(workers)
    except ModuleNotFoundError as error:
        raise DuecareError(f"engine {name} needs: pip install '{ENGINES[name]}'") from error


_engine: ContextVar[Engine | None] = ContextVar("engine", default=None)


@contextmanager
def working_on(engine: Engine) -> Iterator[None]:
    """Steps that run in this block work on `engine`; elsewhere, in their own process."""
    before = _engine.set(engine)
    try:
        yield
    finally:
        _engine.reset(before)


class Finished:
    """Partitions that are finished, in a folder under `out/.resume`, so that a killed run need not redo them.

    They are written in order, each in one move; sealed where `seal` names a secret, as what they hold may be
    rows. A folder belongs to one work on one artifact.
    """

    def __init__(self, out: Path, work: Work, artifact: Artifact, seal: str | None) -> None:
        from duecare.ledger.layout import RESUME  # brings cryptography, which a study check does without

        about = sha256(f"{work!r}\0{artifact.digest}".encode()).hexdigest()[:16]
        self._folder, self._seal = out / RESUME / about, seal

    def find(self, number: int) -> Made | None:
        """What was made of partition `number`; None where that is not there, or not whole."""
        try:
            with opened(self._path(number)) as file:
                return unpack(file.read())
        except (FileNotFoundError, LedgerError, pa.ArrowInvalid):
            return None

    def add(self, number: int, made: Made) -> None:
        """Keep what was made of partition `number`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(number)
        pending = path.with_name("pending" + SUFFIX)
        try:
            with writing(pending, self._seal) as file:
                file.write(pack(made))
                file.flush()
            os.replace(pending, path)
        finally:
            pending.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all: the step has written what it was to write."""
        rmtree(self._folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.part{SUFFIX if self._seal else ''}"


def carried(
    work: Work, rows: Iterable[pa.RecordBatch], finished: Finished | None
) -> Iterator[tuple[pa.RecordBatch, Made]]:
    """Every batch of `rows` with what `work` made of it, in order, on the engine of this block.

    `finished` None says that all rows are one partition: it is worked on here, as starting a process would
    take longer, and nothing of it is kept.
    """
    parts = _partitions(rows)
    if finished is None:
        operator = loaded(work)
        yield from ((part.rows, attempt(operator, part, work.name)) for part in parts)
        return
    for part in parts:
        if (made := finished.find(part.number)) is None:
            parts = chain([part], parts)
            break
        yield part.rows, made
    sent: deque[Partition] = deque()

    def sending() -> Iterator[Partition]:
        for part in parts:
            sent.append(part)
            yield part

    engine = _engine.get() or Local()
    for made in engine.carry(work, sending()):
        part = sent.popleft()
        finished.add(part.number, made)
        yield part.rows, made


def _partitions(rows: Iterable[pa.RecordBatch]) -> Iterator[Partition]:
    start = 0
    for number, batch in enumerate(rows):
        yield Partition(number, start, batch)
        start += len(batch)


@contextmanager
def room_for(step: str, out: Path) -> Iterator[None]:
    """Say clearly that the disk is full, and leave none of the files of `out` half written."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        for path in out.iterdir():
            if path.is_file():
                path.unlink()
        raise DuecareError(
            f"{step}: the disk is full, at {out}; make room and run again (finished partitions are kept)"
        ) from error
