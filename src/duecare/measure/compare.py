"""Two samples: difference and ratio, when draws come in clusters and the samples may share clusters.

Counterfactual twins share a cluster (the prompt both were written from), so their estimates move
together; the covariance over shared clusters goes into the interval. Samples that share no cluster
are independent, samples that share all are paired, and anything between is handled alike.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np

from duecare.core import DataError
from duecare.measure.bound import (
    Counts,
    Floats,
    difference_bounds,
    effective_size,
    informative_clusters,
    ratio_bounds,
)
from duecare.measure.cluster import Labels, Sums, aligned, freedom, gather, pulls
from duecare.measure.interval import LEVEL, Interval, around, mean_of, silent, too_few
from duecare.measure.skew import skew_reach

ENOUGH_TO_CORRELATE = 10
"""A correlation is used to narrow an interval only when this many clusters taught it."""


def difference(
    a: object,
    b: object,
    clusters_a: Labels = None,
    clusters_b: Labels = None,
    level: float = LEVEL,
) -> Interval:
    """Rate of `a` minus rate of `b`, 0/1 outcomes [n_a] and [n_b]; equal labels mean a shared cluster.

    Each rate has its clustered interval; MOVER joins them (Zou and Donner 2008). Without labels all
    draws are independent.
    """
    return rate_difference(*outcomes_pair(a, b, clusters_a, clusters_b), level)


def ratio(
    a: object,
    b: object,
    clusters_a: Labels = None,
    clusters_b: Labels = None,
    level: float = LEVEL,
) -> Interval:
    """Rate of `a` over rate of `b`, 0/1 outcomes, with an interval made on the logarithm.

    Where one of them has no event, half an event is added to each effective count and the bounds are
    Jeffreys's, so that value and bounds stay finite and above zero; the method then says so. A
    reference without an event bounds the ratio from below only: expect a very large `high`.
    """
    return rate_ratio(*outcomes_pair(a, b, clusters_a, clusters_b), level)


def paired_difference(
    a: object, b: object, level: float = LEVEL, *, within: tuple[float, float] | None = None
) -> Interval:
    """Mean of `a[i] - b[i]` over pairs [n], skewness-corrected t; for scores, not for 0/1 outcomes.

    `within` states bounds that no difference can leave: pairs that all differ alike then have an exact bound
    instead of a reason.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape:
        raise DataError(f"pairs: {first.shape} and {second.shape}, expected one shape")
    found = mean_of(gather(first - second), level, within, single=True)
    way = "skewness-corrected t" if found.value is None else found.method.removeprefix("mean, ")
    return Interval(
        found.value,
        found.low,
        found.high,
        found.n,
        found.n,
        f"paired difference, {way}",
        level,
        found.reason,
    )


def mean_difference(
    a: object,
    b: object,
    clusters_a: Labels = None,
    clusters_b: Labels = None,
    level: float = LEVEL,
    *,
    weights_a: object = None,
    weights_b: object = None,
) -> Interval:
    """Mean of `a` minus mean of `b` for scores, clusters shared or not (CR2, skewness-corrected t)."""
    pair = values_pair(a, b, clusters_a, clusters_b, weights_a=weights_a, weights_b=weights_b)
    return sums_difference(*pair, level)


def mean_ratio(
    a: object,
    b: object,
    clusters_a: Labels = None,
    clusters_b: Labels = None,
    level: float = LEVEL,
) -> Interval:
    """Mean of `a` over mean of `b` for scores whose means are above zero (delta method on the log)."""
    return sums_ratio(*values_pair(a, b, clusters_a, clusters_b), level)


def sums_difference(a: Sums, b: Sums, level: float = LEVEL) -> Interval:
    """`mean_difference` of scores that are already gathered by cluster."""
    method = "difference of means, cluster-robust (CR2, skewness-corrected t)"
    if (refusal := _refuse(a, b, method, level)) is not None:
        return refusal
    joint = _Joint.of(a, b)
    scale = max(abs(a.mean), abs(b.mean), 1e-300)
    moved = joint.moved_by_a - joint.moved_by_b
    if float((moved**2).sum()) <= (1e-12 * scale) ** 2:
        reason = f"the difference is the same in all {joint.clusters} independent units: no spread seen"
        return silent(reason, a.n + b.n, joint.clusters, method, level)
    below, above = skew_reach(moved, joint.freedom(a, b, 1.0, 1.0), level)
    value = a.mean - b.mean
    low, high = value - float(below), value + float(above)
    return Interval(value, low, high, a.n + b.n, joint.clusters, method, level)


def sums_ratio(a: Sums, b: Sums, level: float = LEVEL) -> Interval:
    """`mean_ratio` of scores that are already gathered by cluster."""
    method = "ratio of means, cluster-robust on the logarithm (CR2, skewness-corrected t)"
    if (refusal := _refuse(a, b, method, level)) is not None:
        return refusal
    joint = _Joint.of(a, b)
    if min(a.mean, b.mean) <= 0:
        reason = "the mean of one of the two groups is not above zero: a ratio says nothing there"
        return silent(reason, a.n + b.n, joint.clusters, method, level)
    by_a, by_b = joint.moved_by_a / a.mean, joint.moved_by_b / b.mean
    moved = by_a - by_b
    if float((moved**2).sum()) <= 1e-24:
        reason = f"the ratio is the same in all {joint.clusters} independent units: no spread seen"
        return silent(reason, a.n + b.n, joint.clusters, method, level)
    # A logarithm is bent: one and a half times the squared variance of each mean (the first two terms).
    bend = 1.5 * (float((moved * by_a).sum()) ** 2 - float((moved * by_b).sum()) ** 2)
    df, value = joint.freedom(a, b, 1 / a.mean, 1 / b.mean), a.mean / b.mean
    below, above = (min(float(each), 700.0) for each in skew_reach(moved, df, level, bend))
    low, high = value * math.exp(-below), min(value * math.exp(above), sys.float_info.max)
    return Interval(value, low, high, a.n + b.n, joint.clusters, method, level)


