"""A model asked for the log-probabilities of given tokens, and for nothing else. Imports JAX.

Tunix's call makes logits for every position. Half of them are never used (prompts, padding), and for a
small model they are the largest part of a step: 49,152 numbers a token, kept for the backward pass.
Here the head is applied to the positions that are taught only, a few at a time, and what the backward
pass needs is worked out on the way (as in fused linear cross-entropy kernels; Hsu et al. 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from duecare.model.forward import logits, through
from duecare.train.batch import ASKED_TOGETHER


class Answering(nnx.Module):  # type: ignore[misc]  # flax.nnx is untyped
    """`model` under a call that returns log-probabilities; low-rank updates are put on this module.

    `whole` says that all weights are trained, the head among them. At a `temperature` other than 1 the
    log-probabilities are those by which tokens are sampled at that temperature.
    """

    def __init__(self, model: Any, *, whole: bool = False, temperature: float = 1.0) -> None:
        self.model, self.whole, self.temperature = model, whole, temperature

    def __call__(
        self,
        tokens: jax.Array,
        positions: jax.Array,
        mask: jax.Array,
        asked: tuple[jax.Array, ...],
        *,
        states: bool = False,
        plain: bool = False,
    ) -> Any:
        """Natural log-probabilities, float32 [N]; with `states` also the final states behind them, [N, D].

        With `plain` they are those at temperature 1, whatever answers are sampled at.

        tokens and positions int32 [B, T], mask bool [B, T, T]. `asked` is three int32 [N], N a multiple
        of ASKED_TOGETHER: row, place, and the token whose probability after that place is wanted; without
        tokens the states are all that is told.
        """
        found, _ = through(self.model, tokens, positions, None, mask)
        row, place, *targets = asked
        picked = found[row, place]
        if not targets:
            return picked
        target = targets[0]
        ask = logps_of_whole if self.whole else logps
        told = ask(self.model, picked, target, 1.0 if plain else self.temperature)
        return (told, picked) if states else told


def logps_of_whole(model: Any, states: jax.Array, targets: jax.Array, temperature: float = 1.0) -> jax.Array:
    """`logps`, differentiable in the head's weights too; a chunk's logits are made again on the way back."""

    @jax.checkpoint  # type: ignore[untyped-decorator]  # it has no types
    def one(chunk: tuple[jax.Array, jax.Array]) -> jax.Array:
        found = logits(model, chunk[0][None])[0]
        return _picked(found if temperature == 1 else found / temperature, chunk[1])

    return jax.lax.map(one, _chunks(states, targets)).reshape(targets.shape)


def token_logps(model: Answering, batch: Mapping[str, jax.Array]) -> jax.Array:
    """Log-probabilities of all answers' tokens, float32 [N]; `batch` holds `Lines` by name."""
    return model(*call_of(batch))


def call_of(batch: Mapping[str, jax.Array]) -> tuple[Any, ...]:
    """The arguments by which a model is asked for all answers' tokens of a batch."""
    asked = (batch["asked_row"], batch["asked_place"], batch["target"])
    return batch["tokens"], batch["position"], answer_mask(batch["part"]), asked


def answer_mask(part: jax.Array) -> jax.Array:
    """Who sees whom in lines of prompts and answers (`batch.Lines.part` [B, T]): bool [B, T, T].

    An answer sees its prompt and itself, never another answer; padding is seen by no one.
    """
    seen, looks = part[:, None, :], part[:, :, None]
    causal = jnp.tril(jnp.ones((part.shape[1], part.shape[1]), bool))
    return causal & ((seen == 0) | (seen == looks) & (seen > 0))


def logps(model: Any, states: jax.Array, targets: jax.Array, temperature: float = 1.0) -> jax.Array:
    """Log-probability of each target int32 [N] by the model's head at `states` [N, D]: float32 [N].

    Differentiable in `states`; the head itself is frozen and gets no gradient.
    """

    def head(chunk: jax.Array) -> jax.Array:
        found = logits(model, chunk[None])[0]
        return found if temperature == 1 else found / temperature

    return _Fused(head)(states, targets)


class _Fused:
    """Log-probabilities under `head` ([C, D] -> [C, V]), chunk by chunk, with their gradient."""

    def __init__(self, head: Callable[[jax.Array], jax.Array]) -> None:
        self.head = head
        self.call = jax.custom_vjp(self.value)
        self.call.defvjp(self.forward, self.backward)

    def __call__(self, states: jax.Array, targets: jax.Array) -> jax.Array:
        return self.call(states, targets)

    def value(self, states: jax.Array, targets: jax.Array) -> jax.Array:
        def one(chunk: tuple[jax.Array, jax.Array]) -> jax.Array:
            return _picked(self.head(chunk[0]), chunk[1])

        return jax.lax.map(one, _chunks(states, targets)).reshape(targets.shape)

    def forward(self, states: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Values, and the gradient of each by its own state [N, D]."""

        def one(chunk: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            found, back = jax.vjp(self.head, chunk[0])
            push = -jax.nn.softmax(found, axis=-1)
            push = push.at[jnp.arange(len(push)), chunk[1]].add(1.0)
            return _picked(found, chunk[1]), back(push)[0]

        values, slopes = jax.lax.map(one, _chunks(states, targets))
        return values.reshape(targets.shape), slopes.reshape(states.shape)

    def backward(self, slopes: jax.Array, change: jax.Array) -> tuple[jax.Array, None]:
        return slopes * change[:, None].astype(slopes.dtype), None


def _chunks(states: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    return states.reshape(-1, ASKED_TOGETHER, states.shape[-1]), targets.reshape(-1, ASKED_TOGETHER)


def _picked(found: jax.Array, targets: jax.Array) -> jax.Array:
    """Log-probability of one target per line of logits [C, V]: float32 [C]."""
    chosen = jnp.take_along_axis(found, targets[:, None], axis=-1)[:, 0]
    return chosen - jax.nn.logsumexp(found, axis=-1)
