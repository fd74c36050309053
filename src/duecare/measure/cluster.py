"""From draws with cluster labels to one sum and one size per cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duecare.core import DataError
from duecare.measure.bound import Floats

Labels = Sequence[object] | NDArray[Any] | None
"""One label per draw, or None where every draw is its own cluster."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Draws gathered by cluster: labels `ids` [G], weighted `sums` [G] and total weights `sizes` [G]."""

    ids: tuple[object, ...]
    sums: Floats
    sizes: Floats
    n: int

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return len(self.ids)

    @property
    def mean(self) -> float:
        """Weighted mean over all draws."""
        return float(self.sums.sum() / self.sizes.sum())


def column(values: object, what: str) -> Floats:
    """`values` as a flat float array [n]; a DataError for another shape or a number that is not finite."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 1:
        raise DataError(f"{what}: shape {array.shape}, expected one dimension")
    if not np.isfinite(array).all():
        raise DataError(f"{what}: {int((~np.isfinite(array)).sum())} of {len(array)} values are not finite")
    return array


def gather(values: object, clusters: Labels = None, weights: object = None) -> Sums:
    """Sum `values` [n] by cluster label, with optional `weights` [n] (all above zero)."""
    array = column(values, "values")
    load = np.ones(len(array)) if weights is None else column(weights, "weights")
    if len(load) != len(array) or (len(load) and load.min() <= 0):
        raise DataError(f"weights: expected {len(array)} numbers above zero")
    if clusters is None:
        return Sums(ids=tuple(range(len(array))), sums=array * load, sizes=load, n=len(array))
    if len(clusters) != len(array):
        raise DataError(f"clusters: {len(clusters)} labels for {len(array)} values")
    place: dict[object, int] = {}
    index = np.fromiter((place.setdefault(label, len(place)) for label in clusters), dtype=np.int64)
    return Sums(
        ids=tuple(place),
        sums=np.bincount(index, weights=array * load, minlength=len(place)).astype(np.float64),
        sizes=np.bincount(index, weights=load, minlength=len(place)).astype(np.float64),
        n=len(array),
    )


def places(labels: Sequence[object] | NDArray[Any]) -> NDArray[np.int64]:
    """For each label [n] the place of its cluster, counted in the order of first appearance."""
    found: dict[object, int] = {}
    return np.fromiter((found.setdefault(label, len(found)) for label in labels), dtype=np.int64)


def aligned(a: Sums, b: Sums) -> tuple[Floats, Floats, Floats, Floats]:
    """Sums and sizes of both over the union of their clusters, zero where one lacks the cluster; [G] each."""
    place = {label: position for position, label in enumerate(dict.fromkeys((*a.ids, *b.ids)))}
    spread: list[Floats] = []
    for part in (a, b):
        where = np.array([place[label] for label in part.ids], dtype=np.int64)
        for source in (part.sums, part.sizes):
            wide = np.zeros(len(place))
            wide[where] = source
            spread.append(wide)
    return spread[0], spread[1], spread[2], spread[3]


def pulls(sums: Floats, sizes: Floats) -> Floats:
    """By how much each cluster moves the mean over all draws, with the CR2 adjustment; [..., G].

    The sum of squares is the CR2 variance (`bound.cluster_variance`); no cluster may hold everything.
    """
    n = sizes.sum(-1, keepdims=True)
    return np.asarray((sums - sums.sum(-1, keepdims=True) / n * sizes) / n / np.sqrt(1 - sizes / n))


def freedom(sizes: Floats) -> float:
    """Degrees of freedom of the CR2 variance of a mean (Bell and McCaffrey 2002), clusters - 1 if equal."""
    n = float(sizes.sum())
    if len(sizes) < 2:
        return 0.0
    scaled = sizes**2 / (1 - sizes / n)
    spread = (scaled.sum() ** 2 - (scaled**2).sum()) / n**2
    return float(n**2 / ((sizes**2).sum() + spread))
