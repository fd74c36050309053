"""Partitions worked on in processes beside this one; a process that dies costs its partition a retry."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import Any

from duecare.core import DuecareError
from duecare.curate.partition import Made, Partition, Work, attempt, loaded

AHEAD = 2
"""Partitions in flight for each process: one worked on, one waiting, whatever the size of the input."""
TRIES = 3
"""Times that a partition is tried alone, once a process died."""

_mine: dict[str, Any] = {}
"""In a process of the pool: its work, and the operator once it is loaded."""


@dataclass(slots=True)
class _Sent:
    part: Partition
    made: Future[Made]


def carry_in_processes(work: Work, parts: Iterator[Partition], workers: int) -> Iterator[Made]:
    """What `work` makes of each partition, in order.

    Raises DuecareError where a partition brings its process down each time it is tried.
    """
    pool, sent = _pool(work, workers), deque[_Sent]()
    try:
        while True:
            sent.extend(
                _Sent(part, _submit(pool, part)) for part in islice(parts, AHEAD * workers - len(sent))
            )
            if not sent:
                return
            if _died(sent[0].made):
                pool.shutdown(cancel_futures=True)
                _one_by_one(work, sent)
                pool = _pool(work, workers)
            yield sent[0].made.result()
            sent.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _one_by_one(work: Work, sent: deque[_Sent]) -> None:
    """What was in flight when a process died, each in a process of its own: that tells which one it is."""
    for each in sent:
        if each.made.done() and not each.made.cancelled() and not _died(each.made):
            continue
        for _ in range(TRIES):  # it may not have been begun before
            with _pool(work, 1) as pool:
                each.made = _submit(pool, each.part)
            if not _died(each.made):
                break
        else:
            raise DuecareError(
                f"{work.name}: {each.part}: its process died {TRIES} times (out of memory, killed, or "
                "a crash in native code); expected one that ends with a result"
            )


def _died(future: Future[Made]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _pool(work: Work, workers: int) -> ProcessPoolExecutor:
    # Never fork: JAX and Arrow hold threads here. Spawned ones also have this moment's environment.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(work,))


def _submit(pool: ProcessPoolExecutor, part: Partition) -> Future[Made]:
    try:
        return pool.submit(_work_on, part)
    except BrokenProcessPool as error:  # found out while handing in
        broken: Future[Made] = Future()
        broken.set_exception(error)
        return broken


def _begin(work: Work) -> None:
    """In a new process: Ctrl-C is the parent's to handle, and no process outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _mine.clear()
    _mine["work"] = work


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _work_on(part: Partition) -> Made:
    work = _mine["work"]
    if "operator" not in _mine:
        _mine["operator"] = loaded(work)
    return attempt(_mine["operator"], part, work.name)
