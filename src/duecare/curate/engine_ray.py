"""Partitions worked on by Ray Data: on this machine, or on the cluster that RAY_ADDRESS names.

Needs `pip install 'ray[data]>=2.50'`.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nobody is told about this run

import pyarrow as pa  # as above
import ray
import ray.cloudpickle
import ray.data

from duecare.core import DuecareError
from duecare.curate.elsewhere import Carrier, Sent, Waves, end_with_parent
from duecare.curate.partition import Made, Partition, Work
from duecare.vault import Parcels

_WORK = "work"
CLUSTER = ("RAY_ADDRESS", "DAFT_RAY_ADDRESS")
"""Variables that name a cluster, which may grow."""
SECONDS = 10.0
"""How long processors that another step used have to come free: Ray counts them free a little later."""


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


@dataclass(frozen=True, slots=True)
class Kept:
    """What a `Carrier` is made of where Ray has it: sealed work, and the actor that tells the key."""

    keeping: Any
    work: bytes
    workers: int
    """Processes for which there are processors."""

    def carrier(self) -> Carrier:
        """The carrier; called where it works."""
        parcels = ray.get(self.keeping.parcels.remote())
        return Carrier(ray.cloudpickle.loads(parcels.open(self.work, _WORK)), parcels)


@contextmanager
def keeping(work: Work, parcels: Parcels, workers: int) -> Iterator[Kept]:
    """`work` and the key, kept by Ray as long as the block runs; Ray is started where it is not yet."""
    if not ray.is_initialized():
        # More processes than processors would wait for one for ever; of a cluster, it knows better.
        here = {} if "RAY_ADDRESS" in os.environ else {"num_cpus": max(workers, os.cpu_count() or 1)}
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR", **here)
    fitting = _fitting(workers)
    actor = ray.remote(Keeping).options(num_cpus=0, max_restarts=0).remote(parcels)
    try:
        yield Kept(actor, parcels.seal(ray.cloudpickle.dumps(work), _WORK), fitting)
    finally:
        ray.kill(actor)


def _fitting(workers: int) -> int:
    """For how many of `workers` Ray has free processors, at least one; says so where they are fewer.

    Raises DuecareError where none comes free on a Ray that runs here: what waits for one would wait for ever.
    A cluster may grow, and there one is waited for.
    """
    has, ends = int(ray.cluster_resources().get("CPU", 0)), time.monotonic() + SECONDS
    while (free := int(ray.available_resources().get("CPU", 0))) < min(workers, has):
        if time.monotonic() > ends:
            break
        time.sleep(0.1)
    if free >= workers:
        return workers
    about = f"the Ray that runs already has {has} processor{'s' if has != 1 else ''}, {free} free"
    if not (free or any(name in os.environ for name in CLUSTER)):
        raise DuecareError(f"engine: {about}; expected one that is free for a process to work on")
    logging.getLogger(__name__).warning("%s: %d of %d workers are used", about, max(1, free), workers)
    return max(1, free)


class Carrying:
    """A `Carrier` as an actor of Ray Data; partitions come as columns of bytes."""

    def __init__(self, kept: Kept) -> None:
        end_with_parent()
        self._keeping, self._carrier = kept.keeping, kept.carrier()

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
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what goes wrong is told by us
        parcels = Parcels()

        def send(wave: list[Sent], workers: int) -> Iterator[tuple[int, bytes]]:
            rows = [{name: getattr(each, name) for name in Sent.__slots__} for each in wave]
            worked = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                Carrying,
                fn_constructor_args=(kept,),
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

        with keeping(work, parcels, self.workers) as kept:
            yield from Waves(work, parcels, self.workers, send).carry(parts)
