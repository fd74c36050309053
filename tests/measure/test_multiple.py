"""Many comparisons: adjusted p-values against SciPy and by hand, and how many verdicts are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from duecare.core import FAIL, INSUFFICIENT, PASS, DataError
from duecare.measure import (
    Interval,
    benjamini_hochberg,
    decide,
    decide_all,
    decide_most,
    holm,
    mean_t,
    p_value,
    proportion,
)


def test_adjusted_p_values_by_hand():
    p = [0.01, 0.04, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])
    assert len(holm([])) == len(benjamini_hochberg([])) == 0


def test_benjamini_hochberg_is_scipys_and_neither_depends_on_the_order():
    rng = np.random.default_rng(70)
    p, order = rng.random(40) ** 3, rng.permutation(40)
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    for adjust in (holm, benjamini_hochberg):
        assert adjust(p)[order] == pytest.approx(adjust(p[order]))
        assert np.all(adjust(p) >= p - 1e-12)
    assert np.all(holm(p) >= benjamini_hochberg(p))


def test_a_p_value_is_the_interval_turned_around():
    side = np.random.default_rng(71).normal(0, 1, 15)
    values = np.r_[0.4 + side, 0.4 - side]  # without skewness the interval is Student's
    assert p_value(lambda level: mean_t(values, level), 0.0) == pytest.approx(
        stats.ttest_1samp(values, 0).pvalue, rel=1e-6
    )
    counted = p_value(lambda level: proportion(3, 20, level), 0.5)
    assert counted == pytest.approx(2 * stats.binom.cdf(3, 20, 0.5), rel=1e-6)
    assert p_value(lambda level: proportion(0, 900, level), 0.5) == pytest.approx(1e-9)
    assert p_value(lambda level: mean_t([1.0], level), 0.0) is None


def looks(values, error=1.0):
    """Normal estimates with a known standard error, as functions of the level."""

    def at(level, value):
        half = error * float(special.ndtri(0.5 + level / 2))
        return Interval(value, value - half, value + half, 100, None, "z", level)

    return [lambda level, value=float(value): at(level, value) for value in values]


def test_verdicts_are_those_of_the_step_up_procedure():
    rng = np.random.default_rng(72)
    values = np.r_[rng.normal(0, 1, 12), rng.normal(3.2, 1, 8)]
    found = decide_most(looks(values), [(None, 0.0)] * 20)
    p = 2 * stats.norm.sf(np.abs(values))
    assert [v != INSUFFICIENT for v, _ in found] == list(stats.false_discovery_control(p) <= 0.05)
    decided = sum(v != INSUFFICIENT for v, _ in found)
    assert {level for _, level in found} == {1 - decided * 0.05 / 20}
    assert {v for v, _ in found} == {FAIL, INSUFFICIENT, PASS} or PASS not in {v for v, _ in found}


def share_wrong(rng, correct, repeats, shared):
    """Mean share of wrong verdicts among those given, and how many right ones there were: 30 lie on the
    limit (every verdict is wrong), 10 clearly above; `shared` is the correlation through one reference."""
    wrong = right = 0.0
    for _ in range(repeats):
        noise = np.sqrt(1 - shared) * rng.normal(size=40) + np.sqrt(shared) * rng.normal()
        given = [
            v for v, _ in correct(looks(np.r_[np.zeros(30), np.full(10, 3.0)] + noise), [(None, 0.0)] * 40)
        ]
        said = [v != INSUFFICIENT for v in given]
        wrong += (sum(said[:30]) + sum(v == PASS for v in given[30:])) / max(sum(said), 1)
        right += sum(v == FAIL for v in given[30:])
    return wrong / repeats, right / repeats


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_few_verdicts_are_wrong_and_more_is_found_than_by_holm(shared):
    rng, repeats = np.random.default_rng(73), 150
    false, found = share_wrong(rng, decide_most, repeats, shared)
    # The share wrong of one study has a standard deviation of about 0.2 at worst (all wrong or none).
    assert false <= 0.05 + 3 * 0.2 / np.sqrt(repeats)
    _, strict = share_wrong(rng, decide_all, repeats, shared)
    assert found > strict + 1


def test_control_without_correction_many_verdicts_are_wrong():
    def plain(comparisons, limits):
        return [(decide(c(0.95), *limit), 0.95) for c, limit in zip(comparisons, limits, strict=True)]

    false, _ = share_wrong(np.random.default_rng(74), plain, 150, 0.0)
    assert false > 0.05 + 3 * 0.2 / np.sqrt(150)


def test_nothing_to_decide():
    assert decide_most([], []) == []
    assert decide_most(looks([0.0]), [(None, 0.0)]) == [(INSUFFICIENT, 0.95)]
    silent = [lambda level: mean_t([1.0], level)]
    assert decide_most(silent, [(None, 0.0)])[0][0] == INSUFFICIENT


def test_nonsense_is_refused_by_name():
    with pytest.raises(DataError, match="q=1"):
        decide_most([], [], q=1)
    for p in ([0.5, 1.2], [-0.1]):
        with pytest.raises(DataError, match="p-values"):
            holm(p)
    with pytest.raises(DataError, match="not finite"):
        benjamini_hochberg([float("nan")])
