"""Work that processes of a pool can load: operators that fail on purpose, and an input of many partitions."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rows import text  # beside this file

from duecare.core import Artifact, Artifacts, DuecareError
from duecare.core.table import EXAMPLES, table, texts
from duecare.curate.engine import engine_of, working_on
from duecare.curate.flow import BATCH, Sifted, changes, sift, split_rows
from duecare.curate.partition import Tables
from duecare.curate.texts import mask_of
from duecare.vault import Parcels, writing


class PanicException(BaseException):
    """What libraries in Rust raise: no `Exception`."""


@dataclass(frozen=True, slots=True)
class Shouting:
    """Drops rows in capitals; raises on "boom", ends its process on "die", and notes each call in `log`.

    It dies each time where a row says "die always", and notes that in `deaths`.

    It takes `seconds` for each call, and knows a secret that it has no use for.
    """

    log: str | None = None
    once: str | None = None
    deaths: str | None = None
    name: str = "shouting"
    seconds: float = 0.0
    secret: bytes = b""

    def load(self) -> Callable[[pa.RecordBatch], Tables]:
        return self.operate

    def operate(self, batch: pa.RecordBatch) -> Tables:
        said = [str(each) for each in texts(batch).column("text").to_pylist()]
        always = any("die always" in each for each in said)
        if always and self.deaths:
            with open(self.deaths, "a", encoding="utf-8") as file:
                file.write("died\n")
        if always or (any("die" in each for each in said) and self._dies()):
            os.kill(os.getpid(), signal.SIGKILL)
        if any("boom" in each for each in said):
            raise ValueError("a row said: boom, my name is Ada")
        if any("panic" in each for each in said):
            raise PanicException("a row said: panic, my name is Ada")
        time.sleep(self.seconds)
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


@dataclass(frozen=True, slots=True)
class Unloadable:
    """Its detector cannot be loaded: a file is missing, or compiled code gives up on it."""

    panics: bool = False
    name: str = "unloadable"

    def load(self) -> Callable[[pa.RecordBatch], Tables]:
        raise PanicException("weights") if self.panics else KeyError("weights")


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


def drive(engine: str, folder: str, kill_at: str, workers: str = "2") -> None:
    """A run on `engine` over FOLDER/in to FOLDER/out; killed as soon as so many partitions are written."""

    def tell(told: object) -> None:
        if getattr(told, "done", 0) >= int(kill_at) * BATCH > 0:
            os.kill(os.getpid(), signal.SIGKILL)

    place = Path(folder)
    read = {"examples": Artifact(job="read:a", path=place / "in", digest="0" * 64)}
    with working_on(engine_of(engine, int(workers))):
        sift(read, place / "out", tell, Shouting(log=str(place / "log"), seconds=0.3))


@dataclass(frozen=True, slots=True)
class Unsealed(Parcels):
    """The control: what would lie about if nothing was sealed on its way."""

    def seal(self, content: bytes, address: str) -> bytes:
        return content

    def open(self, parcel: bytes, address: str) -> bytes:
        return parcel


def spill(engine: str, parcels: str, folder: str, *marks: str) -> None:
    """A run on a Ray that spills all it holds at once; prints which marks, or key, any of its files held."""
    import ray

    place, keys, found, sizes = Path(folder), [b"x"], set[str](), [0]

    def made() -> Parcels:
        one = {"sealed": Parcels, "unsealed": Unsealed}[parcels]()
        keys[:] = [one.key]
        return one

    def scan(told: object) -> None:
        time.sleep(0.3)
        for path in (place / "ray").rglob("*"):
            with suppress(OSError):  # it was a socket, or is gone
                content = path.read_bytes()
                sizes.append(len(content) if "spilled" in str(path) else 0)
                found.update(mark for mark in marks if mark.encode() in content)
                found.update("the key" for key in keys if key in content)

    import_module(f"duecare.curate.engine_{engine}").Parcels = made
    eager = {"min_spilling_size": 0, "object_spilling_threshold": 0.0}
    quietly = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init(num_cpus=2, _temp_dir=str(place / "ray"), _system_config=eager, **quietly)
    read = {"examples": Artifact(job="read:a", path=place / "in", digest="0" * 64)}
    with working_on(engine_of(engine, 2)):
        sift(read, place / "out", scan, Shouting(secret=b"Quux's secret", seconds=0.3))
    print(json.dumps({"found": sorted(found), "spilled": sum(sizes)}))


def crowded(engine: str, folder: str, processors: str, taken: str) -> None:
    """A run with two workers on a Ray that runs already: so many processors, so many of them taken."""
    import ray

    quietly = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init(num_cpus=int(processors), **quietly)

    @ray.remote(num_cpus=1)
    class Taking:
        def here(self) -> bool:
            return True

    takers = [Taking.remote() for _ in range(int(taken))]
    ray.get([each.here.remote() for each in takers])
    import_module("duecare.curate.engine_ray").SECONDS = 1.0
    read = {"examples": Artifact(job="read:a", path=Path(folder) / "in", digest="0" * 64)}
    try:
        with working_on(engine_of(engine, 2)):
            sift(read, Path(folder) / "out", lambda told: None, Shouting(log=str(Path(folder) / "log")))
        print("done")
    except DuecareError as error:
        print("stopped:", error)


if __name__ == "__main__":
    {"drive": drive, "spill": spill, "crowded": crowded}[sys.argv[1]](*sys.argv[2:])
