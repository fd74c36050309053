"""Attention of long texts in parts: the same answers as all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.jax

SHAPE, LENGTH, KV = (2, 37, 4, 8), 37, 2


@pytest.fixture
def asked() -> tuple[Any, Any, Any]:
    """Queries [2, 37, 4, 8], keys and values [2, 37, 2, 8]."""
    chance = np.random.default_rng(3)
    sizes = (SHAPE, (2, LENGTH, KV, 8), (2, LENGTH, KV, 8))
    q, k, v = (chance.normal(size=each).astype(np.float32) for each in sizes)
    return q, k, v


def packed() -> Any:
    """The mask of two lines, of rows of 9, 17 and 11 tokens and of 37; the last token of each is padding."""
    row = np.stack([np.repeat([0, 1, 2], [9, 17, 11]), np.zeros(LENGTH, int)])
    seen = (row[:, :, None] == row[:, None, :]) & np.tri(LENGTH, dtype=bool)
    seen[:, -1] = seen[:, :, -1] = False
    return seen


@pytest.mark.parametrize(("queries", "parts"), [(4, 100), (4, 3), (18, 8)])
def test_parts_make_no_difference(
    asked: Any, queries: int, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To values and to gradients, where parts do not divide the text and rows end within one."""
    import jax
    import jax.numpy as jnp

    from duecare.model import rope

    monkeypatch.setattr(rope, "QUERIES", queries)
    monkeypatch.setattr(rope, "PARTS", parts)
    mask = jnp.asarray(packed())

    def told(attend: Any) -> Any:
        def total(*given: Any) -> tuple[Any, Any]:
            found = attend(*given, mask, 0.3)[:, :-1]
            return (found * jnp.cos(found)).sum(), found

        return jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True)(*map(jnp.asarray, asked))

    (_, found), slopes = told(rope._attend)
    (_, whole), whole_slopes = told(rope._attend_all)
    np.testing.assert_allclose(found, whole, atol=1e-6)
    for one, other in zip(slopes, whole_slopes, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_long_text_is_worked_on_in_parts_and_later_keys_are_not_read(
    asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: under a mask that looks ahead, which no such model has, the parts show."""
    import jax.numpy as jnp

    from duecare.model import rope

    monkeypatch.setattr(rope, "QUERIES", 4)
    ahead = jnp.ones((2, LENGTH, LENGTH), bool)
    found, whole = (
        attend(*map(jnp.asarray, asked), ahead, 0.3) for attend in (rope._attend, rope._attend_all)
    )
    assert float(jnp.abs(found - whole)[:, 0].max()) > 0.01
    np.testing.assert_allclose(found[:, -1], whole[:, -1], atol=1e-6)
