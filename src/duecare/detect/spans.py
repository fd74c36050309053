"""Places in texts: found text by text by plain Python, handed over as one batch of SPANS."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

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

    `candidate` is a pattern (Rust's regex) that every text with a span must match: the others are passed
    over at its speed. `find` gets one text and answers in the order of start.
    """
    expect(texts, TEXTS, "texts")
    column = texts.column("text")
    chosen = np.arange(len(texts))
    if candidate is not None:
        import polars as pl  # a study check does without

        chosen = np.flatnonzero(pl.Series(column).str.contains(candidate).to_numpy())
    picked = column.take(pa.array(chosen, type=pa.int64())).to_pylist()
    found = {at: find(text) for at, text in zip(chosen.tolist(), picked, strict=True)}
    return spans_of(texts, instrument, found)


def spans_of(texts: pa.RecordBatch, instrument: str, found: Mapping[int, Sequence[Span]]) -> pa.RecordBatch:
    """Spans by number of the text as SPANS, in the order of the texts."""
    order = sorted(found)
    owner = [at for at in order for _ in found[at]]
    spans = [span for at in order for span in found[at]]
    starts, ends, labels, values = zip(*spans, strict=True) if spans else ((), (), (), ())
    rows = pa.array(owner, type=pa.int64())
    return pa.RecordBatch.from_arrays(
        [
            *(texts.column(name).take(rows) for name in ("row", "key", "part")),
            pa.array([instrument] * len(spans), type=pa.string()),
            pa.array(starts, type=pa.int32()),
            pa.array(ends, type=pa.int32()),
            pa.array(labels, type=pa.string()),
            pa.array(values, type=pa.float64()),
        ],
        schema=SPANS,
    )


def picked(texts: pa.Array, numbers: Sequence[int] | np.ndarray) -> dict[int, str]:
    """The texts of a column at `numbers`, by number: of a column few are read by Python."""
    chosen = pa.array(numbers, pa.int64())
    return dict(zip(chosen.to_pylist(), texts.take(chosen).to_pylist(), strict=True))


def longest(spans: Iterable[Span]) -> list[Span]:
    """Of spans that overlap only the longest (then the surest, then the first), in order of start."""
    ordered = sorted(spans)
    if all(one.end <= other.start for one, other in pairwise(ordered)):
        return ordered
    kept: list[Span] = []
    for span in sorted(
        ordered, key=lambda span: (span.start - span.end, -span.value, span.start, span.label)
    ):
        place = bisect_left(kept, span)
        apart = place == len(kept) or span.end <= kept[place].start
        if apart and (place == 0 or kept[place - 1].end <= span.start):
            kept.insert(place, span)
    return kept


def apart_from(spans: Iterable[Span], taken: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """The spans that touch none of the places `taken`, which are in order and do not overlap."""
    starts = [start for start, _ in taken]
    for span in spans:
        place = bisect_left(starts, span.end)  # the first that begins at or behind the end
        if place == 0 or taken[place - 1][1] <= span.start:
            yield span
