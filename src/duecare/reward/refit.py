"""A reward's head fitted anew on hidden states that are computed once: minutes of labels, moments of fitting.

The model of choices is Bradley and Terry's (1952): the odds that the first of two answers is preferred are
exp(difference of their scores). Labels are weights, so that people who differ are both believed in part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from duecare.core import DataError

Floats = npt.NDArray[np.float64]


def refitted(
    apart: Floats, weights: Floats, start: Floats, pull: float, begin: Floats | None = None
) -> Floats:
    """The head [D] that makes weighted choices likeliest, held near `start` [D].

    `apart` [n, D]: states of the first answer less those of the second. `weights` [n, 2]: how much is said
    for the first and for the second. `pull` >= 0 is the strength of the tie to `start`, in nats a mean
    choice for a head that is off by as much as moves a typical pair by one. Raises DataError where nothing
    is said for any pair, or the numbers are not finite. `begin` [D] is a head to search from, where one is
    known that cannot be far.
    """
    total = float(weights.sum())
    if not total > 0 or not np.isfinite(apart).all() or not np.isfinite(weights).all():
        raise DataError("reward.refit: expected finite states, and a label for one pair at least")
    share = weights / total
    scale = np.sqrt(np.maximum((apart**2).mean(), 1e-30)) * np.sqrt(apart.shape[1])
    inputs, first = apart / scale, start * scale

    def loss(head: Floats) -> tuple[float, Floats]:
        margin, off = inputs @ head, head - first
        said: Floats = share[:, 0] * np.logaddexp(0, -margin) + share[:, 1] * np.logaddexp(0, margin)
        slope: Floats = -share[:, 0] * _chance(-margin) + share[:, 1] * _chance(margin)
        tie = pull / len(head)
        push: Floats = np.asarray(slope @ inputs + tie * off, dtype=np.float64)
        return float(said.sum() + tie / 2 * (off**2).sum()), push

    found: Any = minimize(
        loss,
        first if begin is None else begin * scale,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000},
    )
    return np.asarray(found.x / scale, dtype=np.float64)


def _chance(margin: Floats) -> Floats:
    """1 / (1 + exp(-margin)) without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0, -margin)), dtype=np.float64)
