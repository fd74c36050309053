"""Intervals of coefficients of agreement, by resampling independent units.

Bootstrap-t (Hall 1988) on log(observed / expected disagreement), where a resample's standard error comes from
the coefficient's own slopes. Where disagreement was seen in few units there is nothing to resample: the
share of disagreement then has a finite-sample bound and MOVER joins it with what is known of the chance
(Zou and Donner 2008); `method` says which it was.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from duecare.measure.bound import Floats, effective_size, proportion_bounds, student_quantile
from duecare.measure.chance import none_expected
from duecare.measure.coefficient import Coefficient, Looked
from duecare.measure.interval import Interval, silent
from duecare.measure.resample import IN_THE_TAIL, LOST, UNITS

NOBODY = "no item was rated by two people: nothing can agree"

FEW_UNITS = 10
"""Disagreement seen in fewer units than this is not resampled."""

_AT_ONCE = 1 << 22
_REPEATED = 4
"""Sorts are drawn instead of units where there are so many units to a sort on average."""


def interval_of(coefficient: Coefficient, rng: np.random.Generator, level: float, resamples: int) -> Interval:
    """`coefficient` with its interval; a reason where it has no value or nothing shows its spread."""
    n, units = coefficient.n, coefficient.units
    name = coefficient.name
    if n == 0:
        return silent(NOBODY, 0, 0, name, level)
    looked = coefficient.look(coefficient.totals())
    if looked.expected[0] <= 0:
        reason = "all ratings are of one category: no disagreement is to be expected, so none can be missing"
        return silent(reason, n, units, name, level)
    if units == 1:
        reason = f"one independent unit ({n} ratings): nothing shows the spread between units"
        return silent(reason, n, 1, name, level)
    value = 1 - float(looked.observed[0] / looked.expected[0])
    bounds = _resampled(coefficient, looked, rng, level, resamples)
    way = "item" if coefficient.single else "cluster"
    method = f"{name}, {way} bootstrap-t ({resamples} resamples)"
    if bounds is None:
        bounds = _finite(coefficient, looked, level)
        method = f"{name}, finite-sample bound of disagreement, {way}s as draws (MOVER)"
    low, high = max(bounds[0], 0.0 if coefficient.bare else -1.0), min(bounds[1], 1.0)
    return Interval(value, min(low, value), max(high, value), n, units, method, level)


def _resampled(
    coefficient: Coefficient, looked: Looked, rng: np.random.Generator, level: float, resamples: int
) -> tuple[float, float] | None:
    """Bounds, or None where too few units disagree or the resamples do not reach that level."""
    tail = (1 - level) / 2
    informative = int((_disagreement(coefficient, looked) > 0).sum())
    if informative < FEW_UNITS or resamples * tail < IN_THE_TAIL:
        return None
    merged, count = _drawn_from(coefficient, rng)
    units = int(count.sum())
    figure = float(_figure(coefficient, looked)[0])
    error = float(_errors(looked, merged.columns, count[None, :], units)[0])
    if error <= 1e-9:
        return None
    found = []
    # A resample needs its weights, and two tables as wide as the units and as the columns.
    step = max(1, _AT_ONCE // sum(merged.columns.shape))
    for start in range(0, resamples, step):
        times = _weights(count, min(step, resamples - start), rng)
        again = merged.look(np.asarray((merged.columns.T @ times.T).T))
        spread = _errors(again, merged.columns, times, units)
        shift = _figure(merged, again) - figure
        fine = np.isfinite(shift) & (spread > 1e-6 * error)
        far = np.where(np.isnan(shift), np.inf, np.copysign(np.inf, shift))
        found.append(np.where(fine, np.where(fine, shift, 0.0) / np.where(fine, spread, 1.0), far))
    statistic = np.concatenate(found)
    if np.isinf(statistic).mean() > LOST:
        return None
    upper, lower = np.quantile(statistic, [1 - tail, tail], method="nearest")
    ends = figure - float(lower) * error, figure - float(upper) * error
    return (_back(coefficient, ends[0]), _back(coefficient, ends[1])) if np.isfinite(ends).all() else None


def _weights(count: Floats, size: int, rng: np.random.Generator) -> Floats:
    """How many units of each sort were drawn in `size` resamples, [size, sorts]; `count` has the sample's."""
    sorts = len(count)
    if count.max() > 1:
        units = int(count.sum())
        return rng.multinomial(units, count / units, size).astype(np.float64)
    picks = rng.integers(0, sorts, (size, sorts)) + sorts * np.arange(size)[:, None]
    return np.bincount(picks.ravel(), minlength=size * sorts).astype(np.float64).reshape(size, sorts)


