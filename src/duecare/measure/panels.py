"""Panels: people who state one attribute alike. How their answers differ, and how each panel counts alike.

Two questions must be kept apart. `over="items"`: do *these* people answer differently, on items like these?
Items vary, people stay. `over="people"`: would *other* people of these panels differ as well? Then a person
is one draw, however much he rated, and a panel of three says little.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from duecare.core import DataError
from duecare.measure.bound import Floats
from duecare.measure.cluster import gather
from duecare.measure.compare import mean_difference
from duecare.measure.interval import LEVEL, Interval, silent
from duecare.measure.ratings import Index, Ratings
from duecare.measure.shift import mean_shift

Over = Literal["items", "people"]

Panels = Mapping[Hashable, str | None]
"""The panel of each rater; None or absent where the rater states nothing."""


@dataclass(frozen=True, slots=True)
class PanelShares:
    """Soft labels by panel: `shares` [P, items, K] of `counts` [P, items] ratings; 0 where none."""

    panels: tuple[str, ...]
    shares: Floats
    counts: Floats

    def balanced(self) -> Floats:
        """Mean over the panels that rated an item [items, K]: each counts alike; 0 where none did."""
        present = (self.counts > 0).astype(float)
        total = present.sum(0)
        summed = (self.shares * present[:, :, None]).sum(0)
        return np.asarray(summed / np.maximum(total, 1.0)[:, None])


def panel_differences(
    ratings: Ratings, panels: Panels, *, over: Over = "items", level: float = LEVEL
) -> dict[tuple[str, str], Interval]:
    """Mean score of each panel minus that of each other, over items that both rated.

    Each item counts alike. With `over="people"` a person's scores are compared with the means of the items
    (each panel's mean counting alike) and people are the draws.
    """
    if over not in ("items", "people"):
        raise DataError(f"over={over!r}: expected items or people")
    number = _panel_numbers(ratings, panels)
    names = panel_names(ratings, panels)
    scores = ratings.numbers()[ratings.value]
    found: dict[tuple[str, str], Interval] = {}
    for first in range(len(names)):
        for second in range(first + 1, len(names)):
            pair = number == first, number == second
            compare = _over_items if over == "items" else _over_people
            found[names[first], names[second]] = compare(ratings, scores, pair, level)
    return found


def panel_names(ratings: Ratings, panels: Panels) -> tuple[str, ...]:
    """The panels that gave ratings, sorted."""
    seen = (panels.get(ratings.raters[place]) for place in np.unique(ratings.rater))
    return tuple(sorted({name for name in seen if name is not None}))


def panel_shares(ratings: Ratings, panels: Panels) -> PanelShares:
    """Soft labels of each panel: the share of its votes on each item."""
    number, names = _panel_numbers(ratings, panels), panel_names(ratings, panels)
    votes = np.zeros((len(names), len(ratings.items), len(ratings.categories)))
    stated = number >= 0
    np.add.at(votes, (number[stated], ratings.item[stated], ratings.value[stated]), 1.0)
    counts = votes.sum(2)
    return PanelShares(names, votes / np.maximum(counts, 1.0)[:, :, None], counts)


def panel_weights(panels: Sequence[str | None], units: Sequence[Hashable] | None = None) -> Floats:
    """Weights [n] of labels so that all labels of each panel weigh alike; their mean is 1.

    `units` [n] (items, pairs) asks that in each unit, too, the panels present weigh alike as far as totals
    allow: the weights are raked to both (Deming and Stephan 1940) and end on the panels. Labels of people
    who state no panel keep their own share.
    """
    names = sorted({name for name in panels if name is not None})
    place = {name: position for position, name in enumerate(names)}
    number = np.array([-1 if name is None else place[name] for name in panels], dtype=np.int64)
    stated = number >= 0
    weight = np.ones(len(number))
    if not stated.any():
        return weight
    total = stated.sum() / len(names)
    cells = None
    if units is not None:
        if len(units) != len(number):
            raise DataError(f"units: {len(units)} for {len(number)} labels")
        _, unit = np.unique(np.array([repr(each) for each in units]), return_inverse=True)
        cells = unit * len(names) + number
    for _ in range(1 if cells is None else 50):
        if cells is not None:
            weight[stated] = _even_in_units(weight, cells, len(names), stated)
        held = np.bincount(number[stated], weights=weight[stated], minlength=len(names))
        weight[stated] *= total / held[number[stated]]
    return weight


def _even_in_units(weight: Floats, cells: Index, panels: int, stated: np.ndarray) -> Floats:
    """Weights of stated labels so that the panels present in a unit share its labels alike."""
    unit = cells[stated] // panels
    held = np.bincount(cells[stated], weights=weight[stated], minlength=int(cells.max()) + 1)
    labels = np.bincount(unit, minlength=int(unit.max()) + 1).astype(float)
    kinds = np.bincount(np.unique(cells[stated]) // panels, minlength=len(labels))
    return np.asarray(weight[stated] / held[cells[stated]] * (labels / np.maximum(kinds, 1))[unit])


def _panel_numbers(ratings: Ratings, panels: Panels) -> Index:
    """The place of the panel of each rating's rater [R], -1 where none is stated."""
    place = {name: position for position, name in enumerate(panel_names(ratings, panels))}
    stated = [panels.get(rater) for rater in ratings.raters]
    by_rater = np.array([-1 if name is None else place.get(name, -1) for name in stated], dtype=np.int64)
    return by_rater[ratings.rater] if len(by_rater) else np.zeros(0, dtype=np.int64)


def _means(ratings: Ratings, scores: Floats, here: np.ndarray) -> tuple[Floats, Floats]:
    """Mean score of each item by the ratings `here`, and how many there are, [items] each."""
    items = len(ratings.items)
    count = np.bincount(ratings.item[here], minlength=items).astype(float)
    total = np.bincount(ratings.item[here], weights=scores[here], minlength=items)
    return total / np.maximum(count, 1.0), count


def _over_items(
    ratings: Ratings, scores: Floats, pair: tuple[np.ndarray, np.ndarray], level: float
) -> Interval:
    (one, count), (other, against) = (_means(ratings, scores, here) for here in pair)
    both = (count > 0) & (against > 0)
    if not both.any():
        return silent("no item was rated by both panels", 0, 0, "panel difference", level)
    units = ratings.unit[both].tolist()
    return _same_everywhere(one[both] - other[both], units, ratings, level)


def _same_everywhere(apart: Floats, units: list[int], ratings: Ratings, level: float) -> Interval:
    numbers = ratings.numbers()
    return mean_shift(apart, (float(numbers[0]), float(max(numbers[-1], numbers[0] + 1))), units, level)


def _over_people(
    ratings: Ratings, scores: Floats, pair: tuple[np.ndarray, np.ndarray], level: float
) -> Interval:
    (one, count), (other, against) = (_means(ratings, scores, here) for here in pair)
    both = (count > 0) & (against > 0)
    middle = (one + other) / 2
    apart = scores - middle[ratings.item]
    first, second = (here & both[ratings.item] for here in pair)
    if not both.any():
        return silent("no item was rated by both panels", 0, 0, "panel difference", level)
    people = [ratings.rater[here].tolist() for here in (first, second)]
    means = [gather(apart[here], who) for here, who in zip((first, second), people, strict=True)]
    return mean_difference(means[0].sums / means[0].sizes, means[1].sums / means[1].sizes, level=level)
