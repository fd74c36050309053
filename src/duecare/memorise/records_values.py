"""Which values a model is asked for: those that curation redacted, and those that people marked as missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from duecare.core import Example
from duecare.memorise.records_decoys import decoys
from duecare.memorise.records_match import plain
from duecare.memorise.records_rows import (
    HELD_OUT,
    TRAIN,
    Place,
    Speaks,
    Value,
    after,
    drawn,
    read_before,
    taught,
    text_of,
)

SHORTEST = 3
"""Letters and digits of the shortest value that is asked for: what is shorter is said by chance."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Values to ask for with their decoys; `left_out` counts those that could not be asked for."""

    values: tuple[tuple[Value, tuple[str, ...]], ...]
    left_out: int


NOTHING = Chosen((), 0)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a source as training has them, by name, and which of them were trained on."""

    now: Mapping[str, Example]
    trained: frozenset[str]

    def split(self, row: str) -> str:
        """On which side of the split a row is."""
        return TRAIN if row in self.trained else HELD_OUT

    @property
    def train(self) -> list[Example]:
        """The training rows."""
        return [row for name, row in self.now.items() if name in self.trained]


@dataclass(frozen=True, slots=True)
class Choosing:
    """How values are chosen: at most `most` a side, with `count` decoys each."""

    tokenizer: Speaks
    max_tokens: int
    most: int
    count: int
    seed: int

    def redacted(self, rows: Rows, was: Mapping[str, Example], places: Sequence[Place]) -> Chosen:
        """Values that stood in `was`, the rows before redaction, with the text before them as it is now."""
        by_text: dict[tuple[str, str], list[Place]] = {}
        for place in places:
            by_text.setdefault((place.row, place.part), []).append(place)
        chosen: list[tuple[Place, int | None]] = []
        for side in (True, False):
            own = [place for place in places if place.row in rows.now and (place.row in rows.trained) is side]
            some = drawn(own, [_name(place) for place in own], self.most, self.seed)
            for place in some:
                chosen.append((place, _begins(place, by_text[place.row, place.part], rows, was)))
        return self._asked(rows, [(place, at, was.get(place.row)) for place, at in chosen])

    def missed(self, rows: Rows, places: Sequence[Place]) -> Chosen:
        """Values that people marked in training rows as they are."""
        own = [place for place in places if place.row in rows.trained]
        some = drawn(own, [_name(place) for place in own], self.most, self.seed)
        return self._asked(rows, [(place, place.start, rows.now[place.row]) for place in some])

    def _asked(self, rows: Rows, places: Sequence[tuple[Place, int | None, Example | None]]) -> Chosen:
        found, left_out = [], 0
        for place, at, held in places:
            made = None if at is None or held is None else self._value(rows, place, at, held)
            if made is None:
                left_out += 1
                continue
            rng = np.random.default_rng([self.seed, *_name(place).encode()])
            found.append((made, tuple(decoys(place.kind, made.value, self.count, rng))))
        return Chosen(tuple(found), left_out)

    def _value(self, rows: Rows, place: Place, at: int, held: Example) -> Value | None:
        """None where it is too short, has no known place, or lies behind what training read."""
        value = (text_of(held, place.part) or "")[place.start : place.end]
        now = rows.now[place.row]
        before = read_before(now, place.part, at, self.tokenizer)
        if before is None or len(plain(value)) < SHORTEST:
            return None
        if len(self.tokenizer.encode(before, special=True)) >= self.max_tokens or not before.strip():
            return None
        return Value(place, rows.split(place.row), before, value, taught(now, place.part))


def standing(values: Sequence[Value], texts: Sequence[str]) -> list[int]:
    """In how many of `texts` (of training rows) each value stands in plain, as a word of its own."""
    lowered = [text.casefold() for text in texts]
    return [sum(_stands(value.value.casefold(), text) for text in lowered) for value in values]


def _stands(value: str, text: str) -> bool:
    at = text.find(value)
    while at >= 0:
        edges = text[at - 1 : at] if at else "", text[at + len(value) : at + len(value) + 1]
        if not any(edge.isalnum() for edge in edges):
            return True
        at = text.find(value, at + 1)
    return False


def _name(place: Place) -> str:
    return f"{place.row}/{place.part}/{place.start}"


def _begins(place: Place, beside: Sequence[Place], rows: Rows, was: Mapping[str, Example]) -> int | None:
    """Where in the text of today what stands for `place` begins."""
    if place.row not in was:
        return None
    text, now = (text_of(each[place.row], place.part) for each in (was, rows.now))
    if text is None or now is None:
        return None
    ordered = sorted(beside, key=lambda each: each.start)
    begins = after(text, ordered, now)
    return None if begins is None else begins[ordered.index(place)]