def rate_difference(a: Sums, b: Sums, level: float = LEVEL) -> Interval:
    """`difference` of outcomes that are already gathered by cluster."""
    method = "difference of rates, clustered (MOVER)"
    if (refusal := _refuse(a, b, method, level)) is not None:
        return refusal
    joint = _Joint.of(a, b)
    bounds = difference_bounds(_effective(a, level), _effective(b, level), level, joint.correlation)
    value = a.mean - b.mean
    low, high = around(value, bounds)
    low, high = max(low, -1.0), min(high, 1.0)
    return Interval(value, low, high, a.n + b.n, joint.clusters, method, level)


def rate_ratio(a: Sums, b: Sums, level: float = LEVEL) -> Interval:
    """`ratio` of outcomes that are already gathered by cluster."""
    method = "ratio of rates, clustered (MOVER on the logarithm)"
    if (refusal := _refuse(a, b, method, level)) is not None:
        return refusal
    joint = _Joint.of(a, b)
    (ka, na), (kb, nb) = _effective(a, level), _effective(b, level)
    if ka > 0 and kb > 0:
        value = a.mean / b.mean
    else:
        method += ", half an event added to each count (none seen in one of them)"
        value = float((ka + 0.5) / (na + 1) / ((kb + 0.5) / (nb + 1)))
    low, high = around(value, ratio_bounds((ka, na), (kb, nb), level, joint.correlation))
    return Interval(value, low, high, a.n + b.n, joint.clusters, method, level)


def shared_correlation(a: Sums, b: Sums) -> float:
    """Correlation of the means of two samples over shared clusters, as far as an interval trusts it."""
    return _Joint.of(a, b).correlation


@dataclass(frozen=True, slots=True)
class _Joint:
    """What two samples know of each other; how each cluster of both moves either mean [G], 0 where absent."""

    clusters: int
    shared: int
    moved_by_a: Floats
    moved_by_b: Floats
    correlation: float

    @classmethod
    def of(cls, a: Sums, b: Sums) -> _Joint:
        sums_a, sizes_a, sums_b, sizes_b = aligned(a, b)
        both = (sizes_a > 0) & (sizes_b > 0)
        pull_a, pull_b = pulls(sums_a, sizes_a), pulls(sums_b, sizes_b)
        spread = math.sqrt(float((pull_a**2).sum() * (pull_b**2).sum()))
        plain = float((pull_a * pull_b).sum()) / spread if spread > 0 else 0.0
        differing = int((np.abs(sums_a / _whole(sizes_a) - sums_b / _whole(sizes_b)) > 1e-12)[both].sum())
        taught = min(
            int(informative_clusters(a.sums, a.sizes)),
            int(informative_clusters(b.sums, b.sizes)),
            differing,
        )
        usable = plain if taught >= ENOUGH_TO_CORRELATE else min(plain, 0.0)
        return cls(len(sizes_a), int(both.sum()), pull_a, pull_b, min(max(usable, -1.0), 1.0))

    def freedom(self, a: Sums, b: Sums, slope_a: float, slope_b: float) -> float:
        """Degrees of freedom of slope_a * mean of a - slope_b * mean of b (Welch's where none is shared)."""
        va = slope_a**2 * float((self.moved_by_a**2).sum())
        vb = slope_b**2 * float((self.moved_by_b**2).sum())
        if self.shared or va + vb == 0:
            return min(freedom(a.sizes), freedom(b.sizes))
        return (va + vb) ** 2 / (va**2 / freedom(a.sizes) + vb**2 / freedom(b.sizes))


def _whole(sizes: Floats) -> Floats:
    return np.where(sizes > 0, sizes, 1.0)


def _effective(part: Sums, level: float) -> Counts:
    """Events and draws that a clustered sample is worth."""
    worth = effective_size(part.sums, part.sizes, level)
    return part.mean * worth, worth


def outcomes_pair(a: object, b: object, clusters_a: Labels, clusters_b: Labels) -> tuple[Sums, Sums]:
    """Two samples of 0/1 outcomes gathered by cluster; unlabelled draws of both are never one cluster."""
    for name, sample in (("a", a), ("b", b)):
        if not np.isin(np.asarray(sample, dtype=float), (0.0, 1.0)).all():
            raise DataError(f"{name}: expected outcomes 0 and 1 only; for scores use mean_difference")
    return values_pair(a, b, clusters_a, clusters_b)


def values_pair(
    a: object,
    b: object,
    clusters_a: Labels,
    clusters_b: Labels,
    *,
    weights_a: object = None,
    weights_b: object = None,
) -> tuple[Sums, Sums]:
    """Two samples of scores gathered by cluster; unlabelled draws of both are never one cluster."""
    if (clusters_a is None) != (clusters_b is None):
        raise DataError("clusters: labels for both samples, or for none")
    first, second = gather(a, clusters_a, weights_a), gather(b, clusters_b, weights_b)
    return (first, second) if clusters_a is not None else (first, _renamed(second))


def _renamed(part: Sums) -> Sums:
    """Labels that no other sample has: unlabelled draws of two samples are not the same draws."""
    return Sums(tuple(("b", label) for label in part.ids), part.sums, part.sizes, part.n)


def _refuse(a: Sums, b: Sums, method: str, level: float) -> Interval | None:
    for part in (a, b):
        if (found := too_few(part, method, level)) is not None:
            count = len({*a.ids, *b.ids})
            return silent(f"one of the two groups: {found.reason}", a.n + b.n, count, method, level)
    return None
