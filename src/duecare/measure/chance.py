"""The disagreement that chance alone would bring, from the shares of each category; with its slope.

Every figure of `agree.py` is 1 - observed / expected disagreement. The functions here give the expected
part for many sets of shares at once, [B, K] to [B] and its gradient [B, K], so that each resample knows
its own standard error.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from duecare.measure.bound import Floats

Expected = Callable[[Floats], tuple[Floats, Floats]]
"""Shares [B, K] to expected disagreement [B] and its gradient [B, K]."""

_BLOCK = 512


def none_expected(shares: Floats) -> tuple[Floats, Floats]:
    """No chance taken out: what is left is 1 - observed disagreement."""
    return np.ones(len(shares)), np.zeros_like(shares)


def unlike(shares: Floats) -> tuple[Floats, Floats]:
    """Two draws of these shares are of different categories (Scott 1955, Fleiss 1971, nominal alpha)."""
    return 1 - (shares**2).sum(-1), -2 * shares


def ranks(shares: Floats) -> tuple[Floats, Floats]:
    """Mean squared distance of two draws in mid-ranks: (1 - sum of cubes) / 6, as ranks with ties vary."""
    return (1 - (shares**3).sum(-1)) / 6, -(shares**2) / 2


def moments(shares: Floats) -> tuple[Floats, Floats]:
    """Mean squared distance of two draws whose mean and mean square stand in `shares` [B, 2]."""
    mean, square = shares[:, 0], shares[:, 1]
    return 2 * (square - mean**2), np.stack([-4 * mean, np.full(len(mean), 2.0)], axis=1)


def ratios(values: Floats) -> Expected:
    """Mean squared relative distance of two draws of `values` [K]: ((a - b) / (a + b))^2."""

    def expected(shares: Floats) -> tuple[Floats, Floats]:
        far = np.empty_like(shares)
        for start in range(0, len(values), _BLOCK):  # a scale of thousands of values has no room for K x K
            far[:, start : start + _BLOCK] = shares @ relative(
                values[:, None], values[start : start + _BLOCK]
            )
        return (shares * far).sum(-1), 2 * far

    return expected


def relative(a: Floats, b: Floats) -> Floats:
    """((a - b) / (a + b))^2, nought where both are nought."""
    whole = a + b
    return np.where(whole > 0, ((a - b) / np.where(whole > 0, whole, 1.0)) ** 2, 0.0)


def weighted(distance: Floats) -> Expected:
    """Mean of `distance` [K, K] between two draws of the same shares."""

    def expected(shares: Floats) -> tuple[Floats, Floats]:
        far = shares @ (distance + distance.T) / 2
        return (shares * far).sum(-1), 2 * far

    return expected


def two_sided(distance: Floats) -> Expected:
    """Mean of `distance` [K, K] between draws of two raters; `shares` [B, 2 K] holds both."""

    def expected(shares: Floats) -> tuple[Floats, Floats]:
        first, second = np.split(shares, 2, axis=1)
        far, near = second @ distance.T, first @ distance
        return (first * far).sum(-1), np.concatenate([far, near], axis=1)

    return expected


def by_guessing(weights: Floats) -> Expected:
    """1 - Gwet's chance of agreeing by a guess (2008; with `weights` [K, K] of agreement, 2014).

    Chance = sum of weights / (K (K - 1)) * sum of p (1 - p).
    """
    scale = float(weights.sum()) / (len(weights) * (len(weights) - 1))

    def expected(shares: Floats) -> tuple[Floats, Floats]:
        return 1 - scale * (shares * (1 - shares)).sum(-1), -scale * (1 - 2 * shares)

    return expected
