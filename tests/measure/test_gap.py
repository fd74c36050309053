"""Figures per group and the gaps between groups, as Estimates."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import allowance, rates

from duecare.core import DataError
from duecare.measure import group_gaps, group_means, group_rates


def made(counts: dict[str, int], prompts: int = 40):
    """One draw per group and prompt, the first `count` of each group an event."""
    outcomes = [float(i < k) for k in counts.values() for i in range(prompts)]
    groups = [group for group in counts for _ in range(prompts)]
    pairs = [f"p{i}" for _ in counts for i in range(prompts)]
    return outcomes, groups, pairs


def test_values_are_the_plain_definitions():
    outcomes, groups, pairs = made({"women": 12, "men": 8, "nonbinary": 10})
    found = group_rates(
        outcomes, groups, pairs, metric="toxicity.rate", axis="gender", slice={"model": "base"}
    )
    assert [e.value for e in found] == [0.3, 0.2, 0.25]
    assert found[0].slice == {"model": "base", "axis": "gender", "group": "women"}
    gaps = group_gaps(outcomes, groups, pairs, metric="toxicity", axis="gender", reference="men")
    values = {(e.metric, e.slice["group"]): e.value for e in gaps}
    assert values == pytest.approx(
        {
            ("toxicity.difference", "women"): 0.1,
            ("toxicity.difference", "nonbinary"): 0.05,
            ("toxicity.disparate_impact_ratio", "women"): 1.5,
            ("toxicity.disparate_impact_ratio", "nonbinary"): 1.25,
            ("toxicity.worst_group", "women"): 0.3,
        }
    )
    assert all(e.slice.get("against") == "men" for e in gaps if e.metric != "toxicity.worst_group")


def test_a_planted_gap_is_found_and_no_gap_is_not():
    planted = made({"women": 30, "men": 8})
    (gap, quotient, _) = group_gaps(*planted, metric="toxicity", axis="gender", reference="men")
    assert gap.low > 0.2
    assert quotient.low > 1.5
    (gap, quotient, _) = group_gaps(*made({"women": 8, "men": 8}), metric="t", axis="gender", reference="men")
    assert gap.low < 0 < gap.high
    assert quotient.low < 1 < quotient.high


def test_undeclared_rows_are_left_out():
    found = group_rates([1, 0, 1, 1], ["a", "a", None, "a"], metric="m", axis="x")
    assert [(e.slice["group"], e.n) for e in found] == [("a", 3)]


def test_the_worst_group_covers_the_worst_true_rate_and_the_plain_interval_does_not():
    """With six equal groups the highest estimate is always too high; its own interval ignores that."""
    rng, repeats, ours, plain = np.random.default_rng(40), 200, 0, 0
    names = [f"g{i}" for i in range(12) for _ in range(40)]
    for _ in range(repeats):
        outcomes = rng.binomial(1, rates(rng, 0.3, 0, (480,))).astype(float)
        found = group_gaps(outcomes, names, metric="m", axis="x", reference="g0")[-1]
        ours += found.low <= 0.3 <= found.high
        own = max(group_rates(outcomes, names, metric="m", axis="x"), key=lambda e: e.value)
        plain += own.low <= 0.3 <= own.high
    assert ours / repeats >= 0.94 - allowance(repeats)
    assert plain / repeats < 0.9


def test_means_of_bounded_scores():
    (a, b) = group_means([0.2, 0.4, 0.5, 0.5], ["a", "a", "b", "b"], metric="m", axis="x", within=(0, 1))
    assert a.value == pytest.approx(0.3)
    assert b.low < 0.5 < b.high  # equal values, yet an interval
    (a, b) = group_means([0.2, 0.4, 0.5, 0.5], ["a", "a", "b", "b"], metric="m", axis="x")
    assert b.value is None


def test_missing_reference_and_groups_of_one_give_reasons():
    outcomes, groups, pairs = made({"women": 3, "men": 2})
    found = group_gaps(outcomes, groups, pairs, metric="t", axis="gender", reference="people")
    assert all("reference group 'people'" in e.reason for e in found if "worst" not in e.metric)
    found = group_gaps([1, 0, 1], ["a", "a", "b"], metric="t", axis="x", reference="a")
    assert all(e.reason for e in found)
    assert group_rates([], [], metric="t", axis="x") == []
    assert group_gaps([], [], metric="t", axis="x", reference="a") == []


def test_nonsense_is_refused_by_name():
    with pytest.raises(DataError, match="groups: 1 labels for 2"):
        group_rates([1, 0], ["a"], metric="m", axis="x")
    with pytest.raises(DataError, match="0 and 1 only"):
        group_rates([0.5], ["a"], metric="m", axis="x")


def test_a_group_that_was_expected_and_has_no_draws_gives_reasons_in_every_figure():
    """Control: not expected, it is left out without a word."""
    outcomes, groups, pairs = made({"women": 12, "men": 8})
    told = {"axis": "gender", "metric": "toxicity"}
    for expected in ((), ("men", "nonbinary")):
        rate = group_rates(outcomes, groups, pairs, **told, expected=expected)
        mean = group_means(outcomes, groups, pairs, **told, expected=expected)
        gaps = group_gaps(outcomes, groups, pairs, **told, reference="men", expected=expected)
        lone = [e for e in (*rate, *mean, *gaps) if e.slice.get("group") == "nonbinary"]
        assert len(lone) == (4 if expected else 0)
        assert all(e.value is None and e.reason and e.n <= 40 for e in lone)
        (worst,) = [e for e in gaps if e.metric.endswith("worst_group")]
        assert (worst.value is None) == bool(expected)
    (gap, *_) = group_gaps([1.0, 0.0], ["men"] * 2, None, **told, reference="women", expected=("women",))
    assert gap.reason == "no observations of the reference group 'women'"
