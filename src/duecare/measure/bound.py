"""Array kernels: bounds for proportions, and how two bounded figures become a difference or a ratio.

Everything here takes and returns arrays of any one shape, so that a simulation of thousands of studies
is one call. `interval.py` and `compare.py` are the doors for one figure at a time.

Counts need not be whole: a clustered sample is treated as its effective number of independent draws
(Korn and Graubard 1998, Survey Methodology 24), whose count of events is then a fraction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
Bounds = tuple[Floats, Floats]

EXACT_UP_TO = 40
"""Exact bounds while the rarer outcome was seen at most this often, Wilson beyond.

Wilson alone covers 85 % at n = 20 and a rate of 0.8 %; with this switch no rate and no n from 20 to
2,000 is covered by less than 94 % (computed, not simulated: `tests/measure/test_interval.py`)."""


def normal_quantile(level: float) -> float:
    """Two-sided normal quantile: 1.96 at level 0.95."""
    return float(special.ndtri(0.5 + level / 2))


def student_quantile(level: float, df: ArrayLike) -> Floats:
    """Two-sided quantile of Student's t with `df` degrees of freedom."""
    return np.asarray(special.stdtrit(df, 0.5 + level / 2))


def wilson_bounds(k: ArrayLike, n: ArrayLike, level: float) -> Bounds:
    """Wilson's score interval for `k` events in `n` draws (Wilson 1927)."""
    k, n = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    z = normal_quantile(level)
    p = k / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(np.maximum(p * (1 - p), 0) / n + z * z / (4 * n * n))
    return np.clip(centre - half, 0, p), np.clip(centre + half, p, 1)


def exact_bounds(k: ArrayLike, n: ArrayLike, level: float) -> Bounds:
    """Clopper and Pearson's interval (1934): covers at least `level` whatever the rate."""
    k, n = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    tail = (1 - level) / 2
    none, every = k <= 0, k >= n
    low = special.betaincinv(np.where(none, 1, k), np.where(none, 1, n - k + 1), tail)
    high = special.betaincinv(np.where(every, 1, k + 1), np.where(every, 1, n - k), 1 - tail)
    p = k / n
    return np.minimum(np.where(none, 0.0, low), p), np.maximum(np.where(every, 1.0, high), p)


def jeffreys_bounds(k: ArrayLike, n: ArrayLike, level: float) -> Bounds:
    """Quantiles of Beta(k + 1/2, n - k + 1/2): never 0 or 1, so they have a logarithm."""
    k, n = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    tail = (1 - level) / 2
    return (
        np.asarray(special.betaincinv(k + 0.5, n - k + 0.5, tail)),
        np.asarray(special.betaincinv(k + 0.5, n - k + 0.5, 1 - tail)),
    )


def proportion_bounds(k: ArrayLike, n: ArrayLike, level: float) -> Bounds:
    """Exact while the rarer outcome is rare (`EXACT_UP_TO`), Wilson beyond."""
    k, n = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    rare = np.minimum(k, n - k) <= EXACT_UP_TO
    exact, score = exact_bounds(k, n, level), wilson_bounds(k, n, level)
    return np.where(rare, exact[0], score[0]), np.where(rare, exact[1], score[1])


def cluster_variance(sums: Floats, sizes: Floats) -> Floats:
    """CR2 variance of the mean over all draws; `sums` and `sizes` are [..., G], the result is [...].

    Bell and McCaffrey (2002) for a model with a mean only, where the adjustment has a closed form.
    One cluster that holds everything gives infinity: nothing is known of the spread between clusters.
    """
    n = sizes.sum(-1, keepdims=True)
    left_out = 1 - sizes / n
    residual = sums - sums.sum(-1, keepdims=True) / n * sizes
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(left_out > 0, residual**2 / left_out, np.where(sizes > 0, np.inf, 0.0))
    return np.asarray(terms.sum(-1) / n[..., 0] ** 2)


def informative_clusters(sums: Floats, sizes: Floats) -> NDArray[np.int64]:
    """Clusters in which the rarer outcome was seen: how many places its spread was learnt from."""
    events = ((sums > 0) & (sizes > 0)).sum(-1)
    others = ((sums < sizes) & (sizes > 0)).sum(-1)
    return np.asarray(np.minimum(events, others))


