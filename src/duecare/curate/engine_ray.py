"""Partitions worked on by Ray Data: on this machine, or on the cluster that RAY_ADDRESS names.

Needs `pip install 'ray[data]>=2.50'`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told about this run

import pyarrow as pa  # as above
import ray
import ray.data

from duecare.curate.partition import (
    Made,
    Partition,
    Work,
    attempt_far,
    from_far,
    pack_rows,
    unpack_rows,
)

WAVE = 64
"""Partitions for each process that are handed to Ray at once: its actors start anew for each wave."""


class Carrier:
    """An actor: loads the work once, and works on partitions that come as bytes."""

    def __init__(self, work: Work) -> None:
        self.work, self.operator = work, work.load()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Columns number, start and rows in; number and made out."""
        made = [
            attempt_far(
                self.work, self.operator, Partition(each["number"], each["start"], unpack_rows(each["rows"]))
            )
            for each in batch.to_pylist()
        ]
        return pa.table({"number": batch.column("number"), "made": pa.array(made, pa.large_binary())})


@dataclass(frozen=True, slots=True)
class RayData:
    """`workers` actors that Ray Data starts; see `curate.engine.Engine`."""

    workers: int = 1

    def carry(self, work: Work, parts: Iterator[Partition]) -> Iterator[Made]:
        """What `work` makes of each partition, in order."""
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        while wave := list(islice(parts, WAVE * self.workers)):
            items = [
                {"number": part.number, "start": part.start, "rows": pack_rows(part.rows)} for part in wave
            ]
            found = (
                ray.data.from_items(items, override_num_blocks=len(items))
                .map_batches(
                    Carrier,
                    fn_constructor_args=(work,),
                    batch_size=1,
                    batch_format="pyarrow",
                    compute=ray.data.ActorPoolStrategy(size=self.workers),
                )
                .take_all()
            )
            by_number = {each["number"]: each["made"] for each in found}
            yield from (from_far(by_number[part.number]) for part in wave)
