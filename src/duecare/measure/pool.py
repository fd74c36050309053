"""Intersections of groups, each alone and with partial pooling: small cells borrow from the others.

Crossing a few axes soon gives cells of five draws, about which nothing can be said alone. The pooled
figure takes the cells' rates to be draws from one Beta distribution, whose mean and spread are learnt
from all cells (beta-binomial, as Tak, Kelly and Morris 2017, Journal of Statistical Software 78, whose
adjustment for density maximisation we replace by a sum over a grid). A cell with few draws moves to the
common rate, one with many stays where it is; nothing is pooled that the data show to differ.

What the pooled interval promises is weaker, and `method` says so: 95 % of the *cells of a study* lie in
their intervals. One cell that differs from all others as no Beta draw would is covered less often
(docs/coverage.md has the figures), so the unpooled figure always stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from duecare.core import DataError, Estimate
from duecare.measure.bound import Floats, informative_clusters, normal_quantile, student_quantile
from duecare.measure.cluster import Labels, Sums, column, gather
from duecare.measure.gap import Groups, about_group
from duecare.measure.interval import LEVEL, Interval, rate_of, silent

FEWEST_CELLS = 3
"""With fewer cells nothing shows how much cells differ."""

TAUGHT = 10
"""Draws within clusters are taken as wholly alike unless this many clusters can show how alike they are."""

_COARSE, _FINE = (41, 31), (17, 15)


@dataclass(frozen=True, slots=True)
class Pooled:
    """Pooled rates [C] with `low` and `high` [C], and how far each cell kept its own rate, `kept` [C]."""

    rate: Floats
    low: Floats
    high: Floats
    kept: Floats


def group_intersections(
    outcomes: object,
    axes: Mapping[str, Groups],
    clusters: Labels = None,
    *,
    metric: str,
    slice: Mapping[str, str] | None = None,
    level: float = LEVEL,
    rests_on: tuple[str, ...] = (),
) -> list[Estimate]:
    """`metric`.rate and `metric`.pooled_rate of 0/1 `outcomes` [n] in each intersection that was seen.

    `axes` name -> one label per draw; a draw with None on any axis is left out. The slice's "axis" and
    "group" join the names with " & ". Intersections come in the order they first appear. A DataError for
    labels that do not fit.
    """
    array = column(outcomes, "outcomes")
    if not np.isin(array, (0.0, 1.0)).all():
        raise DataError("outcomes: expected 0 and 1 only")
    cells = _cells(array, axes, clusters)
    axis, found = " & ".join(axes), []
    pooled = pooled_rates(list(cells.values()), level)
    for (name, cell), both in zip(cells.items(), pooled, strict=True):
        about = about_group(slice, axis, " & ".join(name))
        found.append(rate_of(cell, level).estimate(f"{metric}.rate", about, "share", rests_on))
        found.append(both.estimate(f"{metric}.pooled_rate", about, "share", rests_on))
    return found


def pooled_rates(cells: Sequence[Sums], level: float = LEVEL) -> list[Interval]:
    """One Interval for each cell, from all cells together; cells may share clusters."""
    method = (
        f"rate, partially pooled over {len(cells)} intersections (beta-binomial); holds on average over them"
    )
    if len(cells) < FEWEST_CELLS:
        reason = f"{len(cells)} intersections: pooling learns from {FEWEST_CELLS} or more"
        return [silent(reason, cell.n, cell.clusters, method, level) for cell in cells]
    worth = _worth(cells, level)
    events = np.array([cell.mean for cell in cells]) * worth
    found = pool(events, worth, level, _independence(cells))
    return [
        Interval(
            float(rate),
            min(float(low), float(rate)),
            max(float(high), float(rate)),
            cell.n,
            cell.clusters,
            method,
            level,
        )
        for rate, low, high, cell in zip(found.rate, found.low, found.high, cells, strict=True)
    ]


def pool(k: Floats, n: Floats, level: float = LEVEL, independence: float = 1.0) -> Pooled:
    """Beta-binomial pooling of `k` [C] events in `n` [C] draws (either may be a fraction).

    The mean has Jeffreys's prior; of the cell of median size every share kept, n / (n + concentration), is
    equally likely beforehand (Christiansen and Morris 1997). `independence` below 1 says that the cells'
    errors move together, so that all cells teach less of the common mean than their sum: the likelihood
    is raised to that power.
    """
    middle = float(np.log((k.sum() + 0.5) / (n.sum() - k.sum() + 0.5)))
    size = float(np.log(np.median(n)))
    mean = np.linspace(middle - 6, middle + 6, _COARSE[0])
    spread = np.linspace(size - 8, size + 8, _COARSE[1])
    for points in (_FINE, _FINE):
        weight = _posterior(mean, spread, k, n, size, power=independence)
        mean, spread = (
            _box(axis, weight.max(other), count)
            for axis, other, count in ((mean, 1, points[0]), (spread, 0, points[1]))
        )
    weight = _posterior(mean, spread, k, n, size, power=independence)
    keep = weight > 1e-4 * weight.max()
    mass = weight[keep] / weight[keep].sum()
    rows, columns = np.nonzero(keep)
    total = np.exp(spread[columns])[:, None]
    centre = special.expit(mean[rows])[:, None]
    a, b = k + total * centre, n - k + total * (1 - centre)
    tail = (1 - level) / 2
    low, high = (_quantile(mass, a, b, chance) for chance in (tail, 1 - tail))
    return Pooled(mass @ (a / (a + b)), low, high, mass @ (n / (n + total)))


def _posterior(mean: Floats, spread: Floats, k: Floats, n: Floats, size: float, *, power: float) -> Floats:
    """Posterior weight of each pair of logit mean [A] and log concentration [B], largest 1; [A, B]."""
    centre = special.expit(mean)[:, None, None]
    total = np.exp(spread)[None, :, None]
    a, b = total * centre, total * (1 - centre)
    likelihood = (special.betaln(k + a, n - k + b) - special.betaln(a, b)).sum(-1)
    of_mean = 0.5 * (special.log_expit(mean) + special.log_expit(-mean))
    of_spread = special.log_expit(spread - size) + special.log_expit(size - spread)
    log = power * likelihood + of_mean[:, None] + of_spread[None, :]
    return np.asarray(np.exp(log - log.max()))


def _box(axis: Floats, weight: Floats, points: int) -> Floats:
    """A finer axis over the part that has weight."""
    seen = np.flatnonzero(weight > 1e-4)
    step = axis[1] - axis[0]
    return np.linspace(axis[seen[0]] - step, axis[seen[-1]] + step, points)


def _quantile(mass: Floats, a: Floats, b: Floats, chance: float) -> Floats:
    """Quantile [C] of mixtures of Beta(a, b) [G, C] with weights `mass` [G], by halving on the logit."""
    low, high = np.full(a.shape[1], -40.0), np.full(a.shape[1], 40.0)
    for _ in range(32):
        middle = (low + high) / 2
        below = mass @ special.betainc(a, b, special.expit(middle)) < chance
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(special.expit((low + high) / 2))


def _worth(cells: Sequence[Sums], level: float) -> Floats:
    """Independent draws that each cell is worth [C], with one intra-cluster correlation for all cells.

    A cell of two clusters cannot show how alike the draws of a cluster are; all cells together can, as well
    as their distinct clusters tell: (z/t)^2 as in `bound.effective_size`, and no less than the clusters.
    """
    excess = pairs = 0.0
    taught = 0
    for cell in cells:
        if cell.clusters < 2:
            continue
        s, m, n = cell.sums, cell.sizes, float(cell.n)
        spread = cell.mean * (1 - cell.mean) * n / (n - 1)
        excess += float(((s - cell.mean * m) ** 2 / (1 - m / n) - spread * m).sum())
        pairs += float(spread * (m * (m - 1)).sum())
        taught += int(informative_clusters(s[m > 1], m[m > 1]))
    alike = min(max(excess / pairs, 0.0), 1.0) if pairs > 0 and taught >= TAUGHT else 1.0
    units = len({label for cell in cells for label in cell.ids})
    shrink = (normal_quantile(level) / student_quantile(level, max(units - 1, 1))) ** 2 if pairs > 0 else 1.0
    worth = [cell.n**2 / float((cell.sizes * (1 + (cell.sizes - 1) * alike)).sum()) for cell in cells]
    floor = [cell.n**2 / float((cell.sizes**2).sum()) for cell in cells]
    return np.maximum(np.array(worth) * shrink, floor)


def _independence(cells: Sequence[Sums]) -> float:
    """Variance of the sum of all cells were they independent, over what it is; 1 if no cluster is shared."""
    moved: dict[object, float] = {}
    alone = 0.0
    for cell in cells:
        residual = cell.sums - cell.mean * cell.sizes
        alone += float((residual**2).sum())
        for label, each in zip(cell.ids, residual.tolist(), strict=True):
            moved[label] = moved.get(label, 0.0) + each
    together = sum(each**2 for each in moved.values())
    return min(1.0, max(alone / together, 1 / len(cells))) if together > 0 else 1.0


def _cells(array: Floats, axes: Mapping[str, Groups], clusters: Labels) -> dict[tuple[str, ...], Sums]:
    """Draws of each intersection, gathered by cluster."""
    for name, labels in axes.items():
        if len(labels) != len(array):
            raise DataError(f"groups of {name}: {len(labels)} labels for {len(array)} values")
    if not axes:
        raise DataError("axes: expected at least one")
    if clusters is not None and len(clusters) != len(array):
        raise DataError(f"clusters: {len(clusters)} labels for {len(array)} values")
    units = list(range(len(array))) if clusters is None else list(clusters)
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, names in enumerate(zip(*axes.values(), strict=True)):
        whole = tuple(name for name in names if name is not None)
        if len(whole) == len(axes):
            rows.setdefault(whole, []).append(row)
    return {name: gather(array[where], [units[row] for row in where]) for name, where in rows.items()}
