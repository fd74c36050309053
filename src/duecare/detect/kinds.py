"""What each kind of token says for and against every label, worked out once and kept as rows of numbers."""

from __future__ import annotations

import ctypes

import numpy as np

from duecare.detect.crf import LABELS, REACH, Model
from duecare.detect.kernel import Texts
from duecare.detect.tokens import PAD, Lists, describe, kind_of

NEAR = tuple(place for place in range(-REACH, REACH + 1) if place)
"""Places of the neighbours that speak for a token's label, in the order of the tables."""

_NEAR_AT = {str(place): number for number, place in enumerate(NEAR)}

LOOKS = 12
"""Styles of a text times what a token touches."""


class Kinds:
    """What each kind of token seen so far says, as rows of whole numbers; grows as kinds come."""

    def __init__(self, model: Model, lists: Lists) -> None:
        self._row = {name: number for number, name in enumerate(model.names)}
        self._weight, self._lists = model.weight, lists
        self._blank = len(model.names)  # of what the model does not know all weights are 0
        self._known = np.concatenate([model.weight, np.zeros((1, len(LABELS)), model.weight.dtype)])
        self._said_near = self._by_place(model.names)
        groups = {name.split(" ", 1)[1] for name in model.names if name[0] == "@"}
        pairs = [name[1:].split(" ") for name in model.names if name[0] in "<>"]
        self._group = {name: number for number, name in enumerate(sorted(groups.union(*pairs, {"PAD"})), 1)}
        self.groups = len(self._group) + 1  # 0 for those that the model never met
        self._pair_tables({(self._group[one], self._group[other]) for one, other in pairs})
        self.setting = np.zeros((self.groups, LOOKS, len(LABELS)), np.int16)
        for group, number in self._group.items():
            for look in range(LOOKS):
                self.setting[number, look] = self._sum([f"@{look // 4}{look % 4} {group}"])
        self.clear()

    def _by_place(self, names: tuple[str, ...]) -> dict[str, list[int]]:
        """The rows of what a neighbour says, one for each place of NEAR."""
        found: dict[str, list[int]] = {}
        for row, name in enumerate(names):
            cut = 2 if name[0] == "-" else 1
            if name[:cut] in _NEAR_AT:
                found.setdefault(name[cut:], [self._blank] * len(NEAR))[_NEAR_AT[name[:cut]]] = row
        return found

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
        self.near = np.zeros((1 << 10, len(NEAR), len(LABELS)), np.int16)
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
        said = near[0] in self._said_near
        known = near if said or len(near) == 1 else near[1:]  # of most words the model knows nothing: one row
        row = self._near_rows.get(known)
        if row is None:
            row = self._near_rows[known] = len(self._near_rows)
            if row == len(self.near):
                self.near = _doubled(self.near)
            rows = [self._said_near[name] for name in known if name in self._said_near]
            self.near[row] = self._known[rows].sum(axis=0) if rows else 0
        return row

    def _sum(self, names: list[str]) -> np.ndarray:
        rows = [self._row[name] for name in names if name in self._row]
        return self._weight[rows].sum(axis=0) if rows else np.zeros(len(LABELS), np.int32)

    def ids_of(
        self, kernel: ctypes.CDLL, hashes: np.ndarray, texts: Texts, begin: np.ndarray, stop: np.ndarray
    ) -> np.ndarray:
        """Numbers of the kinds of tokens that the kernel cut out of `texts`."""
        ids, missing = np.empty(len(hashes), np.int32), np.empty(len(hashes), np.int64)
        keys, values = self._slots
        absent = kernel.duecare_names_lookup(hashes, len(hashes), keys, values, len(keys), ids, missing)
        if absent:
            self._learn(hashes, texts.data, begin, stop, missing[:absent])
            keys, values = self._slots
            kernel.duecare_names_lookup(hashes, len(hashes), keys, values, len(keys), ids, missing)
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
    keys[slot], values[slot] = key, value


def _rehashed(keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wider = np.zeros(4 * len(keys), np.uint64), np.zeros(4 * len(keys), np.int32)
    for slot in np.flatnonzero(keys).tolist():
        _put(*wider, int(keys[slot]), int(values[slot]))
    return wider


def _doubled(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, np.zeros_like(array)])
