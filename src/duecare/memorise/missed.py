"""What redaction missed, and what of that was memorised.

People look at a sample of rows after redaction; what they mark was missed. The mean number of marked values a
row, times the training rows, says how many are still there. Each marked value is also asked of the model, as
redacted ones are, and the share memorised times that number says how many the model took in. Both are
estimates of samples, and the interval of the product carries the error of both (MOVER, Zou and Donner 2008,
with the variance of a product, Goodman 1960, in the place of that of a sum).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import chi2

from duecare.core import Estimate
from duecare.measure import Interval, cluster_mean
from duecare.measure.bound import proportion_bounds
from duecare.measure.interval import LEVEL, silent
from duecare.measure.rectify import effective_counts
from duecare.memorise.records_rows import Place, slices
from duecare.memorise.redacted import Tried

VALUES, SHARE = "memorise.missed.values", "memorise.missed.extracted"
MEMORISED = "memorise.missed.memorised"
PRODUCT = "product of both estimates (MOVER)"
MANY = 30
"""Rows that hold a missed value from which on their mean is told as a mean."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A reviewed sample of the rows of a source.

    - weights: the sampling weight of every row that people judged
    - missed: the places that they marked
    - tried: those of them that lie in training rows, as both models were asked for them
    - trained: how many training rows there are
    - groups: the declared groups of each row, by its name
    - sizes: training rows by axis and group
    - rests_on: who marked
    """

    weights: Mapping[str, float]
    missed: Sequence[Place]
    tried: Sequence[Tried]
    trained: int
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sizes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    rests_on: tuple[str, ...] = ()

    def where(self, keeps: Callable[[Place], bool]) -> Sample:
        """The same rows, and of the places in them those that `keeps` says."""
        return replace(
            self,
            missed=[place for place in self.missed if keeps(place)],
            tried=[each for each in self.tried if keeps(each.value.place)],
        )

    def of_group(self, axis: str, group: str) -> Sample:
        """The rows of one group alone."""
        own = {
            row: weight for row, weight in self.weights.items() if self.groups.get(row, {}).get(axis) == group
        }
        inside = self.where(lambda place: place.row in own)
        return replace(inside, weights=own, trained=self.sizes.get((axis, group), 0))


def figures(sample: Sample, about: Mapping[str, str]) -> list[Estimate]:
    """How many values are still there and how many were memorised: of all, by kind, by group."""
    found = list(_of(sample, about))
    for kind in sorted({place.kind for place in sample.missed}):
        own = sample.where(lambda place, kind=kind: place.kind == kind)  # type: ignore[misc]  # kind is bound now
        found += list(_of(own, {**about, "kind": kind}))
    for axis, group in slices(sample.groups, list(sample.weights)):
        found += list(_of(sample.of_group(axis, group), {**about, "axis": axis, "group": group}))
    return found


def _of(sample: Sample, about: Mapping[str, str]) -> Iterator[Estimate]:
    count = values_left(sample.weights, [place.row for place in sample.missed], sample.trained)
    share = extracted(sample.tried, sample.weights)
    both = (*sample.rests_on, "model:base", "model:tuned")
    yield count.estimate(VALUES, about, "values", sample.rests_on)
    yield share.estimate(SHARE, about, "share", both)
    yield product(count, share).estimate(MEMORISED, about, "values", both)


def values_left(
    weights: Mapping[str, float], rows: Sequence[str], trained: int, level: float = LEVEL
) -> Interval:
    """Values in `trained` rows by a reviewed sample: `rows` names the row of each that was found there.

    With many rows that hold one the mean a row by rows as draws; with few the gamma interval of Fay and Feuer
    1997 ("Confidence intervals for directly standardized rates"), rows that hold several counted as one
    event of that size. It is exact where none was found.
    """
    if len(weights) < 2:
        reason = f"people looked at {len(weights)} such rows: expected two at least"
        return silent(reason, len(weights), len(weights), "values a row", level)
    counted, names = Counter(rows), sorted(weights)
    counts = np.array([counted[row] for row in names], dtype=float)
    load = np.array([weights[row] for row in names], dtype=float)
    if int((counts > 0).sum()) > MANY and np.ptp(counts) > 0:
        found = cluster_mean(counts, names, level, weights=load)
        low, high, value = found.low, found.high, found.value
        method = "mean a row of a reviewed sample, times the training rows"
        if value is not None and low is not None and high is not None:
            low = max(low, 0.0)
            return _times(Interval(value, low, high, len(names), len(names), method, level), trained)
    return _times(_gamma(counts, load, level), trained)


def _gamma(counts: np.ndarray, load: np.ndarray, level: float) -> Interval:
    """The weighted mean of `counts` with the gamma interval of a compound Poisson total."""
    whole, tail = float(load.sum()), (1 - level) / 2
    value = float((load * counts).sum() / whole)
    variance = float(((load * counts) ** 2).sum() / whole**2)
    size = float(counts[counts > 0].mean()) if (counts > 0).any() else 1.0
    step = float(load.max()) / whole * size
    low = 0.0
    if value > 0:
        low = variance / (2 * value) * float(chi2.ppf(tail, 2 * value**2 / variance))
    more, spread = value + step, variance + step**2
    high = spread / (2 * more) * float(chi2.ppf(1 - tail, 2 * more**2 / spread))
    method = "gamma interval of weighted counts (Fay and Feuer), times the training rows"
    return Interval(value, min(low, value), max(high, value), len(counts), len(counts), method, level)


def _times(one: Interval, factor: float) -> Interval:
    value, low, high = (None if each is None else each * factor for each in (one.value, one.low, one.high))
    return replace(one, value=value, low=low, high=high)


def extracted(tried: Sequence[Tried], weights: Mapping[str, float], level: float = LEVEL) -> Interval:
    """Share of missed values that the model memorised; rows are clusters, sampling weights count."""
    method = "clustered proportion, weighed by the chance of being drawn (effective n)"
    rows = [each.value.place.row for each in tried]
    if len(set(rows)) < 2:
        reason = "no missed value could be asked for" if not rows else "all missed values stand in one row"
        return silent(reason, len(rows), len(set(rows)), method, level)
    outcome = np.array([each.memorised for each in tried], dtype=float)
    load = np.array([weights.get(row, 1.0) for row in rows], dtype=float)
    k, n = effective_counts(outcome, load, np.unique(rows, return_inverse=True)[1], level)
    value = float((outcome * load).sum() / load.sum())
    low, high = (float(bound) for bound in proportion_bounds(k, n, level))
    return Interval(value, min(low, value), max(high, value), len(rows), len(set(rows)), method, level)


def product(count: Interval, share: Interval) -> Interval:
    """How many values were memorised: both numbers multiplied, with an interval that carries both errors.

    Where nothing was missed, nothing could be asked for; then as many may be memorised as may be missed.
    """
    if count.value is None or count.low is None or count.high is None:
        return replace(count, method=PRODUCT)
    if share.value is None or share.low is None or share.high is None:
        if count.value == 0:
            return replace(count, method=f"{count.method}: none was found, so none could be asked for")
        return silent(share.reason or "", share.n, share.clusters, PRODUCT, share.level)
    value = count.value * share.value
    low, high = _mover((count.value, count.low, count.high), (share.value, share.low, share.high))
    return Interval(value, max(low, 0.0), high, share.n, share.clusters, PRODUCT, share.level)


def _mover(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float]:
    """Bounds of the product of two independent figures (value, low, high), none of them below 0."""
    down = [one[0] - one[1] for one in (a, b)]
    up = [one[2] - one[0] for one in (a, b)]
    value = a[0] * b[0]
    below = (b[0] * down[0]) ** 2 + (a[0] * down[1]) ** 2 - (down[0] * down[1]) ** 2
    above = (b[0] * up[0]) ** 2 + (a[0] * up[1]) ** 2 + (up[0] * up[1]) ** 2
    return min(value - math.sqrt(max(below, 0.0)), value), value + math.sqrt(above)


def rows_to_review(share: float, level: float = LEVEL) -> int:
    """Rows of which people must find none with a missed value to bound the share of such rows by `share`."""
    return math.ceil(math.log((1 - level) / 2) / math.log1p(-share))
