"""Means of skewed values: coverage, width against an oracle, and what fails the same test.

`scripts/coverage_grid.py` walks the whole grid (docs/coverage.md, "Means") with the same worlds.
"""

from __future__ import annotations

import numpy as np
import pytest
from skewed_worlds import FEWEST, UNSEEN_WORLDS, WORLDS, intervals, means, oracle_width
from worlds import allowance, covered

from duecare.measure import (
    cluster_mean,
    cluster_proportion,
    mean_difference,
    mean_ratio,
    mean_t,
    p_value,
    paired_difference,
)

REPEATS = 4000
LEAST = 0.94 - allowance(REPEATS)
CELLS = [(20, 1, 0.0), (50, 4, 0.3), (100, 1, 0.0), (100, 4, 0.3)]


@pytest.mark.parametrize("world", [*WORLDS, *UNSEEN_WORLDS])
def test_a_mean_covers_and_is_at_most_a_third_wider_than_the_oracles(world):
    """All with 12 clusters or more. Normal values: at most 18 % wider with 12 clusters, 6 % with 25."""
    truth = (WORLDS | UNSEEN_WORLDS)[world][1]
    for n, size, icc in CELLS:
        sums, sizes = means(np.random.default_rng(300), REPEATS, world, n, size, icc)
        assert sums.shape[1] >= FEWEST
        low, high = intervals(sums, sizes)
        assert covered(low, high, truth) >= LEAST, (n, size)
        told = oracle_width(sums, sizes, truth)
        assert float((high - low).mean()) <= 1.33 * told, (n, size)
        if world == "normal":
            assert float((high - low).mean()) <= (1.18 if n < 100 else 1.06) * told


def test_control_students_t_fails_where_values_are_skewed_and_halls_cubic_where_tails_are_heavy():
    short: dict[str, list[str]] = {"t": [], "Hall": []}
    for world, (_, truth) in (WORLDS | UNSEEN_WORLDS).items():
        sums, sizes = means(np.random.default_rng(301), REPEATS, world, 20, 1, 0.0)
        for way, failed in short.items():
            if covered(*intervals(sums, sizes, way), truth) < LEAST:
                failed.append(world)
    skewed = {"lognormal(0, 1)", "exponential", "Beta(0.5, 8)", "70 % zeros"}
    assert skewed | {"Weibull(0.7)", "chi-squared(1)"} <= set(short["t"])
    assert "normal" not in short["t"] + short["Hall"]
    assert {"lognormal(0, 1)", "Student's t(3)"} <= set(short["Hall"])


@pytest.mark.parametrize("world", ["lognormal(0, 1)", "Beta(0.5, 8)", "normal"])
@pytest.mark.parametrize("shared", [False, True])
def test_a_difference_and_a_ratio_of_skewed_means_cover(world, shared):
    """Two groups of 25 prompts with four answers each, of the same distribution."""
    rng, repeats, hits = np.random.default_rng(302), 1000, np.zeros(2)
    labels = np.repeat(np.arange(25), 4)
    turn = WORLDS[world][0]
    for _ in range(repeats):
        prompts = rng.standard_normal((2, 25)) * np.sqrt(0.3)
        first, second = (
            turn(prompts[0 if shared else group][labels] + np.sqrt(0.7) * rng.standard_normal(100))
            for group in range(2)
        )
        pair = first, second, labels, labels if shared else labels + 25
        gap = mean_difference(*pair)
        hits[0] += gap.low <= 0 <= gap.high
        if world != "normal":
            ratio = mean_ratio(*pair)
            hits[1] += ratio.low <= 1 <= ratio.high
    assert hits[0] / repeats >= 0.94 - allowance(repeats)
    assert world == "normal" or hits[1] / repeats >= 0.94 - allowance(repeats)


def test_unequal_groups_and_pairs_of_skewed_values_cover():
    """Thirty values against three hundred; and pairs whose difference is skewed. Control: t on the pairs."""
    rng, repeats, hits = np.random.default_rng(303), 1500, np.zeros(3)
    for _ in range(repeats):
        apart = mean_difference(rng.exponential(size=30), rng.exponential(size=300))
        hits[0] += apart.low <= 0 <= apart.high
        shift = rng.exponential(size=25)
        base = rng.normal(size=25)
        pairs = paired_difference(base + shift, base)
        hits[1] += pairs.low <= 1 <= pairs.high
        half = 2.0639 * shift.std(ddof=1) / 5
        hits[2] += abs(shift.mean() - 1) <= half
    least = 0.94 - allowance(repeats)
    assert hits[0] / repeats >= least
    assert hits[1] / repeats >= least
    assert hits[2] / repeats < least


def test_the_kernel_is_what_cluster_mean_gives_and_turns_with_the_sign():
    rng = np.random.default_rng(304)
    sums, sizes = means(rng, 1, "exponential", 80, 4, 0.3)
    values, labels = np.repeat(sums[0] / 4, 4), np.repeat(np.arange(20), 4)
    low, high = intervals(sums, sizes)
    found, turned = cluster_mean(values, labels), cluster_mean(-values, labels)
    assert (found.low, found.high) == pytest.approx((low[0], high[0]))
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    scaled = cluster_mean(1000 * values + 7, labels)
    assert (scaled.low, scaled.high) == pytest.approx((1000 * found.low + 7, 1000 * found.high + 7))
    tiny = cluster_mean(1e-120 * values, labels)
    assert (tiny.low, tiny.high) == pytest.approx((1e-120 * found.low, 1e-120 * found.high), rel=1e-9, abs=0)
    assert found.high - found.value > 1.1 * (found.value - found.low)
    assert "skewness-corrected" in found.method


def test_intervals_are_nested_and_hold_their_value_at_every_level():
    values = np.random.default_rng(305).exponential(size=15) ** 2
    before = mean_t(values, 0.01)
    for level in (0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 0.999999):
        found = mean_t(values, level)
        assert found.low <= before.low <= found.value <= before.high <= found.high
        before = found
    p = p_value(lambda level: mean_t(values, level), 1.0)
    narrow, wide = mean_t(values, 1 - 1.001 * p), mean_t(values, 1 - 0.999 * p)
    assert wide.low <= 1 <= wide.high
    assert not narrow.low <= 1 <= narrow.high


def test_a_bounded_mean_stays_in_its_bounds_and_a_single_outlier_has_a_finite_reach():
    values = np.r_[np.zeros(39), 1.0]
    found = cluster_mean(values, within=(0.0, 1.0))
    assert found.low == 0
    assert 0.08 < found.high < 0.15
    assert found.high <= cluster_proportion(values).high * 1.1  # what is exact for values of 0 and 1
