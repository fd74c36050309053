"""Partitions worked on by Ray Data: on this machine, or on the cluster that RAY_ADDRESS names.

Needs `pip install 'ray[data]>=2.50'`.
"""

from __future__ import annotations

import errno
import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nobody is told about this run

import pyarrow as pa  # as above
import ray
import ray.cloudpickle
import ray.data

from duecare.curate.elsewhere import Carrier, Sent, Waves, end_with_parent
from duecare.curate.partition import Made, Partition, Work
from duecare.vault import Parcels

_WORK = "work"


class Keeping:
    """An actor that tells others the key, and counts how often a partition was begun.

    The key does not come to them as what they are made of: that lies in Ray's object store, which may spill
    to a disk. What this one is made of, and what it answers, is small and goes from process to process.
    """

    def __init__(self, parcels: Parcels) -> None:
        end_with_parent()
        self._parcels, self._begun = parcels, Counter[int]()

    def parcels(self) -> Parcels:
        """The key."""
        return self._parcels

    def begin(self, number: int) -> int:
        """How often partition `number` was begun, with this time."""
        self._begun[number] += 1
        return self._begun[number]


class Carrying:
    """A `Carrier` as an actor of Ray Data; partitions come as columns of bytes."""

    def __init__(self, keeping: Any, work: bytes) -> None:
        end_with_parent()
        parcels = ray.get(keeping.parcels.remote())
        self._keeping = keeping
        self._carrier = Carrier(ray.cloudpickle.loads(parcels.open(work, _WORK)), parcels)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Columns number, start and rows in; number and made out."""
        made = [self._work_on(Sent(**each)) for each in batch.to_pylist()]
        return pa.table({"number": batch.column("number"), "made": pa.array(made, pa.large_binary())})

    def _work_on(self, sent: Sent) -> bytes:
        # Ray starts a dead actor again, and what it worked on, for ever.
        return self._carrier.work_on(sent, begun=ray.get(self._keeping.begin.remote(sent.number)))


@dataclass(frozen=True, slots=True)
class RayData:
    """`workers` actors that Ray Data starts; see `curate.engine.Engine`."""

    workers: int = 1

    def carry(self, work: Work, parts: Iterator[Partition]) -> Iterator[Made]:
        """What `work` makes of each partition, in order."""
        self._start()
        parcels = Parcels()
        keeping = ray.remote(Keeping).options(num_cpus=0, max_restarts=0).remote(parcels)
        sealed = parcels.seal(ray.cloudpickle.dumps(work), _WORK)

        def send(wave: list[Sent], workers: int) -> Iterator[tuple[int, bytes]]:
            rows = [{name: getattr(each, name) for name in Sent.__slots__} for each in wave]
            worked = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                Carrying,
                fn_constructor_args=(keeping, sealed),
                batch_size=1,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(size=workers),
            )
            try:
                for batch in worked.iter_batches(batch_size=None, batch_format="pyarrow"):
                    for each in batch.to_pylist():
                        yield each["number"], each["made"]
            except ray.exceptions.OutOfDiskError:
                raise OSError(errno.ENOSPC, "no room for the object store of Ray") from None

        try:
            yield from Waves(work, parcels, self.workers, send).carry(parts)
        finally:
            ray.kill(keeping)

    def _start(self) -> None:
        if not ray.is_initialized():
            # More processes than processors would wait for one for ever; of a cluster, it knows better.
            here = {} if "RAY_ADDRESS" in os.environ else {"num_cpus": max(self.workers, os.cpu_count() or 1)}
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR", **here)
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what goes wrong is told by us
