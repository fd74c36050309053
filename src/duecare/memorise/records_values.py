"""Which values a model is asked for: those that curation redacted, and those that people marked as missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from duecare.memorise.records_source import Rows

SHORTEST = 3
"""Letters and digits of the shortest value that is asked for: what is shorter is said by chance."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Values to ask for with their decoys; `left_out` counts those that could not be asked for."""

    values: tuple[tuple[Value, tuple[str, ...]], ...]
    left_out: int


NOTHING = Chosen((), 0)


@dataclass(frozen=True, slots=True)
class Choosing:
    """How values are chosen: at most `most` a side, with `count` decoys each."""

    tokenizer: Speaks
    max_tokens: int
    most: int
    count: int
    seed: int

    def redacted(
        self, rows: Rows, places: Sequence[Place], was: Callable[[set[str]], Mapping[str, Example]]
    ) -> Chosen:
        """Values that stood in rows before redaction, with the text before them as it is now.

        `was` reads the rows of some names as they were.
        """
        by_text: dict[tuple[str, str], list[Place]] = {}
        for place in places:
            by_text.setdefault((place.row, place.part), []).append(place)
        chosen: list[Place] = []
        for side in (TRAIN, HELD_OUT):
            own = [place for place in places if place.row in rows and rows.side(place.row) == side]
            chosen += drawn(own, [_name(place) for place in own], self.most, self.seed)
        before = was({place.row for place in chosen})
        begins = [
            _begins(place, by_text[place.row, place.part], rows, before.get(place.row)) for place in chosen
        ]
        held = [before.get(place.row) for place in chosen]
        return self._asked(rows, list(zip(chosen, begins, held, strict=True)))

    def missed(self, rows: Rows, places: Sequence[Place]) -> Chosen:
        """Values that people marked in training rows as they are."""
        own = [place for place in places if rows.trained_on(place.row)]
        some = drawn(own, [_name(place) for place in own], self.most, self.seed)
        return self._asked(rows, [(place, place.start, rows.example(place.row)) for place in some])

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
        now = rows.example(place.row)
        before = read_before(now, place.part, at, self.tokenizer)
        if before is None or len(plain(value)) < SHORTEST:
            return None
        if len(self.tokenizer.encode(before, special=True)) >= self.max_tokens or not before.strip():
            return None
        return Value(place, rows.side(place.row), before, value, taught(now, place.part))


def standing(values: Sequence[Value], texts: Iterable[Sequence[str]]) -> list[int]:
    """In how many of `texts` (of training rows, some at a time) each value stands as a word of its own."""
    import polars as pl  # a study check does without

    wanted = [value.value.casefold() for value in values]
    counts = [0] * len(wanted)
    for some in texts if wanted else ():
        lowered = pl.Series([text.casefold() for text in some], dtype=pl.String)
        for text in lowered.filter(lowered.str.contains_any(sorted(set(wanted)))).to_list():
            for number, value in enumerate(wanted):
                counts[number] += _stands(value, text)
    return counts


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


def _begins(place: Place, beside: Sequence[Place], rows: Rows, was: Example | None) -> int | None:
    """Where in the text of today what stands for `place` begins."""
    if was is None:
        return None
    text, now = text_of(was, place.part), text_of(rows.example(place.row), place.part)
    if text is None or now is None:
        return None
    ordered = sorted(beside, key=lambda each: each.start)
    begins = after(text, ordered, now)
    return None if begins is None else begins[ordered.index(place)]
