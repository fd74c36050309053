"""Which groups the texts of rows name: counted as words found, never as facts about a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from duecare.core import Estimate
from duecare.core.table import texts
from duecare.curate.texts import owners

Mentions = Counter[tuple[str, str]]
"""(axis, group) -> rows whose texts name the group."""


class Named:
    """Which groups each row of a batch names in its texts; who asks of one batch twice is told at once."""

    def __init__(self) -> None:
        self._batch: pa.RecordBatch | None = None
        self._found = np.zeros((2, 0), np.int64)

    def of(self, batch: pa.RecordBatch, said: pa.Array | None = None) -> np.ndarray:
        """Pairs of a row's position and the number of a label (`detect.mentions.labels`) that its texts name,
        each once and rising, int64 [2, pairs]. `said` are the texts of the batch, if at hand."""
        from duecare.detect.mentions import labels, mentions_in

        if batch is not self._batch:
            found = mentions_in(texts(batch).column("text") if said is None else said)
            pair = np.unique(owners(batch)[found.text] * len(labels()) + found.label)
            self._batch, self._found = batch, np.stack(np.divmod(pair, len(labels())))
        return self._found


def mentions(
    batches: Iterable[pa.RecordBatch], named: Named | None = None, said: pa.Array | None = None
) -> Mentions:
    """How many rows of EXAMPLES name each group; `named` and `said` as in `Named`."""
    from duecare.detect.mentions import labels

    named = named or Named()
    counted = np.zeros(len(labels()), np.int64)
    for batch in batches:
        counted += np.bincount(named.of(batch, said)[1], minlength=len(counted))
    pairs = (label.partition(":")[::2] for label in labels())
    return Counter({pair: count for pair, count in zip(pairs, counted.tolist(), strict=True) if count})


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
