"""Watching the watchers: is a rater harsher than others, harsher to one group, at odds with an earlier self?

A rater's bias towards a group is measured on counterfactual twins: two texts that differ only in the group
they name, both rated by that rater. Nothing but the group can move the difference. Several raters are
several comparisons, so verdicts follow Holm (1979). Scores are numbers, higher is harsher (or whatever the
question asks); `within` is the scale they are given on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from duecare.core import DataError
from duecare.measure.annotators import (
    MODELS,
    Annotated,
    competences,
    dawid_skene,
    mace,
    vote_shares,
)
from duecare.measure.interval import LEVEL, Interval, proportion, silent
from duecare.measure.multiple import holm, p_value
from duecare.measure.ratings import Ratings
from duecare.measure.shift import mean_shift

__all__ = [
    "MODELS",
    "Annotated",
    "Leaning",
    "competences",
    "dawid_skene",
    "leanings",
    "mace",
    "self_consistency",
    "severities",
    "twin_bias",
    "vote_shares",
]


@dataclass(frozen=True, slots=True)
class Leaning:
    """How far one rater leans: `interval` of the mean difference, p-value against none, Holm's p over all.

    `leans` is True where Holm's p-value is at most 1 - level; None where nothing can be said. `about` names
    the group (of twins) or is empty (severity).
    """

    rater: Hashable
    about: str
    interval: Interval
    p: float | None
    adjusted: float | None
    leans: bool | None


def twin_bias(
    raters: Sequence[Hashable],
    pairs: Sequence[Hashable],
    groups: Sequence[str],
    scores: Sequence[float],
    *,
    reference: str,
    within: tuple[float, float],
    units: Sequence[Hashable] | None = None,
    level: float = LEVEL,
) -> list[Leaning]:
    """By how much each rater scores each group above `reference`, over twins that the rater saw both of.

    One entry a rating [n]: twins share a pair, and pairs may share `units` (the prompt they stem from).
    Holm runs over all raters and groups. A DataError where a rater scored one twin twice.
    """
    if not len(raters) == len(pairs) == len(groups) == len(scores) == len(pairs if units is None else units):
        raise DataError("twins: raters, pairs, groups, scores and units differ in length")
    said: dict[tuple[Hashable, Hashable], dict[str, float]] = {}
    unit: dict[Hashable, Hashable] = {}
    for place, (rater, pair, group) in enumerate(zip(raters, pairs, groups, strict=True)):
        seen = said.setdefault((rater, pair), {})
        if group in seen:
            raise DataError(f"twins: a twin of the group {group!r} was scored twice by one rater")
        seen[group] = float(scores[place])
        unit[pair] = pair if units is None else units[place]
    found: dict[tuple[Hashable, str], list[tuple[float, Hashable]]] = {
        (rater, group): []
        for rater in dict.fromkeys(raters)
        for group in dict.fromkeys(groups)
        if group != reference
    }
    for (rater, pair), seen in said.items():
        for group, score in seen.items():
            if group != reference and reference in seen:
                found[rater, group].append((score - seen[reference], unit[pair]))
    return leanings(found, within, level)


def severities(ratings: Ratings, *, within: tuple[float, float], level: float = LEVEL) -> list[Leaning]:
    """By how much each rater scores items above the mean of the others who rated them (Holm over raters)."""
    numbers = ratings.numbers()[ratings.value]
    items = len(ratings.items)
    total = np.bincount(ratings.item, weights=numbers, minlength=items)
    others = (ratings.per_item() - 1)[ratings.item]
    apart = numbers - (total[ratings.item] - numbers) / np.maximum(others, 1)
    found: dict[tuple[Hashable, str], list[tuple[float, Hashable]]] = {}
    for place, rater in enumerate(ratings.raters):
        here = (ratings.rater == place) & (others > 0)
        units = ratings.unit[ratings.item[here]].tolist()
        found[rater, ""] = list(zip(apart[here].tolist(), units, strict=True))
    return leanings(found, within, level)


def leanings(
    differences: Mapping[tuple[Hashable, str], Sequence[tuple[float, Hashable]]],
    within: tuple[float, float],
    level: float = LEVEL,
) -> list[Leaning]:
    """Leanings of many, from (difference, unit) of each; the chance of any false one is at most 1 - level."""
    intervals, ps = [], []
    for seen in differences.values():
        values, units = [value for value, _ in seen], [unit for _, unit in seen]
        interval_at: Callable[[float], Interval] = partial(_shift_at, values, within, units)
        intervals.append(interval_at(level))
        ps.append(p_value(interval_at, 0.0) if len(set(units)) > 1 else None)
    known = [p for p in ps if p is not None]
    adjusted = iter(holm(known).tolist())
    steps = [None if p is None else next(adjusted) for p in ps]
    return [
        Leaning(rater, about, interval, p, step, None if step is None else step <= 1 - level + 1e-12)
        for (rater, about), interval, p, step in zip(differences, intervals, ps, steps, strict=True)
    ]


def _shift_at(
    values: Sequence[float], within: tuple[float, float], units: Sequence[Hashable], level: float
) -> Interval:
    return mean_shift(values, within, units, level)


def self_consistency(
    raters: Sequence[Hashable], items: Sequence[Hashable], values: Sequence[object], level: float = LEVEL
) -> dict[Hashable, Interval]:
    """Share of repeated items that each rater answered as the first time; ratings stand in order of time.

    An item that a rater saw three times counts once: its first two answers. Nobody is compared with others.
    """
    if not len(raters) == len(items) == len(values):
        raise DataError("repeats: raters, items and values differ in length")
    seen: dict[tuple[Hashable, Hashable], list[object]] = {}
    for rater, item, value in zip(raters, items, values, strict=True):
        seen.setdefault((rater, item), []).append(value)
    same: dict[Hashable, list[bool]] = {rater: [] for rater in dict.fromkeys(raters)}
    for (rater, _), said in seen.items():
        if len(said) > 1:
            same[rater].append(said[0] == said[1])
    return {
        rater: proportion(sum(kept), len(kept), level)
        if kept
        else silent("no item was shown to this rater twice", 0, None, "repeats", level)
        for rater, kept in same.items()
    }
