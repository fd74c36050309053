"""Models of people who label: what an item's label probably is, and how far each person is to be trusted.

Dawid and Skene (1979) gives each rater a confusion matrix. Hovy, Berg-Kirkpatrick, Vaswani and Hovy (2013,
"Learning whom to trust with MACE") gives each rater a chance of spamming: of writing down a habit without
looking at the item. Both are fitted by EM from the shares of votes, so the same ratings give the same
answer. We depart from both in the smoothing: a rater starts with `smoothing` ratings that look like those of
all raters together, so one with few ratings is not called perfect; and from MACE in estimating the shares
of the labels, which it holds equal.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from duecare.core import DataError
from duecare.measure.bound import Floats
from duecare.measure.interval import LEVEL, Interval, silent
from duecare.measure.ratings import Ratings

Model = Literal["dawid-skene", "mace"]
MODELS: tuple[Model, ...] = ("dawid-skene", "mace")
SMOOTHING = 1.0
TOLERANCE = 1e-7
FEW_ITEMS = 10
"""Fewer rated items than this (or of one rater) tell no interval of competence."""

_FLOOR = 1e-12


@dataclass(frozen=True, slots=True)
class Annotated:
    """What a fitted model says. `labels` [items, K] are soft labels, in the order of `ratings.items`.

    `shares` [K] of the labels in all items; an item that nobody rated has these. `competence` [raters]: the
    chance that a rater's label of an item is the right one (dawid-skene), or that the rater looked at the
    item (mace). `confusion` [raters, K, K] is the chance of each label said, by the right one; for mace it
    follows from competence and `habit` [raters, K].
    """

    model: Model
    ratings: Ratings
    labels: Floats
    shares: Floats
    competence: Floats
    confusion: Floats
    habit: Floats | None
    likelihood: float
    rounds: int

    def soft(self) -> dict[Hashable, dict[object, float]]:
        """Soft labels of the items that somebody rated, by category."""
        rated = self.ratings.per_item() > 0
        return {
            item: dict(zip(self.ratings.categories, map(float, row), strict=True))
            for item, row, here in zip(self.ratings.items, self.labels, rated, strict=True)
            if here
        }

    def trust(self) -> dict[Hashable, float]:
        """Competence by rater."""
        return dict(zip(self.ratings.raters, map(float, self.competence), strict=True))


@dataclass(frozen=True, slots=True)
class _Fit:
    """Parameters: shares [K], confusion [raters, K, K], competence [raters], habit [raters, K] or None."""

    shares: Floats
    confusion: Floats
    competence: Floats
    habit: Floats | None


def dawid_skene(ratings: Ratings, *, smoothing: float = SMOOTHING, rounds: int = 500) -> Annotated:
    """Soft labels and a confusion matrix for each rater (Dawid and Skene 1979)."""
    return _annotated("dawid-skene", ratings, smoothing, rounds)


def mace(ratings: Ratings, *, smoothing: float = SMOOTHING, rounds: int = 500) -> Annotated:
    """Soft labels and a chance of spamming for each rater, 1 - competence (after Hovy and others 2013)."""
    return _annotated("mace", ratings, smoothing, rounds)


def vote_shares(ratings: Ratings) -> Floats:
    """Share of the votes of each category [items, K]; equal shares where nobody voted."""
    scale = len(ratings.categories)
    votes = np.zeros((len(ratings.items), scale))
    np.add.at(votes, (ratings.item, ratings.value), 1.0)
    total = votes.sum(1, keepdims=True)
    return np.where(total > 0, votes / np.maximum(total, 1.0), 1 / max(scale, 1))


def competences(
    annotated: Annotated,
    rng: np.random.Generator,
    level: float = LEVEL,
    *,
    smoothing: float = SMOOTHING,
    resamples: int = 400,
) -> dict[Hashable, Interval]:
    """Each rater's competence with an interval: units are resampled and the model goes on from its fit.

    Percentile bootstrap. A rater of fewer than FEW_ITEMS items has a reason instead.
    """
    ratings = annotated.ratings
    units = int(ratings.unit.max()) + 1 if len(ratings.unit) else 0
    counts = np.bincount(ratings.rater, minlength=len(ratings.raters))
    start = _Fit(annotated.shares, annotated.confusion, annotated.competence, annotated.habit)
    improve = _STEPS[annotated.model]
    drawn = np.empty((resamples, len(ratings.raters)))
    for b in range(resamples if units else 0):
        times = np.bincount(rng.integers(0, units, units), minlength=units).astype(float)[ratings.unit]
        fit = start
        for _ in range(_AGAIN):
            fit = improve(ratings, _expect(ratings, fit)[0], fit, times, smoothing)
        drawn[b] = fit.competence
    method = f"{annotated.model}, percentile bootstrap over items ({resamples} resamples)"
    found: dict[Hashable, Interval] = {}
    for place, rater in enumerate(ratings.raters):
        n, value = int(counts[place]), float(annotated.competence[place])
        if n < FEW_ITEMS:
            reason = f"{n} items rated, {FEW_ITEMS} are needed to tell how far to trust a rater"
            found[rater] = silent(reason, n, None, method, level)
            continue
        low, high = np.quantile(drawn[:, place], [(1 - level) / 2, (1 + level) / 2])
        found[rater] = Interval(
            value, min(float(low), value), max(float(high), value), n, None, method, level
        )
    return found


def _annotated(model: Model, ratings: Ratings, smoothing: float, rounds: int) -> Annotated:
    if smoothing <= 0 or rounds < 1:
        raise DataError(f"smoothing={smoothing}, rounds={rounds}: expected both above zero")
    if not ratings.n:
        raise DataError("ratings: none, and a model of raters needs some")
    scale, people = len(ratings.categories), len(ratings.raters)
    once = np.ones(len(ratings.items))
    labels, improve = vote_shares(ratings), _STEPS[model]
    even = np.full((people, scale), 1 / scale)
    fit = _Fit(even[0], np.zeros((people, scale, scale)), np.full(people, 0.5), even)
    before, done = -np.inf, 0
    while done < rounds:
        done += 1
        fit = improve(ratings, labels, fit, once, smoothing)
        labels, likelihood = _expect(ratings, fit)
        if likelihood - before < TOLERANCE * abs(likelihood):
            break
        before = likelihood
    habit = fit.habit if model == "mace" else None
    return Annotated(
        model, ratings, labels, fit.shares, fit.competence, fit.confusion, habit, likelihood, done
    )


def _expect(ratings: Ratings, fit: _Fit) -> tuple[Floats, float]:
    """Soft labels [items, K] given the parameters, and the log-likelihood of the ratings."""
    chance = np.log(np.maximum(fit.confusion, _FLOOR))
    each = chance[ratings.rater, :, ratings.value]
    items = len(ratings.items)
    joint = np.stack(
        [np.bincount(ratings.item, weights=column, minlength=items) for column in each.T], axis=1
    )
    joint += np.log(np.maximum(fit.shares, _FLOOR))
    top = joint.max(1, keepdims=True)
    weight = np.exp(joint - top)
    total = weight.sum(1, keepdims=True)
    rated = ratings.per_item() > 0
    return weight / total, float((top + np.log(total))[rated].sum())


def _shares(ratings: Ratings, labels: Floats, times: Floats) -> Floats:
    """Shares of the labels in rated items, each category with one item more than was seen."""
    seen = (labels * (times * (ratings.per_item() > 0))[:, None]).sum(0) + 1.0
    return np.asarray(seen / seen.sum())


def _said(ratings: Ratings, labels: Floats, times: Floats) -> Floats:
    """How often each rater said each label, by the right one [raters, K, K]."""
    scale = len(ratings.categories)
    cell = ratings.rater * scale + ratings.value
    size = len(ratings.raters) * scale
    loads = labels[ratings.item] * times[ratings.item, None]
    by_right = [np.bincount(cell, weights=load, minlength=size) for load in loads.T]
    counts = np.stack(by_right, axis=1).reshape(len(ratings.raters), scale, scale)
    return np.asarray(counts.swapaxes(1, 2), dtype=np.float64)


def _improve_confusion(ratings: Ratings, labels: Floats, fit: _Fit, times: Floats, smoothing: float) -> _Fit:
    """Dawid and Skene's maximisation, each rater starting with `smoothing` ratings like everybody's."""
    counts = _said(ratings, labels, times)
    everybody = counts.sum(0) + 1 / len(ratings.categories)
    everybody = everybody / everybody.sum(1, keepdims=True)
    confusion = counts + smoothing * everybody
    confusion = confusion / confusion.sum(2, keepdims=True)
    shares = _shares(ratings, labels, times)
    competence = np.einsum("k,rkk->r", shares, confusion)
    return _Fit(shares, confusion, competence, None)


def _improve_spamming(ratings: Ratings, labels: Floats, fit: _Fit, times: Floats, smoothing: float) -> _Fit:
    """MACE's maximisation: of the ratings that are right, some are so by habit."""
    counts = _said(ratings, labels, times)
    habit = fit.habit if fit.habit is not None else np.ones(counts.shape[:2]) / counts.shape[2]
    right = np.einsum("rkk->rk", counts)
    trust = fit.competence[:, None]
    looked = right * trust / np.maximum(trust + (1 - trust) * habit, _FLOOR)
    total = counts.sum((1, 2))
    pooled = float((looked.sum() + 1) / (total.sum() + 2))
    competence = (looked.sum(1) + smoothing * pooled) / (total + smoothing)
    by_habit = counts.sum(1) - looked
    everybody = by_habit.sum(0) + 1
    habit = by_habit + smoothing * everybody / everybody.sum()
    habit = habit / habit.sum(1, keepdims=True)
    scale = counts.shape[2]
    confusion = (
        competence[:, None, None] * np.eye(scale) + (1 - competence)[:, None, None] * habit[:, None, :]
    )
    return _Fit(_shares(ratings, labels, times), confusion, competence, habit)


_STEPS: dict[Model, Callable[[Ratings, Floats, _Fit, Floats, float], _Fit]] = {
    "dawid-skene": _improve_confusion,
    "mace": _improve_spamming,
}
_AGAIN = 15
"""Rounds of EM a resample takes from the fit of the whole sample."""
