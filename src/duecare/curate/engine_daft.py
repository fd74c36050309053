"""Partitions worked on by Daft: in processes of its own, or on the cluster that its runner names.

Its runner is set as Daft sets it (DAFT_RUNNER). Needs `pip install 'daft>=0.7.26,<0.8'`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

# Before Daft is imported, or it tells its makers about this run.
os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
os.environ["DO_NOT_TRACK"] = "1"

import daft  # only after telemetry is off

from duecare.curate.partition import (  # as above
    Made,
    Partition,
    Work,
    attempt_far,
    from_far,
    pack_rows,
    unpack_rows,
)

WAVE = 8
"""Partitions for each process that are handed to Daft at once; the next are taken when these are done."""


@daft.cls
class Carrier:
    """Loads the work once where Daft puts it, and works on partitions that come as bytes."""

    def __init__(self, work: Work) -> None:
        self.work, self.operator = work, work.load()

    @daft.method.batch(return_dtype=daft.DataType.binary(), batch_size=1)  # type: ignore[untyped-decorator]  # it has no types
    def work_on(self, number: daft.Series, start: daft.Series, rows: daft.Series) -> list[bytes]:
        """What `attempt_far` sends for each partition."""
        columns = zip(number.to_pylist(), start.to_pylist(), rows.to_pylist(), strict=True)
        return [
            attempt_far(self.work, self.operator, Partition(at, first, unpack_rows(packed)))
            for at, first, packed in columns
        ]


@dataclass(frozen=True, slots=True)
class Daft:
    """`workers` processes that Daft starts; see `curate.engine.Engine`."""

    workers: int = 1

    def carry(self, work: Work, parts: Iterator[Partition]) -> Iterator[Made]:
        """What `work` makes of each partition, in order."""
        carrier = Carrier(work)
        while wave := list(islice(parts, WAVE * self.workers)):
            frame = daft.from_pydict(
                {
                    "number": [part.number for part in wave],
                    "start": [part.start for part in wave],
                    "rows": [pack_rows(part.rows) for part in wave],
                }
            )
            made = carrier.work_on(*(daft.col(name) for name in ("number", "start", "rows")))
            found = frame.select(daft.col("number"), made.alias("made")).to_pydict()
            by_number = dict(zip(found["number"], found["made"], strict=True))
            yield from (from_far(by_number[part.number]) for part in wave)
