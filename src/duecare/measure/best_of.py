"""Best of n answers: what a policy becomes that is pulled by a reward, from one pool of its answers.

Of the n answers drawn to a prompt the one with the highest reward is given. Its expected value by any other
instrument is estimated without bias, for every n up to the pool's size, from one pool of N answers: the i-th
lowest by reward is the best of n with chance C(i - 1, n - 1) / C(N, n) (Nakano et al. 2021, appendix G; Gao,
Schulman and Hilton 2023). Answers that earn the same share their chances, as if lots were drawn.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln

from duecare.core import DataError
from duecare.measure.bound import Floats


def best_of(reward: object, values: object, n: int) -> float:
    """The expected value of the best of `n`, by `reward` [N], of answers that have `values` [N].

    Raises DataError unless 1 <= n <= N and all are finite numbers.
    """
    given, found = np.asarray(reward, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or given.shape != found.shape or not 1 <= n <= len(given):
        raise DataError(
            f"best of {n}: rewards {given.shape}, values {found.shape}: expected as many of both, at least n"
        )
    if not (np.isfinite(given).all() and np.isfinite(found).all()):
        raise DataError("best of n: expected finite numbers")
    # Equal rewards have equal values in what follows: their mean, and so the chances of all of them.
    _, place, counts = np.unique(given, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=found) / counts
    order = np.argsort(given, kind="stable")
    return float(chances(len(given), n) @ means[place][order])


def chances(size: int, n: int) -> Floats:
    """Chance [size] of the i-th lowest of a pool to be the best of `n` drawn from it without replacement."""
    rank = np.arange(1, size + 1, dtype=np.float64)
    with np.errstate(divide="ignore"):
        log = gammaln(rank) - gammaln(n) - gammaln(np.maximum(rank - n + 1, 0.0))
    log = log - (gammaln(size + 1) - gammaln(n + 1) - gammaln(size - n + 1))
    found: Floats = np.where(rank >= n, np.exp(np.where(rank >= n, log, 0.0)), 0.0)
    return np.asarray(found / found.sum())


def best_of_kl(n: int) -> float:
    """How far the best of `n` is from the policy, in nats: log n - (n - 1) / n.

    An upper bound, exact where no two answers earn the same (Beirami et al. 2024).
    """
    if n < 1:
        raise DataError(f"n={n}: expected a whole number from 1 on")
    return math.log(n) - (n - 1) / n


def growing(most: int) -> list[int]:
    """1, 2, 4 and on, up to `most` itself."""
    powers = [2**place for place in range(most.bit_length()) if 2**place < most]
    return [*powers, most]
