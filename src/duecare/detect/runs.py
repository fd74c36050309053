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

_SPARSE = 16, 32
"""Bits of a sieve for each run, and for each beginning of one: one in so many others is looked up in vain."""

_AT_ONCE = 1024
"""Items hashed at once: little enough to stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class KnownRuns:
    """Hashes of known runs, ascending, uint64 [runs], and the item each is of (the first that has it).

    `widths` are the lengths of run looked for inside passages, the longest first; `compared` says which
    items are long enough to be looked for, bool [items]. `sieves` of the runs and of their beginnings spare
    most words the search.
    """

    known: np.ndarray
    item: np.ndarray
    widths: tuple[int, ...]
    compared: np.ndarray
    sieves: tuple[np.ndarray, np.ndarray]

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
        widths, place = np.array(self.widths, dtype=np.int64), np.empty(len(texts), dtype=np.int64)
        given = (texts.data, texts.starts, len(texts), widths, len(widths), WITHIN)
        sieves = (part for each in self.sieves for part in (each, 59 - len(each).bit_length()))
        if kernel.duecare_known_runs(*given, self.known, len(self.known), *sieves, place):
            raise MemoryError("a kernel found no memory for the longest passage")
        return place

    def _plain(self, passages: Passages) -> np.ndarray:
        """What `kernel/runs.c` computes, bit for bit: a passage's first known run, of those the longest."""
        texts = passages.texts
        words, owner = shingles.words(texts.data, texts.starts)
        counts = np.bincount(owner, minlength=len(texts))
        place, first = np.full(len(texts), -1, dtype=np.int64), np.full(len(texts), len(words))
        none = np.zeros(len(texts), dtype=np.uint64)
        for width in (*self.widths, 0):  # 0: the whole of short passages
            hashed, of = shingles.runs(words, owner, none, width or WITHIN)
            start = np.arange(len(of)) - np.searchsorted(of, of)
            fits = counts[of] >= width if width else counts[of] < WITHIN
            hashed, of, start = hashed[fits], of[fits], start[fits]
            at = self._places(hashed)
            hit = np.flatnonzero(at >= 0)
            hit = hit[np.unique(of[hit], return_index=True)[1]]
            hit = hit[start[hit] < first[of[hit]]]
            place[of[hit]], first[of[hit]] = at[hit], start[hit]
        return place

    def _places(self, hashed: np.ndarray) -> np.ndarray:
        at = np.searchsorted(self.known, hashed)
        there = at < len(self.known)
        there[there] = self.known[at[there]] == hashed[there]
        return np.where(there, at, -1)


def _sieve(hashed: np.ndarray, sparse: int) -> np.ndarray:
    """A bit for each value of the upper bits that a hash has, `sparse` times as many as there are hashes."""
    bits = max(6, int(sparse * len(hashed)).bit_length())
    sieve = np.zeros(1 << (bits - 6), dtype=np.uint64)
    bit = hashed >> np.uint64(64 - bits)
    np.bitwise_or.at(sieve, bit >> np.uint64(6), np.uint64(1) << (bit & np.uint64(63)))
    return sieve


def known_runs(items: Sequence[str] | pa.Array, width: int = 13) -> KnownRuns:
    """The runs of `width` words of `items`, and the whole of those that are shorter."""
    refuse_unless("known_runs", (WITHIN <= width <= 64, "width", width, f"a number from {WITHIN} to 64"))
    column = items if isinstance(items, pa.Array) else pa.array(items, pa.string())
    hashed, beginnings, owners, counts = (list[np.ndarray]() for _ in range(4))
    for first in range(0, max(1, len(column)), _AT_ONCE):
        texts = passages_of(column.slice(first, _AT_ONCE)).texts
        words, owner = shingles.words(texts.data, texts.starts)
        none = np.zeros(len(texts), dtype=np.uint64)
        runs, of = shingles.runs(words, owner, none, width)
        hashed.append(runs)
        owners.append(first + of)
        beginnings.append(shingles.runs(words, owner, none, WITHIN)[0])
        counts.append(np.bincount(owner, minlength=len(texts)))
    item, count = np.concatenate(owners), np.concatenate(counts)
    enough = count[item] >= LEAST
    known, where = np.unique(np.concatenate(hashed)[enough], return_index=True)
    lengths = {int(each) for each in count[(count >= WITHIN) & (count < width)]}
    if (count >= width).any():
        lengths.add(width)
    sieves = _sieve(known, _SPARSE[0]), _sieve(np.concatenate(beginnings), _SPARSE[1])
    return KnownRuns(known, item[enough][where], tuple(sorted(lengths, reverse=True)), count >= LEAST, sieves)
