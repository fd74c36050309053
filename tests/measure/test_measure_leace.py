"""LEACE keeps what its theorem promises: nothing linear is left, and no less could have been changed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from duecare.core import DataError
from duecare.measure.leace import fit, fit_each, oracle


def world(seed: int = 0, groups: int = 2, count: int = 600, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of unequal spread, correlated, in which the group moves the mean (and, for 2, the spread)."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, groups, count)
    mix = rng.standard_normal((width, width)) * np.geomspace(1, 0.05, width)
    x = rng.standard_normal((count, width)) @ mix.T + rng.standard_normal((groups, width))[z]
    return 5 + x, z


def best_linear(x: np.ndarray, z: np.ndarray) -> float:
    """Cross-entropy of the best logistic reader, without decay, less that of the best constant."""
    told = np.eye(z.max() + 1)[z]
    x = (x - x.mean(axis=0)) / x.std(axis=0)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(x.shape[1] + 1, -1)
        wide = np.hstack([x, np.ones((len(x), 1))])
        logits = wide @ w
        logs = logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))
        logs -= logits.max(1, keepdims=True)
        return -(logs * told).sum() / len(x), (wide.T @ (np.exp(logs) - told)).ravel() / len(x)

    start = np.zeros((x.shape[1] + 1) * told.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "gtol": 1e-9})
    share = told.mean(axis=0)
    return float(-(share * np.log(share)).sum() - found.fun)


@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("shrink", [False, True])
def test_no_linear_reader_beats_the_best_constant_afterwards(groups: int, shrink: bool) -> None:
    x, z = world(groups=groups)
    eraser = fit(x, z, shrink=shrink)
    assert eraser.rank == groups - 1
    erased = eraser(x)
    told = np.eye(groups)[z] - np.eye(groups)[z].mean(axis=0)
    assert np.abs(erased.T @ told).max() / len(x) < 1e-9
    assert best_linear(erased, z) < 1e-6
    # Control: before, and with the eraser of other labels, it reads the group.
    assert best_linear(x, z) > 0.05
    other = np.random.default_rng(9).permutation(z)
    assert best_linear(fit(x, other, shrink=shrink)(x), z) > 0.05


def test_no_eraser_of_its_kind_changes_less() -> None:
    """Taking out the difference of the means erases as well, and moves vectors further."""
    x, z = world()
    ours = float(((fit(x, z, shrink=False)(x) - x) ** 2).sum())
    direction = x[z == 1].mean(axis=0) - x[z == 0].mean(axis=0)
    direction /= np.linalg.norm(direction)
    centred = x - x.mean(axis=0)
    projected = x - np.outer(centred @ direction, direction)
    assert best_linear(projected, z) < 1e-6
    assert ours < 0.9 * float(((projected - x) ** 2).sum())
    assert float(((oracle(x, z) - x) ** 2).sum()) < ours


def test_the_oracle_erases_as_well() -> None:
    x, z = world(groups=3)
    assert best_linear(oracle(x, z), z) < 1e-6


def test_erasing_twice_is_erasing_once_and_the_mean_stays() -> None:
    x, z = world()
    eraser = fit(x, z)
    np.testing.assert_allclose(eraser(eraser(x)), eraser(x), atol=1e-9)
    np.testing.assert_allclose(eraser(x).mean(axis=0), x.mean(axis=0), atol=1e-9)


def test_several_concepts_are_each_erased_as_if_alone() -> None:
    x, z = world(groups=3)
    other = np.random.default_rng(9).permutation(z) % 2
    for together, concept in zip(fit_each(x, [z, other]), (z, other), strict=True):
        alone = fit(x, concept)
        np.testing.assert_array_equal(together(x), alone(x))
        assert together.rank == alone.rank == concept.max()
    with pytest.raises(DataError, match=r"concept \(3,\)"):
        fit_each(x, [z, z[:3]])


def test_what_knows_nothing_of_the_group_is_left_as_it_is() -> None:
    rng = np.random.default_rng(1)
    half = rng.standard_normal((50, 6))
    x, z = np.vstack([half, half]), np.repeat([0, 1], 50)
    eraser = fit(x, z)
    assert eraser.rank == 0
    np.testing.assert_array_equal(eraser(x), x)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_with_few_rows_shrinking_holds_better_on_rows_not_seen(seed: int) -> None:
    x, z = world(seed=seed, count=1200, width=60)

    def left(shrink: bool) -> float:
        erased = fit(x[:50], z[:50], shrink=shrink)(x[50:])
        return float(np.linalg.norm(erased[z[50:] == 1].mean(axis=0) - erased[z[50:] == 0].mean(axis=0)))

    before = float(np.linalg.norm(x[z == 1].mean(axis=0) - x[z == 0].mean(axis=0)))
    assert left(True) < 0.95 * left(False) < before


def test_what_is_no_table_of_vectors_is_refused() -> None:
    with pytest.raises(DataError, match=r"\[N, D\]"):
        fit(np.zeros(3), np.zeros(3, int))
    with pytest.raises(DataError, match="finite"):
        fit(np.full((4, 2), np.nan), np.array([0, 1, 0, 1]))
