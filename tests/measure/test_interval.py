"""Intervals for one sample: coverage by simulation, controls that must fail, and what cannot be said."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import allowance, covered, studies

from duecare.core import DataError
from duecare.measure import (
    clopper_pearson,
    cluster_bootstrap,
    cluster_mean,
    cluster_proportion,
    mean_t,
    proportion,
    wilson,
)
from duecare.measure.bound import (
    cluster_variance,
    effective_size,
    informative_clusters,
    proportion_bounds,
)
from duecare.measure.cluster import freedom

REPEATS = 1200
GRID = [
    (clusters, size, rate, icc)
    for clusters, size in ((10, 2), (10, 25), (20, 5), (40, 25), (80, 5), (80, 25), (200, 1), (400, 5))
    for rate in (0.005, 0.02, 0.1, 0.3, 0.5)
    for icc in ((0.0, 0.05, 0.2, 0.5, 0.9) if size > 1 else (0.0,))
]


def ours(sums, sizes):
    worth = effective_size(sums, sizes, 0.95)
    return proportion_bounds(sums.sum(-1) / sizes.sum(-1) * worth, worth, 0.95)


def naive(sums, sizes):
    return proportion_bounds(sums.sum(-1), sizes.sum(-1), 0.95)


def textbook(sums, sizes):
    """Mean and t with clusters - 1 degrees of freedom: what most packages offer for clustered data."""
    mean, half = sums.sum(-1) / sizes.sum(-1), 1.96 * np.sqrt(cluster_variance(sums, sizes))
    return mean - half, mean + half


def coverages(bounds) -> dict[tuple, float]:
    rng = np.random.default_rng(20)
    found = {}
    for clusters, size, rate, icc in GRID:
        sums, sizes = studies(rng, REPEATS, clusters, size, rate, icc)
        found[clusters, size, rate, icc] = covered(*bounds(sums, sizes), rate)
    return found


def test_a_clustered_rate_covers_everywhere():
    found = coverages(ours)
    worst = min(found, key=found.get)
    assert found[worst] >= 0.94 - allowance(REPEATS), worst


def test_a_clustered_rate_is_not_wider_than_needed():
    """Where the textbook covers, ours is at most a tenth wider."""
    rng = np.random.default_rng(21)
    sums, sizes = studies(rng, REPEATS, 200, 5, 0.3, 0.2)
    wide, plain = (float((high - low).mean()) for low, high in (ours(sums, sizes), textbook(sums, sizes)))
    assert wide <= 1.1 * plain


def test_control_independent_draws_fail_the_same_test():
    found = coverages(naive)
    clustered = [
        value for (_, size, rate, icc), value in found.items() if size == 25 and icc >= 0.5 and rate >= 0.1
    ]
    assert max(clustered) < 0.6
    assert min(found.values()) < 0.3


def test_control_the_textbook_fails_for_rare_events():
    found = coverages(textbook)
    assert min(found.values()) < 0.2


def test_control_all_clusters_as_degrees_of_freedom_fail():
    """Korn and Graubard as published: the spread of a rare event is taken as better known than it is."""

    def published(sums, sizes):
        from scipy import stats

        n, p = sizes.sum(-1), sums.sum(-1) / sizes.sum(-1)
        floor = n**2 / (sizes**2).sum(-1)
        shrink = (1.96 / stats.t.ppf(0.975, sums.shape[-1] - 1)) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            worth = np.where(
                informative_clusters(sums, sizes) > 0,
                p * (1 - p) / cluster_variance(sums, sizes) * shrink,
                floor,
            )
        worth = np.clip(worth, floor, n)
        return proportion_bounds(p * worth, worth, 0.95)

    rng = np.random.default_rng(22)
    sums, sizes = studies(rng, REPEATS, 40, 25, 0.02, 0.5)
    assert covered(*published(sums, sizes), 0.02) < 0.9 < covered(*ours(sums, sizes), 0.02)


def test_unequal_clusters_cover():
    rng = np.random.default_rng(23)
    sizes = np.tile(np.r_[np.full(20, 2.0), np.full(10, 20.0)], (REPEATS, 1))
    rate = rng.beta(0.2 * 3, 0.8 * 3, sizes.shape)
    sums = rng.binomial(sizes.astype(int), rate).astype(float)
    assert covered(*ours(sums, sizes), 0.2) >= 0.94 - allowance(REPEATS)


def test_the_door_gives_what_the_simulations_proved():
    rng = np.random.default_rng(24)
    sums, sizes = studies(rng, 1, 30, 5, 0.2, 0.3)
    outcomes = np.concatenate(
        [np.r_[np.ones(int(s)), np.zeros(int(m - s))] for s, m in zip(sums[0], sizes[0], strict=True)]
    )
    clusters = np.repeat([f"prompt {i}" for i in range(30)], 5)
    low, high = ours(sums, sizes)
    shuffled = rng.permutation(150)
    found = cluster_proportion(outcomes[shuffled], clusters[shuffled])
    assert (found.low, found.high) == pytest.approx((low[0], high[0]))
    assert (found.n, found.clusters) == (150, 30)


def test_clustered_means_cover_and_the_naive_mean_does_not():
    rng = np.random.default_rng(25)
    hits = np.zeros(2)
    repeats = 1500
    labels = np.repeat(np.arange(15), np.r_[np.full(10, 3), np.full(5, 12)])
    for _ in range(repeats):
        values = rng.normal(size=15)[labels] + rng.normal(size=len(labels))
        for place, found in enumerate((cluster_mean(values, labels), mean_t(values))):
            hits[place] += found.low <= 0 <= found.high
    assert hits[0] / repeats >= 0.94 - allowance(repeats)
    assert hits[1] / repeats < 0.8


def test_without_clusters_and_without_skewness_it_is_students_t():
    from scipy import stats

    values = [1.0, 2.0, 4.0, 5.0]
    found = mean_t(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((3.0, low, high))
    assert freedom(np.full(7, 3.0)) == pytest.approx(6)


def test_weights_count_like_repeated_draws():
    weighted = cluster_mean([1.0, 2.0, 5.0, 3.0], ["a", "a", "b", "c"], weights=[1, 2, 1, 3])
    repeated = cluster_mean([1, 2, 2, 5, 3, 3, 3], list("aaabccc"))
    assert (weighted.value, weighted.low) == pytest.approx((repeated.value, repeated.low))


@pytest.mark.parametrize("skewed", [False, True])
def test_bootstrap_of_clusters_covers(skewed):
    """Six hundred studies of 25 clusters: slow, so one world of each kind; normal values and skewed ones."""
    rng = np.random.default_rng(26)
    repeats, labels, hits, naive_hits = 600, np.repeat(np.arange(25), 4), 0, 0
    truth = 1.0 if skewed else 0.0
    for _ in range(repeats):
        shared = rng.exponential(size=25) if skewed else rng.normal(size=25)
        values = shared[labels] + 0.3 * rng.normal(size=100)
        found = cluster_bootstrap(values, rng, labels, resamples=400)
        hits += found.low <= truth <= found.high
        plain = mean_t(values)
        naive_hits += plain.low <= truth <= plain.high
    assert hits / repeats >= 0.94 - allowance(repeats)
    assert naive_hits / repeats < 0.8


def test_the_bootstrap_is_a_function_of_its_generator():
    values, labels = np.arange(40.0), np.repeat(np.arange(10), 4)
    first, second, other = (
        cluster_bootstrap(values, np.random.default_rng(seed), labels) for seed in (1, 1, 2)
    )
    assert first == second != other


def test_equal_values_never_have_zero_width():
    none = cluster_proportion([0] * 50, np.repeat(np.arange(10), 5))
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(clopper_pearson(0, 10).high)
    assert "clusters as draws" in none.method
    bounded = cluster_mean([0.25] * 50, np.repeat(np.arange(10), 5), within=(0, 1))
    assert bounded.low < 0.25 < bounded.high
    unbounded = cluster_mean([0.1] * 50, np.repeat(np.arange(10), 5))
    assert unbounded.value is None
    assert "equal" in unbounded.reason
    assert cluster_bootstrap([0.1] * 9, np.random.default_rng(0)).reason


def test_one_cluster_or_nothing_gives_a_reason():
    for found in (
        cluster_proportion([0, 1, 1], ["a"] * 3),
        cluster_mean([0.1, 0.2], ["a"] * 2),
        mean_t([3.0]),
        cluster_bootstrap([1.0, 2.0], np.random.default_rng(0), ["a", "a"]),
    ):
        assert found.value is None
        assert "one independent unit" in found.reason
        assert found.estimate("x", {}).reason == found.reason
    for found in (cluster_proportion([]), mean_t([]), proportion(0, 0)):
        assert found.reason == "no observations"


def test_one_distinct_cluster_among_equals_is_refused_by_the_bootstrap():
    found = cluster_bootstrap([0.0] * 11 + [1.0], np.random.default_rng(0))
    assert found.value is None
    assert "resampling" in found.reason


def test_nonsense_is_refused_by_name():
    with pytest.raises(DataError, match="not finite"):
        mean_t([1.0, float("nan")])
    with pytest.raises(DataError, match="0 and 1 only"):
        cluster_proportion([0.5, 1])
    with pytest.raises(DataError, match="3 labels for 2 values"):
        cluster_mean([1, 2], ["a", "b", "c"])
    with pytest.raises(DataError, match="weights"):
        cluster_mean([1, 2], weights=[1, 0])
    with pytest.raises(DataError, match="k=3"):
        wilson(3, 2)
