"""The expected best of n: against counting every draw, against simulation, ties, and its distance."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from duecare.core import DataError
from duecare.measure.best_of import best_of, best_of_kl, chances, growing


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6])
def test_it_is_the_mean_over_every_draw_of_n(n: int) -> None:
    rng = np.random.default_rng(0)
    reward, values = rng.standard_normal(6), rng.standard_normal(6)
    draws = [max(draw, key=lambda place: reward[place]) for draw in itertools.combinations(range(6), n)]
    assert best_of(reward, values, n) == pytest.approx(np.mean(values[draws]))


def test_it_is_unbiased_for_the_policy_that_the_pool_was_drawn_from() -> None:
    """Pools of 12 tell what the best of 4 fresh draws is; the naive way, the best of the pool's first 4, too.

    But with a fifth of its variance. The best of the pool itself would be another n.
    """
    rng = np.random.default_rng(1)

    def pool(size: int) -> tuple[np.ndarray, np.ndarray]:
        reward = rng.standard_normal(size)
        return reward, reward - 0.8 * np.maximum(reward - 0.7, 0) + 0.5 * rng.standard_normal(size)

    estimates, plain = [], []
    for _ in range(4000):
        reward, values = pool(12)
        estimates.append(best_of(reward, values, 4))
        plain.append(values[:4][np.argmax(reward[:4])])
    apart = np.mean(estimates) - np.mean(plain)
    assert abs(apart) < 4 * np.std(np.array(estimates) - np.array(plain)) / math.sqrt(4000)
    assert np.var(estimates) < 0.5 * np.var(plain)


def test_ties_are_drawn_by_lot() -> None:
    reward, values = np.array([1.0, 1.0, 0.0]), np.array([4.0, 0.0, 7.0])
    assert best_of(reward, values, 2) == pytest.approx(2.0)
    assert best_of(np.zeros(5), np.arange(5.0), 3) == pytest.approx(2.0), "a constant reward chooses nothing"
    assert best_of(reward, values, 1) == pytest.approx(values.mean())


def test_the_reward_itself_never_falls_with_n() -> None:
    reward = np.random.default_rng(2).standard_normal(200)
    course = [best_of(reward, reward, n) for n in (1, 2, 4, 50, 100, 200)]
    assert course == sorted(course)
    assert course[-1] == pytest.approx(reward.max())
    assert chances(200, 100).sum() == pytest.approx(1.0)
    assert (chances(200, 100)[:99] == 0).all()


def test_the_distance_and_the_steps() -> None:
    assert best_of_kl(1) == 0.0
    assert best_of_kl(4) == pytest.approx(math.log(4) - 0.75)
    assert growing(1) == [1]
    assert growing(16) == [1, 2, 4, 8, 16]
    assert growing(20) == [1, 2, 4, 8, 16, 20]


def test_nonsense_is_refused() -> None:
    with pytest.raises(DataError, match="best of 4"):
        best_of([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 4)
    with pytest.raises(DataError, match="finite"):
        best_of([1.0, float("nan")], [1.0, 2.0], 1)
    with pytest.raises(DataError, match="n=0"):
        best_of_kl(0)
