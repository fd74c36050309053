"""Poisson sampling: every step draws every unit by itself, so batches differ in size.

The accountant's numbers hold for this and not for shuffled batches of one size, which are what data
loaders give (Chua et al. 2024 show how far the two can lie apart).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from duecare.privacy.noise import Secret

_WHOLE = 2**64


def poisson_batch(
    secret: Secret, step: int, *, units: int, rate: float, capacity: int
) -> npt.NDArray[np.int64]:
    """The units of training step `step` (0-based), in increasing order: int64 [up to capacity].

    A pure function of its arguments, so that a killed run draws the same again. Where more than `capacity`
    are drawn, those kept are a random part of them; `duecare.privacy.account.room` says how rare that is.
    """
    drawn = secret.draws("sample", step, units)
    threshold = int(rate * _WHOLE)
    chosen = np.arange(units) if threshold >= _WHOLE else np.flatnonzero(drawn < np.uint64(threshold))
    if len(chosen) > capacity:
        chosen = chosen[np.argsort(drawn[chosen], kind="stable")[:capacity]]
    return np.sort(chosen).astype(np.int64)
