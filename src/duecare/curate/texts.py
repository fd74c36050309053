"""Scores and spans of a batch, brought back to its rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import Scorer, SpanFinder
from duecare.core.table import texts


def owners(batch: pa.RecordBatch) -> np.ndarray:
    """For every text of `texts(batch)`, the position of its row in the batch, int64 [texts]."""
    turns = pc.list_value_length(batch.column("messages")).to_numpy(zero_copy_only=False).astype(np.int64)
    others = sum(
        batch.column(name).is_valid().to_numpy(zero_copy_only=False).astype(np.int64)
        for name in ("text", "chosen", "rejected")
    )
    return np.repeat(np.arange(len(batch)), turns + others)


def worst(batch: pa.RecordBatch, scorer: Scorer) -> tuple[pa.RecordBatch, np.ndarray, np.ndarray]:
    """All scores of a batch, each row's highest (float64 [rows], NaN where none), and which text has it.

    The NaN stays inside curation: it marks a row without any score and is never written.
    """
    scores = scorer(texts(batch))
    value = scores.column("value").to_numpy(zero_copy_only=False).astype(np.float64)
    highest, at = np.full(len(batch), np.nan), np.full(len(batch), -1)
    known = np.flatnonzero(~np.isnan(value))
    owner, value = owners(batch)[known], value[known]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    if len(starts):
        rows = owner[starts]
        highest[rows] = np.maximum.reduceat(value, starts)
        reached = np.flatnonzero(value == highest[owner])
        first = reached[np.flatnonzero(np.diff(owner[reached], prepend=-1))]  # of equal ones the first
        at[rows] = known[first]
    return scores, highest, at


def spans_by_text(batch: pa.RecordBatch, finder: SpanFinder) -> tuple[pa.RecordBatch, dict[int, list[int]]]:
    """All spans of a batch, and for each text (by its place in `texts(batch)`) the places of its spans."""
    flat = texts(batch)
    spans = finder(flat)
    place = {
        key: number
        for number, key in enumerate(
            zip(flat.column("row").to_pylist(), flat.column("part").to_pylist(), strict=True)
        )
    }
    found: dict[int, list[int]] = defaultdict(list)
    for number, key in enumerate(
        zip(spans.column("row").to_pylist(), spans.column("part").to_pylist(), strict=True)
    ):
        found[place[key]].append(number)
    return spans, dict(found)


def mask_of(positions: Sequence[int] | np.ndarray, length: int) -> pa.BooleanArray:
    """True at `positions` of `length` rows."""
    mask = np.zeros(length, dtype=bool)
    mask[np.asarray(positions, dtype=np.int64)] = True
    return pa.array(mask)
