"""Whether a score means what it says: Brier score, calibration error, reliability, and all within groups.

Scores here are chances in [0, 1]. The bins hold equally many texts; texts with one score stay together, so
that the order of the rows plays no part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from duecare.core import DataError, Estimate
from duecare.measure.bound import Floats, student_quantile
from duecare.measure.cluster import Labels
from duecare.measure.interval import LEVEL, Interval, cluster_mean, cluster_proportion, silent
from duecare.measure.ranking import Ranked

BINS = 10
FEWEST_IN_BIN = 5


def brier(scores: object, labels: object, clusters: Labels = None, level: float = LEVEL) -> Interval:
    """Mean squared distance of `scores` [n] to `labels` [n], 0 or 1 (Brier 1950): 0 is best, 0.25 a shrug."""
    chances = _chances(scores, labels, clusters)
    return cluster_mean((chances.scores - chances.event) ** 2, clusters, level, within=(0.0, 1.0))


def calibration_error(
    scores: object, labels: object, clusters: Labels = None, level: float = LEVEL, *, bins: int = BINS
) -> Interval:
    """Expected calibration error: mean over bins of how far events are from the scores, in [0, 1].

    `scores` [n], `labels` [n] 0 or 1, `clusters` [n] of dependent draws. The value is the usual
    one (Naeini, Cooper and Hauskrecht 2015, with bins of equal mass) and too high by chance: a
    perfect score has one above 0. The lower bound takes the most that chance can add away (the mean of a
    folded normal), so that it reaches 0 there; the upper bound needs no such allowance.
    """
    method = f"expected calibration error ({bins} bins of equal mass)"
    chances = _chances(scores, labels, clusters)
    n = len(chances.event)
    if (reason := _too_few(chances, bins)) is not None:
        return silent(reason, n, chances.units, method, level)
    gaps, share, error, joint = _bin_gaps(chances, bins)
    value = float((share * np.abs(gaps)).sum())
    groups = chances.units or n
    half = float(student_quantile(level, groups - 1)) * joint
    low, high = max(value - float(_chance(share * gaps, error).sum()) - half, 0.0), min(value + half, 1.0)
    return Interval(value, min(low, value), max(high, value), n, chances.units, method, level)


def reliability(
    scores: object,
    labels: object,
    clusters: Labels = None,
    *,
    metric: str,
    slice: Mapping[str, str] | None = None,
    level: float = LEVEL,
    bins: int = BINS,
    rests_on: tuple[str, ...] = (),
) -> list[Estimate]:
    """For each bin of equal mass `metric`.predicted, the mean score, and .observed, the share of events.

    The slice of each Estimate gains "bin" ("3 of 10"), "from" and "to" (scores). Drawn against each
    other they are the reliability diagram.
    """
    chances = _chances(scores, labels, clusters)
    place = _bins(chances.scores, bins)
    found = []
    for bin_ in range(bins):
        here = place == bin_
        if not here.any():
            continue
        seen, units = chances.scores[here], _labels(chances, here)
        about = dict(slice or {}) | {
            "bin": f"{bin_ + 1} of {bins}",
            "from": f"{seen.min():.6g}",
            "to": f"{seen.max():.6g}",
        }
        predicted = cluster_mean(seen, units, level, within=(0.0, 1.0))
        observed = cluster_proportion(chances.event[here].astype(float), units, level)
        found.append(predicted.estimate(f"{metric}.predicted", about, "share", rests_on))
        found.append(observed.estimate(f"{metric}.observed", about, "share", rests_on))
    return found


def group_calibration(
    scores: object,
    labels: object,
    groups: Sequence[str | None],
    clusters: Labels = None,
    *,
    metric: str,
    axis: str,
    slice: Mapping[str, str] | None = None,
    level: float = LEVEL,
    bins: int = BINS,
    rests_on: tuple[str, ...] = (),
) -> list[Estimate]:
    """Calibration within each group: `metric`.brier, .calibration_error and .excess.

    Excess is the mean score less the share of events: above 0 the score makes too much of the group.
    Draws whose group is None are left out; the slice of each Estimate gains "axis" and "group".
    """
    chances = _chances(scores, labels, clusters)
    if len(groups) != len(chances.event):
        raise DataError(f"groups: {len(groups)} labels for {len(chances.event)} scores")
    of = np.array([None if group is None else str(group) for group in groups], dtype=object)
    found = []
    for group in dict.fromkeys(name for name in of if name is not None):
        here = of == group
        told, event, units = chances.scores[here], chances.event[here].astype(float), _labels(chances, here)
        about = dict(slice or {}) | {"axis": axis, "group": group}
        for name, interval in (
            ("brier", brier(told, event, units, level)),
            ("calibration_error", calibration_error(told, event, units, level, bins=bins)),
            ("excess", cluster_mean(told - event, units, level, within=(-1.0, 1.0))),
        ):
            found.append(interval.estimate(f"{metric}.{name}", about, "", rests_on))
    return found


def _chances(scores: object, labels: object, clusters: Labels) -> Ranked:
    chances = Ranked.of(scores, labels, clusters)
    if len(chances.scores) and not (chances.scores.min() >= 0 and chances.scores.max() <= 1):
        raise DataError("scores: expected chances between 0 and 1")
    return chances


def _labels(chances: Ranked, here: NDArray[np.bool_]) -> Labels:
    return chances.place[here] if chances.clustered else None


def _too_few(chances: Ranked, bins: int) -> str | None:
    if bins < 1:
        raise DataError(f"bins={bins}: expected at least one")
    n = len(chances.event)
    if n < FEWEST_IN_BIN * bins:
        return f"{n} texts for {bins} bins, {FEWEST_IN_BIN * bins} are needed"
    if chances.units is not None and chances.units < 2:
        return f"one independent unit ({n} observations): nothing shows the spread between units"
    return None


def _bins(scores: Floats, bins: int) -> NDArray[np.int64]:
    """Which bin each score falls into, [n]; equal scores fall into one."""
    if not len(scores):
        return np.zeros(0, dtype=np.int64)
    from scipy.stats import rankdata  # takes a third of a second, which curation does without

    return np.asarray((rankdata(scores) - 0.5) / len(scores) * bins, dtype=np.int64)


def _bin_gaps(chances: Ranked, bins: int) -> tuple[Floats, Floats, Floats, float]:
    """Gap, share of texts and standard error of share times gap for each bin, and the error of their sum.

    A bin in which all outcomes are equal still has a spread: that of one event and one other more.
    """
    _, place = np.unique(_bins(chances.scores, bins), return_inverse=True)
    n, size = len(place), np.bincount(place).astype(float)
    residual = chances.event - chances.scores
    gaps = np.bincount(place, weights=residual) / size
    pull = np.zeros((int(chances.place.max()) + 1, len(size)))
    np.add.at(pull, (chances.place, place), (residual - gaps[place]) / n)
    likely = (np.bincount(place, weights=chances.event.astype(float)) + 1) / (size + 2)
    least = size * likely * (1 - likely) / n**2
    error = np.sqrt(np.maximum((pull**2).sum(0) * size / np.maximum(size - 1, 1), least))
    groups = len(pull)
    joint = ((pull * np.sign(gaps)).sum(1) ** 2).sum() * groups / (groups - 1)
    return gaps, size / n, error, math.sqrt(max(float(joint), float(least.sum())))


def _chance(gap: Floats, error: Floats) -> Floats:
    """The most that chance adds to the size of each `gap`, if the true one is no nearer 0 than two errors."""
    least = np.maximum(np.abs(gap) / error - 2, 0)
    folded = math.sqrt(2 / math.pi) * np.exp(-(least**2) / 2) + least * (1 - 2 * special.ndtr(-least))
    return np.asarray(error * (folded - least))
