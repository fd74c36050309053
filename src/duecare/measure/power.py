"""The chance that a study reaches the right verdict, found by simulating the intervals that it will use.

Formulas for large samples name too few observations where the rarer outcome is rare, or where the
correlation within a prompt has to be learnt from the study itself: the interval then makes good for what
it does not know. So studies are drawn and judged by the very kernels of `compare.py`. A study of clusters
of one size is no more than how many of its clusters held 0, 1, ... events, which is one multinomial draw;
a thousand studies of a million answers take as long as a thousand of a hundred.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from duecare.core import DataError
from duecare.measure.bound import (
    Bounds,
    Counts,
    Floats,
    difference_bounds,
    proportion_bounds,
    ratio_bounds,
    worth_of,
)
from duecare.measure.cluster import pulls
from duecare.measure.compare import ENOUGH_TO_CORRELATE
from duecare.measure.skew import skew_reach

Scale = Literal["rate", "difference", "ratio"]
Limits = tuple[float | None, float | None]

STUDIES = 4000
"""Simulated for each power: it is then known to 0.6 points where it is 80 %."""


@dataclass(frozen=True, slots=True)
class Design:
    """How a group is asked: `per_cluster` answers to each prompt, of which `effect` is the design effect.

    `correlation` is that between the estimates of two groups (above zero for counterfactual twins).
    """

    effect: float = 1.0
    per_cluster: int = 1
    correlation: float = 0.0

    def __post_init__(self) -> None:
        for name, fine in (
            ("effect", math.isfinite(self.effect) and self.effect > 0),
            ("per_cluster", self.per_cluster >= 1),
            ("correlation", -1 <= self.correlation <= 1),
        ):
            if not fine:
                raise DataError(f"design: {name}={getattr(self, name)} is out of range")

    @property
    def alike(self) -> float:
        """Correlation of two answers to one prompt, 0 to almost 1."""
        if self.per_cluster == 1:
            return 0.0
        return min(max((self.effect - 1) / (self.per_cluster - 1), 0.0), 0.999)


@dataclass(frozen=True, slots=True)
class _Studies:
    """One group in simulated studies [R]: rate seen, CR2 variance, informative clusters; draws a study."""

    seen: Floats
    variance: Floats
    informative: NDArray[np.int64]
    clusters: int
    draws: int

    def counts(self, level: float) -> Counts:
        between = float(self.clusters), float(self.draws)
        worth = worth_of(self.seen, self.variance, self.informative, between, level)
        return self.seen * worth, worth

    def taken(self, order: NDArray[np.int64]) -> _Studies:
        return _Studies(
            self.seen[order], self.variance[order], self.informative[order], self.clusters, self.draws
        )


def power_of(
    truth: tuple[float, ...],
    scale: Scale,
    limits: Limits,
    clusters: int,
    design: Design,
    *,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> float:
    """Share of studies with `clusters` clusters a group that reach the right verdict.

    `truth` is the rate of one group ("rate"), or of the group and of the one it is compared with.
    Without `rng` the draws are those of one fixed seed, so that the same question has the same answer.
    """
    rng = np.random.default_rng(2026) if rng is None else rng
    groups = [_drawn(rng, rate, clusters, design) for rate in truth]
    low, high = _bounds(groups, scale, level, design.correlation, rng)
    right = {"rate": truth[0], "difference": truth[0] - truth[-1], "ratio": truth[0] / truth[-1]}[scale]
    return share_right(low, high, right, limits)


def mean_studies(n: int, level: float, rng: np.random.Generator | None = None) -> Bounds:
    """Bounds [R] of the mean of `n` standard normal values in simulated studies, as `mean_t` has them."""
    rng = np.random.default_rng(2026) if rng is None else rng
    values = rng.standard_normal((STUDIES, n))
    mean = values.mean(-1)
    below, above = skew_reach(pulls(values, np.ones_like(values)), n - 1.0, level)
    return mean - below, mean + above


def share_right(low: Floats, high: Floats, truth: float, limits: Limits) -> float:
    """Share of intervals that give the right verdict on `limits` where `truth` holds."""
    bottom = -math.inf if limits[0] is None else limits[0]
    top = math.inf if limits[1] is None else limits[1]
    if bottom < truth < top:
        return float(((low >= bottom) & (high <= top)).mean())
    return float(((high < bottom) if truth <= bottom else (low > top)).mean())


def _bounds(
    groups: list[_Studies], scale: Scale, level: float, correlation: float, rng: np.random.Generator
) -> Bounds:
    first = groups[0]
    if scale == "rate":
        return proportion_bounds(*first.counts(level), level)
    second = groups[1]
    if correlation:
        first, second = _coupled(first, second, correlation, rng)
    taught = np.minimum(first.informative, second.informative) >= ENOUGH_TO_CORRELATE
    r = np.where(taught, correlation, min(correlation, 0.0))
    a, b = first.counts(level), second.counts(level)
    return difference_bounds(a, b, level, r) if scale == "difference" else ratio_bounds(a, b, level, r)


def _drawn(rng: np.random.Generator, rate: float, clusters: int, design: Design) -> _Studies:
    """Studies of beta-binomial clusters, from how many of the clusters held 0, 1, ... events."""
    size = design.per_cluster
    held = rng.multinomial(clusters, _chances(rate, size, design.alike), size=STUDIES)
    events = np.arange(size + 1, dtype=float)
    seen = held @ events / (clusters * size)
    spread = np.maximum(held @ events**2 - clusters * (seen * size) ** 2, 0.0)
    variance = spread / (clusters * size) ** 2 / (1 - 1 / clusters)
    informative = clusters - np.maximum(held[:, 0], held[:, -1])
    return _Studies(seen, variance, informative, clusters, clusters * size)


def _chances(rate: float, size: int, alike: float) -> Floats:
    """Chance of 0 to `size` events in a cluster whose own rate is Beta distributed."""
    k = np.arange(size + 1, dtype=float)
    ways = special.gammaln(size + 1) - special.gammaln(k + 1) - special.gammaln(size - k + 1)
    if alike <= 0:
        log = special.xlogy(k, rate) + special.xlog1py(size - k, -rate)
    else:
        a, b = rate * (1 / alike - 1), (1 - rate) * (1 / alike - 1)
        log = special.betaln(k + a, size - k + b) - special.betaln(a, b)
    chances = np.exp(ways + log)
    return np.asarray(chances / chances.sum())


def _coupled(
    a: _Studies, b: _Studies, correlation: float, rng: np.random.Generator
) -> tuple[_Studies, _Studies]:
    """The same studies, paired so that the ranks of the two estimates correlate (Iman and Conover 1982)."""
    shared = rng.standard_normal(len(a.seen))
    own = correlation * shared + math.sqrt(1 - correlation**2) * rng.standard_normal(len(a.seen))
    # Ties (equal rates seen) are broken at random, else the other columns would be sorted too.
    found = []
    for group, normal in ((a, shared), (b, own)):
        order = np.lexsort((rng.random(len(group.seen)), group.seen))
        found.append(group.taken(order[np.argsort(np.argsort(normal))]))
    return found[0], found[1]