def effective_size(sums: Floats, sizes: Floats, level: float) -> Floats:
    """How many independent draws a clustered sample of 0/1 outcomes is worth; [..., G] to [...].

    Korn and Graubard's p(1-p)/V, times (z/t)^2 for the uncertainty of V. We depart from them in the
    degrees of freedom: not clusters minus one but *informative* clusters minus one, because a rate of
    1 % seen in three of eighty prompts tells of its spread from three places only (with their rule
    coverage falls to 84 %, see the tests). Never above the number of draws, never below what the
    clusters are worth when all draws of a cluster are equal.
    """
    n = sizes.sum(-1)
    seen = sums.sum(-1) / n, cluster_variance(sums, sizes), informative_clusters(sums, sizes)
    return worth_of(*seen, (n**2 / (sizes**2).sum(-1), n), level)


def worth_of(
    p: Floats, variance: Floats, informative: ArrayLike, between: tuple[ArrayLike, ArrayLike], level: float
) -> Floats:
    """`effective_size` from what it needs of a sample: rate, CR2 variance and informative clusters.

    `between` are the least and the most that it is worth: all draws of a cluster equal, all independent.
    """
    df = np.asarray(informative) - 1
    z = normal_quantile(level)
    shrink = np.where(df > 0, (z / student_quantile(level, np.maximum(df, 1))) ** 2, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = np.where(variance > 0, p * (1 - p) / variance * shrink, between[0])
    return np.asarray(np.clip(worth, *between))


Counts = tuple[Floats, Floats]
"""Events and draws that a sample is worth."""


def difference_bounds(a: Counts, b: Counts, level: float, r: ArrayLike = 0.0) -> Bounds:
    """Bounds of the rate of `a` minus that of `b`, each an effective (events, draws); MOVER."""
    return move_difference(
        a[0] / a[1], b[0] / b[1], proportion_bounds(*a, level), proportion_bounds(*b, level), r
    )


def ratio_bounds(a: Counts, b: Counts, level: float, r: ArrayLike = 0.0) -> Bounds:
    """Bounds of the rate of `a` over that of `b`, on the logarithm.

    Where one of them has no event, half an event is added to each count and the bounds are Jeffreys's.
    """
    some = (np.asarray(a[0]) > 0) & (np.asarray(b[0]) > 0)
    shares, bounds = [], []
    for k, n in (a, b):
        share = np.where(some, k / n, (k + 0.5) / (n + 1))
        plain, wide = proportion_bounds(k, n, level), jeffreys_bounds(k, n, level)
        shares.append(share)
        bounds.append(
            (
                np.where(some, plain[0], np.minimum(wide[0], share)),
                np.where(some, plain[1], np.maximum(wide[1], share)),
            )
        )
    return move_ratio(shares[0], shares[1], bounds[0], bounds[1], np.where(some, r, 0.0))


def move_difference(a: Floats, b: Floats, a_bounds: Bounds, b_bounds: Bounds, r: ArrayLike = 0.0) -> Bounds:
    """Bounds of a - b from the bounds of each (Zou and Donner 2008, "MOVER"); `r` correlates a and b."""
    below, above = _sides(a, b, a_bounds, b_bounds, np.asarray(r, dtype=float))
    return a - b - below, a - b + above


def move_ratio(a: Floats, b: Floats, a_bounds: Bounds, b_bounds: Bounds, r: ArrayLike = 0.0) -> Bounds:
    """Bounds of a / b: the same on the logarithm. All figures and bounds must be above zero."""
    logs = [np.log(x) for x in (a, b, *a_bounds, *b_bounds)]
    low, high = move_difference(logs[0], logs[1], (logs[2], logs[3]), (logs[4], logs[5]), r)
    return np.exp(low), np.exp(high)


def _sides(a: Floats, b: Floats, a_bounds: Bounds, b_bounds: Bounds, r: Floats) -> Bounds:
    """How far the bounds of a - b lie below and above it."""
    a_down, a_up = a - a_bounds[0], a_bounds[1] - a
    b_down, b_up = b - b_bounds[0], b_bounds[1] - b
    below = a_down**2 + b_up**2 - 2 * r * a_down * b_up
    above = a_up**2 + b_down**2 - 2 * r * a_up * b_down
    return np.sqrt(np.maximum(below, 0)), np.sqrt(np.maximum(above, 0))
