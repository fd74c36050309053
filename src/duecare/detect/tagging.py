"""The best labels of whole columns of texts: by the compiled kernel, or by NumPy with the same result.

What a kind of token says (`tokens.describe`) is worked out once and kept, so that a text costs a few
additions a token. Scores are whole numbers: both ways give the same labels.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from duecare.detect.crf import FORBIDDEN, LABELS, REACH, SCALE, Model, shipped, style
from duecare.detect.kernel import Texts, buffers_of, library
from duecare.detect.tokens import PAD, Lists, describe, kind_of, shipped_lists, tokens

_NEAR = tuple(place for place in range(-REACH, REACH + 1) if place)
_LOOKS = 12
_MOST_KINDS = 1 << 19
_BLOCK = 1 << 20
"""Bytes of text taken at a time; a text is never cut."""

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


class Kinds:
    """What each kind of token seen so far says, as rows of whole numbers; grows as kinds come."""

    def __init__(self, model: Model, lists: Lists) -> None:
        self._row = {name: number for number, name in enumerate(model.names)}
        self._weight, self._lists, self._adding = model.weight, lists, threading.Lock()
        groups = {name.split(" ", 1)[1] for name in model.names if name[0] == "@"}
        pairs = [name[1:].split(" ") for name in model.names if name[0] in "<>"]
        self._group = {name: number for number, name in enumerate(sorted(groups.union(*pairs, {"PAD"})), 1)}
        self.groups = len(self._group) + 1  # 0 for those that the model never met
        self._pair_tables({(self._group[one], self._group[other]) for one, other in pairs})
        self.setting = np.zeros((self.groups, _LOOKS, len(LABELS)), np.int16)
        for group, number in self._group.items():
            for look in range(_LOOKS):
                self.setting[number, look] = self._sum([f"@{look // 4}{look % 4} {group}"])
        self.clear()

    def _pair_tables(self, pairs: set[tuple[int, int]]) -> None:
        self.pair_of = np.zeros((self.groups, self.groups), np.int32)
        self.pair = np.zeros((len(pairs) + 1, 2, len(LABELS)), np.int16)
        names = {number: name for name, number in self._group.items()}
        for row, (one, other) in enumerate(sorted(pairs), 1):
            self.pair_of[one, other] = row
            for place, sign in enumerate("<>"):
                self.pair[row, place] = self._sum([f"{sign}{names[one]} {names[other]}"])

    def clear(self) -> None:
        """Forget all kinds but the outside."""
        self._ids: dict[str, int] = {}
        self._near_rows: dict[tuple[str, ...], int] = {}
        self._slots: tuple[np.ndarray, np.ndarray] = (
            np.zeros(1 << 14, np.uint64),
            np.zeros(1 << 14, np.int32),
        )
        self.own = np.zeros((1 << 12, len(LABELS)), np.int32)
        self.near_of, self.group_of = np.zeros(1 << 12, np.int32), np.zeros(1 << 12, np.int32)
        self.near = np.zeros((1 << 10, len(_NEAR), len(LABELS)), np.int16)
        self.pad = self.id_of(PAD)

    def __len__(self) -> int:
        return len(self._ids)

    def id_of(self, kind: str) -> int:
        """The number of a kind, worked out if new."""
        known = self._ids.get(kind)
        if known is not None:
            return known
        number, said = len(self._ids), describe(kind, self._lists)
        if number == len(self.own):
            self.own, self.near_of, self.group_of = (
                _doubled(each) for each in (self.own, self.near_of, self.group_of)
            )
        self.own[number] = self._sum([f"0{name}" for name in said.own])
        self.group_of[number] = self._group.get(said.group, 0)
        self.near_of[number] = self._near_row(said.near)
        self._ids[kind] = number
        return number

    def _near_row(self, near: tuple[str, ...]) -> int:
        said = near[0].startswith("w=") and any(f"{place}{near[0]}" in self._row for place in _NEAR)
        known = (
            near if said or len(near) == 1 else near[1:]
        )  # most words are strangers to the model: one row for all
        row = self._near_rows.get(known)
        if row is None:
            row = self._near_rows[known] = len(self._near_rows)
            if row == len(self.near):
                self.near = _doubled(self.near)
            for at, place in enumerate(_NEAR):
                self.near[row, at] = self._sum([f"{place}{name}" for name in known])
        return row

    def _sum(self, names: list[str]) -> np.ndarray:
        rows = [self._row[name] for name in names if name in self._row]
        return self._weight[rows].sum(axis=0) if rows else np.zeros(len(LABELS), np.int32)

    def ids_of(self, hashes: np.ndarray, texts: Texts, begin: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """Numbers of the kinds of tokens that the kernel cut out of `texts`."""
        call = library()
        ids, missing = np.empty(len(hashes), np.int32), np.empty(len(hashes), np.int64)
        keys, values = self._slots
        absent = call.duecare_names_lookup(hashes, len(hashes), keys, values, len(keys), ids, missing)
        if absent:
            with self._adding:
                self._learn(hashes, texts.data, begin, stop, missing[:absent])
            keys, values = self._slots
            call.duecare_names_lookup(hashes, len(hashes), keys, values, len(keys), ids, missing)
        return ids

    def _learn(
        self, hashes: np.ndarray, data: np.ndarray, begin: np.ndarray, stop: np.ndarray, missing: np.ndarray
    ) -> None:
        _, once = np.unique(hashes[missing], return_index=True)
        keys, values = self._slots
        for at in missing[once].tolist():
            number = self.id_of(kind_of(data[begin[at] : stop[at]].tobytes().decode()))
            if 2 * number > len(keys):
                keys, values = _rehashed(keys, values)
            _put(keys, values, int(hashes[at]), number)
        self._slots = (keys, values)


def _put(keys: np.ndarray, values: np.ndarray, key: int, value: int) -> None:
    mask = len(keys) - 1
    slot = key & mask
    while keys[slot] and int(keys[slot]) != key:
        slot = (slot + 1) & mask
    values[slot] = value  # before the key: another thread may be looking
    keys[slot] = key


def _rehashed(keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wider = np.zeros(4 * len(keys), np.uint64), np.zeros(4 * len(keys), np.int32)
    for slot in np.flatnonzero(keys).tolist():
        _put(*wider, int(keys[slot]), int(values[slot]))
    return wider


def _doubled(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, np.zeros_like(array)])


class Tagger:
    """Finds places in columns of texts.

    `dial`, in log-odds, is taken from the score of "nothing here": more is found and more of it wrongly.
    """

    def __init__(self, model: Model | None = None, lists: Lists | None = None, dial: float = 0.0) -> None:
        model = model or shipped()
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
        if len(self._kinds) > _MOST_KINDS:
            self._kinds.clear()
        compiled = library() is not None
        found = self._cut_compiled(texts) if compiled else self._cut(texts.to_pylist())
        labels = self.labels_compiled(found) if compiled else self.labels(found)
        return _gathered(found, labels, shift)

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

    def _cut_compiled(self, texts: pa.Array) -> Tokenised:
        flat = buffers_of(texts)
        room = int(flat.starts[-1] - flat.starts[0])
        start, end = np.empty(room, np.int32), np.empty(room, np.int32)
        begin, stop, hashes = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.uint64)
        first, look = np.empty(len(flat) + 1, np.int64), np.empty(len(flat), np.uint8)
        n = library().duecare_names_tokens(
            flat.data, flat.starts, len(flat), start, end, begin, stop, hashes, first, look
        )
        kind = self._kinds.ids_of(hashes[:n], flat, begin[:n], stop[:n])
        return Tokenised(first, look, start[:n], end[:n], kind)

    def labels_compiled(self, found: Tokenised) -> np.ndarray:
        """Numbers of LABELS, one a token, by the kernel."""
        kinds, labels = self._kinds, np.empty(len(found.kind), np.uint8)
        done = library().duecare_names_labels(
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
        score = kinds.own[found.kind].astype(np.int32)
        for number, place in enumerate(_NEAR):
            score += kinds.near[kinds.near_of[at(place)], number]
        score += kinds.pair[kinds.pair_of[before, group], 0]
        score += kinds.pair[kinds.pair_of[group, after], 1]
        return score + kinds.setting[group, 4 * np.repeat(found.look, np.diff(found.first)) + touch]


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


@lru_cache(maxsize=4)
def tagger(dial: float = 0.0) -> Tagger:
    """The tagger that comes with duecare, at a dial."""
    return Tagger(dial=dial)
