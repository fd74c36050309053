"""One figure with its interval: proportions, means, and both when draws come in clusters.

Each function takes one sample and returns an `Interval`. Where nothing can be said the Interval
has no value but a `reason`. No interval has zero width: equal values say that the spread is small, not
that it is nought, so proportions get an exact bound and unbounded means a reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from duecare.core import DataError, Estimate
from duecare.measure.bound import (
    EXACT_UP_TO,
    Bounds,
    Floats,
    cluster_variance,
    effective_size,
    exact_bounds,
    proportion_bounds,
    wilson_bounds,
)
from duecare.measure.cluster import Labels, Sums, column, freedom, gather, pulls
from duecare.measure.skew import skew_reach

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """`value` within [`low`, `high`] at confidence `level`, or None three times with a `reason`.

    `n` counts draws, `clusters` independent units among them (None where each draw is one).
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int | None
    method: str
    level: float = LEVEL
    reason: str | None = None

    def estimate(
        self,
        metric: str,
        slice: Mapping[str, str],
        unit: str = "",
        rests_on: tuple[str, ...] = (),
        step: int | None = None,
    ) -> Estimate:
        """This interval as an Estimate of `metric` about `slice`."""
        return Estimate(
            metric=metric,
            value=self.value,
            low=self.low,
            high=self.high,
            n=self.n,
            clusters=self.clusters,
            method=self.method,
            level=self.level,
            reason=self.reason,
            slice=dict(slice),
            unit=unit,
            rests_on=rests_on,
            step=step,
        )


def silent(reason: str, n: int, clusters: int | None, method: str, level: float) -> Interval:
    """An Interval that says only why it says nothing."""
    return Interval(None, None, None, n, clusters, method, level, reason)


def too_few(gathered: Sums, method: str, level: float) -> Interval | None:
    """The refusal where there is nothing, or only one cluster, to learn from."""
    if gathered.n == 0:
        return silent("no observations", 0, 0, method, level)
    if gathered.clusters == 1:
        reason = f"one independent unit ({gathered.n} observations): nothing shows the spread between units"
        return silent(reason, gathered.n, 1, method, level)
    return None


def around(value: float, bounds: Bounds) -> tuple[float, float]:
    """Bounds as plain numbers that hold `value` also where arithmetic rounds."""
    return min(float(bounds[0]), value), max(float(bounds[1]), value)


def wilson(k: int, n: int, level: float = LEVEL) -> Interval:
    """`k` events in `n` independent draws, Wilson's score interval; for rare events see `proportion`."""
    return _of_counts(k, n, level, "Wilson", exact=False)


def clopper_pearson(k: int, n: int, level: float = LEVEL) -> Interval:
    """`k` events in `n` independent draws, Clopper and Pearson's exact interval."""
    return _of_counts(k, n, level, "Clopper-Pearson", exact=True)


def proportion(k: int, n: int, level: float = LEVEL) -> Interval:
    """`k` events in `n` independent draws: exact while the rarer outcome is rare, Wilson beyond."""
    exact = min(k, n - k) <= EXACT_UP_TO
    return _of_counts(k, n, level, "Clopper-Pearson" if exact else "Wilson", exact=exact)


def cluster_proportion(outcomes: object, clusters: Labels = None, level: float = LEVEL) -> Interval:
    """Rate of 0/1 `outcomes` [n] whose draws share `clusters` (prompts, people, conversations).

    `bound.effective_size` finds how many independent draws the sample is worth; `proportion` does the
    rest. One cluster tells nothing of the spread between clusters and gives a reason instead.
    """
    return rate_of(outcomes_of(outcomes, clusters), level)


def outcomes_of(outcomes: object, clusters: Labels) -> Sums:
    """0/1 `outcomes` [n] gathered by cluster; a DataError for any other number."""
    gathered = gather(outcomes, clusters)
    if not np.isin(np.asarray(outcomes, dtype=float), (0.0, 1.0)).all():
        raise DataError("outcomes: expected 0 and 1 only; for scores use cluster_mean")
    return gathered


def rate_of(gathered: Sums, level: float = LEVEL) -> Interval:
    """`cluster_proportion` of outcomes that are already gathered by cluster."""
    method = "clustered proportion (Korn-Graubard effective n)"
    if (refusal := too_few(gathered, method, level)) is not None:
        return refusal
    if gathered.clusters == gathered.n:
        whole = proportion(round(float(gathered.sums.sum())), gathered.n, level)
        return Interval(
            whole.value, whole.low, whole.high, whole.n, gathered.clusters, whole.method, whole.level
        )
    worth = effective_size(gathered.sums, gathered.sizes, level)
    if gathered.mean in (0.0, 1.0):
        method = "exact bound, clusters as draws (all outcomes equal)"
    low, high = around(gathered.mean, proportion_bounds(gathered.mean * worth, worth, level))
    return Interval(gathered.mean, low, high, gathered.n, gathered.clusters, method, level)


def mean_t(values: object, level: float = LEVEL) -> Interval:
    """Mean of independent `values` [n] with Student's t, corrected for skewness (`skew.py`)."""
    return cluster_mean(values, None, level)


