"""Long runs of tokens that a model said and some training row holds, whichever it is.

What was said is little and the rows are many, so the windows of what was said are known by a hash
(polynomial, modulo 2^64) in one sorted array, and the rows pass by it once, some at a time. What hashes alike
is compared token by token before it counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_BASE = np.uint64(0x9E3779B97F4A7C15)
_ENOUGH = 1000
"""Times that one window is compared at most: what stands in so many rows is a formula."""
Tokens = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


@dataclass(slots=True)
class Said:
    """What was said, and the longest run of each that rows were seen to hold, from `width` tokens on.

    A window that stands in what the model was shown repeats that, and does not count.
    """

    width: int
    said: Sequence[Sequence[int]]
    shown: Sequence[Sequence[int]]
    longest: list[int] = field(init=False)
    _hashes: Hashes = field(init=False)
    _owners: dict[int, list[tuple[int, int]]] = field(init=False)
    _met: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.longest = [0] * len(self.said)
        self._owners = {}
        for number, (said, shown) in enumerate(zip(self.said, self.shown, strict=True)):
            given = set(hashed(shown, self.width).tolist())
            for at, found in enumerate(hashed(said, self.width).tolist()):
                if found not in given:
                    self._owners.setdefault(found, []).append((number, at))
        self._hashes = np.array(sorted(self._owners), dtype=np.uint64)

    def look(self, rows: Iterable[Sequence[int]]) -> None:
        """Look through the tokens of some rows."""
        if not len(self._hashes):
            return
        parted = [piece for row in rows for piece in (np.asarray(row, dtype=np.int64), _PART)]
        tokens = np.concatenate(parted) if parted else np.zeros(0, dtype=np.int64)
        windows = hashed(tokens, self.width)
        near = np.minimum(np.searchsorted(self._hashes, windows), len(self._hashes) - 1)
        for begin in np.flatnonzero(self._hashes[near] == windows).tolist():
            self._compare(int(windows[begin]), tokens[begin:])

    def _compare(self, window: int, there: Tokens) -> None:
        self._met[window] += 1
        if self._met[window] > _ENOUGH:
            return
        for number, at in self._owners[window]:
            said = np.asarray(self.said[number][at:], dtype=np.int64)
            same = said[: len(there)] == there[: len(said)]
            count = int(len(same) if same.all() else np.argmin(same))
            if count >= self.width:
                self.longest[number] = max(self.longest[number], count)


_PART = np.array([-1], dtype=np.int64)
"""Stands between two rows; no token is it."""


def hashed(tokens: Sequence[int] | Tokens, width: int) -> Hashes:
    """A hash of every window of `width` tokens, uint64 [T - width + 1]."""
    own = (np.asarray(tokens, dtype=np.int64) + 2).astype(np.uint64)
    count = len(own) - width + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint64)
    total = np.zeros(count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(width):
            total = total * _BASE + own[offset : offset + count]
    return total
