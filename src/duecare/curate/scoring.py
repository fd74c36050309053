"""Every text scored, and of every row the worst: what a screen needs to know before it sets rows apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import Artifacts, Progress, Scorer, Tell
from duecare.core.table import SCORES, texts
from duecare.curate.engine import Finished, carried, room_for
from duecare.curate.flow import BATCH, batches, count_rows, sealing
from duecare.curate.partition import Made, Tables
from duecare.curate.texts import worst
from duecare.detect.classifier import Classifier
from duecare.detect.endpoint import Endpoint

_WORST = pa.schema([pa.field("highest", pa.float64()), pa.field("part", pa.string())])


@dataclass(frozen=True, slots=True)
class Scoring:
    """A detector's scores as work on partitions."""

    detector: str | Endpoint | Classifier
    heads: tuple[str, ...]
    name: str = "toxicity"

    def scorer(self) -> Scorer:
        """The detector."""
        from duecare.detect import scorer_of

        return scorer_of(self.detector, self.heads)

    def load(self) -> Callable[[pa.RecordBatch], Tables]:
        """Gives `scores` of texts, and `worst` of rows: the highest score (or null) and its part."""
        scorer = self.scorer()

        def operate(batch: pa.RecordBatch) -> Tables:
            scores, highest, at = worst(batch, scorer)
            columns = [pa.array(highest, from_pandas=True), pa.array(parts(batch, at), pa.string())]
            return {"scores": scores, "worst": pa.RecordBatch.from_arrays(columns, schema=_WORST)}

        return operate


@dataclass(slots=True)
class Scored:
    """Of every row: its highest score (NaN: none) and the part that has it.

    `failed` are rows, by position, on which the detector raised, with the error's type; `why` says why other
    texts had no score.
    """

    highest: np.ndarray = field(default_factory=lambda: np.zeros(0))
    parts: list[str | None] = field(default_factory=list)
    """The same address is one string, however many rows have it."""
    failed: dict[int, str] = field(default_factory=dict)
    why: dict[str, None] = field(default_factory=dict)
    instrument: str = ""

    def add(self, batch: pa.RecordBatch, made: Made) -> np.ndarray:
        """Take in what was made of the next batch; returns its rows' highest scores."""
        fine = np.setdiff1d(np.arange(len(batch)), list(made.failed))
        highest, its_parts = np.full(len(batch), np.nan), np.full(len(batch), None, dtype=object)
        if made.tables:
            known = made.tables["worst"]
            highest[fine] = known.column("highest").to_numpy(zero_copy_only=False)
            its_parts[fine] = [part and intern(part) for part in known.column("part").to_pylist()]
            scores = made.tables["scores"]
            self.why.update(dict.fromkeys(scores.column("reason").drop_null().to_pylist()))
            if not self.instrument and len(scores):
                self.instrument = scores.column("instrument")[0].as_py()
        self.failed.update({len(self.parts) + place: kind for place, kind in made.failed.items()})
        self.parts += its_parts.tolist()
        return highest


def score(inputs: Artifacts, out: Path, tell: Tell, scoring: Scoring) -> Scored:
    """Score every text into scores.parquet; a budget needs all scores before the first row is set apart."""
    read, found, highest = inputs["examples"], Scored(), list[np.ndarray]()
    total = count_rows(read)
    finished = Finished(out, scoring, read, sealing(read)) if total > BATCH else None
    with (
        room_for(scoring.name, out),
        pq.ParquetWriter(out / "scores.parquet", SCORES, compression="zstd") as writer,
    ):
        for batch, made in carried(scoring, batches(read), finished):
            highest.append(found.add(batch, made))
            if made.tables:
                writer.write_batch(made.tables["scores"])
            if made.failed:
                writer.write_batch(
                    _silent(batch, made.failed, found.instrument or scoring.scorer().instrument)
                )
            tell(Progress(len(found.parts), total, "row"))
    if finished is not None:
        finished.clear()
    found.highest = np.concatenate(highest) if highest else np.zeros(0)
    found.instrument = found.instrument or scoring.scorer().instrument
    return found


def parts(batch: pa.RecordBatch, at: np.ndarray) -> list[str | None]:
    """The address of each row's worst text; None where the row has no score."""
    part = texts(batch).column("part")
    return [part[int(place)].as_py() if place >= 0 else None for place in at]


def _silent(batch: pa.RecordBatch, failed: Mapping[int, str], instrument: str) -> pa.RecordBatch:
    """The texts of rows that raised: without a score, and why."""
    rows = []
    for place, kind in sorted(failed.items()):
        for text in texts(batch.slice(place, 1)).select(["row", "key", "part"]).to_pylist():
            rows.append({**text, "instrument": instrument, "value": None, "reason": f"{kind} was raised"})
    return pa.RecordBatch.from_pylist(rows, schema=SCORES)
