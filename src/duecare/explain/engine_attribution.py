"""Values of an answer and their slopes at the embedded words, for texts that are partly put to a baseline.

Imports JAX. Everything that `attribution` needs of a model is two programs: the value of a text some of whose
tokens are the baseline's, and the slope of that value on the straight line from baseline to text. Work is
laid out as units (one text at one point of its line), so that texts and points fill one batch of a fixed
size: memory does not grow with the number of steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax.sharding import Mesh

from duecare.core import ModelError
from duecare.explain.reading import Reading
from duecare.explain.spans import Floats
from duecare.model.forward import blocks, causal, logits, places
from duecare.model.load import Loaded
from duecare.model.logprob import SHORT, TOKENS_EACH, padded_length
from duecare.model.merge import Merged
from duecare.model.mesh import rows_over
from duecare.model.reward import Head, rewards

Baseline = Literal["pad", "mean", "zero"]
BASELINES: tuple[Baseline, ...] = ("pad", "mean", "zero")
_SEAM = ("embedder", "layers", "final_norm")
Given = dict[str, jax.Array]


@dataclass(frozen=True, slots=True)
class Unit:
    """One text at one point: number of the reading, how far from the baseline (0 to 1), what stays [T]."""

    reading: int
    at: float = 1.0
    kept: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """A model whose value of a text can be asked for, and its slope.

    The value is the natural log-probability of the answer in nats, or, with a `head` (one float32 [D] or
    several, as `RewardModel.scoring`), the reward. `base` float32 [D] is what a token is put to; `batch`
    texts of up to TOKENS_EACH tokens are on the device at a time, of longer ones fewer.
    """

    model: Any
    pad: int
    base: jax.Array
    batch: int
    head: Head | None = None
    mesh: Mesh | None = None

    def values(self, readings: Sequence[Reading], units: Sequence[Unit]) -> Floats:
        """The value of each unit, float [units]. Raises ModelError for one that is not a finite number."""
        found = np.zeros(len(units))
        (graph, state) = nnx.split(self.model)
        for chosen, given in self._laid_out(readings, units):
            value = _values(graph, state, given, self.base, self.head)
            found[chosen] = np.asarray(value, np.float64)[: len(chosen)]
        return _finite(found, self.head is not None)

    def slopes(self, readings: Sequence[Reading], units: Sequence[Unit], *, from_base: bool) -> list[Floats]:
        """Slope times input for every token of each unit, float [T] each.

        The slope is that of the value at the unit's point; it is multiplied by the distance of the token
        from the baseline (`from_base`) or from nought. Tokens that are not moved have 0.
        """
        found: list[Floats] = [np.zeros(0)] * len(units)
        (graph, state) = nnx.split(self.model)
        by = self.base if from_base else jnp.zeros_like(self.base)
        for chosen, given in self._laid_out(readings, units):
            slope = np.asarray(_slopes(graph, state, given, (self.base, by), self.head), np.float64)
            _finite(slope[: len(chosen)], self.head is not None)
            for place, number in enumerate(chosen):
                found[number] = slope[place, : len(readings[units[number].reading].tokens)]
        return found

    def _laid_out(
        self, readings: Sequence[Reading], units: Sequence[Unit]
    ) -> Iterator[tuple[list[int], Given]]:
        """Units in batches of one static shape, with their numbers; the last of a shape is filled up."""
        shapes: dict[tuple[int, int], list[int]] = {}
        for number, unit in enumerate(units):
            reading = readings[unit.reading]
            asked = 1 if self.head is not None else len(reading.tokens) - reading.first
            shape = padded_length(len(reading.tokens)), padded_length(asked, (1, *SHORT))
            shapes.setdefault(shape, []).append(number)
        for (length, asked), numbers in sorted(shapes.items()):
            together = max(1, min(self.batch, TOKENS_EACH * self.batch // length))
            for start in range(0, len(numbers), together):
                chosen = numbers[start : start + together]
                mine = [units[number] for number in chosen]
                yield chosen, self._given(readings, mine, (together, length, asked))

    def _given(
        self, readings: Sequence[Reading], units: Sequence[Unit], shape: tuple[int, int, int]
    ) -> Given:
        """Arrays of one batch; `shape` is rows, tokens and places where an answer is read."""
        rows, length, asked = shape
        made: dict[str, Any] = {
            "ids": np.full((rows, length), self.pad, np.int32),
            "real": np.zeros((rows, length), bool),
            "moved": np.zeros((rows, length), bool),
            "kept": np.ones((rows, length), bool),
            "at": np.ones(rows, np.float32),
            "places": np.zeros((rows, asked), np.int32),
            "wanted": np.zeros((rows, asked), np.int32),
            "counted": np.zeros((rows, asked), bool),
        }
        made["real"][:, 0] = True  # a row of padding only still attends to something
        for row, unit in enumerate(units):
            reading = readings[unit.reading]
            size, count = len(reading.tokens), len(reading.tokens) - reading.first
            made["ids"][row, :size], made["real"][row, :size] = reading.tokens, True
            made["moved"][row, :size], made["at"][row] = reading.moved, unit.at
            if unit.kept is not None:
                made["kept"][row, :size] = unit.kept | ~reading.moved
            if self.head is not None:
                made["places"][row, 0], made["counted"][row, 0] = reading.last, True
                continue
            made["places"][row, :count] = np.arange(reading.first - 1, size - 1)
            made["wanted"][row, :count] = reading.tokens[reading.first :]
            made["counted"][row, :count] = True
        return dict(zip(made, rows_over(self.mesh, *made.values()), strict=True))


def explained(
    loaded: Loaded, *, baseline: Baseline = "pad", batch: int = 16, head: Head | None = None
) -> Explained:
    """A loaded model, ready to be asked.

    `baseline` is the embedding of the padding token, the mean of the vocabulary, or nought (where a model
    that scales its inputs has a cliff: see the completeness residual). LoRA on top is merged into a copy of
    the weights that it changes. Raises ModelError for a model family whose layers cannot be run from
    embeddings, for LoRA whose scale is not known, and for an unknown baseline.
    """
    if lacking := [name for name in _SEAM if not hasattr(loaded.model, name)]:
        raise ModelError(
            f"model family {loaded.family}: no {', '.join(lacking)}; an explanation starts at the embeddings,"
            " which needs a family with embedder, layers and final_norm"
        )
    if jax.tree.leaves(nnx.state(loaded.model, nnx.LoRAParam)):
        loaded = Merged(loaded).now()
    model = loaded.model
    if baseline not in BASELINES:
        raise ModelError(f"baseline = {baseline!r}: expected one of {', '.join(BASELINES)}")
    if batch < 1:
        raise ModelError(f"batch = {batch}: expected a whole number of at least 1")
    pad = loaded.tokenizer.pad_id
    return Explained(model, pad, _base(model, baseline, pad), batch, head, loaded.mesh)


def randomised(asked: Explained, seed: int) -> Explained:
    """The same model with weights drawn anew, normal, with mean and spread of each tensor.

    Adebayo et al. 2018, "Sanity checks for saliency maps".

    What an explanation shows for such a model comes from the shape of the network, not from what was learnt.
    """
    graph, state = nnx.split(asked.model)
    leaves, tree = jax.tree.flatten(state)
    keys = jax.random.split(jax.random.key(seed), len(leaves) + 1)
    drawn = [_like(key, leaf) for key, leaf in zip(keys[1:], leaves, strict=True)]
    model = nnx.merge(graph, jax.tree.unflatten(tree, drawn))
    head = jax.tree.map(partial(_like, keys[0]), asked.head)
    # The baseline is no part of what was learnt and stays: the line through the inputs begins at one place.
    return Explained(model, asked.pad, asked.base, asked.batch, head, asked.mesh)


def _like(key: jax.Array, leaf: jax.Array) -> jax.Array:
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return leaf
    wide = leaf.astype(jnp.float32)
    drawn = jax.random.normal(key, leaf.shape, jnp.float32) * jnp.std(wide) + jnp.mean(wide)
    return drawn.astype(leaf.dtype)


def _base(model: Any, baseline: Baseline, pad: int) -> jax.Array:
    """The baseline of one token, float32 [D]."""
    table = model.embedder.input_embedding
    own = model.embedder.encode(jnp.array([[pad]], jnp.int32))[0, 0].astype(jnp.float32)
    if baseline == "zero":
        return jnp.zeros_like(own)
    if baseline == "pad":
        return own
    total, step = jnp.zeros_like(own), 4096
    for start in range(0, len(table), step):  # in parts: a vocabulary may be the largest array of a model
        ids = jnp.arange(start, min(start + step, len(table)), dtype=jnp.int32)[None]
        total += model.embedder.encode(ids)[0].astype(jnp.float32).sum(axis=0)
    return total / len(table)


def _finite(found: Floats, reward: bool) -> Floats:
    if not np.isfinite(found).all():
        what = "the reward model gave a score" if reward else "the model gave a log-probability"
        raise ModelError(f"{what}, or a slope of it, that is not a finite number")
    return found


def _value(model: Any, x: jax.Array, given: Given, head: Head | None) -> jax.Array:
    """Log-probability of the wanted tokens, or reward, float32 [B], of embedded tokens x [B, T, D]."""
    states, _ = blocks(model, x, places(given["real"]), None, causal(given["real"]))
    read = jnp.take_along_axis(states, given["places"][:, :, None], axis=1)
    if head is not None:
        return rewards(read[:, 0], head)

    @jax.checkpoint  # type: ignore[untyped-decorator]  # logits are made anew on the way back: all at once would be the largest array
    def row(each: tuple[jax.Array, ...]) -> jax.Array:
        own, wanted, counted = each
        found = jax.nn.log_softmax(logits(model, own[None])[0], axis=-1)
        picked = jnp.take_along_axis(found, wanted[:, None], axis=-1)[:, 0]
        return jnp.sum(jnp.where(counted, picked, 0.0))

    return jax.lax.map(row, (read, given["wanted"], given["counted"]))


@partial(jax.jit, static_argnums=0)
def _values(graph: Any, state: Any, given: Given, base: jax.Array, head: Head | None) -> jax.Array:
    model = nnx.merge(graph, state)
    return _value(model, _put(model, given, base)[0], given, head)


@partial(jax.jit, static_argnums=0)
def _slopes(
    graph: Any, state: Any, given: Given, ends: tuple[jax.Array, jax.Array], head: Head | None
) -> jax.Array:
    """Slope times distance, summed over the width, float32 [B, T].

    `ends` [D] are the baseline that the line begins at, and the place from which the distance counts.
    """
    model, (base, by) = nnx.merge(graph, state), ends
    x, own = _put(model, given, base)
    slope = jax.grad(lambda point: _value(model, point, given, head).sum())(x)
    found = jnp.sum((own - by) * slope.astype(jnp.float32), axis=-1)
    return jnp.where(given["moved"], found, 0.0)


def _put(model: Any, given: Given, base: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Embedded tokens [B, T, D] at their point of the line, and the texts' own, float32."""
    encoded = model.embedder.encode(given["ids"])
    own = encoded.astype(jnp.float32)
    share = jnp.where(given["moved"], given["at"][:, None] * given["kept"], 1.0)[..., None]
    return (base + share * (own - base)).astype(encoded.dtype), own
