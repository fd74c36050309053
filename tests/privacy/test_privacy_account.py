"""The accountant against closed forms, against another accountant, and against its own promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from duecare.core import ModelError, StudyError
from duecare.privacy import Promise, epsilon_of, plan
from duecare.privacy.account import FOR_OVERFLOW, room

pytestmark = pytest.mark.jax  # dp-accounting comes with the train extra


def gaussian_delta(epsilon: float, deviation: float) -> float:
    """Delta of one Gaussian mechanism of sensitivity 1 (Balle and Wang 2018, theorem 8)."""
    half, far = 1 / (2 * deviation), epsilon * deviation
    return float(norm.cdf(half - far) - math.exp(epsilon) * norm.cdf(-half - far))


@pytest.mark.parametrize(("deviation", "steps"), [(1.0, 1), (4.0, 1), (5.0, 16), (0.7, 1)])
def test_without_sampling_it_is_the_gaussian_mechanism(deviation: float, steps: int) -> None:
    """Steps that see everything compose to one step with less noise: deviation / sqrt(steps)."""
    epsilon = epsilon_of(deviation, 1.0, steps, 1e-5)
    assert gaussian_delta(epsilon, deviation / math.sqrt(steps)) == pytest.approx(1e-5, rel=0.02)


def test_one_sampled_step_against_its_two_dimensional_integral() -> None:
    """One Poisson-sampled Gaussian step, delta by numerical integration of both directions."""
    deviation, rate, epsilon = 0.8, 0.05, epsilon_of(0.8, 0.05, 1, 1e-4)
    at = np.linspace(-12, 14, 400_001)
    without = norm.pdf(at, 0, deviation)
    with_it = (1 - rate) * without + rate * norm.pdf(at, 1, deviation)
    step = at[1] - at[0]
    removed = np.maximum(with_it - math.exp(epsilon) * without, 0).sum() * step
    added = np.maximum(without - math.exp(epsilon) * with_it, 0).sum() * step
    assert max(removed, added) == pytest.approx(1e-4, rel=0.02)


def test_it_is_tighter_than_renyi_accounting_and_near_the_published_figure() -> None:
    """MNIST as in the tutorial of TensorFlow Privacy (noise 1.3, batch 250, 15 epochs): 1.19 by Renyi."""
    epsilon = epsilon_of(1.3, 250 / 60_000, 15 * 240, 1e-5)
    assert 0.8 < epsilon < 1.19


@pytest.mark.parametrize(
    ("epsilon", "units", "batch", "steps"), [(8, 200, 4, 60), (1, 60, 8, 30), (0.3, 900, 9, 50)]
)
def test_the_noise_is_the_least_that_keeps_the_promise(
    epsilon: float, units: int, batch: int, steps: int
) -> None:
    made = plan(Promise(epsilon=epsilon, delta=1e-5), units=units, batch=batch, steps=steps)
    assert made.epsilon <= epsilon
    assert epsilon_of(0.99 * made.noise_multiplier, made.rate, steps, made.gaussian_delta) > epsilon
    assert made.steps == steps


def test_with_noise_given_training_ends_at_the_budget() -> None:
    promise = Promise(epsilon=3, delta=1e-5)
    made = plan(promise, units=200, batch=4, steps=60, noise_multiplier=0.7)
    assert 0 < made.steps < 60
    assert made.epsilon <= 3 < epsilon_of(0.7, made.rate, made.steps + 1, made.gaussian_delta)
    assert plan(promise, units=200, batch=4, steps=20, noise_multiplier=0.7).steps == 20
    with pytest.raises(ModelError, match=r"noise_multiplier=0\.3 spends epsilon=3 before"):
        plan(promise, units=200, batch=4, steps=60, noise_multiplier=0.3)


def test_senseless_promises_are_refused() -> None:
    promise = Promise(epsilon=3, delta=1e-2)
    with pytest.raises(StudyError, match="number of units"):
        plan(promise, units=100, batch=4, steps=10)
    with pytest.raises(StudyError, match="at most 50"):
        plan(Promise(epsilon=3, delta=1e-3), units=50, batch=51, steps=10)
    for epsilon, delta in ((0, 1e-5), (math.nan, 1e-5), (1, 0), (1, 1), (math.inf, 1e-5)):
        with pytest.raises(StudyError):
            Promise(epsilon=epsilon, delta=delta)


def test_what_overflows_is_within_delta() -> None:
    made = plan(Promise(epsilon=2, delta=1e-5), units=500, batch=5, steps=40)
    chance = made.steps * binom.sf(made.capacity, 501, made.rate)
    assert (1 + math.exp(2)) * chance == pytest.approx(made.overflow_delta)
    assert made.overflow_delta + made.gaussian_delta <= 1e-5
    assert made.overflow_delta <= FOR_OVERFLOW * 1e-5


def test_room_is_the_smallest_that_suffices() -> None:
    capacity, missed = room(1000, 0.01, 50, 1e-6)
    assert missed <= 1e-6 < 50 * binom.sf(capacity - 1, 1001, 0.01)
    assert room(8, 0.5, 10, 1e-9) == (8, 0.0)  # everyone fits
