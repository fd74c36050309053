"""Shingles, band keys and Jaccard similarity in NumPy: what `kernel/overlap.c` computes, bit for bit.

Slower by one or two orders of magnitude; used where no compiled library is there.
"""

from __future__ import annotations

import numpy as np

BYTE_STEP = np.uint64(0x9E3779B97F4A7C15)
WORD_STEP = np.uint64(0xC2B2AE3D27D4EB4F)
_INVERSE = np.uint64(pow(int(BYTE_STEP), -1, 1 << 64))
_MIX = np.uint64(0xD6E8FEB86659FD93)
_SPACE = np.uint8(ord(" "))
_AT_ONCE = 1 << 15
"""Shingles permuted at once: 128 numbers of 4 bytes each, 16 MB."""

_FORM = np.full(256, _SPACE, dtype=np.uint8)
_FORM[128:] = np.arange(128, 256)
_FORM[list(b"abcdefghijklmnopqrstuvwxyz0123456789")] = list(b"abcdefghijklmnopqrstuvwxyz0123456789")
_FORM[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")] = list(b"abcdefghijklmnopqrstuvwxyz")


def mixed(x: np.ndarray) -> np.ndarray:
    """A bijection of uint64 that spreads every bit over all."""
    for _ in range(2):
        x = (x ^ (x >> np.uint64(32))) * _MIX
    spread: np.ndarray = x ^ (x >> np.uint64(32))
    return spread


def shingles(
    data: np.ndarray, starts: np.ndarray, salts: np.ndarray, width: int, chars: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The hashed shingles of every passage, in order, and the passage each belongs to."""
    if not chars:
        return runs(*words(data, starts), salts, width)
    return runs(*_characters(*_opened(data, starts)), salts, width)


def words(data: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The words of every passage, hashed, and the passage each belongs to."""
    return _words(*_opened(data, starts))


def runs(
    units: np.ndarray, owner: np.ndarray, salts: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Every run of `width` units of one passage (all, where there are fewer), hashed with its salt."""
    counts = np.bincount(owner, minlength=len(salts)) if len(owner) else np.zeros(len(salts), dtype=np.int64)
    size = np.minimum(counts, width)
    made = np.where(counts > 0, counts - size + 1, 0)
    of = np.repeat(np.arange(len(salts)), made)
    before = np.concatenate(([0], np.cumsum(made)))[of]
    start = np.concatenate(([0], np.cumsum(counts)))[of] + np.arange(len(of)) - before
    total = size[of].astype(np.uint64)
    for step in range(width):
        inside = step < size[of]
        value = units[np.minimum(start + step, max(len(units) - 1, 0))] if len(units) else total
        total = np.where(inside, total * WORD_STEP + value, total)
    return mixed(total ^ salts[of]), of


def band_keys(signatures: np.ndarray, bands: int, band_rows: int) -> np.ndarray:
    """One uint64 for each band of uint32 signatures [rows, permutations]; [rows, bands]."""
    keys = np.empty((len(signatures), bands), dtype=np.uint64)
    for band in range(bands):
        total = np.full(len(signatures), band, dtype=np.uint64)
        for place in range(band * band_rows, (band + 1) * band_rows):
            total = total * WORD_STEP + signatures[:, place].astype(np.uint64)
        keys[:, band] = mixed(total)
    return keys


def signatures(hashed: np.ndarray, counts: np.ndarray, times: np.ndarray, plus: np.ndarray) -> np.ndarray:
    """The least of every permutation over each row's shingles, uint32 [rows, permutations].

    `hashed` holds the rows' shingles one row after another, `counts` of them each; a row without any gets
    the largest number throughout.
    """
    least = np.full((len(counts), len(times)), np.iinfo(np.uint32).max, dtype=np.uint32)
    owner = np.repeat(np.arange(len(counts)), counts)
    upper = (hashed >> np.uint64(32)).astype(np.uint32)
    for first in range(0, len(upper), _AT_ONCE):
        here = owner[first : first + _AT_ONCE]
        permuted = upper[first : first + _AT_ONCE, None] * times + plus
        begins = np.flatnonzero(np.diff(here, prepend=-1))
        rows = here[begins]
        least[rows] = np.minimum(least[rows], np.minimum.reduceat(permuted, begins, axis=0))
    return least


def sets(hashed: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row's different shingles (upper half of the hash) in ascending order, and where each row ends."""
    owner = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    joined = np.unique((owner << np.uint64(32)) | (hashed >> np.uint64(32)))
    sizes = np.bincount((joined >> np.uint64(32)).astype(np.int64), minlength=len(counts))
    return joined.astype(np.uint32), np.cumsum(sizes)


def jaccard(values: np.ndarray, starts: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Jaccard similarity of the sets at one[i] and other[i]; 0 where both are empty."""
    found = np.zeros(len(one))
    for place, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
        left, right = values[starts[a] : starts[a + 1]], values[starts[b] : starts[b + 1]]
        both = len(np.intersect1d(left, right, assume_unique=True))
        total = len(left) + len(right)
        found[place] = both / (total - both) if total else 0.0
    return found


def _opened(data: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bytes in the form that counts with a space before and after each passage, and where each passage
    (the space before it) begins."""
    opened = starts - starts[0] + 2 * np.arange(len(starts))
    plain = np.full(opened[-1], _SPACE, dtype=np.uint8)
    inside = np.ones(len(plain), dtype=bool)
    inside[opened[:-1]] = inside[opened[1:] - 1] = False
    plain[inside] = _FORM[data[starts[0] : starts[-1]]]
    return plain, opened[:-1]


def _sums(values: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Horner's sum of values[begin:end] for each pair, from running sums of value * inverse**position."""
    inverse = np.cumprod(np.full(len(values), _INVERSE, dtype=np.uint64))
    power = np.cumprod(np.full(len(values), BYTE_STEP, dtype=np.uint64))
    running = np.concatenate((np.zeros(1, np.uint64), np.cumsum(values * inverse, dtype=np.uint64)))
    total: np.ndarray = (running[ends] - running[begins]) * power[ends - 1]
    return total


def _words(plain: np.ndarray, opened: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    word = plain != _SPACE
    begins = np.flatnonzero(word[1:] & ~word[:-1]) + 1
    ends = np.flatnonzero(word[:-1] & ~word[1:]) + 1
    return mixed(_sums(plain, begins, ends)), np.searchsorted(opened, begins, side="right") - 1


def _characters(plain: np.ndarray, opened: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Code points of every passage that has a word, a space before, between and after the words."""
    word = plain != _SPACE
    keep = word.copy()
    keep[1:] |= word[:-1]  # the space after a word; with it stands the space before the next one
    first = np.flatnonzero(word & ~np.concatenate(([False], word[:-1])))
    owner = np.searchsorted(opened, first, side="right") - 1
    keep[first[np.flatnonzero(np.diff(owner, prepend=-1))] - 1] = True  # the space before the first
    place = np.flatnonzero(keep)
    kept = plain[place]
    begins = np.flatnonzero((kept & 0xC0) != 0x80)
    ends = np.append(begins, len(kept))[1:]
    return _sums(kept, begins, ends), np.searchsorted(opened, place[begins], side="right") - 1
