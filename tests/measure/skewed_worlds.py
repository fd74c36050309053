"""Simulated studies of scores: skewed, bounded, heavy-tailed or normal, alone or in correlated clusters."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import special

from duecare.measure.bound import normal_quantile, student_quantile
from duecare.measure.cluster import pulls
from duecare.measure.skew import skew_reach

Floats = np.ndarray
SIZES = (20, 50, 100, 500)
CLUSTERS = ((1, 0.0), (4, 0.3), (25, 0.3))
FEWEST = 12
"""The promise is for this many clusters or more."""


def _scores_with_zeros(z: Floats) -> Floats:
    """Seven in ten are 0, the others Beta(2, 5): a toxicity score."""
    share = np.maximum((special.ndtr(z) - 0.7) / 0.3, 0.0)
    return special.betaincinv(2, 5, share)


WORLDS: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "lognormal(0, 1)": (np.exp, math.exp(0.5)),
    "exponential": (lambda z: -special.log_ndtr(-z), 1.0),
    "Beta(0.5, 8)": (lambda z: special.betaincinv(0.5, 8, special.ndtr(z)), 0.5 / 8.5),
    "70 % zeros": (_scores_with_zeros, 0.3 * 2 / 7),
    "gamma(2)": (lambda z: special.gammaincinv(2, special.ndtr(z)), 2.0),
    "normal": (lambda z: z, 0.0),
    "uniform": (special.ndtr, 0.5),
}
"""Each turns a standard normal into a value; and its mean. The numbers of `skew.py` were chosen on these."""

UNSEEN_WORLDS: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "Weibull(0.7)": (lambda z: (-special.log_ndtr(-z)) ** (1 / 0.7), math.gamma(1 + 1 / 0.7)),
    "chi-squared(1)": (lambda z: 2 * special.gammaincinv(0.5, special.ndtr(z)), 1.0),
    "Student's t(3)": (lambda z: special.stdtrit(3, special.ndtr(z)), 0.0),
    "left-skewed": (lambda z: -np.exp(0.5 * z), -math.exp(0.125)),
}
"""Checked only: none of them was looked at when those numbers were chosen."""


def means(
    rng: np.random.Generator, repeats: int, world: str, n: int, size: int, icc: float
) -> tuple[Floats, Floats]:
    """Cluster sums and sizes [repeats, clusters]; normal copula with correlation `icc` within a cluster."""
    turn, _ = (WORLDS | UNSEEN_WORLDS)[world]
    shared = rng.standard_normal((repeats, n // size, 1))
    own = rng.standard_normal((repeats, n // size, size))
    sums = turn(math.sqrt(icc) * shared + math.sqrt(1 - icc) * own).sum(-1)
    return sums, np.full(sums.shape, float(size))


def intervals(sums: Floats, sizes: Floats, way: str = "ours") -> tuple[Floats, Floats]:
    """Bounds [repeats] of the mean: as `cluster_mean` makes them, by Student's t, or by Hall's own cubic."""
    moved, middle = pulls(sums, sizes), sums.sum(-1) / sizes.sum(-1)
    df = float(sums.shape[-1] - 1)
    error = np.sqrt((moved**2).sum(-1))
    if way == "ours":
        below, above = skew_reach(moved, df, 0.95)
    elif way == "t":
        below = above = student_quantile(0.95, df) * error
    else:
        skewness = (moved**3).sum(-1) / np.where(error > 0, error, 1.0) ** 3
        skewness = np.where(np.abs(skewness) < 1e-8, 1e-8, skewness)
        z = normal_quantile(0.95)
        low, high = (3 / skewness * (np.cbrt(1 + skewness * (x - skewness / 6)) - 1) for x in (-z, z))
        below, above = error * high, -error * low
    return middle - below, middle + above


def oracle_width(sums: Floats, sizes: Floats, truth: float) -> float:
    """Mean width of the interval that is told the true quantiles of the studentised mean."""
    moved, middle = pulls(sums, sizes), sums.sum(-1) / sizes.sum(-1)
    error = np.sqrt((moved**2).sum(-1))
    seen = error > 0
    low, high = np.quantile((middle - truth)[seen] / error[seen], [0.025, 0.975])
    return float((high - low) * error.mean())
