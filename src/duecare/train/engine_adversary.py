"""An adversary beside the model: it reads the group from pooled hidden states, the model learns to hide it.

The adversary is a function of a tree of arrays that goes from step to step with the batch (see
`engine_debias`). At each training step it first learns, by some updates of its own, on the states of the
last rows, this step's among them, detached from the model; then the model moves. Without that memory it
would learn the four or eight rows of a batch by heart at every step; with a long one it would fight the
model of some steps ago, which a model escapes by turning its encoding round and round. Imports JAX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from duecare.train.adversary import Adversary
from duecare.train.engine_debias import Membership, Treatment
from duecare.train.engine_loop import Batch, Trainer
from duecare.train.watch import Point

FLOOR = 1e-4
"""Added to the variance of each feature of a state (final states are of size 1)."""

STEEP = 10.0
"""How steeply the push rises over its ramp (gamma of Ganin et al. 2016, section 5.2.2)."""

States = Callable[[Any, Mapping[str, Any]], tuple[jax.Array, jax.Array, jax.Array]]
Tree = dict[str, Any]


def push_at(method: Adversary, step: int) -> float:
    """Weight of the push at training step `step` (from 0): none in the warm-up, then rising to its height."""
    if step < method.warmup:
        return 0.0
    gone = 1.0 if method.ramp == 0 else min(1.0, (step - method.warmup + 1) / method.ramp)
    return method.weight * (2 / (1 + math.exp(-STEEP * gone)) - 1)


def fresh(method: Adversary, width: int, groups: int, seed: int) -> Tree:
    """A new adversary that reads states of `width`: its layers, their optimiser, and an empty memory."""
    rng = np.random.default_rng([seed, 0xAD])
    sizes = [width, groups] if method.width == 0 else [width, method.width, groups]
    layers = [
        {
            "w": (rng.standard_normal((a, b)) / math.sqrt(a)).astype(np.float32),
            "b": np.zeros(b, np.float32),
        }
        for a, b in pairwise(sizes)
    ]
    return {
        "layers": layers,
        "optimiser": jax.tree.map(np.asarray, _adam(method).init(layers)),
        "states": np.zeros((method.memory, width), np.float32),
        "group": np.full(method.memory, -1, np.int32),
    }


def _adam(method: Adversary) -> optax.GradientTransformation:
    """The adversary's optimiser, with little momentum: what it follows turns round (Radford et al. 2015)."""
    return optax.adam(method.learning_rate, b1=0.5)


def read(layers: Sequence[Mapping[str, jax.Array]], states: jax.Array) -> jax.Array:
    """The adversary's logits [B, G] of standardised states [B, D]."""
    for layer in layers[:-1]:
        states = jnp.tanh(states @ layer["w"] + layer["b"])
    return states @ layers[-1]["w"] + layers[-1]["b"]


def balanced_loss(logits: jax.Array, group: jax.Array, cap: float = math.inf) -> jax.Array:
    """Cross-entropy in nats, each group that is there with the same weight; rows of group -1 do not count.

    No row counts with more than `cap`, and one that reaches it has no gradient.
    """
    groups = logits.shape[-1]
    told = jax.nn.one_hot(group, groups)
    count = told.sum(axis=0)
    each = told @ jnp.where(count > 0, 1 / jnp.maximum(count, 1), 0.0)
    picked = jnp.maximum((jax.nn.log_softmax(logits) * told).sum(axis=-1), -cap)
    return -(each * picked).sum() / jnp.maximum((count > 0).sum(), 1)


def standardised(states: jax.Array, seen: jax.Array, known: jax.Array) -> jax.Array:
    """States [B, D] by mean and deviation of those `seen` [M, D] that are `known` [M]."""
    share = known / jnp.maximum(known.sum(), 1)
    mean = share @ seen
    deviation = jnp.sqrt(share @ (seen - mean) ** 2 + FLOOR)
    return (states - mean) / jnp.where(known.sum() > 1, deviation, 1.0)


def learn(method: Adversary, carried: Tree, states: jax.Array, group: jax.Array) -> Tree:
    """The adversary after its own updates on its memory, these rows in it; the model stands still."""
    states = jax.lax.stop_gradient(states)
    seen = jnp.concatenate([states, carried["states"]])[: method.memory]
    labels = jnp.concatenate([group, carried["group"]])[: method.memory]
    known = (labels >= 0).astype(jnp.float32)
    ready = standardised(seen, seen, known)
    own = optax.chain(optax.clip_by_global_norm(method.clip), optax.identity())
    adam = _adam(method)

    def update(_: int, both: tuple[Any, Any]) -> tuple[Any, Any]:
        layers, state = both
        slopes = jax.grad(lambda each: balanced_loss(read(each, ready), labels))(layers)
        slopes, _state = own.update(slopes, own.init(layers))
        change, state = adam.update(slopes, state)
        layers = optax.apply_updates(layers, change)
        return (_levelled(layers) if method.spectral else layers), state

    layers, state = jax.lax.fori_loop(0, method.steps, update, (carried["layers"], carried["optimiser"]))
    return {"layers": layers, "optimiser": state, "states": seen, "group": labels}


def _levelled(layers: list[dict[str, jax.Array]]) -> list[dict[str, jax.Array]]:
    """Layers whose largest singular value is 1 at most."""
    return [{**layer, "w": layer["w"] / jnp.maximum(1.0, jnp.linalg.norm(layer["w"], 2))} for layer in layers]


