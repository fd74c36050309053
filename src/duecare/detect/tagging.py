"""The best labels of whole columns of texts: by the compiled kernel, or by NumPy with the same result.

What a kind of token says (`tokens.describe`) is worked out once and kept, so that a text costs a few
additions a token. Scores are whole numbers: both ways give the same labels.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from duecare.detect.crf import FORBIDDEN, LABELS, SCALE, Model, shipped, style
from duecare.detect.kernel import buffers_of, library
from duecare.detect.kinds import NEAR, Kinds
from duecare.detect.tokens import Lists, shipped_lists, tokens

_MOST_KINDS = 1 << 19
_BLOCK = 1 << 20
"""Bytes of text taken at a time; a text is never cut."""

_CUT = (np.int32, np.int32, np.int64, np.int64, np.uint64)
"""Of a token: start, end, first byte, the byte behind it, hash."""

_INSIDE = np.array([label.startswith("I-") for label in LABELS])
_BEGINS = np.array([label.startswith("B-") for label in LABELS])
_NAMES = np.array([label[2:] if label[1:2] == "-" else label for label in LABELS])


@dataclass(frozen=True, slots=True)
class Tokenised:
    """Tokens of texts: `first` [texts + 1] counts them, `look` [texts] is the style, the rest is [tokens]."""

    first: np.ndarray
    look: np.ndarray
    start: np.ndarray
    end: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True, slots=True)
class Places:
    """Where something stands: number of the `text`, code points [start, end), `label`; arrays [places]."""

    text: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.text)


class Tagger:
    """Finds places in columns of texts.

    `dial`, in log-odds, is taken from the score of "nothing here": more is found and more of it wrongly.
    """

    def __init__(self, model: Model | None = None, lists: Lists | None = None, dial: float = 0.0) -> None:
        model = model or shipped()
        self._turn = threading.Lock()
        self._room: tuple[np.ndarray, ...] = ()
        self._kinds = Kinds(model, lists or shipped_lists())
        self._kinds.setting[:, :, 0] -= round(dial * SCALE)
        self._step = np.ascontiguousarray(model.step, np.int32)
        self._open = np.where(_INSIDE, FORBIDDEN, 0).astype(np.int32)

    def places(self, texts: pa.Array) -> Places:
        """Every place in a column of strings, in order."""
        found = [self._block(piece, shift) for shift, piece in _blocks(texts)]
        pieces = [[getattr(block, name) for block in found] for name in ("text", "start", "end", "label")]
        empty = np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, _NAMES.dtype)
        return Places(*(np.concatenate([none, *piece]) for none, piece in zip(empty, pieces, strict=True)))

    def _block(self, texts: pa.Array, shift: int) -> Places:
        with self._turn:  # what is known of kinds grows, and is forgotten when it is too much
            return self._found(texts, shift)

    def _found(self, texts: pa.Array, shift: int) -> Places:
        if len(self._kinds) > _MOST_KINDS:
            self._kinds.clear()
        kernel = library()
        if kernel is None:
            found = self._cut(texts.to_pylist())
            return _gathered(found, self.labels(found), shift)
        found = self._cut_compiled(kernel, texts)
        return _gathered_compiled(kernel, found, self._labels_compiled(kernel, found), shift)

    def label(self, text: str) -> list[str]:
        """The label of every token of one text, by the fallback."""
        return [LABELS[number] for number in self.labels(self._cut([text]))]

    def _cut(self, texts: list[str]) -> Tokenised:
        cut = [tokens(text) for text in texts]
        flat = [token for found in cut for token in found]
        return Tokenised(
            np.cumsum([0, *map(len, cut)]).astype(np.int64),
            np.array([style(text) for text in texts], np.uint8),
            np.array([token.start for token in flat], np.int32),
            np.array([token.end for token in flat], np.int32),
            np.array([self._kinds.id_of(token.kind) for token in flat], np.int32),
        )

    def _cut_compiled(self, kernel: ctypes.CDLL, texts: pa.Array) -> Tokenised:
        flat = buffers_of(texts)
        start, end, begin, stop, hashes = self._room_for(int(flat.starts[-1] - flat.starts[0]))
        first, look = np.empty(len(flat) + 1, np.int64), np.empty(len(flat), np.uint8)
        n = kernel.duecare_names_tokens(
            flat.data, flat.starts, len(flat), start, end, begin, stop, hashes, first, look
        )
        kind = self._kinds.ids_of(kernel, hashes[:n], flat, begin[:n], stop[:n])
        return Tokenised(first, look, start[:n], end[:n], kind)

    def _room_for(self, tokens: int) -> tuple[np.ndarray, ...]:
        """Where the kernel puts so many tokens: the same place each time, until the next ones are cut.

        Fresh memory, which the system has to clear page by page, took as long as the cutting.
        """
        if tokens > _BLOCK:
            return tuple(np.empty(tokens, kind) for kind in _CUT)
        if not self._room:
            self._room = tuple(np.empty(_BLOCK, kind) for kind in _CUT)
        return self._room

    def _labels_compiled(self, kernel: ctypes.CDLL, found: Tokenised) -> np.ndarray:
        """Numbers of LABELS, one a token, by the kernel."""
        kinds, labels = self._kinds, np.empty(len(found.kind), np.uint8)
        done = kernel.duecare_names_labels(
            *(found.kind, found.first, len(found.look), found.start, found.end, found.look),
            *(kinds.own.reshape(-1), kinds.near_of, kinds.group_of, kinds.near.reshape(-1)),
            *(kinds.pair_of.reshape(-1), kinds.pair.reshape(-1), kinds.setting.reshape(-1)),
            *(self._step.reshape(-1), self._open, kinds.groups, kinds.pad, labels),
        )
        if done:
            raise MemoryError(f"names: no room for the longest of {len(found.look)} texts")
        return labels

    def labels(self, found: Tokenised) -> np.ndarray:
        """Numbers of LABELS, one a token, by NumPy."""
        score = self._scores(found)
        labels = np.zeros(len(score), np.uint8)
        length = np.diff(found.first)
        order = np.argsort(-length, kind="stable")
        order = order[length[order] > 0]
        if not len(order):
            return labels
        base, length = found.first[:-1][order], length[order]
        reached = score[base].astype(np.int64) + self._open
        came: list[np.ndarray] = []
        for at in range(1, int(length[0])):
            going = int(np.searchsorted(-length, -at, side="left"))  # texts longer than `at` come first
            paths = reached[:going, :, None] + self._step[None]
            came.append(paths.argmax(axis=1).astype(np.uint8))
            reached[:going] = paths.max(axis=1) + score[base[:going] + at]
        best = reached.argmax(axis=1)
        for at in range(int(length[0]) - 1, -1, -1):
            going = int(np.searchsorted(-length, -at, side="left"))
            labels[base[:going] + at] = best[:going]
            if at:
                best[:going] = came[at - 1][np.arange(going), best[:going]]
        return labels

    def _scores(self, found: Tokenised) -> np.ndarray:
        """What speaks for each label at each token, without the label before: [tokens, LABELS] int32."""
        kinds, size = self._kinds, len(found.kind)
        low, high = (np.repeat(each, np.diff(found.first)) for each in (found.first[:-1], found.first[1:]))
        here = np.arange(size)

        def at(place: int) -> np.ndarray:
            there = here + place
            inside = (low <= there) & (there < high)
            return np.where(inside, found.kind[np.clip(there, 0, max(size - 1, 0))] if size else 0, kinds.pad)

        group, before, after = (kinds.group_of[each] for each in (found.kind, at(-1), at(1)))
        touch = np.zeros(size, np.int64)
        touching = (found.end[:-1] == found.start[1:]) & (here[1:] > low[1:])
        touch[1:] += touching
        touch[:-1] += 2 * touching
        score: np.ndarray = kinds.own[found.kind].astype(np.int32)
        for number, place in enumerate(NEAR):
            score += kinds.near[kinds.near_of[at(place)], number]
        score += kinds.pair[kinds.pair_of[before, group], 0]
        score += kinds.pair[kinds.pair_of[group, after], 1]
        score += kinds.setting[group, 4 * np.repeat(found.look, np.diff(found.first)) + touch]
        return score


def _blocks(texts: pa.Array) -> Iterator[tuple[int, pa.Array]]:
    """The column in pieces of about _BLOCK bytes, each with the number of its first text."""
    if not len(texts):
        return
    starts = buffers_of(texts).starts
    first = 0
    while first < len(texts):
        last = int(np.searchsorted(starts, starts[first] + _BLOCK, side="right")) - 1
        last = max(first + 1, last)
        yield first, texts.slice(first, last - first)
        first = last


def _gathered(found: Tokenised, labels: np.ndarray, shift: int) -> Places:
    """Runs of tokens with one label, or from a B- through its I-, as places."""
    row = np.repeat(np.arange(len(found.look)), np.diff(found.first))
    same_text = np.zeros(len(labels), bool)
    same_text[1:] = row[1:] == row[:-1]
    goes_on = np.zeros(len(labels), bool)
    goes_on[1:] = _INSIDE[labels[1:]] | ((labels[1:] == labels[:-1]) & ~_BEGINS[labels[1:]])
    begins = np.flatnonzero((labels > 0) & ~(goes_on & same_text))
    run = np.cumsum((~(goes_on & same_text)).astype(np.int64))
    stops = np.searchsorted(run, run[begins], side="right") - 1
    return Places(row[begins] + shift, found.start[begins], found.end[stops], _NAMES[labels[begins]])


def _gathered_compiled(kernel: ctypes.CDLL, found: Tokenised, labels: np.ndarray, shift: int) -> Places:
    """The same by the kernel."""
    room = len(labels)
    text, start, end = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, np.int32)
    label = np.empty(room, np.uint8)
    count = kernel.duecare_names_places(
        *(labels, found.first, len(found.look), found.start, found.end),
        *(_INSIDE.view(np.uint8), _BEGINS.view(np.uint8), text, start, end, label),
    )
    return Places(text[:count] + shift, start[:count].copy(), end[:count].copy(), _NAMES[label[:count]])


@lru_cache(maxsize=4)
def tagger(dial: float = 0.0) -> Tagger:
    """The tagger that comes with duecare, at a dial."""
    return Tagger(dial=dial)
