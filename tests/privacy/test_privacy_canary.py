"""The audit: true lower bounds by simulation, refutation of a false claim, and the limits of few canaries."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.core import FAIL, INSUFFICIENT, PASS
from duecare.privacy.canary import (
    Audit,
    canaries,
    coins,
    lower_bound,
    most_provable,
    needed_canaries,
)
from duecare.privacy.noise import Secret

pytestmark = pytest.mark.jax


def randomised(epsilon: float, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a mechanism that is exactly epsilon-private: each coin is told truly with e^eps/(1+e^eps)."""
    put_in = rng.random(count) < 0.5
    true = rng.random(count) < np.exp(epsilon) / (1 + np.exp(epsilon))
    told = np.where(true, put_in, ~put_in) + 1e-6 * rng.random(count)
    return told[put_in], told[~put_in]


def test_the_bound_is_below_the_truth_as_often_as_promised() -> None:
    """Of a mechanism that is 1-private the bound exceeds 1 in at most 5 % of audits, and is not empty."""
    rng = np.random.default_rng(0)
    found = [lower_bound(*randomised(1.0, 400, rng), delta=1e-5, alpha=0.05) for _ in range(60)]
    assert np.mean(np.array(found) > 1.0) <= 0.05
    assert np.median(found) > 0.3


def test_canaries_told_apart_refute_a_small_epsilon_and_noise_refutes_none() -> None:
    rng = np.random.default_rng(1)
    assert lower_bound(rng.random(40) + 2, rng.random(40), delta=1e-5, alpha=0.05) > 2
    assert lower_bound(rng.random(40), rng.random(40), delta=1e-5, alpha=0.05) < 0.5
    assert lower_bound(np.zeros(0), np.zeros(5), delta=1e-5, alpha=0.05) == 0


def test_those_that_are_told_to_be_out_count_as_well() -> None:
    """As of pairs: all that were in are ranked right, and by chance half of those that were not."""
    rng = np.random.default_rng(2)
    inside, outside = (
        5 + 0.1 * rng.random(80),
        np.where(rng.random(80) < 0.5, 5.0, -1.0) + 0.1 * rng.random(80),
    )
    found = lower_bound(inside, outside, delta=1e-5, alpha=0.05)
    assert found > 1.2
    turned = lower_bound(-outside, -inside, delta=1e-5, alpha=0.05)
    assert turned == pytest.approx(found)
    # Control: a draw on both sides tells nothing.
    assert lower_bound(outside, rng.permutation(outside), delta=1e-5, alpha=0.05) < 0.3


def test_both_guesses_share_the_chance_to_be_wrong() -> None:
    """Where each guess gives the same bound, that is the bound of one guess at half of alpha."""
    from jax_privacy.auditing import Bonferroni, CanaryScoreAuditor

    apart = CanaryScoreAuditor(np.ones(40), np.zeros(40))
    half, whole = (
        float(apart.epsilon_one_run(alpha, 1e-5, threshold_strategy=Bonferroni())) for alpha in (0.025, 0.05)
    )
    assert lower_bound(np.ones(40), np.zeros(40), delta=1e-5, alpha=0.05) == pytest.approx(half)
    assert half < whole  # the control: one guess alone would have all of it


def audit(claimed: float, lower: float, most: float) -> Audit:
    return Audit(
        claimed=claimed, delta=1e-5, alpha=0.05, lower=lower, most=most, count=80, placed=40, drawn=40
    )


def test_verdicts() -> None:
    assert audit(1.0, 2.0, 2.5).verdict == FAIL
    assert audit(1.0, 0.4, 2.5).verdict == PASS
    few = audit(3.0, 0.4, 2.5)
    assert few.verdict == INSUFFICIENT
    needed = few.finding("sft").needed_n
    assert needed is not None
    assert most_provable(needed // 2, needed // 2, delta=1e-5, alpha=0.05) > 3
    assert "refuted" in audit(1.0, 2.0, 2.5).finding("sft").detail
    assert needed_canaries(8.0, 1e-5, 0.05) is None  # delta alone explains so many right guesses


def test_canaries_differ_and_coins_are_fair_and_secret() -> None:
    made = canaries(200, seed=3)
    assert len({one.answer for one in made}) == len({one.question for one in made}) == 200
    assert made == canaries(200, seed=3) != canaries(200, seed=4)
    tossed = coins(Secret.fresh(), 4000)
    assert 1800 < tossed.sum() < 2200
    assert not np.array_equal(tossed, coins(Secret.fresh(), 4000))
