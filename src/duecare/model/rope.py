"""Attention for Tunix's Llama 3 and Qwen 3 that turns by the model's own rotary frequencies. Imports JAX.

Tunix 0.1.7 calls `apply_rope` in these two families without the config's `rope_theta`, so its default
of 1,000,000 always applies, and Llama 3.1's scaling of frequencies is absent: nothing warns, and the
answers stay plausible. These subclasses override only `block`; parameters, their paths and the
module's call stay Tunix's, so sampling, training, LoRA and export see no difference.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from tunix.models.llama3 import model as llama3
from tunix.models.qwen3 import model as qwen3

Cache = dict[str, jax.Array]


def rotate(x: jax.Array, positions: jax.Array, frequencies: tuple[float, ...]) -> jax.Array:
    """Rotary embedding (Su et al. 2021) of x [B, T, N, H] at positions [B, T], in halves as Llama does."""
    angles = positions[..., None].astype(jnp.float32) * jnp.asarray(frequencies, jnp.float32)
    sin, cos = jnp.sin(angles)[:, :, None, :], jnp.cos(angles)[:, :, None, :]
    first, second = jnp.split(x, 2, axis=-1)
    turned = jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    return turned.astype(x.dtype)


QUERIES, PARTS = 128, 8
"""A long text is worked on by so many queries at once, and in so many parts at most: each is compiled."""


def _attend(q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array | None, scale: float) -> jax.Array:
    """Grouped-query attention: q [B, T, N, H], k and v [B, S, K, H], mask [B, T, S] -> [B, T, N, H]."""
    t = q.shape[1]
    if t == 1:
        return _attend_once(q[:, 0], k, v, mask, scale)[:, None]
    if mask is None or t != k.shape[1] or t < 2 * QUERIES:
        return _attend_all(q, k, v, mask, scale)
    # These models look back only, so the later keys of a whole text are masked: they are not multiplied.
    size = max(QUERIES, -(-t // PARTS))
    ends = [min(start + size, t) for start in range(0, t, size)]
    parts = [
        _attend_all(q[:, start:end], k[:, :end], v[:, :end], mask[:, start:end, :end], scale)
        for start, end in pairwise([0, *ends])
    ]
    return jnp.concatenate(parts, axis=1)


def _attend_all(q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array | None, scale: float) -> jax.Array:
    """`_attend` of every query to every key."""
    b, t, n, h = q.shape
    kv = k.shape[2]
    scores = jnp.einsum("BTKGH,BSKH->BKGTS", q.reshape(b, t, kv, n // kv, h), k) * scale
    if mask is not None:
        scores = jnp.where(mask[:, None, None, :, :], scores, llama3.K_MASK)
    weights = jax.nn.softmax(scores.astype(jnp.float32), axis=-1).astype(v.dtype)
    return jnp.einsum("BKGTS,BSKH->BTKGH", weights, v).reshape(b, t, n, h)


def _attend_once(q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array | None, scale: float) -> jax.Array:
    """`_attend` for one token a row, q [B, N, H]: products and sums that XLA fuses.

    On a CPU four to five times as fast as the same thing by batched matrix products, which first turn
    the whole cache around.
    """
    b, n, h = q.shape
    kv = k.shape[2]
    scores = jnp.sum(q.reshape(b, 1, kv, n // kv, h) * k[:, :, :, None, :], axis=-1) * scale
    if mask is not None:
        scores = jnp.where(mask[:, 0, :, None, None], scores, llama3.K_MASK)
    weights = jax.nn.softmax(scores.astype(jnp.float32), axis=1).astype(v.dtype)
    return jnp.sum(weights[..., None] * v[:, :, :, None, :], axis=1).reshape(b, n, h)


def _attend_shared(
    q: jax.Array, own_kv: tuple[jax.Array, jax.Array], cache: Cache, mask: jax.Array, scale: float
) -> jax.Array:
    """`_attend` of rows that share the beginning of their text, kept once for all of a prompt's rows.

    q [P * R, T, N, H] for R rows to each of P prompts; `own_kv` [P * R, S, K, H] twice is the rows' own; the
    cache holds the prompts' keys [P, K, H, L] and values [P, K, L, H]; mask [P * R, T, L + S]. The shared
    part is one matrix product a prompt, and it is read once, not R times (Juravsky et al. 2024, Hydragen).
    """
    (b, t, n, h), (k, v) = q.shape, own_kv
    prompts, kv, length, _ = cache["shared_v"].shape
    grouped = q.reshape(prompts, b // prompts * t, kv, n // kv, h).transpose(0, 2, 1, 3, 4)
    grouped = grouped.reshape(prompts, kv, -1, h)
    before = (grouped @ cache["shared_k"]).reshape(prompts, kv, b // prompts, t, n // kv, length)
    before = before.transpose(0, 2, 3, 1, 4, 5).reshape(b, t, kv, n // kv, length)
    mine = q.reshape(b, t, kv, n // kv, h)
    if t == 1:
        own = jnp.sum(mine * k[:, :, :, None, :], axis=-1).transpose(0, 2, 3, 1)[:, None]
    else:
        own = jnp.einsum("BTKGH,BSKH->BTKGS", mine, k)
    scores = jnp.concatenate([before, own], axis=-1) * scale
    scores = jnp.where(mask[:, :, None, None, :], scores, llama3.K_MASK)
    weights = jax.nn.softmax(scores.astype(jnp.float32), axis=-1).astype(v.dtype)
    shared = weights[..., :length].reshape(prompts, b // prompts * t, kv, n // kv, length)
    shared = shared.transpose(0, 2, 1, 3, 4).reshape(prompts, kv, -1, length) @ cache["shared_v"]
    shared = shared.reshape(prompts, kv, b // prompts * t, n // kv, h).transpose(0, 2, 1, 3, 4)
    if t == 1:
        rest = weights[:, 0, :, :, length:].transpose(0, 3, 1, 2)[..., None] * v[:, :, :, None, :]
        return shared.reshape(b, t, n, h) + jnp.sum(rest, axis=1).reshape(b, t, n, h)
    rest = jnp.einsum("BTKGS,BSKH->BTKGH", weights[..., length:], v)
    return shared.reshape(b, t, n, h) + rest.reshape(b, t, n, h)


def _remember(cache: Cache | None, k: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array, Cache | None]:
    """Write new keys and values behind those of the cache, as Tunix does: all rows end at one place."""
    if cache is None:
        return k, v, None
    place = (0, cache["end_index"][0] % cache["v"].shape[1], 0, 0)
    added = k.shape[1]
    k = jax.lax.dynamic_update_slice(cache["k"], k, place)
    v = jax.lax.dynamic_update_slice(cache["v"], v, place)
    return k, v, cache | {"k": k, "v": v, "end_index": cache["end_index"] + added}


def shares(model: Any) -> bool:
    """Whether all attention of a model can read a shared beginning (see `_attend_shared`)."""
    return all(isinstance(layer.attn, _OwnFrequencies) for layer in model.layers)


class _OwnFrequencies(nnx.Module):  # type: ignore[misc]  # flax.nnx is untyped
    """What both families share: everything between the projections."""

    frequencies: tuple[float, ...]

    def _block(
        self,
        qkv: tuple[jax.Array, jax.Array, jax.Array],
        positions: jax.Array,
        cache: Cache | None,
        mask: jax.Array | None,
    ) -> tuple[Cache | None, jax.Array]:
        q, k, v = (llama3.shard(each, self.shd_config.act_btnh) for each in qkv)
        q, k = (rotate(each, positions, self.frequencies) for each in (q, k))
        k, v, fresh = _remember(cache, k, v)
        if cache is not None and "shared_k" in cache:
            found = _attend_shared(q, (k, v), cache, mask, self.scale)
        else:
            found = _attend(q, k, v, mask, self.scale)
        out = self.o_proj(found)
        return fresh, llama3.shard(out, self.shd_config.act_btd)


class LlamaAttention(_OwnFrequencies, llama3.Attention):  # type: ignore[misc]  # Tunix is untyped
    """Tunix's Llama 3 attention with the model's own rotary frequencies."""

    def __init__(self, config: Any, *, frequencies: tuple[float, ...], rngs: nnx.Rngs) -> None:
        super().__init__(config=config, rngs=rngs)
        self.frequencies = frequencies

    def block(
        self, x: jax.Array, segment_pos: jax.Array, cache: Cache | None, attn_mask: jax.Array | None
    ) -> tuple[Cache | None, jax.Array]:
        qkv = (self.q_proj(x), self.k_proj(x), self.v_proj(x))
        return self._block(qkv, segment_pos, cache, attn_mask)


class QwenAttention(_OwnFrequencies, qwen3.Attention):  # type: ignore[misc]  # Tunix is untyped
    """Tunix's Qwen 3 attention with the model's own rotary frequencies; no flash attention."""

    def __init__(self, config: Any, *, frequencies: tuple[float, ...], rngs: nnx.Rngs) -> None:
        super().__init__(config=config, rngs=rngs)
        self.frequencies = frequencies

    def block(
        self,
        x: jax.Array,
        segment_pos: jax.Array,
        cache: Cache | None,
        attn_mask: jax.Array | None,
        segment_ids: jax.Array | None = None,
    ) -> tuple[Cache | None, jax.Array]:
        qkv = (self.q_norm(self.q_proj(x)), self.k_norm(self.k_proj(x)), self.v_proj(x))
        return self._block(qkv, segment_pos, cache, attn_mask)