def cluster_mean(
    values: object,
    clusters: Labels = None,
    level: float = LEVEL,
    *,
    weights: object = None,
    within: tuple[float, float] | None = None,
) -> Interval:
    """Mean of `values` [n], weighted by `weights` [n], when draws share clusters.

    CR2 variance with Bell and McCaffrey's degrees of freedom (clusters - 1 where all are equal) and
    Student's t, corrected for skewness (Hall 1992, see `skew.py`). `within` states bounds that the values
    cannot leave: the interval is cut there, and equal values then have an exact bound instead of a reason.
    """
    return mean_of(gather(values, clusters, weights), level, within, single=clusters is None)


def mean_of(
    gathered: Sums, level: float, within: tuple[float, float] | None = None, *, single: bool = False
) -> Interval:
    """`cluster_mean` of values that are already gathered by cluster."""
    method = "mean, skewness-corrected t" if single else "mean, cluster-robust (CR2, skewness-corrected t)"
    if (refusal := too_few(gathered, method, level)) is not None:
        return refusal
    count = None if single else gathered.clusters
    mean, moved = gathered.mean, pulls(gathered.sums, gathered.sizes)
    if float((moved**2).sum()) <= _rounding(gathered):
        return _of_equal(gathered, level, within, count)
    below, above = skew_reach(moved, freedom(gathered.sizes), level)
    low, high = mean - float(below), mean + float(above)
    if within is not None:
        mean = min(max(mean, within[0]), within[1])
        low, high = max(low, within[0]), min(high, within[1])
    return Interval(mean, low, high, gathered.n, count, method, level)


def cluster_bootstrap(
    values: object,
    rng: np.random.Generator,
    clusters: Labels = None,
    level: float = LEVEL,
    *,
    weights: object = None,
    resamples: int = 2000,
) -> Interval:
    """Mean of `values` [n] by resampling whole clusters, studentised (bootstrap-t, Hall 1988).

    Slower than `cluster_mean`, which needs no generator. Resamples in which all clusters are equal have
    no standard error and count as infinitely far off; more than 1 in 100 of them is refused.
    """
    gathered, method = gather(values, clusters, weights), f"cluster bootstrap-t ({resamples} resamples)"
    if (refusal := too_few(gathered, method, level)) is not None:
        return refusal
    variance = float(cluster_variance(gathered.sums, gathered.sizes))
    if variance <= _rounding(gathered):
        return _of_equal(gathered, level, None, gathered.clusters)
    statistic = _studentised(gathered, rng, resamples)
    if np.isinf(statistic).mean() > 0.01:
        reason = f"too few of the {gathered.clusters} clusters differ for resampling to tell their spread"
        return silent(reason, gathered.n, gathered.clusters, method, level)
    tail, error = (1 - level) / 2, math.sqrt(variance)
    upper, lower = np.quantile(statistic, [1 - tail, tail], method="nearest")
    low, high = gathered.mean - float(upper) * error, gathered.mean - float(lower) * error
    mean = gathered.mean
    return Interval(mean, min(low, mean), max(high, mean), gathered.n, gathered.clusters, method, level)


def _studentised(gathered: Sums, rng: np.random.Generator, resamples: int) -> Floats:
    """(mean* - mean) / standard error* of every resample; infinite where that error is nought."""
    found = []
    for start in range(0, resamples, 256):
        picks = rng.integers(0, gathered.clusters, (min(256, resamples - start), gathered.clusters))
        sums, sizes = gathered.sums[picks], gathered.sizes[picks]
        shift = sums.sum(-1) / sizes.sum(-1) - gathered.mean
        error = np.sqrt(cluster_variance(sums, sizes))
        flat = error <= math.sqrt(_rounding(gathered))
        found.append(np.where(flat, np.copysign(np.inf, shift), shift / np.where(flat, 1.0, error)))
    return np.concatenate(found)


def _of_counts(k: int, n: int, level: float, method: str, *, exact: bool) -> Interval:
    if not 0 <= k <= n:
        raise DataError(f"k={k}, n={n}: expected 0 <= k <= n")
    if n == 0:
        return silent("no observations", 0, None, method, level)
    low, high = exact_bounds(k, n, level) if exact else wilson_bounds(k, n, level)
    return Interval(k / n, float(low), float(high), n, None, method, level)


def _of_equal(
    gathered: Sums, level: float, within: tuple[float, float] | None, count: int | None
) -> Interval:
    """All clusters have one mean: an exact bound where the values are bounded, a reason elsewhere.

    No variable within [0, 1] spreads more than a 0/1 one, so bounds for that one hold for all.
    """
    if within is None:
        reason = f"all {gathered.clusters} independent values are equal: nothing shows their spread"
        return silent(reason, gathered.n, count, "mean", level)
    worth = float(gathered.sizes.sum() ** 2 / (gathered.sizes**2).sum())
    floor, width = within[0], within[1] - within[0]
    share = min(max((gathered.mean - floor) / width, 0.0), 1.0)
    low, high = exact_bounds(share * worth, worth, level)
    return Interval(
        floor + width * share,
        floor + width * float(low),
        floor + width * float(high),
        gathered.n,
        count,
        "exact bound, clusters as draws (all values equal)",
        level,
    )


def _rounding(gathered: Sums) -> float:
    """Variance below which clusters differ by rounding only."""
    scale = float(np.abs(column(gathered.sums / gathered.sizes, "cluster means")).max())
    return (1e-12 * max(scale, 1e-300)) ** 2
