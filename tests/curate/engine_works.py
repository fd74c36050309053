"""Work that processes of a pool can load: operators that fail on purpose, and an input of many partitions."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rows import text  # beside this file

from duecare.core import Artifact, Artifacts
from duecare.core.table import EXAMPLES, table, texts
from duecare.curate.flow import BATCH, Sifted, changes, split_rows
from duecare.curate.partition import Tables
from duecare.curate.texts import mask_of
from duecare.vault import writing


@dataclass(frozen=True, slots=True)
class Shouting:
    """Drops rows in capitals; raises on "boom", ends its process on "die", and notes each call in `log`."""

    log: str | None = None
    once: str | None = None
    name: str = "shouting"

    def load(self) -> Callable[[pa.RecordBatch], Tables]:
        return self.operate

    def operate(self, batch: pa.RecordBatch) -> Tables:
        said = [str(each) for each in texts(batch).column("text").to_pylist()]
        if any("die" in each for each in said) and self._dies():
            os._exit(7)
        if any("boom" in each for each in said):
            raise ValueError("a row said: boom, my name is Ada")
        if self.log:
            with open(self.log, "a", encoding="utf-8") as file:
                file.write(f"{batch.column('row')[0].as_py()}\n")
        loud = [place for place, each in enumerate(said) if each.isupper()]
        kept, dropped = split_rows(batch, mask_of(loud, len(batch)))
        return Sifted(kept, dropped, changes([self._reason(batch, place) for place in loud])).tables()

    def _dies(self) -> bool:
        """Always; or, where `once` names a file, only as long as that is not there."""
        if self.once is None:
            return True
        there = Path(self.once).exists()
        Path(self.once).touch()
        return not there

    def _reason(self, batch: pa.RecordBatch, place: int) -> dict[str, object]:
        name, key = (batch.column(each)[place].as_py() for each in ("row", "key"))
        return {"row": name, "key": key, "step": self.name, "action": "dropped", "reason": "in capitals"}


@dataclass(frozen=True, slots=True)
class Broken:
    """Raises on every row, as a detector does whose weights are missing."""

    name: str = "broken"

    def load(self) -> Callable[[pa.RecordBatch], Tables]:
        def operate(batch: pa.RecordBatch) -> Tables:
            raise KeyError(batch.column("text")[0].as_py())

        return operate


def many(
    folder: Path, partitions: int, said: dict[int, str] | None = None, seal: str | None = None
) -> Artifacts:
    """An input of so many partitions; row number -> text of rows that are to be special."""
    special = said or {}
    rows = [
        text(n, special.get(n, "LOUD" if n % 7 == 0 else f"quiet words {n}"), sex="f" if n % 3 else "m")
        for n in range(partitions * BATCH - 100)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with (
        writing(folder / f"kept.parquet{'.sealed' if seal else ''}", seal) as file,
        pq.ParquetWriter(file, EXAMPLES) as writer,
    ):
        writer.write_table(table(rows))
    return {"examples": Artifact(job="read:a", path=folder, digest="0" * 64)}
