"""A rate that changes at one place in an ordered series: is there such a place, and where?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import kstwobign

from duecare.core import DataError
from duecare.measure.interval import Interval, proportion

LEAST = 20
"""Observations below which nothing is said: the reference distribution is that of large samples."""


@dataclass(frozen=True, slots=True)
class Change:
    """Where a rate changed most: `place` observations come before; rates on both sides; chance of as much.

    `p_value` is None, with a `reason`, where nothing can be said. The two intervals describe; they are taken
    around a place that the data chose, so the p-value decides and not their distance.
    """

    place: int
    before: Interval
    after: Interval
    p_value: float | None
    reason: str | None = None


def change_point(outcomes: object) -> Change:
    """The place in a series of outcomes (bool or 0/1, [n], in order) at which their rate changed most.

    Tested by the largest cumulative sum of distances to the overall rate (Page 1955; Brown, Durbin and
    Evans 1975), whose limit under one rate throughout is the supremum of a Brownian bridge (Kolmogorov).
    The limit is approached from below, so the test errs on the safe side in small samples. Trying every
    place with a two-sample test instead finds a change nearly everywhere: see the tests.
    """
    values = np.asarray(outcomes, dtype=np.float64)
    if values.ndim != 1 or not np.isin(values, (0.0, 1.0)).all():
        raise DataError("outcomes: expected one series of true and false, or 1 and 0")
    n, hits = len(values), int(values.sum())
    if n < LEAST:
        return _silent(values, f"{n} observations, expected {LEAST} or more")
    if hits in (0, n):
        return _silent(values, f"all {n} observations are alike")
    rate = hits / n
    sums = np.cumsum(values - rate)[:-1]
    place = int(np.abs(sums).argmax()) + 1
    highest = abs(float(sums[place - 1])) / math.sqrt(n * rate * (1 - rate))
    return _at(values, place, float(kstwobign.sf(highest)), None)


def _silent(values: np.ndarray, reason: str) -> Change:
    return _at(values, len(values), None, reason)


def _at(values: np.ndarray, place: int, p_value: float | None, reason: str | None) -> Change:
    first, last = values[:place], values[place:]
    before, after = proportion(int(first.sum()), len(first)), proportion(int(last.sum()), len(last))
    return Change(place, before, after, p_value, reason)
