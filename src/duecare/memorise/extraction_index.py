"""Long runs of tokens that a model said and some training row holds, whichever it is.

All windows of `width` tokens of the training rows are known by a polynomial hash modulo 2^64 in one sorted
array, so that 10^7 tokens take 80 MB; what the hash finds is compared token by token before it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BASE = np.uint64(0x9E3779B97F4A7C15)
Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RunIndex:
    """`hashes` ascending uint64 [W], `begins` int64 [W] their places in `tokens` [T]; -1 parts rows."""

    width: int
    tokens: Tokens
    hashes: npt.NDArray[np.uint64]
    begins: npt.NDArray[np.int64]

    @staticmethod
    def of(rows: Iterable[Sequence[int]], width: int) -> RunIndex:
        """The index of the token rows of a training set."""
        pieces: list[Tokens] = []
        for row in rows:
            pieces += [np.asarray(row, dtype=np.int64), np.array([-1], dtype=np.int64)]
        tokens = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)
        hashes = _hashed(tokens, width)
        ends = np.concatenate([[0], np.cumsum(tokens < 0)])
        begins = np.flatnonzero(ends[width:][: len(hashes)] == ends[: len(hashes)])
        order = np.argsort(hashes[begins], kind="stable")
        return RunIndex(width, tokens, hashes[begins][order], begins[order].astype(np.int64))

    def longest(self, said: Sequence[int], given: Sequence[int] = ()) -> int:
        """Tokens of the longest run of `said` that a row holds, from `width` on; 0 where none does.

        Runs that stand in `given`, what the model was shown, are repetitions of that and do not count.
        """
        found = np.asarray(said, dtype=np.int64)
        windows = _hashed(found, self.width)
        if not len(windows) or not len(self.hashes):
            return 0
        shown = set(_hashed(np.asarray(given, dtype=np.int64), self.width).tolist())
        low, high = (np.searchsorted(self.hashes, windows, side=side) for side in ("left", "right"))
        best = 0
        for at in np.flatnonzero(high > low).tolist():
            if int(windows[at]) in shown:
                continue
            for begin in self.begins[low[at] : high[at]][:1000].tolist():
                best = max(best, self._shared(found[at:], begin))
        return best

    def _shared(self, said: Tokens, begin: int) -> int:
        """How many tokens of `said` stand from `begin` on; 0 where the window itself only hashes alike."""
        there = self.tokens[begin : begin + len(said)]
        same = said[: len(there)] == there
        count = int(len(same) if same.all() else np.argmin(same))
        return count if count >= self.width else 0


def _hashed(tokens: Tokens, width: int) -> npt.NDArray[np.uint64]:
    """A hash of every window of `width` tokens, uint64 [T - width + 1]."""
    count = len(tokens) - width + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint64)
    own = (tokens + 2).astype(np.uint64)
    total = np.zeros(count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(width):
            total = total * _BASE + own[offset : offset + count]
    return total
