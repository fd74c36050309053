"""The tables on means for docs/coverage.md; `coverage_grid.py` writes them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from skewed_worlds import (
    CLUSTERS,
    FEWEST,
    SIZES,
    UNSEEN_WORLDS,
    WORLDS,
    intervals,
    means,
    oracle_width,
)
from worlds import allowance, covered

from duecare.measure import mean_difference, mean_ratio

EVERY = WORLDS | UNSEEN_WORLDS

APART = {
    "25 prompts of four, others": (25, 4, 0.3, False, 1),
    "25 prompts of four, the same": (25, 4, 0.3, True, 1),
    "100 draws": (100, 1, 0.0, False, 1),
    "30 draws against 300": (30, 1, 0.0, False, 10),
}
"""Clusters, draws in each, correlation, whether the groups share them, how many times more the second has."""


def line(*cells: object) -> str:
    """One row of a table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def mark(share: float, repeats: int) -> str:
    """A coverage in per cent, with a cross where it falls short by more than three Monte-Carlo errors."""
    return f"{100 * share:.1f}" + ("" if share >= 0.94 - allowance(repeats) else " ✗")


def of_means(rng: np.random.Generator, repeats: int) -> Iterator[str]:
    """Coverage of one mean: ours, Student's t, Hall's cubic as published; widths against oracle and t."""
    ways = ("ours", "Student's t", "Hall 1992")
    yield line("values", "draws", "in clusters of", *ways, "width / oracle", "width / t")
    yield line("---", *["---:"] * 7)
    for world, own in zip(EVERY, rng.spawn(len(EVERY)), strict=True):
        yield from means_of(world, own, repeats)


def means_of(world: str, rng: np.random.Generator, repeats: int) -> Iterator[str]:
    """The lines of one distribution."""
    truth = EVERY[world][1]
    for n in SIZES:
        for size, icc in CLUSTERS:
            if n < 2 * size:
                continue
            sums, sizes = means(rng, repeats, world, n, size, icc)
            found = {way: intervals(sums, sizes, way) for way in ("ours", "t", "Hall")}
            shares = [mark(covered(*bounds, truth), repeats) for bounds in found.values()]
            wide, plain = (float((high - low).mean()) for low, high in (found["ours"], found["t"]))
            few = "" if n // size >= FEWEST else " (few)"
            told = f"{wide / oracle_width(sums, sizes, truth):.2f}{few}"
            yield line(world, n, size, *shares, told, f"{wide / plain:.2f}")


def of_gaps(rng: np.random.Generator, repeats: int) -> Iterator[str]:
    """Coverage of the difference and the ratio of two means of the same distribution."""
    yield line("values", "groups", "difference", "ratio")
    yield line("---", "---", "---:", "---:")
    for world, own in zip(EVERY, rng.spawn(len(EVERY)), strict=True):
        yield from gaps_of(world, own, repeats)


def gaps_of(world: str, rng: np.random.Generator, repeats: int) -> Iterator[str]:
    """The lines of one distribution."""
    turn, truth = EVERY[world]
    for name, (clusters, size, icc, shared, more) in APART.items():
        hits = np.zeros(2)
        labels = np.repeat(np.arange(clusters), size)
        others = labels if shared else clusters + np.repeat(np.arange(clusters * more), size)
        for _ in range(repeats):
            prompts = rng.standard_normal(clusters * (1 + more)) * np.sqrt(icc)
            first, second = (
                turn(prompts[which] + np.sqrt(1 - icc) * rng.standard_normal(len(which)))
                for which in (labels, others)
            )
            gap = mean_difference(first, second, labels, others)
            hits[0] += gap.low <= 0 <= gap.high
            if truth > 0:
                ratio = mean_ratio(first, second, labels, others)
                hits[1] += ratio.low <= 1 <= ratio.high
        ratio_told = mark(hits[1] / repeats, repeats) if truth > 0 else ""
        yield line(world, name, mark(hits[0] / repeats, repeats), ratio_told)
