"""How much of their wording two rows share: shingles, MinHash band keys, Jaccard similarity.

A row is a set of shingles: runs of `width` neighbouring words, or characters, of each of its passages.
Rows that share many shingles agree in many of the least values of 128 permutations (Broder 1997, "On the
resemblance and containment of documents"); rows that agree in a whole band of them become candidates
(Indyk & Motwani 1998), whose similarity is then computed exactly.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core.errors import DataError, refuse_unless
from duecare.detect import shingles
from duecare.detect.kernel import Texts, buffers_of, library
from duecare.detect.marks import marked_only, without_marks

PERMUTATIONS = 128
SURE = 0.99
"""The chance with which a pair exactly at the similarity asked for becomes a candidate."""

_CHANCE = np.random.Generator(np.random.Philox(key=5))  # fixed: the same rows give the same candidates
TIMES = _CHANCE.integers(1 << 32, size=PERMUTATIONS, dtype=np.uint32) | np.uint32(1)
PLUS = _CHANCE.integers(1 << 32, size=PERMUTATIONS, dtype=np.uint32)
del _CHANCE

_REWRITES = (
    # Scripts that put no space between words: each character counts as a word.
    (r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])", r" \1 "),
    (r"[^\p{L}\p{M}\p{N}]+", " "),
)


@dataclass(frozen=True, slots=True)
class Passages:
    """Rows as passages of text.

    `texts` holds all passages; row r is passages rows[r]:rows[r + 1]; `salts` (uint64, one a passage) keep
    apart what is said in different places: a shingle of an answer is none of a question.
    """

    texts: Texts
    salts: np.ndarray
    rows: np.ndarray

    def __post_init__(self) -> None:
        if len(self.salts) != len(self.texts) or self.salts.dtype != np.uint64:
            raise DataError(f"passages: {len(self.salts)} salts, expected {len(self.texts)} of type uint64")
        rows = self.rows
        if rows.dtype != np.int64 or not len(rows) or rows[0] or rows[-1] != len(self.texts):
            raise DataError(f"passages: rows do not begin at 0 and end at {len(self.texts)}")
        if (rows[1:] < rows[:-1]).any():
            raise DataError("passages: the rows' borders fall, expected ascending ones")

    def __len__(self) -> int:
        return len(self.rows) - 1

    def take(self, rows: np.ndarray) -> Passages:
        """The rows at ascending positions `rows`; their bytes are copied, unless it is all of them."""
        if len(rows) == len(self):
            return self
        counts = np.diff(self.rows)[rows]
        passage = _spread(self.rows[rows], counts)
        starts, data = self.texts.starts, self.texts.data
        sizes = np.diff(starts)[passage]
        texts = Texts(data[_spread(starts[passage], sizes)], _borders(sizes))
        return Passages(texts, self.salts[passage], _borders(counts))


@dataclass(frozen=True, slots=True)
class Shape:
    """What a shingle is: `width` words of a passage, or `width` characters."""

    width: int
    chars: bool = False

    def __post_init__(self) -> None:
        refuse_unless("shingle", (1 <= self.width <= 64, "width", self.width, "a number from 1 to 64"))


@dataclass(frozen=True, slots=True)
class Banding:
    """A signature cut into `bands` of `rows` values each."""

    bands: int
    rows: int

    def chance(self, similarity: float) -> float:
        """The chance that two rows so similar share a band."""
        return 1 - float((1 - similarity**self.rows) ** self.bands)

    @classmethod
    def at(cls, similarity: float) -> Banding:
        """The banding with the fewest needless candidates that still finds pairs at `similarity`."""
        fitting = (cls(PERMUTATIONS // rows, rows) for rows in range(PERMUTATIONS, 0, -1))
        return next((each for each in fitting if each.chance(similarity) >= SURE), cls(PERMUTATIONS, 1))


def passages_of(texts: pa.Array, salts: np.ndarray | None = None, rows: np.ndarray | None = None) -> Passages:
    """A column of passages (no nulls) in the form that is compared; without `rows` each is a row of its own.

    Case, punctuation, white space and compatibility forms (NFKC) are taken out of the comparison.
    """
    ascii_only = pc.string_is_ascii(texts)
    if not pc.all(ascii_only).as_py():
        beyond = pc.invert(ascii_only)
        said = texts.filter(beyond)
        other = pc.invert(marked_only(said))
        folded = pc.utf8_lower(pc.utf8_normalize(said.filter(other), "NFKC"))
        for pattern, replacement in _REWRITES:
            folded = pc.replace_substring_regex(folded, pattern, replacement)
        texts = pc.replace_with_mask(texts, beyond, pc.replace_with_mask(without_marks(said), other, folded))
    found = buffers_of(texts)
    return Passages(
        found,
        np.zeros(len(found), np.uint64) if salts is None else salts,
        np.arange(len(found) + 1, dtype=np.int64) if rows is None else rows,
    )


def band_keys(passages: Passages, shape: Shape, banding: Banding) -> tuple[np.ndarray, np.ndarray]:
    """Band keys, uint64 [rows, bands], and how many shingles each row has, int64 [rows].

    The keys of a row without shingles mean nothing.
    """
    if banding.bands * banding.rows > PERMUTATIONS:
        raise DataError(f"banding: {banding.bands} x {banding.rows}, expected at most {PERMUTATIONS} values")
    kernel = library()
    if kernel is None:
        hashed, counts = _hashed(passages, shape)
        signatures = shingles.signatures(hashed, counts, TIMES, PLUS)
        return shingles.band_keys(signatures, banding.bands, banding.rows), counts
    keys = np.empty(len(passages) * banding.bands, dtype=np.uint64)
    counts = np.empty(len(passages), dtype=np.int64)
    plan = (TIMES, PLUS, banding.bands, banding.rows)
    _done(kernel.duecare_band_keys(*_given(passages, shape), *plan, keys, counts))
    return keys.reshape(len(passages), banding.bands), counts


def shingle_sets(passages: Passages, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Every row's set of shingles, uint32, ascending, one row after another, and their borders [rows + 1]."""
    kernel = library()
    if kernel is None:
        values, ends = shingles.sets(*_hashed(passages, shape))
    else:
        starts = passages.texts.starts
        values = np.empty(starts[-1] - starts[0] + 2 * len(passages.texts), dtype=np.uint32)
        ends = np.empty(len(passages), dtype=np.int64)
        _done(kernel.duecare_shingle_sets(*_given(passages, shape), values, ends))
        values = values[: ends[-1] if len(ends) else 0].copy()
    return values, np.concatenate((np.zeros(1, np.int64), ends))