def _drawn_from(coefficient: Coefficient, rng: np.random.Generator) -> tuple[Coefficient, Floats]:
    """One row for each sort of units, and how many units are of it.

    Units that say the same are drawn as counts of their sort, the same as drawing each; so a round of a
    hundred thousand items on a scale of five costs what its few hundred patterns cost. Where most differ, the
    units themselves are, at most UNITS of them.
    """
    # Equal rows have equal products with any numbers, and others have not but for chance.
    mark = np.random.default_rng(0).standard_normal((coefficient.columns.shape[1], 2))
    _, first, count = np.unique(
        np.asarray(coefficient.columns @ mark), axis=0, return_index=True, return_counts=True
    )
    if len(first) * _REPEATED > coefficient.units:
        merged = _merged(coefficient, rng)
        return merged, np.ones(merged.units)
    return replace(coefficient, columns=coefficient.columns[first]), count.astype(np.float64)


def _errors(looked: Looked, columns: object, times: Floats, units: int) -> Floats:
    """Standard error of the figure in each sample [B], from how much each unit (of a sort) moves it."""
    pull = np.asarray((columns @ looked.slope.T).T)  # type: ignore[operator]  # a sparse matrix: SciPy ships no types
    return np.asarray(np.sqrt((times * pull**2).sum(-1) * units / (units - 1)))


def _figure(coefficient: Coefficient, looked: Looked) -> Floats:
    """log(O / E), or the logit of O; infinite where one of them is nought, NaN where both are."""
    against = 1 - looked.observed if coefficient.bare else looked.expected
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(looked.observed) - np.log(against))


def _back(coefficient: Coefficient, figure: float) -> float:
    """The coefficient that has this figure."""
    if coefficient.bare:
        return 1 / (1 + math.exp(figure)) if figure < 700 else 0.0
    return 1 - math.exp(min(figure, 700.0))


def _disagreement(coefficient: Coefficient, looked: Looked) -> Floats:
    """Observed disagreement of each unit [G], times its base."""
    return np.asarray(coefficient.columns[:, : coefficient.cut] @ looked.apart[0]).ravel()


def _merged(coefficient: Coefficient, rng: np.random.Generator) -> Coefficient:
    """The same in at most UNITS units, each the sum of some drawn at random (see `resample.UNITS`)."""
    if coefficient.units <= UNITS:
        return coefficient
    from scipy import sparse

    units = coefficient.units
    group = rng.permutation(units) % UNITS
    gather = sparse.csr_matrix((np.ones(units), (group, np.arange(units))), shape=(UNITS, units))
    return replace(coefficient, columns=(gather @ coefficient.columns).tocsr())


def _finite(coefficient: Coefficient, looked: Looked, level: float) -> tuple[float, float]:
    """Bounds where few units disagree: an exact share of disagreement, joined with an uncertain chance.

    No variable within [0, 1] spreads more than a 0/1 one, so bounds for that one hold for disagreement too.
    """
    base = np.asarray(coefficient.columns[:, coefficient.cut].toarray()).ravel()
    most_apart = _reach(coefficient)
    sums = _disagreement(coefficient, looked) / most_apart
    here = base > 0
    worth = float(effective_size(sums[here], base[here], level)) if int(here.sum()) > 1 else 1.0
    share = float(looked.observed[0]) / most_apart
    least, most = (float(bound) for bound in proportion_bounds(share * worth, worth, level))
    if coefficient.bare:
        return 1 - most, 1 - least
    reach = float(student_quantile(level, coefficient.units - 1)) * _error_of_chance(coefficient, looked)
    expected = float(looked.expected[0]) / most_apart
    if share <= 0:
        return 1 - most / expected * math.exp(min(reach, 700.0)), 1.0
    up, figure = math.hypot(math.log(most / share), reach), share / expected
    low = 1 - figure * math.exp(min(up, 700.0))
    if least <= 0:
        return low, 1.0
    return low, 1 - figure * math.exp(-math.hypot(math.log(share / least), reach))


def _reach(coefficient: Coefficient) -> float:
    """The furthest that two ratings can be apart: the ends of an ordered scale as the sample ranks it."""
    if coefficient.pairs is None:
        return coefficient.reach
    totals = coefficient.totals()[0]
    shares = totals[coefficient.cut + 1 : -1] / totals[-1]
    ends = shares[shares > 0]
    return float(1 - (ends[0] + ends[-1]) / 2) ** 2


def _error_of_chance(coefficient: Coefficient, looked: Looked) -> float:
    """Standard error of log(expected disagreement): what the whole moves less what observation moves."""
    alone = replace(coefficient, expected=none_expected, finite=False)
    slope = alone.look(alone.totals()).slope - looked.slope
    moved = replace(looked, slope=slope)
    return float(_errors(moved, coefficient.columns, np.ones((1, coefficient.units)), coefficient.units)[0])
