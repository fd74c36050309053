"""How well scores tell what a model was trained on: true positives at few false ones, and exposure.

Both compare members with texts that were drawn in the same way and left out, so that nothing but training
tells the two apart.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy import special

from duecare.core import DataError
from duecare.measure.cluster import column
from duecare.measure.interval import LEVEL, Interval, clopper_pearson, cluster_mean, silent
from duecare.measure.skew import skew_reach

FEW = 2


def true_positive_rate(
    members: object, others: object, *, false_positives: float = 0.01, level: float = LEVEL
) -> Interval:
    """Share of `members` [n] above the score that a share `false_positives` of what `others` [m] come from
    exceeds.

    Carlini et al. (2022, arXiv:2112.03570) on why it is told at few false positives. The value takes the
    threshold from the others that are there. The interval holds without any assumption about the scores:
    which of the ordered others lie below and above the true threshold is told by the beta distribution of
    their ranks, how many members lie above each of these two by Clopper and Pearson, a quarter of the error
    to each of the four bounds. So few others bound nothing from below: `needed_others` are needed. Draws are
    taken as independent.
    """
    ours, theirs = column(members, "members"), np.sort(column(others, "others"))[::-1]
    n, m = len(ours), len(theirs)
    if not 0 < false_positives < 1:
        raise DataError(f"false_positives={false_positives}: expected a share between 0 and 1")
    share = f"{100 * false_positives:g}%"
    method = f"above the threshold of {share} of others (order statistics, Clopper-Pearson)"
    if not n:
        return silent("no members", n, None, method, level)
    if m < 1 / false_positives:
        needed = needed_others(false_positives, level)
        reason = f"{m} others cannot resolve {share} false positives; {needed} bound it on both sides"
        return silent(reason, n, None, method, level)
    error, ranks = (1 - level) / 4, np.arange(1, m + 1)
    # Chance that a share of at most `false_positives` lies above the highest other, the second highest, ...
    reached = special.betainc(ranks, m + 1 - ranks, false_positives)
    sure, surely_more = np.flatnonzero(reached >= 1 - error), np.flatnonzero(reached <= error)
    value = float((ours > theirs[int(false_positives * m + 1e-9)]).mean())
    low, high = 0.0, 1.0
    if len(sure):
        low = _share(ours > theirs[sure[-1]], error)[0]
    if len(surely_more):
        high = _share(ours >= theirs[surely_more[0]], error)[1]
    return Interval(value, min(low, value), max(high, value), n, None, method, level)


def needed_others(false_positives: float = 0.01, level: float = LEVEL) -> int:
    """From how many texts that were left out on a true-positive rate is bounded from below."""
    return math.ceil(math.log((1 - level) / 4) / math.log1p(-false_positives))


def _share(above: np.ndarray, error: float) -> tuple[float, float]:
    """Bounds of a share, each missed with chance `error` at most."""
    found = clopper_pearson(int(above.sum()), len(above), 1 - 2 * error)
    return float(found.low or 0.0), float(1.0 if found.high is None else found.high)


def exposure(members: object, others: object, level: float = LEVEL) -> Interval:
    """Mean exposure of `members` [n] among `others` [m], in bits.

    Exposure (Carlini et al. 2019, arXiv:1802.08232) is log2 of how many candidates there are less log2 of
    the rank of the one that was placed; here the candidates are the others and the one itself, so that
    log2(m + 1) is the most. (The paper ranks among all secrets of one form, by a distribution fitted to some
    of them.) Ties count one half. The variance has two parts: between members, and, by leaving one out in
    turn, of the others. Where all members rank alike the share of those at the top is bounded in their place.
    """
    ours, theirs = column(members, "members"), column(others, "others")
    n, m = len(ours), len(theirs)
    method = f"mean exposure by rank among {m} controls (skewness-corrected t)"
    if n < FEW or m < FEW:
        reason = f"{n} placed and {m} controls: expected {FEW} at least of both"
        return silent(reason, n, None, method, level)
    beats = (theirs[None, :] > ours[:, None]) + 0.5 * (theirs[None, :] == ours[:, None])
    rank, most = 1 + beats.sum(axis=1), math.log2(m + 1)
    bits = most - np.log2(rank)
    value = float(bits.mean())
    if float(np.ptp(bits)) <= 0:  # all at one rank: bounded as a share is
        return replace(cluster_mean(bits, None, level, within=(0.0, most)), method=method)
    without = (math.log2(m) - np.log2(rank[:, None] - beats)).mean(axis=0)
    parts = (bits - value) / math.sqrt(n * (n - 1)), (without.mean() - without) * math.sqrt((m - 1) / m)
    variances = [float((part**2).sum()) for part in parts]
    freedom = sum(variances) ** 2 / (variances[0] ** 2 / (n - 1) + variances[1] ** 2 / (m - 1))
    below, above = skew_reach(np.concatenate(parts), freedom, level)
    low, high = max(value - float(below), 0.0), min(value + float(above), most)
    return Interval(value, min(low, value), max(high, value), n, None, method, level)


def chance_exposure(others: int) -> float:
    """The mean exposure of what nobody was trained on among so many others, in bits; 1.44 in the long run."""
    total = others + 1
    return math.log2(total) - math.lgamma(total + 1) / math.log(2) / total