def jaccard(values: np.ndarray, starts: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Exact similarity of the sets at positions one[i] and other[i], float64 in [0, 1]."""
    for name, places in (("one", one), ("other", other)):
        if len(places) != len(one) or (
            len(places) and not 0 <= places.min() <= places.max() < len(starts) - 1
        ):
            raise DataError(f"jaccard: {name} holds positions outside 0..{len(starts) - 2}, or too few")
    if starts[-1] > len(values):
        raise DataError(f"jaccard: sets end at {starts[-1]}, but there are {len(values)} values")
    kernel = library()
    if kernel is None:
        return shingles.jaccard(values, starts, one, other)
    found = np.empty(len(one), dtype=np.float64)
    kernel.duecare_jaccard(values, starts, one, other, len(one), found)
    return found


def _borders(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)))


def _spread(begins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """begins[i], begins[i] + 1, ... sizes[i] numbers each, one after another."""
    borders = _borders(sizes)
    spread: np.ndarray = np.repeat(begins - borders[:-1], sizes) + np.arange(borders[-1])
    return spread


def _given(passages: Passages, shape: Shape) -> tuple[object, ...]:
    texts = passages.texts
    where = (texts.data, texts.starts, passages.salts, passages.rows, len(passages))
    return (*where, ctypes.c_int32(shape.width), ctypes.c_int32(shape.chars))


def _hashed(passages: Passages, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """All shingles in order, and how many each row has."""
    texts = passages.texts
    hashed, owner = shingles.shingles(texts.data, texts.starts, passages.salts, shape.width, shape.chars)
    row = np.searchsorted(passages.rows, owner, side="right") - 1
    return hashed, np.bincount(row, minlength=len(passages)).astype(np.int64)


def _done(code: int) -> None:
    if code:
        raise MemoryError("a kernel found no memory for the largest row")
