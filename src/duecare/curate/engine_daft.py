"""Partitions worked on by Daft: in processes of its own, or on the cluster that its runner names.

Its runner is set as Daft sets it (DAFT_RUNNER). Needs `pip install 'daft>=0.7.26,<0.8'`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Before Daft is imported, or it tells its makers about this run; its processes get them from here.
os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
os.environ["DO_NOT_TRACK"] = "1"

import daft  # only after telemetry is off

from duecare.core import DuecareError  # as above
from duecare.curate.elsewhere import Carrier, Sent, Waves, end_with_parent
from duecare.curate.partition import Made, Partition, Work
from duecare.vault import Parcels

if not (0, 7, 26) <= tuple(map(int, re.findall(r"\d+", daft.__version__)[:3])) < (0, 8):
    raise DuecareError(f"engine daft: Daft {daft.__version__} is here; expected daft>=0.7.26,<0.8")


class Carrying:
    """A `Carrier` in a process that Daft starts; partitions come as columns of bytes."""

    def __init__(self, carrier: Callable[[], Carrier]) -> None:
        end_with_parent()
        self._carrier = carrier()

    @daft.method.batch(return_dtype=daft.DataType.binary(), batch_size=1)  # type: ignore[untyped-decorator]  # it has no types
    def work_on(self, number: daft.Series, start: daft.Series, rows: daft.Series) -> list[bytes]:
        """What the carrier made of each partition."""
        columns = zip(number.to_pylist(), start.to_pylist(), rows.to_pylist(), strict=True)
        return [self._carrier.work_on(Sent(*each)) for each in columns]


@dataclass(frozen=True, slots=True)
class Daft:
    """`workers` processes that Daft starts; see `curate.engine.Engine`."""

    workers: int = 1

    def carry(self, work: Work, parts: Iterator[Partition]) -> Iterator[Made]:
        """What `work` makes of each partition, in order."""
        parcels = Parcels()

        def send(wave: list[Sent], workers: int) -> Iterator[tuple[int, bytes]]:
            # In processes: Daft would use threads of this one, which then dies with what it carries.
            carrying = daft.cls(Carrying, max_concurrency=min(workers, most), use_process=True)(carrier)
            columns = {name: [getattr(each, name) for each in wave] for name in Sent.__slots__}
            made = carrying.work_on(*(daft.col(name) for name in columns))
            frame = daft.from_pydict(columns).select(daft.col("number"), made.alias("made"))
            for each in frame.iter_rows():
                yield each["number"], each["made"]

        with _carrier(work, parcels, self.workers) as (carrier, most):
            yield from Waves(work, parcels, self.workers, send).carry(parts)


@dataclass(frozen=True, slots=True)
class _Handed:
    """A carrier that goes from this process to the next one by a socket."""

    one: Carrier

    def __call__(self) -> Carrier:
        return self.one


@contextmanager
def _carrier(work: Work, parcels: Parcels, workers: int) -> Iterator[tuple[Callable[[], Carrier], int]]:
    """What brings the carrier to where it works: on Ray, whose store may spill to a disk, without the key.

    And how many processes there may be: on Ray, Daft waits until there are processors for all.
    """
    if daft.get_or_infer_runner_type() != "ray":
        yield _Handed(Carrier(work, parcels)), workers
        return
    from duecare.curate.engine_ray import keeping  # starts Ray: Daft starts one with too few processors

    if "DAFT_RAY_ADDRESS" in os.environ:
        daft.get_or_create_runner()  # a cluster that Daft alone is told of
    with keeping(work, parcels, workers) as kept:
        yield kept.carrier, kept.workers
