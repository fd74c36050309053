"""Runs of words in many texts, counted as arrays: which texts hold which, and how many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from duecare.curate.trigger import Words, words_of

Ints = npt.NDArray[np.int64]
WORDS = 400
"""Words of a text that are looked at: half of them from its start, half from its end."""
_STIR = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts as numbers of words: all in `flat`, text i from `starts[i]` to `starts[i + 1]`."""

    flat: npt.NDArray[np.int32]
    starts: Ints
    known: dict[str, int]
    names: list[str]
    counts: Ints
    """How many texts hold each word."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """The words of texts, without case."""
        known: dict[str, int] = {}
        parts, starts = list[npt.NDArray[np.int32]](), [0]
        for text in texts:
            words = words_of(text)
            if len(words) > WORDS:
                words = words[: WORDS // 2] + words[-WORDS // 2 :]
            parts.append(np.array([known.setdefault(word, len(known)) for word in words], dtype=np.int32))
            starts.append(starts[-1] + len(words))
        flat = np.concatenate(parts) if parts else np.zeros(0, np.int32)
        held = np.unique(np.repeat(np.arange(len(parts)), np.diff(starts)) * max(1, len(known)) + flat)
        counts = np.bincount(held % max(1, len(known)), minlength=len(known))
        return cls(flat, np.array(starts, dtype=np.int64), known, list(known), counts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def words(self, row: int) -> Words:
        """The words of one text."""
        return [self.names[each] for each in self.flat[self.starts[row] : self.starts[row + 1]]]

    def numbers(self, words: Iterable[str]) -> list[int]:
        """The numbers of words that stand in some text."""
        return [self.known[word] for word in words if word in self.known]

    def share(self, word: str) -> float:
        """Share of texts that hold a word."""
        return float(self.counts[self.known[word]]) / len(self) if word in self.known else 0.0

    def odds(self, first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Log odds that a text with a word is of the first sort, above those of any text's word: 0 for a word
        of neither sort, and drawn towards it for a rare one."""
        size, owner = len(self.known), self._owner()
        one, other = (np.bincount(self.flat[each[owner]], minlength=size) for each in (first, second))
        usual = (one.sum() + 1) / (one.sum() + other.sum() + 2)
        found: npt.NDArray[np.float64] = np.log((one + usual) / (other + 1 - usual)) - np.log(
            usual / (1 - usual)
        )
        return found

    def mean_of(self, weights: npt.NDArray[np.float64], but: Iterable[int]) -> npt.NDArray[np.float64]:
        """Mean weight of each text's words, the words `but` left out; NaN for a text without another."""
        counted = np.ones(len(weights), dtype=bool)
        counted[list(but)] = False
        kept = counted[self.flat]
        owner = self._owner()[kept]
        sums = np.bincount(owner, weights=weights[self.flat[kept]], minlength=len(self))
        with np.errstate(invalid="ignore"):
            found: npt.NDArray[np.float64] = sums / np.bincount(owner, minlength=len(self))
        return found

    def _owner(self) -> Ints:
        return np.repeat(np.arange(len(self)), np.diff(self.starts))


@dataclass(frozen=True, slots=True)
class Grams:
    """Runs of words that between `least` and `most` texts hold: run i stands in `holders[ends[i] - counts[i]
    : ends[i]]`, rising, the first time at word `places[i]` of `Texts.flat` and `lengths[i]` words long."""

    holders: Ints
    counts: Ints
    ends: Ints
    places: Ints
    lengths: Ints
    most: int

    @classmethod
    def of(cls, texts: Texts, lengths: Iterable[int], least: int, most: int) -> Grams:
        """All runs of these lengths that are neither too rare nor too frequent."""
        parts = [_runs(texts, length, least, most) for length in lengths]
        holders, counts, places, sizes = (
            np.concatenate([each[column] for each in parts]) for column in range(4)
        )
        return cls(holders, counts, np.cumsum(counts), places, sizes, most)

    def rows(self, gram: int) -> Ints:
        """The texts that hold a run."""
        return self.holders[self.ends[gram] - self.counts[gram] : self.ends[gram]]

    def words(self, gram: int, texts: Texts) -> Words:
        """The words of a run."""
        place = int(self.places[gram])
        return [texts.names[each] for each in texts.flat[place : place + int(self.lengths[gram])]]

    def sums(self, flag: npt.NDArray[np.bool_]) -> Ints:
        """How many of the texts of each run have a flag."""
        if not len(self.counts):
            return np.zeros(0, dtype=np.int64)
        return np.add.reduceat(flag[self.holders].astype(np.int64), self.ends - self.counts)

    def firsts(self, order: Ints) -> Ints:
        """The first text of each run, where texts stand in `order`."""
        if not len(self.counts):
            return np.zeros(0, dtype=np.int64)
        return np.minimum.reduceat(order[self.holders], self.ends - self.counts)


def _runs(texts: Texts, length: int, least: int, most: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Holders, counts, places and lengths of runs of one length."""
    owner = np.repeat(np.arange(len(texts)), np.diff(texts.starts))
    if len(owner) < length:
        return (np.zeros(0, dtype=np.int64),) * 4
    size = len(owner) - length + 1
    inside = owner[:size] == owner[length - 1 :]
    code = np.zeros(size, dtype=np.uint64)
    for step in range(length):
        code = (code ^ (texts.flat[step : step + size].astype(np.uint64) + np.uint64(1))) * _STIR[0]
        code = (code ^ (code >> np.uint64(29))) * _STIR[1]
    places = np.flatnonzero(inside)
    order = np.argsort(code[places], kind="stable")
    places = places[order]
    code, owner = code[places], owner[places]
    fresh = np.ones(len(code), dtype=bool)
    fresh[1:] = (code[1:] != code[:-1]) | (owner[1:] != owner[:-1])
    code, owner, places = code[fresh], owner[fresh], places[fresh]
    first = np.flatnonzero(
        np.concatenate(([True], code[1:] != code[:-1])) if len(code) else np.zeros(0, bool)
    )
    counts = np.diff(np.append(first, len(code)))
    wanted = (counts >= least) & (counts <= most)
    kept = np.repeat(wanted, counts)
    return owner[kept], counts[wanted], places[first[wanted]], np.full(int(wanted.sum()), length)
