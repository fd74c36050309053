"""Clipped sums of gradients, and noise on them. Imports JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

UnitLoss = Callable[[Any, Any], tuple[jax.Array, Any]]
"""(weights, one unit's data) -> (loss, what else is to be told of that unit)."""


def clipped_sum(
    loss: UnitLoss, weights: Any, units: Any, absent: jax.Array, *, clip: float, together: int
) -> tuple[Any, Any, jax.Array]:
    """The sum of all units' gradients, each scaled down to norm `clip` where it is longer.

    `units` is a tree of arrays [U, ...], `absent` bool [U] marks places that hold no unit and add
    nothing. `together` units are worked on at a time, in the order of `filling_order`; groups of absent
    ones at the end are skipped. Returns the sum, what `loss` told of each unit, and the norms float32
    [U] of the gradients before clipping. A unit changes the sum by `clip` at most.
    """
    from jax_privacy import clipped_grad

    call = clipped_grad(
        loss,
        argnums=0,
        has_aux=True,
        l2_clip_norm=clip,
        batch_argnums=1,
        keep_batch_dim=False,
        return_grad_norms=True,
        microbatch_size=together,
        dtype=jnp.float32,
    )
    total, told = call(weights, units, is_padding_example=absent)
    return total, told.aux, told.grad_norms


def filling_order(capacity: int, together: int) -> Any:
    """int64 [capacity]: the place in the batch of the first unit, the second, and so on."""
    import numpy as np
    from jax_privacy.sharding_utils import compute_early_stopping_order

    return np.argsort(compute_early_stopping_order(capacity, together))


def noised(total: Any, key: jax.Array, deviation: float) -> Any:
    """`total` with normal noise of standard deviation `deviation` on every number.

    `key` uint32 [2] is used once. The generator is threefry: what is promised of the noise rests on it
    (and on 64 bits of key); rounding to float32 is not hidden (Mironov 2012).
    """
    leaves, shape = jax.tree.flatten(total)
    keys = jax.random.split(jax.random.wrap_key_data(key, impl="threefry2x32"), len(leaves))
    fresh = [
        leaf + deviation * jax.random.normal(one, leaf.shape, leaf.dtype)
        for leaf, one in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(shape, fresh)
