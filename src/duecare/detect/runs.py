"""Runs of words that are known from elsewhere (the items of an evaluation set), found in passages.

A passage that shares a run of 13 words with an item is taken to hold it, as in Brown et al. 2020
("Language Models are Few-Shot Learners", appendix C). Items have fewer words, too: one of 8 to 12 is
looked for as it stands, one of 4 to 7 is found only where it is the whole passage, and shorter ones are
not looked for, because everybody says them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from duecare.core.errors import refuse_unless
from duecare.detect import shingles
from duecare.detect.kernel import library
from duecare.detect.overlap import Passages, passages_of

WITHIN, LEAST = 8, 4
"""Words of an item from which it is looked for inside a passage, and looked for at all."""

_SPARSE = 16
"""Bits of the filter for each known run: one in so many runs that are not known is looked up in vain."""


@dataclass(frozen=True, slots=True)
class KnownRuns:
    """Hashes of known runs, ascending, uint64 [runs], and the item each is of (the first that has it).

    `widths` are the lengths of run looked for inside passages, the longest first; `compared` says which
    items are long enough to be looked for, bool [items]. `sieve` spares most runs the search.
    """

    known: np.ndarray
    item: np.ndarray
    widths: tuple[int, ...]
    compared: np.ndarray
    sieve: np.ndarray

    def find(self, passages: Passages) -> np.ndarray:
        """For every passage an item that it holds, -1 where it holds none; int64 [passages]."""
        place = self._compiled(passages)
        if place is None:
            place = self._plain(passages)
        found = np.full(len(place), -1, dtype=np.int64)
        found[place >= 0] = self.item[place[place >= 0]]
        return found

    def _compiled(self, passages: Passages) -> np.ndarray | None:
        kernel, texts = library(), passages.texts
        if kernel is None:
            return None
        shift, widths = 59 - len(self.sieve).bit_length(), np.array(self.widths, dtype=np.int64)
        place = np.empty(len(texts), dtype=np.int64)
        given = (texts.data, texts.starts, len(texts), widths, len(widths), WITHIN)
        if kernel.duecare_known_runs(*given, self.known, len(self.known), self.sieve, shift, place):
            raise MemoryError("a kernel found no memory for the longest passage")
        return place

    def _plain(self, passages: Passages) -> np.ndarray:
        """What `kernel/runs.c` computes, bit for bit."""
        texts = passages.texts
        words, owner = shingles.words(texts.data, texts.starts)
        counts = np.bincount(owner, minlength=len(texts))
        place = np.full(len(texts), -1, dtype=np.int64)
        none = np.zeros(len(texts), dtype=np.uint64)
        for width, whole in ((WITHIN, True), *((each, False) for each in self.widths)):
            hashed, of = shingles.runs(words, owner, none, width)
            fits = (counts[of] < width if whole else counts[of] >= width) & (place[of] < 0)
            at, of = self._places(hashed[fits]), of[fits]
            hit = np.flatnonzero(at >= 0)
            first = hit[np.unique(of[hit], return_index=True)[1]]
            place[of[first]] = at[first]
        return place

    def _places(self, hashed: np.ndarray) -> np.ndarray:
        at = np.searchsorted(self.known, hashed)
        there = at < len(self.known)
        there[there] = self.known[at[there]] == hashed[there]
        return np.where(there, at, -1)


def _sieve(known: np.ndarray) -> np.ndarray:
    """A bit for each value of the upper bits that a known run has."""
    bits = max(6, int(_SPARSE * len(known)).bit_length())
    sieve = np.zeros(1 << (bits - 6), dtype=np.uint64)
    bit = known >> np.uint64(64 - bits)
    np.bitwise_or.at(sieve, bit >> np.uint64(6), np.uint64(1) << (bit & np.uint64(63)))
    return sieve


def known_runs(items: Sequence[str] | pa.Array, width: int = 13) -> KnownRuns:
    """The runs of `width` words of `items`, and the whole of those that are shorter."""
    refuse_unless("known_runs", (WITHIN <= width <= 64, "width", width, f"a number from {WITHIN} to 64"))
    column = items if isinstance(items, pa.Array) else pa.array(items, pa.string())
    texts = passages_of(column).texts
    words, owner = shingles.words(texts.data, texts.starts)
    counts = np.bincount(owner, minlength=len(column))
    hashed, of = shingles.runs(words, owner, np.zeros(len(column), dtype=np.uint64), width)
    enough = counts[of] >= LEAST
    known, first = np.unique(hashed[enough], return_index=True)
    lengths = {int(count) for count in counts[(counts >= WITHIN) & (counts < width)]}
    if (counts >= width).any():
        lengths.add(width)
    return KnownRuns(
        known, of[enough][first], tuple(sorted(lengths, reverse=True)), counts >= LEAST, _sieve(known)
    )
