"""Mean of differences between scores on a bounded scale, also where hardly any two differ."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from duecare.core import DataError
from duecare.measure.bound import move_difference, proportion_bounds
from duecare.measure.cluster import Sums, gather
from duecare.measure.interval import LEVEL, Interval, mean_of

FEW_DIFFERING = 10
"""A mean difference that rests on fewer differing units than this has an exact bound."""


def mean_shift(
    differences: object,
    within: tuple[float, float],
    units: Sequence[Hashable] | None = None,
    level: float = LEVEL,
) -> Interval:
    """Mean of `differences` [n] between scores on the scale `within`; equal `units` are not independent.

    Where few units differ from nought, upward and downward shifts are two bounded shares with exact
    intervals, joined by MOVER; so agreement in every pair is a bound and not a zero. Elsewhere
    skewness-corrected t.
    """
    if not within[0] < within[1]:
        raise DataError(f"within={within}: expected the lowest and the highest score of the scale")
    width = within[1] - within[0]
    gathered = gather(differences, units)
    if gathered.n and float(np.abs(np.asarray(differences, dtype=float)).max()) > width * (1 + 1e-9):
        raise DataError(f"differences: beyond the width {width:g} of the scale")
    differing = int((np.abs(gathered.sums) > 1e-12).sum())
    if gathered.clusters < 2 or differing >= FEW_DIFFERING:
        return mean_of(gathered, level, (-width, width), single=units is None)
    return _exact_shift(gathered, differences, units, width, level)


def _exact_shift(
    gathered: Sums, differences: object, units: Sequence[Hashable] | None, width: float, level: float
) -> Interval:
    worth = float(gathered.sizes.sum() ** 2 / (gathered.sizes**2).sum())
    shift = np.asarray(differences, dtype=float) / width
    up, down = (gather(np.maximum(part, 0.0), units).mean for part in (shift, -shift))
    bounds = [proportion_bounds(share * worth, worth, level) for share in (up, down)]
    low, high = move_difference(np.asarray(up), np.asarray(down), bounds[0], bounds[1])
    method = "exact bounds of shifts up and down, units as draws (MOVER)"
    count = None if units is None else gathered.clusters
    value = gathered.mean
    return Interval(
        value,
        min(float(low) * width, value),
        max(float(high) * width, value),
        gathered.n,
        count,
        method,
        level,
    )
