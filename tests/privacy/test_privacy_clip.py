"""Clipped sums against the same worked out unit by unit, and noise of which every number is fresh."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore:optax.global_norm:DeprecationWarning"),  # of jax-privacy 2.0.0
]


def by_hand(
    weights: np.ndarray, xs: np.ndarray, ys: np.ndarray, clip: float
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of (x.w - y)^2 one by one, clipped one by one, and their norms."""
    each = 2 * (xs @ weights - ys)[:, None] * xs
    norms = np.linalg.norm(each, axis=1)
    return (each * np.minimum(1, clip / norms)[:, None]).sum(axis=0), norms


@pytest.mark.parametrize(("real", "together"), [(12, 4), (5, 4), (1, 2), (0, 4)])
def test_the_sum_is_that_of_units_clipped_one_by_one(real: int, together: int) -> None:
    import jax.numpy as jnp

    from duecare.privacy.clip import clipped_sum, filling_order

    rng = np.random.default_rng(0)
    weights, capacity = rng.normal(size=5).astype(np.float32), 12
    xs, ys = rng.normal(size=(real, 5)).astype(np.float32), rng.normal(size=real).astype(np.float32)
    order = filling_order(capacity, together)[:real]
    # Places without a unit hold numbers that would spoil the sum if they were counted.
    x, y, absent = (
        np.full((capacity, 5), 1e6, np.float32),
        np.ones(capacity, np.float32),
        np.ones(capacity, bool),
    )
    x[order], y[order], absent[order] = xs, ys, False

    def loss(w, unit):  # type: ignore[no-untyped-def]
        value = (unit["x"] @ w - unit["y"]) ** 2
        return value, {"value": value}

    total, told, norms = clipped_sum(
        loss, jnp.asarray(weights), {"x": x, "y": y}, jnp.asarray(absent), clip=1.5, together=together
    )
    expected, lengths = by_hand(weights, xs, ys, 1.5)
    np.testing.assert_allclose(total, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.asarray(norms)[order], lengths, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(told["value"])[order], (xs @ weights - ys) ** 2, rtol=1e-4)


def test_a_unit_without_a_number_adds_a_clipped_one() -> None:
    """NaN and infinity in one unit must not reach the sum: they would tell that it was there."""
    import jax.numpy as jnp

    from duecare.privacy.clip import clipped_sum

    def loss(w, unit):  # type: ignore[no-untyped-def]
        return (w * unit).sum(), {}

    units = jnp.array([[1.0, 0.0], [jnp.nan, 1.0], [jnp.inf, 1.0], [0.0, 3.0]])
    total, _, _ = clipped_sum(loss, jnp.ones(2), units, jnp.zeros(4, bool), clip=2.0, together=2)
    assert np.isfinite(np.asarray(total)).all()
    assert float(jnp.linalg.norm(total)) <= 4 * 2.0


def test_noise_is_on_every_number_fresh_by_key_and_the_same_by_key() -> None:
    import jax.numpy as jnp

    from duecare.privacy import Secret
    from duecare.privacy.check import noise_scale
    from duecare.privacy.clip import noised

    flat = {"a": jnp.zeros((40, 30)), "b": jnp.zeros((40, 30)), "c": jnp.zeros(500)}
    secret = Secret(bytes(32))
    keys = [jnp.asarray(secret.noise_key(step)) for step in (0, 1)]
    one, two = (noised(flat, key, 0.25) for key in keys)
    assert noise_scale("noise.scale", [np.asarray(leaf) for leaf in one.values()], 0.25).sound
    assert not np.array_equal(one["a"], one["b"])  # arrays of one shape get noise of their own
    assert not np.array_equal(one["a"], two["a"])
    assert np.array_equal(one["a"], noised(flat, keys[0], 0.25)["a"])
