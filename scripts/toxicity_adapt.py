"""Adapting the upper layers of MiniLM to the toxicity detector: low-rank changes and a head, together.

Hu et al. 2022, "LoRA: Low-rank adaptation of large language models" (ICLR). The lower layers stay as they
are and are computed once. Needs JAX and optax.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from duecare.detect.minilm import ATTENTION_HEADS, LAYERS, WIDTH, Encoder

LOWEST, RANK = 3, 8
"""First layer that is changed, and rank of the changes."""
PARTS = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
UNITS, BATCH, RATE, HEAD_RATE, DECAY, DROPPED = 64, 32, 1.5e-3, 1e-3, 1e-2, 0.2
STEP = 8
"""Texts are padded to a multiple of this many tokens."""

Values = dict[str, Any]


def changed() -> list[str]:
    """Names of the dense layers that are changed."""
    return [f"encoder.layer.{layer}.{part}" for layer in range(LOWEST, LAYERS) for part in PARTS]


@dataclass(frozen=True, slots=True)
class Rows:
    """Texts as training gets them: `hidden` of layer LOWEST - 1, float16 [T, WIDTH] each; `means` of it and
    the layers below [N, LOWEST * WIDTH]; `fast` margins, `target` and `weight` [N, 2]."""

    hidden: list[np.ndarray]
    means: np.ndarray
    fast: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    @property
    def lengths(self) -> list[int]:
        """Tokens of each text."""
        return [len(each) for each in self.hidden]


def lower(encoder: Encoder, texts: list[str]) -> tuple[list[np.ndarray], np.ndarray]:
    """`hidden` and `means` of Rows."""
    tokens = [encoded.ids for encoded in encoder.tokenizer.encode_batch(texts)]
    hidden: list[Any] = [None] * len(texts)
    means = np.zeros((len(texts), LOWEST * WIDTH), np.float32)
    for chosen, found in encoder.layers(tokens, LOWEST):
        means[chosen] = np.concatenate([each.mean(axis=1) for each in found], axis=1)
        for place, each in zip(chosen, found[-1].astype(np.float16), strict=True):
            hidden[place] = each
    return hidden, means


def start(inputs: int, encoder: Encoder) -> Values:
    """What training begins with: changes that change nothing, a head drawn at random."""
    chance = np.random.default_rng(0)
    found: Values = {"down": {}, "up": {}}
    for name in changed():
        wide, out = encoder.turned[name].shape
        found["down"][name] = chance.normal(0, wide**-0.5, (wide, RANK)).astype(np.float32)
        found["up"][name] = np.zeros((RANK, out), np.float32)
    found["inner"] = chance.normal(0, (2 / inputs) ** 0.5, (inputs, UNITS)).astype(np.float32)
    found["outer"] = chance.normal(0, (2 / UNITS) ** 0.5, (UNITS, 2)).astype(np.float32)
    return {**found, "inner_bias": np.zeros(UNITS, np.float32), "outer_bias": np.zeros(2, np.float32)}


def upper(values: Values, weights: Values, hidden: jax.Array, there: jax.Array) -> jax.Array:
    """Means of the upper layers [B, (LAYERS - LOWEST) * WIDTH] of `hidden`; `there` are tokens [B, T]."""
    share = (there / there.sum(axis=1, keepdims=True))[:, :, None]
    wall = jnp.where(there, 0.0, -1e9)[:, None, None, :]
    means = []
    for layer in range(LOWEST, LAYERS):
        name = f"encoder.layer.{layer}"
        dense = partial(_dense, values, weights)
        split = (*hidden.shape[:2], ATTENTION_HEADS, WIDTH // ATTENTION_HEADS)
        query, key, value = (dense(f"{name}.{part}", hidden).reshape(split) for part in PARTS[:3])
        scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) / np.sqrt(split[-1]) + wall
        mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), value).reshape(hidden.shape)
        mixed = hidden + dense(f"{name}.attention.output.dense", mixed)
        hidden = _normalised(weights, f"{name}.attention.output.LayerNorm", mixed)
        inner = jax.nn.gelu(dense(f"{name}.intermediate.dense", hidden), approximate=True)
        hidden = _normalised(
            weights, f"{name}.output.LayerNorm", hidden + dense(f"{name}.output.dense", inner)
        )
        means.append((hidden * share).sum(axis=1))
    return jnp.concatenate(means, axis=1)


def _dense(values: Values, weights: Values, name: str, given: jax.Array) -> jax.Array:
    low = (given @ values["down"][name]) @ values["up"][name]
    return given @ weights[name] + weights[f"{name}.bias"] + low


def _normalised(weights: Values, name: str, given: jax.Array) -> jax.Array:
    centred = given - given.mean(axis=-1, keepdims=True)
    spread = jnp.sqrt(jnp.square(centred).mean(axis=-1, keepdims=True) + 1e-12)
    return centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def loss(values: Values, weights: Values, batch: Values, scale: Values, key: jax.Array) -> jax.Array:
    """Weighted cross-entropy of both heads."""
    means = upper(values, weights, batch["hidden"], batch["there"])
    inputs = jnp.concatenate((batch["means"], means, batch["fast"]), axis=1)
    inputs = (inputs - scale["centre"]) / scale["spread"]
    kept = jax.random.bernoulli(key, 1 - DROPPED, inputs.shape) / (1 - DROPPED)
    margins = (
        jax.nn.relu((inputs * kept) @ values["inner"] + values["inner_bias"]) @ values["outer"]
        + values["outer_bias"]
    )
    return (batch["weight"] * optax.sigmoid_binary_cross_entropy(margins, batch["target"])).sum() / BATCH


def adapt(encoder: Encoder, rows: Rows, epochs: int) -> Values:
    """Changes and head after `epochs`, averaged over the second half of the steps, the scale folded in."""
    weights = {name: encoder.turned[name] for name in changed()}
    for name, each in encoder.weights.items():
        if each.ndim == 1 and name.startswith("encoder."):
            weights[name] = each
    values = start(LAYERS * WIDTH + 2, encoder)
    scale = _scale(values, weights, rows)
    total = epochs * len(list(_batches(rows.lengths, np.random.default_rng(0))))
    rule = _rule(values, total)

    @jax.jit
    def step(now: Any, share: float, batch: Values, key: jax.Array) -> Any:
        values, state, averaged = now
        cost, slopes = jax.value_and_grad(loss)(values, weights, batch, scale, key)
        changes, state = rule.update(slopes, state, values)
        values = optax.apply_updates(values, changes)
        return (values, state, jax.tree.map(lambda a, v: a + share * v, averaged, values)), cost

    now, chance = (values, rule.init(values), jax.tree.map(np.zeros_like, values)), np.random.default_rng(1)
    done, began, key = 0, time.perf_counter(), jax.random.key(0)
    for epoch in range(epochs):
        costs = []
        for batch in _batches(rows.lengths, chance):
            done, key = done + 1, jax.random.fold_in(key, done)
            share = float(done > total // 2) / (total - total // 2)
            now, cost = step(now, share, _filled(batch, rows), key)
            costs.append(float(cost))
        took = time.perf_counter() - began
        print(f"epoch {epoch + 1}: loss {np.mean(costs):.4f}, {took:.0f} s", file=sys.stderr, flush=True)
    found = jax.tree.map(np.asarray, now[2])
    folded = found["inner"] / scale["spread"][:, None]
    return {**found, "inner": folded, "inner_bias": found["inner_bias"] - scale["centre"] @ folded}


def _rule(values: Values, total: int) -> optax.GradientTransformation:
    """Adam for the changes, with decay for the head (Loshchilov and Hutter 2019); rates fall to nothing."""
    rates = {
        "low": optax.adam(optax.linear_schedule(RATE, 0.0, total)),
        "head": optax.adamw(optax.linear_schedule(HEAD_RATE, 0.0, total), weight_decay=DECAY),
    }
    low = {name: jax.tree.map(lambda _: "low", values[name]) for name in ("down", "up")}
    return optax.multi_transform(rates, {**dict.fromkeys(values, "head"), **low})


def _batches(lengths: list[int], chance: np.random.Generator) -> Iterator[np.ndarray]:
    """Places of texts of about one length, at most BATCH, in random order."""
    padded = -(-np.array(lengths) // STEP) * STEP
    found = []
    for length in np.unique(padded):
        own = chance.permutation(np.flatnonzero(padded == length))
        found += [own[first : first + BATCH] for first in range(0, len(own), BATCH)]
    yield from (found[place] for place in chance.permutation(len(found)))


def _filled(batch: np.ndarray, rows: Rows) -> Values:
    """A batch of BATCH texts padded to one length; those beyond the end weigh nothing."""
    length = -(-max(len(rows.hidden[place]) for place in batch) // STEP) * STEP
    states, there = np.zeros((BATCH, length, WIDTH), np.float32), np.zeros((BATCH, length), bool)
    there[:, 0] = True
    for row, place in enumerate(batch):
        states[row, : len(rows.hidden[place])] = rows.hidden[place]
        there[row, : len(rows.hidden[place])] = True
    given = {name: getattr(rows, name)[batch] for name in ("means", "fast", "target", "weight")}
    rest = ((0, BATCH - len(batch)), (0, 0))
    padded = {name: np.pad(each, rest).astype(np.float32) for name, each in given.items()}
    return {"hidden": states, "there": there, **padded}


def _scale(values: Values, weights: Values, rows: Rows) -> Values:
    """Mean and spread of the head's inputs before any change, of some hundred texts."""
    compute, found = jax.jit(upper), []
    for batch in list(_batches(rows.lengths, np.random.default_rng(2)))[:32]:
        filled = _filled(batch, rows)
        top = np.asarray(compute(values, weights, filled["hidden"], filled["there"]))[: len(batch)]
        found.append(np.concatenate((rows.means[batch], top, rows.fast[batch]), axis=1))
    inputs = np.concatenate(found)
    return {"centre": inputs.mean(axis=0), "spread": inputs.std(axis=0) + 1e-2}
