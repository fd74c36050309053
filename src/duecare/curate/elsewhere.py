"""What engines of others have in common: partitions go there sealed, come back in order, a few at a time.

What an engine carries about is sealed under a key of this run (`vault.Parcels`), whatever the rows: its
shared memory and what it spills to a disk hold nothing that can be read. What goes wrong there comes back
as a result, never as an error: engines write errors into logs, and an error may hold a row's text.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from duecare.core import DuecareError
from duecare.curate.partition import (
    FULL,
    Made,
    Partition,
    Tables,
    Work,
    attempt_far,
    from_far,
    loaded,
    pack_rows,
    refused,
    unpack_rows,
)
from duecare.vault import Parcels

WAVE = 64
"""Partitions for each process that an engine is given at once: its processes start anew for each wave."""
WAVE_BYTES = 16 * 1024 * 1024
"""Bytes of rows for each process in a wave, before the partition that goes beyond. This bounds the memory: an
engine holds some seven times as much, of rows and results, as Arrow, sealed, and in its own form."""
SUSPECTS = 2
"""Partitions for each process that are worked on one by one, once a process died: one of them it was."""
TRIES = 3
"""Times that a partition is begun alone, or on Ray, where its process dies."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A partition under way: its number, its first row, and its rows sealed."""

    number: int
    start: int
    rows: bytes


class Send(Protocol):
    """Has an engine work on a wave with `workers` processes: numbers and what a `Carrier` made, in any order.

    Whatever it raises says that not all came back.
    """

    def __call__(self, wave: list[Sent], workers: int) -> Iterator[tuple[int, bytes]]: ...


@dataclass(slots=True)
class Carrier:
    """Where an engine put it: loads the work once, and works on partitions. Nothing it holds is shown."""

    work: Work = field(repr=False)
    parcels: Parcels
    _operator: Callable[[pa.RecordBatch], Tables] | None = field(default=None, repr=False)

    def work_on(self, sent: Sent, begun: int = 1) -> bytes:
        """What was made of a partition, or why the step has to stop, sealed; raises no error about a row.

        One that was `begun` too often is not begun again.
        """
        try:
            rows = unpack_rows(self.parcels.open(sent.rows, _to(sent.number)))
            part = Partition(sent.number, sent.start, rows)
            if begun > TRIES:
                raise died(self.work.name, part)
            if self._operator is None:
                self._operator = loaded(self.work)
            made = attempt_far(self.work, self._operator, part)
        except Exception as error:
            made = refused(self.work, error, f"partition {sent.number}")
        return self.parcels.seal(made, _back(sent.number))


@dataclass(frozen=True, slots=True)
class Waves:
    """Carries partitions by `send`, in waves; where a process dies, those in flight are tried one by one."""

    work: Work
    parcels: Parcels
    workers: int
    send: Send
    said: list[str] = field(default_factory=list, init=False)
    """What the engine called its last failure; its words may hold what a process printed."""

    def carry(self, parts: Iterator[Partition]) -> Iterator[Made]:
        """What `work` makes of each partition, in order, each as soon as those before it are there.

        Raises DuecareError where a partition brings its process down each time it is tried.
        """
        for wave in waves(parts, self.workers):
            yield from self._wave(wave)

    def _wave(self, wave: list[Partition]) -> Iterator[Made]:
        waiting, found, rest = {part.number: part for part in wave}, dict[int, bytes](), wave
        while rest:
            sent = [self._sealed(part) for part in rest]
            with closing(self._until_broken(sent, self.workers)) as results:
                for number, made in results:
                    found[number] = made
                    yield from self._next(waiting, found)
            rest = [part for part in waiting.values() if part.number not in found]
            for part in rest[: SUSPECTS * self.workers]:
                found[part.number] = self._alone(part)
                yield from self._next(waiting, found)
            rest = rest[SUSPECTS * self.workers :]

    def _next(self, waiting: dict[int, Partition], found: dict[int, bytes]) -> Iterator[Made]:
        """What is there of the partitions that come first."""
        while waiting and (number := next(iter(waiting))) in found:
            del waiting[number]
            yield from_far(self.parcels.open(found.pop(number), _back(number)))

    def _until_broken(self, wave: list[Sent], workers: int) -> Generator[tuple[int, bytes]]:
        """What comes back until a process dies: whose fault it was is found out by those that are left."""
        try:
            yield from self.send(wave, workers)
        except Exception as error:
            if isinstance(error, DuecareError) or (isinstance(error, OSError) and error.errno in FULL):
                raise
            self.said[:] = [type(error).__name__]

    def _alone(self, part: Partition) -> bytes:
        """What is made of a partition in a process of its own; it may not have been begun before."""
        for _ in range(TRIES):
            for _, made in list(self._until_broken([self._sealed(part)], 1)):
                return made
        raise died(self.work.name, part, *self.said)

    def _sealed(self, part: Partition) -> Sent:
        return Sent(part.number, part.start, self.parcels.seal(pack_rows(part.rows), _to(part.number)))


def end_with_parent() -> None:
    """End this process once the one that started it is gone: what it makes is nobody's any more."""

    def watch(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()


def died(name: str, part: Partition, said: str = "") -> DuecareError:
    """The error for a partition whose process died each time; `said` is what the engine called it."""
    called = f"; its engine says {said}" if said else ""
    return DuecareError(
        f"{name}: {part}: its process died {TRIES} times (out of memory, killed, or a crash in native "
        f"code{called}); expected one that ends with a result"
    )


def waves(parts: Iterable[Partition], workers: int) -> Iterator[list[Partition]]:
    """`parts` in lots that so many processes work on at once, bounded by number and by bytes of rows."""
    wave, held = list[Partition](), 0
    for part in parts:
        wave.append(part)
        held += part.rows.nbytes
        if len(wave) >= WAVE * workers or held >= WAVE_BYTES * workers:
            yield wave
            wave, held = [], 0
    if wave:
        yield wave


def _to(number: int) -> str:
    return f"to {number}"


def _back(number: int) -> str:
    return f"back {number}"
