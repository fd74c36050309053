"""One set of cluster resamples for many figures: rates, means, differences, ratios and the worst group.

Resampling never touches a row. Each group is one sum and one size per cluster; a resample is a weight
per cluster, the same for all groups, and all that a figure needs is a few weighted sums of them. So
groups that share prompts move together, as they do in truth, and a million Scores cost what their
clusters cost. Intervals are studentised (bootstrap-t, Hall 1988): rates on the logit, ratios on the
logarithm. Where a figure rests on few clusters the bootstrap has nothing to resample, and the
finite-sample interval of `interval.py` or `compare.py` stands in; `method` says which it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from duecare.measure.bound import Floats, informative_clusters
from duecare.measure.cluster import Sums

if TYPE_CHECKING:
    from scipy import sparse

UNITS = 20_000
"""More clusters than this are merged at random into this many units before they are resampled. Clusters
are independent, so units of several are too, with the same variance and skewness in all; what is lost is
half a percent of precision of an interval's width (the random groups of Wolter 2007, chapter 2)."""

FEW_EVENTS = 30
"""A rate is resampled when the rarer outcome was seen in at least this many clusters."""

FEW_CLUSTERS = 10
"""A mean is resampled when its group has at least this many clusters."""

IN_THE_TAIL = 10
"""A level is read from the resamples when at least this many of them lie beyond each bound."""

LOST = 0.01
"""Share of resamples that may be without a standard error before the bootstrap is refused."""

_AT_ONCE = 1 << 21
_FULL = 0.2


@dataclass(frozen=True, slots=True)
class Part:
    """One group: numbers `index` [G] of its clusters (rising), `sums` [G] and `sizes` [G]; `n` draws."""

    index: NDArray[np.int64]
    sums: Floats
    sizes: Floats
    n: int

    @property
    def mean(self) -> float:
        """Mean over all draws."""
        return float(self.sums.sum() / self.sizes.sum())

    def gathered(self) -> Sums:
        """The same with labels, for the functions that resample nothing."""
        return Sums(tuple(self.index.tolist()), self.sums, self.sizes, self.n)


@dataclass(frozen=True, slots=True)
class Moved:
    """One group in the resamples: its draws weighed `weight` [B], its mean moved by `shift` [B].

    `spread` [B] is the variance that each resample gives its mean; 0 where it says nothing.
    """

    mean: float
    variance: float
    weight: Floats
    shift: Floats
    spread: Floats
    informative: int
    clusters: int


def numbered(parts: Mapping[str, Sums]) -> tuple[dict[str, Part], int]:
    """Parts of one numbering of clusters, from groups with labels; and how many clusters there are."""
    place: dict[object, int] = {}
    found: dict[str, Part] = {}
    for name, part in parts.items():
        index = np.array([place.setdefault(label, len(place)) for label in part.ids], dtype=np.int64)
        order = np.argsort(index)
        found[name] = Part(index[order], part.sums[order], part.sizes[order], part.n)
    return found, len(place)


