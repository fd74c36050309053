"""A forward pass that stops at the hidden states, for every family. Imports JAX.

Tunix's own call always computes logits for every position; asking for an answer needs those of one
position, scoring an answer those of its tokens. The vocabulary is the widest matrix of a small model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from tunix.models.qwen2 import model as qwen2

from duecare.core import ModelError
from duecare.model.rope import shares

Cache = dict[str, dict[str, jax.Array]]


def hidden(
    model: Any, tokens: jax.Array, positions: jax.Array, cache: Cache | None, mask: jax.Array
) -> tuple[jax.Array, Cache | None]:
    """Final-norm hidden states [B, T, D] and the new cache.

    tokens int32 [B, T], positions int32 [B, T], mask bool [B, T, S]; S is T without a cache. A model
    with LoRA on top is refused: qwix adds it in the model's own call only, which this goes around.
    """
    if jax.tree.leaves(nnx.state(model, nnx.LoRAParam)):
        raise ModelError("the model has LoRA on top: export it merged and load that, or use its own call")
    return through(model, tokens, positions, cache, mask)


def through(
    model: Any, tokens: jax.Array, positions: jax.Array, cache: Cache | None, mask: jax.Array
) -> tuple[jax.Array, Cache | None]:
    """`hidden` for a caller whose own call qwix has wrapped, so that LoRA is applied inside it."""
    return blocks(model, model.embedder.encode(tokens), positions, cache, mask)


def blocks(
    model: Any,
    x: jax.Array,
    positions: jax.Array,
    cache: Cache | None,
    mask: jax.Array,
    *,
    after: Callable[[int, jax.Array], jax.Array] | None = None,
) -> tuple[jax.Array, Cache | None]:
    """`through` from embedded tokens x [B, T, D] on.

    `after(number, x)` is given the residual stream [B, T, D] behind each layer, from 0; what it returns goes
    on to the next.
    """
    fresh: Cache = {}
    around: tuple[Any, ...] = ()
    if isinstance(model, qwen2.Qwen2):
        sin, cos = qwen2._generate_pos_embeddings(positions, model.config.head_dim, model.config.rope_theta)
        around = (sin.astype(x.dtype), cos.astype(x.dtype))
    for number, layer in enumerate(model.layers):
        kept = None if cache is None else cache[f"layer_{number}"]
        if around:
            kept, x = layer(x, kept, mask, *around)
        else:
            kept, x = layer(x, positions, kept, mask)
        if kept is not None:
            fresh[f"layer_{number}"] = kept
        if after is not None:
            x = after(number, x)
    return model.final_norm(x), (fresh if cache is not None else None)


def logits(model: Any, states: jax.Array) -> jax.Array:
    """Logits float32 [B, T, V] of hidden states [B, T, D]."""
    head = getattr(model, "lm_head", None)
    found = model.embedder.decode(states) if head is None else head(states)
    return found.astype(jnp.float32)


def empty_cache(model: Any, rows: int, length: int) -> Cache:
    """An empty cache for `rows` rows of at most `length` tokens."""
    config = model.config
    dtype = model.embedder.input_embedding.dtype
    shape = (rows, length, config.num_kv_heads, config.head_dim)
    return {
        f"layer_{number}": {
            "k": jnp.zeros(shape, dtype),
            "v": jnp.zeros(shape, dtype),
            "end_index": jnp.zeros((rows,), jnp.int32),
        }
        for number in range(config.num_layers)
    }


def read_prefix(model: Any, ids: jax.Array, real: jax.Array) -> tuple[jax.Array, Cache]:
    """Logits [P, V] after each text [P, L], padded in front, and the cache that reading it left."""
    rows, length = ids.shape
    # A padded query sees nothing real; it attends to itself, and nobody reads what it makes of that.
    mask = causal(real) | jnp.eye(length, dtype=bool)[None]
    states, cache = hidden(model, ids, places(real), empty_cache(model, rows, length), mask)
    return logits(model, states[:, -1:])[:, 0], cache or {}


def branched(model: Any, read: Cache, share: int, room: int) -> Cache:
    """A cache of `share` rows to each of the rows that were read, with room for `room` more tokens.

    Where the model's attention can, what was read is kept once for all rows that share it; else it is
    repeated. In both cases a row's mask counts what was read first and then what it adds.
    """
    if not shares(model):
        wide = {
            name: {key: jnp.repeat(each, share, axis=0) for key, each in layer.items()}
            for name, layer in read.items()
        }
        more = ((0, 0), (0, room), (0, 0), (0, 0))
        return {
            name: layer | {key: jnp.pad(layer[key], more) for key in ("k", "v")}
            for name, layer in wide.items()
        }
    rows = next(iter(read.values()))["k"].shape[0] * share
    own = empty_cache(model, rows, room)
    return {
        name: own[name]
        | {"shared_k": layer["k"].transpose(0, 2, 3, 1), "shared_v": layer["v"].transpose(0, 2, 1, 3)}
        for name, layer in read.items()
    }


def behind(
    model: Any, read: Cache, there: jax.Array, answers: tuple[jax.Array, jax.Array], share: int
) -> jax.Array:
    """Hidden states [P * share, A, D] of answers behind prefixes that were read.

    `read` is the cache of the prefixes, `there` bool [P, L] what of them is real; `answers` are tokens int32
    and real bool [P * share, A], `share` to each prefix.
    """
    ids, real = answers
    before = jnp.repeat(there, share, axis=0)
    mask = jnp.broadcast_to(before[:, None, :], (*ids.shape, before.shape[1]))
    mask = jnp.concatenate([mask, causal(real) | jnp.eye(ids.shape[1], dtype=bool)[None]], axis=-1)
    positions = before.sum(axis=-1, dtype=jnp.int32)[:, None] + jnp.arange(ids.shape[1], dtype=jnp.int32)
    states, _ = hidden(model, ids, positions, branched(model, read, share, ids.shape[1]), mask)
    return states


def causal(real: jax.Array) -> jax.Array:
    """Mask bool [B, T, T]: each token sees itself and the real tokens before it; real bool [B, T]."""
    length = real.shape[1]
    return jnp.tril(jnp.ones((length, length), bool))[None] & real[:, None, :]


def within(segment: jax.Array) -> jax.Array:
    """Mask bool [B, T, T]: each token sees itself and what comes before it in its segment, int32 [B, T].

    Tokens of one segment lie side by side, so a sliding window, which Tunix counts in places of a line,
    is the window in positions too.
    """
    length = segment.shape[1]
    return jnp.tril(jnp.ones((length, length), bool))[None] & (segment[:, :, None] == segment[:, None, :])


def places(real: jax.Array) -> jax.Array:
    """Positions int32 [B, T] that count real tokens only; padding before the first has position 0."""
    return jnp.maximum(jnp.cumsum(real, axis=-1) - 1, 0).astype(jnp.int32)
