"""Weights for two declared axes at once, so that both count as in a population (raking)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from duecare.core import DataError

ROUNDS = 1000
CLOSE = 1e-10


@dataclass(frozen=True, slots=True)
class Raked:
    """The weight of each pair of groups, float64 [groups of one, groups of the other]; mean 1."""

    groups: tuple[tuple[str, ...], tuple[str, ...]]
    counts: np.ndarray
    weight: np.ndarray

    def shares(self, axis: int) -> dict[str, float]:
        """Weighted share of each group of one of the two axes."""
        total = self.counts * self.weight
        margin = total.sum(axis=1 - axis) / total.sum()
        return dict(zip(self.groups[axis], margin.tolist(), strict=True))


def rake(
    counts: Mapping[tuple[str, str], int],
    targets: tuple[Mapping[str, float], Mapping[str, float]],
    axes: tuple[str, str],
    most: float,
) -> Raked:
    """Iterative proportional fitting (Deming and Stephan 1940) of cells to two margins.

    `counts` are rows of each pair of groups, `targets` the shares of the groups of each axis. No weight
    leaves [1 / most, most] times the mean, so margins may be missed where the bounds bind; `shares` tells.
    Raises DataError where a pair of groups has no row: no weight can stand in for people who are absent.
    """
    groups = tuple(tuple(sorted({pair[side] for pair in counts})) for side in (0, 1))
    cells = np.array(
        [[counts.get((one, two), 0) for two in groups[1]] for one in groups[0]], dtype=np.float64
    )
    empty = [
        f"{one} x {two}"
        for i, one in enumerate(groups[0])
        for j, two in enumerate(groups[1])
        if not cells[i, j]
    ]
    if not cells.size or empty:
        raise DataError(
            f"no row is {', '.join(empty) or ' x '.join(axes)} ({axes[0]} x {axes[1]}); weights cannot "
            "stand in for absent rows: collect them, or balance by one axis"
        )
    wanted = [_target(targets[side], groups[side], axes[side]) for side in (0, 1)]
    weight = np.ones_like(cells)
    for _ in range(ROUNDS):
        last = weight
        for side in (0, 1):
            total = (cells * weight).sum()
            factor = wanted[side] * total / (cells * weight).sum(axis=1 - side)
            weight = weight * (factor[:, None] if side == 0 else factor[None, :])
        weight = np.clip(weight / _mean(cells, weight), 1 / most, most)
        if np.abs(weight - last).max() < CLOSE:
            break
    return Raked((groups[0], groups[1]), cells, weight / _mean(cells, weight))


def _mean(cells: np.ndarray, weight: np.ndarray) -> float:
    return float((cells * weight).sum() / cells.sum())


def _target(stated: Mapping[str, float], groups: tuple[str, ...], axis: str) -> np.ndarray:
    """The stated shares of the groups that have rows; even shares where nothing is stated."""
    if not stated:
        return np.full(len(groups), 1 / len(groups))
    if unnamed := sorted(set(groups) - set(stated)):
        raise DataError(f"population of {axis} does not name the group {', '.join(unnamed)}")
    found = np.array([stated[group] for group in groups])
    return np.asarray(found / found.sum())
