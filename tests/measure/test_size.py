"""The n that `size` names finds what it promises, as often as it promises."""

from __future__ import annotations

import math

import numpy as np
import pytest

from duecare.core import FAIL, PASS, DataError
from duecare.measure import (
    decide,
    difference,
    mean_t,
    minimum_detectable_gap,
    minimum_detectable_mean,
    needed_n,
    needed_n_of_mean,
    needed_n_of_rate,
    needed_n_of_rates,
    power_to_decide,
    rate_difference,
    rate_ratio,
)
from duecare.measure.cluster import Sums
from duecare.measure.power import Design

REPEATS = 400
SLACK = 3 * math.sqrt(0.8 * 0.2 / REPEATS)


def share_decided(rng, rate, reference, n, compare, limits, verdict) -> float:
    hits = 0
    for _ in range(REPEATS):
        first, second = (rng.binomial(1, p, size=n).astype(float) for p in (rate, reference))
        a, b = (
            Sums(tuple(range(n)), first, np.ones(n), n),
            Sums(tuple(range(n, 2 * n)), second, np.ones(n), n),
        )
        hits += decide(compare(a, b), *limits) == verdict
    return hits / REPEATS


@pytest.mark.parametrize(
    ("rate", "reference", "limits", "scale", "compare", "verdict"),
    [
        (0.3, 0.3, (0.8, 1.25), "ratio", rate_ratio, PASS),
        (0.3, 0.2, (0.8, 1.25), "ratio", rate_ratio, FAIL),
        (0.2, 0.1, (None, 0.02), "difference", rate_difference, FAIL),
    ],
)
def test_the_named_n_decides_with_the_power_promised(rate, reference, limits, scale, compare, verdict):
    rng = np.random.default_rng(60)
    n = needed_n_of_rates(rate, reference, *limits, scale)
    found = share_decided(rng, rate, reference, n, compare, limits, verdict)
    assert found == pytest.approx(0.8, abs=SLACK + 0.01)
    third = share_decided(rng, rate, reference, n // 3, compare, limits, verdict)
    assert third < 0.55  # control: with a third of it the promise is not kept


def test_a_mean_is_decided_as_often_as_promised():
    rng = np.random.default_rng(61)
    n = needed_n(2.0, 0.5, None, 0.0)
    hits = sum(decide(mean_t(rng.normal(0.5, 2.0, n)), None, 0.0) == FAIL for _ in range(REPEATS))
    assert hits / REPEATS == pytest.approx(0.8, abs=SLACK + 0.02)


@pytest.mark.parametrize("truth", [0.4, 1.0])
def test_few_values_decide_a_mean_as_often_as_promised(truth):
    """Control: the formula for large samples names too few, the more so the fewer."""
    rng, repeats = np.random.default_rng(64), 1500
    n, formula = needed_n_of_mean(1.0, truth, None, 0.0), needed_n(1.0, truth, None, 0.0)
    shares = [
        np.mean([decide(mean_t(rng.normal(truth, 1.0, count)), None, 0.0) == FAIL for _ in range(repeats)])
        for count in (n, formula, n // 3)
    ]
    slack = 3 * math.sqrt(0.8 * 0.2 / repeats)
    assert shares[0] == pytest.approx(0.8, abs=slack + 0.03)
    assert shares[1] < (0.72 if truth == 1 else 0.8)
    assert shares[2] < 0.5
    assert minimum_detectable_mean(1.0, n) == pytest.approx(truth, rel=0.08)


def test_two_percent_toxicity_needs_far_more_than_a_demonstration_has():
    n = needed_n_of_rates(0.02, 0.02, 0.8, 1.25, "ratio")
    assert 15_000 < n < 30_000
    assert needed_n_of_rates(0.02, 0.02, 0.8, 1.25, "ratio", design_effect=2) == pytest.approx(
        2 * n, rel=0.03
    )
    assert needed_n_of_rates(0.02, 0.02, 0.8, 1.25, "ratio", correlation=0.5) == pytest.approx(
        n / 2, rel=0.06
    )


def test_a_truth_on_the_limit_is_never_decided():
    assert needed_n(1.0, 0.0, None, 0.0) is None
    assert needed_n_of_rates(0.25, 0.2, 0.8, 1.25, "ratio") is None


def test_the_detectable_gap_is_detected():
    rng, n = np.random.default_rng(62), 240
    gap = minimum_detectable_gap(0.1, n)
    hits = sum(
        difference(rng.binomial(1, 0.1 + gap, n), rng.binomial(1, 0.1, n)).low > 0 for _ in range(REPEATS)
    )
    assert hits / REPEATS == pytest.approx(0.8, abs=SLACK + 0.04)
    assert minimum_detectable_gap(0.1, 4 * n) < gap
    assert minimum_detectable_gap(0.5, 4) is None
    assert minimum_detectable_mean(2.0, 100) == pytest.approx(2.8016 * 0.2, rel=0.03)
    assert minimum_detectable_mean(2.0, 10_000) == pytest.approx(2.8016 * 0.02, rel=1e-4)


def test_power_grows_with_n_and_a_wide_error_has_none():
    assert power_to_decide(0, 10.0, -1, 1) == 0
    assert power_to_decide(0, 0.1, -1, 1) > 0.99


def test_nonsense_is_refused_by_name():
    with pytest.raises(DataError, match="per_cluster=0"):
        Design(per_cluster=0)
    with pytest.raises(DataError, match="rate=1"):
        needed_n_of_rate(1, None, 0.1)
    with pytest.raises(DataError, match="reference=0"):
        needed_n_of_rates(0.1, 0, 0.8, 1.25, "ratio")
    with pytest.raises(DataError, match="a lower or an upper limit"):
        needed_n(1, 0, None, None)
