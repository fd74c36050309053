"""Places in texts: found text by text by plain Python, handed over as one batch of SPANS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core.table import SPANS, TEXTS, expect


class Span(NamedTuple):
    """Code points [start, end) of a text, what is there, and how sure (0..1)."""

    start: int
    end: int
    label: str
    value: float = 1.0


def span_batch(
    texts: pa.RecordBatch, instrument: str, find: Callable[[str], list[Span]], candidate: str | None = None
) -> pa.RecordBatch:
    """What `find` finds in every text, as SPANS in the order of the texts and of their start.

    `candidate` is an RE2 pattern that every text with a span must match: the others are passed over
    at Arrow's speed. `find` gets one text and answers in the order of start.
    """
    expect(texts, TEXTS, "texts")
    column = texts.column("text")
    chosen = np.arange(len(texts))
    if candidate is not None:
        matches = pc.match_substring_regex(column, candidate)
        chosen = np.flatnonzero(matches.to_numpy(zero_copy_only=False).astype(bool))
    picked = column.take(pa.array(chosen, type=pa.int64())).to_pylist()
    return spans_table(
        texts, instrument, ((at, find(text)) for at, text in zip(chosen.tolist(), picked, strict=True))
    )


def spans_table(
    texts: pa.RecordBatch, instrument: str, found: Iterable[tuple[int, list[Span]]]
) -> pa.RecordBatch:
    """`found`, (position in `texts`, spans in the order of start), as SPANS; positions ascend."""
    owner: list[int] = []
    spans: list[Span] = []
    for at, places in found:
        owner += [at] * len(places)
        spans += places
    rows = pa.array(owner, type=pa.int64())
    return pa.RecordBatch.from_arrays(
        [
            *(texts.column(name).take(rows) for name in ("row", "key", "part")),
            pa.array([instrument] * len(spans), type=pa.string()),
            pa.array([span.start for span in spans], type=pa.int32()),
            pa.array([span.end for span in spans], type=pa.int32()),
            pa.array([span.label for span in spans], type=pa.string()),
            pa.array([span.value for span in spans], type=pa.float64()),
        ],
        schema=SPANS,
    )


def longest(spans: Iterable[Span]) -> list[Span]:
    """Of spans that overlap only the longest (then the surest, then the first), in order of start."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start - span.end, -span.value, span.start, span.label)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept)
