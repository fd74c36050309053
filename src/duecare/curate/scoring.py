"""Every text scored, and of every row the worst: what a screen needs to know before it sets rows apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core import Artifacts, Progress, Scorer, Tell
from duecare.core.table import SCORES, texts
from duecare.curate.engine import Finished, carried, room_for
from duecare.curate.flow import BATCH, batches, count_rows, sealing
from duecare.curate.partition import Made, Tables
from duecare.curate.texts import worst
from duecare.detect.classifier import Classifier
from duecare.detect.endpoint import Endpoint

_VALUES = pa.schema([SCORES.field("instrument"), SCORES.field("value"), SCORES.field("reason")])
_WORST = pa.schema([pa.field("highest", pa.float64()), pa.field("part", pa.string())])


@dataclass(frozen=True, slots=True)
class Scoring:
    """A detector's scores as work on partitions."""

    detector: str | Endpoint | Classifier
    heads: tuple[str, ...]
    name: str = "toxicity"
    makes: tuple[str, ...] = ("values", "worst")
    """The tables that it makes: what another version had finished with others is not taken for its own."""

    def scorer(self) -> Scorer:
        """The detector."""
        from duecare.detect import scorer_of

        return scorer_of(self.detector, self.heads)

    def load(self) -> Callable[[pa.RecordBatch], Tables]:
        """Gives `values` of texts, in the order of rows, and `worst` of rows: the highest score (or
        null) and its part. Which texts they are is known where the rows are, and need not travel."""
        scorer = self.scorer()

        def operate(batch: pa.RecordBatch) -> Tables:
            scores, highest, at = worst(batch, scorer)
            columns = [pa.array(highest, from_pandas=True), parts(scores, at)]
            return {
                "values": scores.select(_VALUES.names),
                "worst": pa.RecordBatch.from_arrays(columns, schema=_WORST),
            }

        return operate


@dataclass(slots=True)
class Scored:
    """What is known of all rows once each is scored: how many have no score though none raised, why texts
    have none, and whose the scores are."""

    scoring: Scoring
    unscored: int = 0
    why: dict[str, None] = field(default_factory=dict)
    instrument: str = ""

    def add(self, batch: pa.RecordBatch, made: Made) -> Judged:
        """Take in what was made of the next batch."""
        lost = sorted(made.failed)
        fine = np.setdiff1d(np.arange(len(batch)), lost)
        left = batch.take(pa.array(fine)) if lost else batch
        highest, its_parts = np.zeros(0), list[str | None]()
        scores = pa.RecordBatch.from_pylist([], schema=SCORES)
        if made.tables:
            values, known = made.tables["values"], made.tables["worst"]
            highest = known.column("highest").to_numpy(zero_copy_only=False)
            its_parts = [part and intern(part) for part in known.column("part").to_pylist()]
            named = texts(left).columns[:3]
            scores = pa.RecordBatch.from_arrays([*named, *values.columns], schema=SCORES)
            self.why.update(dict.fromkeys(pc.unique(values.column("reason").drop_null()).to_pylist()))
            if not self.instrument and len(values):
                self.instrument = values.column("instrument")[0].as_py()
        self.unscored += int(np.isnan(highest).sum())
        if lost:
            silent = _silent(batch, made.failed, self.whose())
            scores = pa.concat_batches([scores, silent])
        return Judged(left, fine, highest, its_parts, scores)

    def whose(self) -> str:
        """The detector's name and version."""
        return self.instrument or self.scoring.scorer().instrument


@dataclass(frozen=True, slots=True)
class Judged:
    """Of a batch the rows that did not raise (`left`, at positions `fine` in it), their highest scores (NaN:
    none) with the parts that have them, and the scores of all texts."""

    left: pa.RecordBatch
    fine: np.ndarray
    highest: np.ndarray
    parts: list[str | None]
    scores: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Ranked:
    """Of every row its highest score (NaN: none) and the part that has it; `failed` as in `Made`."""

    highest: np.ndarray
    parts: list[str | None]
    """The same address is one string, however many rows have it."""
    failed: dict[int, str]


def score(inputs: Artifacts, out: Path, tell: Tell, scored: Scored) -> Ranked:
    """Score every text into scores.parquet; a budget needs all scores before the first row is set apart."""
    read, ranked, highest = inputs["examples"], list[str | None](), list[np.ndarray]()
    total, scoring, failed = count_rows(read), scored.scoring, dict[int, str]()
    finished = Finished(out, scoring, read, sealing(read)) if total > BATCH else None
    with (
        room_for(scoring.name, out),
        pq.ParquetWriter(out / "scores.parquet", SCORES, compression="zstd") as writer,
    ):
        for batch, made in carried(scoring, batches(read), finished):
            judged = scored.add(batch, made)
            failed |= {len(ranked) + place: kind for place, kind in made.failed.items()}
            all_scores, all_parts = np.full(len(batch), np.nan), np.full(len(batch), None, dtype=object)
            all_scores[judged.fine], all_parts[judged.fine] = judged.highest, judged.parts
            highest.append(all_scores)
            ranked += all_parts.tolist()
            writer.write_batch(judged.scores)
            tell(Progress(len(ranked), total, "row"))
    if finished is not None:
        finished.clear()
    return Ranked(np.concatenate(highest) if highest else np.zeros(0), ranked, failed)


def parts(scores: pa.RecordBatch, at: np.ndarray) -> pa.Array:
    """The address of each row's worst text, at the places `at` of `scores`; null where it has none."""
    return scores.column("part").take(pa.array(at, mask=at < 0))


def _silent(batch: pa.RecordBatch, failed: Mapping[int, str], instrument: str) -> pa.RecordBatch:
    """The texts of rows that raised: without a score, and why."""
    rows = []
    for place, kind in sorted(failed.items()):
        for text in texts(batch.slice(place, 1)).select(["row", "key", "part"]).to_pylist():
            rows.append({**text, "instrument": instrument, "value": None, "reason": f"{kind} was raised"})
    return pa.RecordBatch.from_pylist(rows, schema=SCORES)
