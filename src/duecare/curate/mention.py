"""Which groups the texts of rows name: counted as words found, never as facts about a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from duecare.core import Estimate, SpanFinder
from duecare.core.table import texts

Mentions = Counter[tuple[str, str]]
"""(axis, group) -> rows whose texts name the group."""


def mentions(batches: Iterable[pa.RecordBatch], finder: SpanFinder | None = None) -> Mentions:
    """How many rows of EXAMPLES name each group, by the labels "axis:group" of `finder` (identity)."""
    if finder is None:
        from duecare.detect.identity import Identity

        finder = Identity()
    counted: Mentions = Counter()
    for batch in batches:
        spans = finder(texts(batch))
        row, label = (spans.column(name).dictionary_encode() for name in ("row", "label"))
        listed = label.dictionary.to_pylist()
        pair = row.indices.to_numpy().astype(np.int64) * len(listed) + label.indices.to_numpy()
        rows = np.bincount(np.unique(pair) % max(len(listed), 1), minlength=len(listed))
        for each, count in zip(listed, rows.tolist(), strict=True):
            axis, _, group = each.partition(":")
            counted[axis, group] += count
    return counted


def removed_by_mention(
    seen: Mentions, removed: Mentions, rows: int, dropped: int, source: str
) -> Iterator[Estimate]:
    """The share of the rows that name a group which a step removed, and of all rows, to compare with.

    "curate.removed.mentioning" speaks of (axis, group); "curate.removed.of_all" of every row of the source.
    """
    from duecare.measure import proportion  # brings scipy, which a study check does without

    yield proportion(dropped, rows).estimate("curate.removed.of_all", {"source": source})
    for (axis, group), count in sorted(seen.items()):
        place = {"source": source, "axis": axis, "group": group}
        yield proportion(removed[axis, group], count).estimate("curate.removed.mentioning", place)