class Resamples:
    """`resamples` shared cluster resamples of the groups `parts`; `pairs` are those to be compared."""

    def __init__(
        self,
        parts: Mapping[str, Part],
        clusters: int,
        rng: np.random.Generator,
        resamples: int = 2000,
        pairs: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.parts, self.size = dict(parts), resamples
        count = min(clusters, UNITS)
        unit = np.arange(clusters) if clusters <= UNITS else rng.permutation(clusters) % UNITS
        units = {name: _Units.of(part, unit, count) for name, part in self.parts.items() if part.n}
        both = [pair for pair in pairs if pair[0] in units and pair[1] in units]
        blocks = [each.own() for each in units.values()]
        blocks += [units[a].shared_with(units[b]) for a, b in both]
        totals = weighted_totals(blocks, count, rng, resamples) if units else []
        self.moved = {
            name: _moved(self.parts[name], units[name], total)
            for name, total in zip(units, totals, strict=False)
        }
        self._shared = dict(zip(both, totals[len(units) :], strict=True))
        self._plain = {
            pair: float(block[1][:, 0].sum()) for pair, block in zip(both, blocks[len(units) :], strict=True)
        }

    def covariance(self, a: str, b: str) -> tuple[float, Floats]:
        """Covariance of the means of two groups, and its value in each resample [B]."""
        first, second = self.moved[a], self.moved[b]
        ee, em, me, mm = self._shared[a, b]
        total = ee - second.shift * em - first.shift * me + first.shift * second.shift * mm
        plain = self._plain[a, b] / float(self.parts[a].sizes.sum() * self.parts[b].sizes.sum())
        return plain, total / (first.weight * second.weight)


Block = tuple[NDArray[np.int64], Floats]
"""Numbers of units [U], rising, and columns to be summed over them [U, c]."""


@dataclass(frozen=True, slots=True)
class _Units:
    """One group by unit: numbers [U], centred sums [U] and sizes [U].

    Centred, so that nothing cancels: a mean of a million with a spread of one keeps its digits.
    """

    index: NDArray[np.int64]
    centred: Floats
    sizes: Floats

    @classmethod
    def of(cls, part: Part, unit: NDArray[np.int64], count: int) -> _Units:
        where = unit[part.index]
        centred = np.bincount(where, weights=part.sums - part.mean * part.sizes, minlength=count).astype(
            np.float64
        )
        sizes = np.bincount(where, weights=part.sizes, minlength=count).astype(np.float64)
        index = np.flatnonzero(sizes)
        return cls(index, centred[index], sizes[index])

    def own(self) -> Block:
        e, m = self.centred, self.sizes
        return self.index, np.stack([e, m, e**2, e * m, m**2], axis=1)

    def shared_with(self, other: _Units) -> Block:
        both, mine, theirs = np.intersect1d(self.index, other.index, assume_unique=True, return_indices=True)
        ea, ma, eb, mb = self.centred[mine], self.sizes[mine], other.centred[theirs], other.sizes[theirs]
        return both, np.stack([ea * eb, ea * mb, ma * eb, ma * mb], axis=1)


def weighted_totals(
    blocks: Sequence[Block], units: int, rng: np.random.Generator, resamples: int
) -> list[Floats]:
    """Column sums [c, B] of each block, where each resample draws `units` of `units` units (Efron 1979).

    Blocks that most units have are one dense product, the others one sparse product; a few resamples at a
    time, so memory stays bounded.
    """
    full = [place for place, (index, _) in enumerate(blocks) if len(index) >= _FULL * units]
    thin = [place for place in range(len(blocks)) if place not in set(full)]
    dense = _table([blocks[place] for place in full], units).toarray()
    loose = _table([blocks[place] for place in thin], units).T.tocsr()
    sums = np.empty((dense.shape[1] + loose.shape[0], resamples))
    step = max(1, _AT_ONCE // units)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        picks = rng.integers(0, units, (count, units)) + units * np.arange(count)[:, None]
        times = np.bincount(picks.ravel(), minlength=count * units).astype(np.float32).reshape(count, units)
        sums[: dense.shape[1], start : start + count] = (times @ dense).T
        sums[dense.shape[1] :, start : start + count] = loose @ times.T
    order = [*full, *thin]
    ends = np.cumsum([blocks[place][1].shape[1] for place in order])[:-1]
    found = dict(zip(order, np.split(sums, ends), strict=True))
    return [found[place] for place in range(len(blocks))]


def _table(blocks: Sequence[Block], units: int) -> sparse.csc_matrix:
    """All columns of `blocks` side by side, [units, columns]."""
    from scipy import sparse  # takes a while, and one interval needs none

    rows = [np.tile(index, columns.shape[1]) for index, columns in blocks]
    counts = [np.full(columns.shape[1], len(index)) for index, columns in blocks]
    values = [columns.T.ravel().astype(np.float32) for _, columns in blocks]
    empty = [np.zeros(0, dtype=np.int64)]
    ends = np.cumsum(np.concatenate([*empty, *counts]), dtype=np.int64)
    shape = units, len(ends)
    data = np.concatenate([np.zeros(0, dtype=np.float32), *values])
    return sparse.csc_matrix((data, np.concatenate([*empty, *rows]), np.r_[0, ends]), shape=shape)


def _moved(part: Part, units: _Units, total: Floats) -> Moved:
    e, m, ee, em, mm = total
    whole = np.where(m > 0, m, 1.0)
    shift = np.where(m > 0, e / whole, 0.0)
    spread = np.where(m > 0, np.maximum(ee - 2 * shift * em + shift**2 * mm, 0.0) / whole**2, 0.0)
    variance = float((units.centred**2).sum()) / float(units.sizes.sum()) ** 2
    informative = int(informative_clusters(part.sums, part.sizes))
    return Moved(part.mean, variance, whole, shift, spread, informative, len(part.index))