def against(by: str, own: Any, theirs: Any, push: jax.Array, clip: float) -> tuple[Any, dict[str, jax.Array]]:
    """The model's gradient against an adversary, and figures of it.

    `own` is the gradient of the model's loss, `theirs` that of the adversary's loss by the same weights,
    `push` the weight of the push (0 in the warm-up: `own` comes back as it is). With "projection" the part
    of `own` along `theirs` is taken out, for by following it the model would help the adversary. The push is
    at most `clip` times as long as `own`.
    """
    dot = optax.tree_utils.tree_vdot(own, theirs)
    long, far = optax.global_norm(own), optax.global_norm(theirs)
    tiny = jnp.finfo(jnp.float32).tiny
    wanted = jnp.minimum(push, clip * long / jnp.maximum(far, tiny))
    along = jnp.where(push > 0, dot / jnp.maximum(far**2, tiny), 0.0) if by == "projection" else 0.0
    moved = jax.tree.map(lambda one, other: one - (along + wanted) * other, own, theirs)
    figures = {
        "adversary_push": push,
        "adversary_push_ratio": wanted * far / jnp.maximum(long, tiny),
        "adversary_cosine": dot / jnp.maximum(long * far, tiny),
    }
    return moved, figures


class Opposed(Trainer):
    """Tunix's trainer with a step of two gradients: the model's own loss, and its adversary's.

    The loss function returns both, and what stands beside them.
    """

    method: Adversary

    def _train_step(self, model: Any, optimizer: Any, inputs: Any) -> tuple[Any, Any, Any]:
        batch = self.gen_model_input_fn(inputs)["batch"]
        graph, weights, rest = nnx.split(model, nnx.LoRAParam, ...)

        def both(weights: Any) -> Any:
            return self.loss_fn(nnx.merge(graph, weights, rest), batch)

        (loss, read), back, aux = jax.vjp(both, weights, has_aux=True)
        one, none = jnp.ones_like(loss), jnp.zeros_like(loss)
        (own,), (theirs,) = back((one, none)), back((none, jnp.ones_like(read)))
        moved, figures = against(self.method.by, own, theirs, batch["push"], self.method.clip)
        optimizer.update(model, moved)
        return loss, {**aux, "course": {**aux["course"], **figures}}, optax.global_norm(moved)


class Adversarial(Treatment):
    """Training against an adversary on the groups of `member`.

    `states(model, batch)` gives each row's loss, its taught tokens and its pooled state of `width`.
    """

    def __init__(self, method: Adversary, states: States, member: Membership, width: int, seed: int) -> None:
        self.method, self.member = method, member
        self.trainer = type("Against", (Opposed,), {"method": method})
        carried = fresh(method, width, len(member.names), seed)
        super().__init__(adversarial_loss(method, states), carried)

    def batch(self, number: int, batch: Batch) -> Batch:
        """With each row's group, the adversary so far, and how hard to push."""
        push = np.float32(push_at(self.method, number))
        return {**batch, "group": self.member.groups(batch["row"]), "carried": self.carried, "push": push}

    def take(self, aux: Mapping[str, Any]) -> Sequence[Point]:
        """The adversary as this step left it; its figures before it learnt from the step."""
        self.carried = aux["carried"]
        return [Point(metric=name, value=float(value)) for name, value in sorted(aux["course"].items())]


def adversarial_loss(method: Adversary, states: States) -> Callable[..., Any]:
    """The model's mean loss per taught token and its adversary's loss on the same rows, for `Opposed`.

    What is drawn of the adversary is how it reads rows that it has not learnt from yet. The model is pushed
    until a row is read as badly as by chance, not beyond: a model that turns the groups round to spite its
    adversary has hidden nothing, and the adversary learns the turn in a few steps.
    """

    def loss(model: Any, batch: Mapping[str, Any]) -> Any:
        nll, count, pooled = states(model, batch)
        carried, group = batch["carried"], batch["group"]
        known = (carried["group"] >= 0).astype(jnp.float32)
        guess = read(carried["layers"], standardised(pooled, carried["states"], known))
        right = balanced_accuracy(guess, group)
        grown = learn(method, carried, pooled, group)
        known = (grown["group"] >= 0).astype(jnp.float32)
        again = read(jax.lax.stop_gradient(grown["layers"]), standardised(pooled, grown["states"], known))
        total = (batch["weight"] * nll).sum() / count.sum()
        course = {"adversary_loss": balanced_loss(guess, group), "adversary_accuracy": right}
        aux = {"loss": total, "row": batch["row"], "figures": {"loss": nll / count}, "carried": grown}
        read_off = balanced_loss(again, group, cap=math.log(again.shape[-1]))
        return (total, read_off), {**aux, "course": course}

    return loss


def balanced_accuracy(logits: jax.Array, group: jax.Array) -> jax.Array:
    """Mean over the groups that are there of the share of their rows that is read right."""
    told = jax.nn.one_hot(group, logits.shape[-1])
    count = told.sum(axis=0)
    right = told.T @ (jnp.argmax(logits, axis=-1) == group).astype(jnp.float32)
    return jnp.where(count > 0, right / jnp.maximum(count, 1), 0.0).sum() / jnp.maximum((count > 0).sum(), 1)
