"""The self-test's statistics: sound mechanisms pass, and each way to break one is found."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.privacy import check

SHAPES = ((32, 8), (8, 16), (64,))


def noise(seed: int, deviation: float) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(0, deviation, shape).astype(np.float32) for shape in SHAPES]


def test_noise_of_the_claimed_scale_passes_and_nothing_else() -> None:
    assert all(check.noise_scale("noise.scale", noise(seed, 0.7), 0.7).sound for seed in range(300))
    assert not check.noise_scale("noise.scale", noise(1, 0.7 * 2 / 3), 0.7).sound
    assert not check.noise_scale("noise.scale", noise(1, 0.7 * 3 / 2), 0.7).sound
    assert not check.noise_scale("noise.scale", [np.zeros(shape) for shape in SHAPES], 0.7).sound
    one_without = noise(1, 0.7)
    one_without[2] = np.zeros_like(one_without[2])
    assert not check.noise_scale("noise.scale", one_without, 0.7).sound


def test_p_values_of_sound_noise_are_uniform() -> None:
    """The error stated is the error had: of sound noise, a share p has a p-value below p."""
    from scipy.stats import chi2, kstest

    found = [chi2.cdf(sum(np.square(part).sum() for part in noise(seed, 1.0)), 448) for seed in range(400)]
    assert kstest(found, "uniform").pvalue > 1e-3


def test_noise_used_twice_is_found() -> None:
    first, second = (np.concatenate([part.ravel() for part in noise(seed, 0.7)]) for seed in (1, 2))
    assert check.independent(first, second, 0.7).sound
    assert not check.independent(first, first, 0.7).sound


def test_clipping_to_another_norm_and_not_at_all_are_found() -> None:
    direction = np.full(400, 1 / 20)
    assert check.clips([direction * 2.0] * 3, [direction], 2.0, 1.0).sound
    for long, half in ((direction * 2.02, direction), (direction * 300, direction), (direction, direction)):
        assert not check.clips([long] * 3, [half], 2.0, 1.0).sound
    assert not check.clips([direction * 2.0], [direction * 2.0], 2.0, 1.0).sound  # stretched to the norm


def test_clipping_the_sum_instead_of_each_is_found() -> None:
    rng = np.random.default_rng(0)
    alone = [each / np.linalg.norm(each) for each in rng.normal(size=(3, 400))]
    assert check.adds_up(np.sum(alone, axis=0), alone, 1.0, 0.5).sound
    total = np.sum(alone, axis=0)
    assert not check.adds_up(total / np.linalg.norm(total), alone, 1.0, 0.5).sound
    assert not check.adds_up(total / 3, alone, 1.0, 0.5).sound  # divided by how many were drawn


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9])
def test_sound_sampling_passes(rate: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        drawn = [np.flatnonzero(rng.random(80) < rate) for _ in range(200)]
        assert check.poisson(drawn, 80, rate).sound


def test_weights_that_stand_still_or_go_elsewhere_are_found() -> None:
    before, after = np.zeros(10), np.full(10, 0.1)
    assert check.moves(before, after, after).sound
    assert not check.moves(before, before, after).sound
    assert not check.moves(before, after, 2 * after).sound
