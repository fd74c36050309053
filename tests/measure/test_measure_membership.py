"""Exposure and true positives at few false ones: intervals that hold, and controls that must show nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from duecare.core import DataError
from duecare.measure import chance_exposure, exposure, needed_others, roc_auc, true_positive_rate

STUDIES = 600


def drawn(rng, n, m, shift):
    return rng.normal(shift, 1, n), rng.normal(0, 1, m)


@pytest.mark.parametrize(("n", "m", "shift"), [(10, 50, 0.0), (10, 130, 1.0), (30, 130, 2.0), (8, 100, 3.0)])
def test_the_interval_of_exposure_holds(n, m, shift):
    rng = np.random.default_rng(1)
    truth = np.mean([exposure(*drawn(rng, n, m, shift)).value for _ in range(3000)])
    found = [exposure(*drawn(rng, n, m, shift)) for _ in range(STUDIES)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert covered > 0.92


def test_control_without_the_part_of_the_controls_the_interval_would_miss():
    """Few controls are most of what is not known: by the spread between members alone it does not hold."""
    rng = np.random.default_rng(2)
    n, m = 60, 20
    truth = np.mean([exposure(*drawn(rng, n, m, 1.0)).value for _ in range(3000)])
    whole, alone = [], []
    for _ in range(STUDIES):
        ours, theirs = drawn(rng, n, m, 1.0)
        bits = math.log2(m + 1) - np.log2(1 + (theirs[None] > ours[:, None]).sum(axis=1))
        reach = 2 * bits.std(ddof=1) / math.sqrt(n)
        alone.append(abs(bits.mean() - truth) <= reach)
        found = exposure(ours, theirs)
        whole.append(found.low <= truth <= found.high)
    assert np.mean(whole) > 0.92 > 0.85 > np.mean(alone)


def test_what_nobody_was_trained_on_has_the_exposure_of_chance():
    rng = np.random.default_rng(3)
    found = np.mean([exposure(*drawn(rng, 20, 100, 0.0)).value for _ in range(2000)])
    assert found == pytest.approx(chance_exposure(100), abs=0.03)
    assert chance_exposure(10**6) == pytest.approx(1 / math.log(2), abs=1e-3)


def test_a_planted_leak_is_exposed_as_far_as_the_controls_reach():
    found = exposure(np.full(12, 9.0), np.random.default_rng(0).normal(size=127))
    assert found.value == pytest.approx(7)
    assert 4 < found.low < found.high <= 7 + 1e-9  # all alike, and still no interval of zero width


def test_exposure_goes_by_rank_alone():
    rng = np.random.default_rng(4)
    ours, theirs = drawn(rng, 9, 40, 1.0)
    one, other = exposure(ours, theirs), exposure(np.exp(ours), np.exp(theirs))
    assert (one.value, one.low, one.high) == (other.value, other.low, other.high)
    ties = exposure([1.0, 1.0], [1.0, 1.0, 1.0])
    assert ties.value == pytest.approx(2 - math.log2(2.5))


@pytest.mark.parametrize(("n", "m", "shift"), [(30, 130, 1.0), (60, 600, 2.0), (100, 2000, 1.0)])
def test_the_interval_of_true_positives_holds_whatever_the_threshold(n, m, shift):
    rng = np.random.default_rng(5)
    truth = norm.sf(norm.isf(0.01) - shift)
    found = [true_positive_rate(*drawn(rng, n, m, shift)) for _ in range(STUDIES)]
    assert np.mean([one.low <= truth <= one.high for one in found]) > 0.95
    assert np.mean([one.value for one in found]) == pytest.approx(truth, abs=0.05)


def test_control_an_interval_that_takes_the_threshold_as_known_misses():
    from duecare.measure import clopper_pearson

    rng = np.random.default_rng(6)
    truth, held = norm.sf(norm.isf(0.01) - 1.0), []
    for _ in range(STUDIES):
        ours, theirs = drawn(rng, 300, 130, 1.0)
        found = clopper_pearson(int((ours > np.sort(theirs)[-2]).sum()), 300)
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) < 0.8


def test_few_others_are_said_to_be_few_and_how_many_would_do():
    few = true_positive_rate(np.ones(10), np.zeros(99))
    assert few.value is None
    assert few.reason is not None
    assert str(needed_others()) in few.reason
    needed = needed_others()
    rng = np.random.default_rng(7)
    below, enough = (true_positive_rate(np.full(50, 9.0), rng.normal(size=m)) for m in (needed - 1, needed))
    assert below.low == 0.0
    assert enough.low > 0.8


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError, match="false_positives"):
        true_positive_rate([1.0], [0.0], false_positives=1.0)
    assert exposure([1.0], [0.0, 1.0]).value is None
    assert true_positive_rate([], np.zeros(200)).value is None


def test_of_non_members_the_area_is_one_half():
    rng = np.random.default_rng(8)
    labels = np.repeat([1.0, 0.0], [15, 60])
    found = [roc_auc(np.concatenate(drawn(rng, 15, 60, 0.0)), labels) for _ in range(STUDIES)]
    assert np.mean([one.value for one in found]) == pytest.approx(0.5, abs=0.01)
    assert np.mean([one.low <= 0.5 <= one.high for one in found]) > 0.93
