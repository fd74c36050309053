"""Mentions of groups in a whole column of texts as columns: by the compiled kernel, else by `identity_scan`.

The kernel reads words, phrases and the words beside them as `identity` defines it, and marks texts that may
state an age, which are few and read by Python. Both ways give the same places.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from duecare.detect.identity import PERSONS, SELF, SPOKEN, ages, by_first_word, people, terms
from duecare.detect.kernel import Texts, buffers_of, library
from duecare.detect.spans import Span

_LETTERS = re.compile(r"[^\W_]+")
_PLANES = 0x32400
"""Code points below which all letters and digits lie (a test looks at every other)."""


@dataclass(frozen=True, slots=True)
class Mentions:
    """Number of the `text`, code points [start, end), number of the `label` in LABELS; int32 [mentions]."""

    text: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """What the kernel knows: words one after another, what each is, and the phrases that begin with it."""

    pool: np.ndarray
    starts: np.ndarray
    flags: np.ndarray
    entries: np.ndarray
    first: np.ndarray


@lru_cache(maxsize=1)
def labels() -> tuple[str, ...]:
    """Every label, in the order of the table."""
    return tuple(term.label for term in terms())


def mentions_in(texts: pa.Array) -> Mentions:
    """Every mention in a column of strings without nulls, in order of texts and of start."""
    if (kernel := library()) is None:
        from duecare.detect.identity_scan import mentions_of

        return _of_spans(mentions_of(texts))
    flat = buffers_of(texts)
    found, aged = _by_kernel(kernel, flat)
    stated = {at: list(ages(texts[at].as_py())) for at in np.flatnonzero(aged).tolist()}
    return _merged(found, _of_spans(stated)) if any(stated.values()) else found


def _by_kernel(kernel: ctypes.CDLL, flat: Texts) -> tuple[Mentions, np.ndarray]:
    """Mentions less ages, and which texts may state one (uint8 [texts])."""
    known, size = _vocabulary(), int(flat.starts[-1] - flat.starts[0])
    plain = not size or int(flat.data[flat.starts[0] : flat.starts[-1]].max()) < 0x80
    bits = np.zeros(1, np.uint8) if plain else _alnum()
    made = [np.empty(size // 2 + len(flat) + 1, np.int32) for _ in range(4)]
    aged = np.zeros(max(1, len(flat)), np.uint8)
    count = kernel.duecare_mentions(
        *(flat.data, flat.starts, len(flat), known.pool, known.starts, known.flags, len(known.flags)),
        *(known.entries.reshape(-1), known.first, known.entries.shape[1], bits, 8 * len(bits), *made, aged),
    )
    if count < 0:
        raise MemoryError("mentions: no room for the table of words")
    return Mentions(*(each[:count].copy() for each in made)), aged[: len(flat)]


def _of_spans(found: dict[int, list[Span]]) -> Mentions:
    number = {label: place for place, label in enumerate(labels())}
    rows = [(at, span.start, span.end, number[span.label]) for at, spans in found.items() for span in spans]
    table = np.array(rows, np.int32).reshape(-1, 4)
    return _merged(Mentions(*table.T), Mentions(*np.zeros((4, 0), np.int32)))


def _merged(one: Mentions, other: Mentions) -> Mentions:
    """Both, in order of texts, start, end and the name of the label."""
    text, start, end, label = (
        np.concatenate([getattr(one, name), getattr(other, name)])
        for name in ("text", "start", "end", "label")
    )
    rank = np.argsort(np.argsort(np.array(labels())))
    order = np.lexsort((rank[label], end, start, text))
    return Mentions(text[order], start[order], end[order], label[order])


@lru_cache(maxsize=1)
def _vocabulary() -> _Vocabulary:
    phrases = by_first_word()
    listed = (
        phrases,
        people(),
        SELF,
        SPOKEN,
        PERSONS,
        *(each[0] for one in phrases.values() for each in one),
    )
    words = sorted({word for each in listed for word in each})
    number = {word: place for place, word in enumerate(words)}
    flags = [
        sum(
            flag << place
            for place, flag in enumerate(word in each for each in (people(), SELF, SPOKEN, PERSONS))
        )
        for word in words
    ]
    place_of = {label: place for place, label in enumerate(labels())}
    rows = [
        [place_of[label], int(guarded), *(number[word] for word in said)]
        for word in words
        for said, label, guarded in phrases.get(word, ())
    ]
    width = max(map(len, rows))
    raw = [word.encode() for word in words]
    return _Vocabulary(
        np.frombuffer(b"".join(raw), np.uint8),
        np.cumsum([0, *map(len, raw)]).astype(np.int64),
        np.array(flags, np.uint8),
        np.array([row + [-1] * (width - len(row)) for row in rows], np.int32),
        np.cumsum([0, *(len(phrases.get(word, ())) for word in words)]).astype(np.int64),
    )


@lru_cache(maxsize=1)
def _alnum() -> np.ndarray:
    """A bit for every code point below _PLANES: whether it is a letter or a digit, as Python sees it."""
    found = np.zeros(_PLANES, np.uint8)
    low = "".join(map(chr, range(0xD800)))
    high = "".join(map(chr, range(0xE000, _PLANES)))
    for shift, points in ((0, low), (0xE000, high)):
        for match in _LETTERS.finditer(points):
            found[match.start() + shift : match.end() + shift] = 1
    return np.packbits(found, bitorder="little")
