"""Two samples: coverage of differences and ratios, paired and not, and what zero counts do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from worlds import allowance, rates, twins

from duecare.core import DataError
from duecare.measure import (
    difference,
    mean_difference,
    mean_t,
    paired_difference,
    rate_difference,
    rate_ratio,
    ratio,
)
from duecare.measure.cluster import Sums

REPEATS = 200


def as_sums(row, sizes) -> Sums:
    return Sums(tuple(range(len(row))), row, sizes, int(sizes.sum()))


def cells():
    for clusters, size in ((20, 1), (20, 10), (60, 4), (200, 1)):
        for icc in (0.0, 0.4) if size > 1 else (0.4,):
            for rate in (0.005, 0.05, 0.3):
                yield clusters, size, rate, icc


def test_twins_at_one_rate_cover_no_difference_and_a_ratio_of_one():
    rng, hits, total = np.random.default_rng(30), np.zeros(2), 0
    for clusters, size, rate, icc in cells():
        first, second, sizes = twins(rng, REPEATS, clusters, size, rate, icc)
        own = np.zeros(2)
        for row in range(REPEATS):
            a, b = as_sums(first[row], sizes[row]), as_sums(second[row], sizes[row])
            gap, quotient = rate_difference(a, b), rate_ratio(a, b)
            own += (gap.low <= 0 <= gap.high, quotient.low <= 1 <= quotient.high)
        assert own.min() / REPEATS >= 0.94 - allowance(REPEATS), (clusters, size, rate, icc)
        hits, total = hits + own, total + REPEATS
    assert hits.min() / total >= 0.94


def test_independent_groups_at_different_rates_cover():
    rng = np.random.default_rng(31)
    for (pa, pb), (ga, gb) in (((0.1, 0.3), (40, 60)), ((0.02, 0.005), (60, 60)), ((0.5, 0.45), (30, 90))):
        own = np.zeros(2)
        for _ in range(REPEATS):
            a = as_sums(rng.binomial(5, rates(rng, pa, 0.2, (ga,))).astype(float), np.full(ga, 5.0))
            b = as_sums(rng.binomial(5, rates(rng, pb, 0.2, (gb,))).astype(float), np.full(gb, 5.0))
            b = Sums(tuple(("other", i) for i in b.ids), b.sums, b.sizes, b.n)
            gap, quotient = rate_difference(a, b), rate_ratio(a, b)
            own += (gap.low <= pa - pb <= gap.high, quotient.low <= pa / pb <= quotient.high)
        assert own.min() / REPEATS >= 0.94 - allowance(REPEATS), (pa, pb)


def test_control_ignoring_clusters_fails():
    rng, hits = np.random.default_rng(32), 0
    for _ in range(REPEATS):
        a, b = (rng.binomial(25, rates(rng, 0.3, 0.4, (20,))) for _ in range(2))
        outcomes = [np.repeat(np.tile([1, 0], 20), np.stack([x, 25 - x], 1).ravel()) for x in (a, b)]
        found = difference(*outcomes)
        hits += found.low <= 0 <= found.high
    assert hits / REPEATS < 0.6


def test_pairing_narrows_the_interval_when_twins_agree():
    rng = np.random.default_rng(33)
    first, second, sizes = twins(rng, 1, 100, 10, 0.3, 0.5)
    a, b = as_sums(first[0], sizes[0]), as_sums(second[0], sizes[0])
    strangers = Sums(tuple(("other", i) for i in b.ids), b.sums, b.sizes, b.n)
    paired, apart = rate_difference(a, b), rate_difference(a, strangers)
    assert paired.value == apart.value
    assert paired.high - paired.low < 0.6 * (apart.high - apart.low)
    assert paired.clusters == 100
    assert apart.clusters == 200


def test_swapping_the_groups_flips_the_sign_and_inverts_the_ratio():
    a, b, labels = [1, 0, 1, 1, 0, 0], [0, 0, 1, 0, 0, 1], list("aabbcc")
    there, back = difference(a, b, labels, labels), difference(b, a, labels, labels)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    over, under = ratio(a, b, labels, labels), ratio(b, a, labels, labels)
    assert (over.low, over.high) == pytest.approx((1 / under.high, 1 / under.low))


@pytest.mark.parametrize("counts", [(0, 0), (0, 6), (6, 0)])
def test_a_ratio_survives_zero_counts(counts):
    a, b = ([1] * k + [0] * (120 - k) for k in counts)
    found = ratio(a, b)
    assert all(math.isfinite(x) for x in (found.value, found.low, found.high))
    assert 0 < found.low <= found.value <= found.high
    assert "half an event" in found.method
    if counts == (0, 0):
        assert found.low < 0.05 < 20 < found.high
    if counts == (6, 0):
        assert found.high > 1000  # no event in the reference: nothing bounds the ratio from above


def test_identical_outcomes_leave_a_difference_with_width():
    """The same answers before and after: no change was seen, which is not proof of none."""
    outcomes = ([1] + [0] * 9) * 20
    labels = [i // 5 for i in range(200)]
    found = difference(outcomes, outcomes, labels, labels)
    assert found.value == 0
    assert found.low < -0.01 < 0.01 < found.high


def test_mean_difference_of_full_pairs_is_the_paired_t():
    rng = np.random.default_rng(34)
    a, b = rng.normal(size=(2, 30))
    labels = list(range(30))
    paired, general = paired_difference(a, b), mean_difference(a, b, labels, labels)
    assert (general.low, general.high) == pytest.approx((paired.low, paired.high))
    assert paired.value == pytest.approx(mean_t(a - b).value)


def test_mean_difference_without_pairs_and_without_skewness_is_welchs():
    from scipy import stats

    rng = np.random.default_rng(35)
    a, b = (np.r_[side, 1 - side] for side in (rng.normal(size=10), rng.normal(0, 3, size=23)))
    found = mean_difference(a, b)
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))


def test_what_cannot_be_compared_gives_a_reason():
    labels = ["a", "a", "b"]
    for found in (
        difference([1], [0, 1]),
        ratio([1, 0], [1, 0, 1], ["x", "x"], labels),
        mean_difference([0.5], [0.5, 0.25]),
        mean_difference([0.5, 0.5], [0.5, 0.5], ["a", "b"], ["a", "b"]),
        paired_difference([1.0, 2.0], [1.0, 2.0]),
        difference([], [0, 1]),
    ):
        assert found.value is None
        assert found.reason


def test_nonsense_is_refused_by_name():
    with pytest.raises(DataError, match="both samples"):
        difference([1], [0], ["a"])
    with pytest.raises(DataError, match="mean_difference"):
        ratio([0.5], [1])
    with pytest.raises(DataError, match="expected one shape"):
        paired_difference([1.0], [1.0, 2.0])
