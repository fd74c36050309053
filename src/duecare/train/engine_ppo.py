"""Proximal policy optimisation on Tunix's trainer. Imports JAX; see `duecare.train.reinforce` for the step.

The losses are those of Tunix's own `ppo_policy_loss_fn` and `ppo_value_loss_fn` (a test holds them
together). The critic is one linear layer on the policy's last hidden states instead of a second model.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx

from duecare.core import Artifacts, Outcome, Tell
from duecare.model.forward import through
from duecare.train.advantage import Floats, gae, whitened
from duecare.train.answering import Answering, call_of, logps
from duecare.train.engine_loop import Batch
from duecare.train.engine_reinforce import clipped, known, per_prompt, reinforce, told
from duecare.train.lora import optimiser
from duecare.train.reinforce import Ppo
from duecare.train.rollout import Players, Round, divergence


class Valued(Answering):
    """A model that also says what it expects an answer to earn, before each of its tokens.

    The critic's weights are trained with the low-rank updates (Tunix trains one kind of variable); they
    begin at 0 and are not exported.
    """

    def __init__(self, model: Any, temperature: float = 1.0) -> None:
        super().__init__(model, temperature=temperature)
        self.head = nnx.LoRAParam(jnp.zeros(model.config.embed_dim))
        self.offset = nnx.LoRAParam(jnp.zeros(()))

    def __call__(  # type: ignore[override]  # a head is asked for something else than the model below it
        self,
        tokens: jax.Array,
        positions: jax.Array,
        mask: jax.Array,
        asked: tuple[jax.Array, jax.Array, jax.Array],
        *,
        valued: bool = False,
        plain: bool = False,
    ) -> Any:
        """As Answering (`plain` too); with `valued` also the values, float32 [N], before each token asked."""
        states, _ = through(self.model, tokens, positions, None, mask)
        row, place, target = asked
        here = states[row, place]
        found = logps(self.model, here, target, 1.0 if plain else self.temperature)
        if not valued:
            return found
        # The critic reads what the policy has and does not push on it: its errors are not the policy's.
        seen = jax.lax.stop_gradient(here).astype(jnp.float32)
        return found, (seen * self.head[...]).mean(axis=-1) + self.offset[...]


def value_loss(values: jax.Array, old: jax.Array, returns: jax.Array, reach: float) -> jax.Array:
    """Half the squared error of values that may move by `reach` at most, [N]."""
    bound = jnp.clip(values, old - reach, old + reach)
    return 0.5 * jnp.maximum((values - returns) ** 2, (bound - returns) ** 2)


def ppo_loss(model: Valued, batch: Mapping[str, jax.Array], step: Ppo) -> tuple[jax.Array, dict[str, Any]]:
    """Clipped objective (Schulman et al. 2017) and critic's loss of a round of answers, means over tokens.

    `batch` as from `ppo_batch`; each prompt's figures are beside the loss.
    """
    logps, values = model(*call_of(batch), valued=True)
    push, held = clipped(logps, batch["old"], batch["advantages"], step.epsilon)
    error = value_loss(values, batch["old_values"], batch["returns"], step.value_clip)
    answers = step.samples * len(batch["row"])
    weight = jnp.tile(batch["weight"], step.samples)[batch["side"]] * batch["counts"]
    # No weight between the two: they have no weights in common, and an optimiser each.
    loss = (weight * (push + error)).sum() / batch["counts"].sum()
    figures = {
        **told(batch),
        "advantage": per_prompt(jnp.abs(batch["advantages"]), batch, answers),
        "kl": per_prompt(divergence(logps, batch["reference"]), batch, answers),
        "clip_share": per_prompt(held, batch, answers),
        "value_error": per_prompt((values - batch["returns"]) ** 2, batch, answers),
    }
    return loss, {"loss": loss, "row": batch["row"], "figures": figures}


def ppo_batch(one: Round, players: Players) -> Batch:
    """A round with what each token earned, by the model and critic that gave the answers: [N] each."""
    step = players.step
    if not isinstance(step, Ppo):
        raise TypeError("ppo_batch is for Ppo")
    old, values = (np.asarray(each) for each in _valued(players.model, one.batch))
    reference = players.logps(one.batch, at_start=True)
    lengths = one.lengths.ravel()
    where = spots(one.batch, len(lengths))
    rewards = -step.beta * spread(old.astype(np.float64) - reference, where, lengths)
    rewards[np.arange(len(lengths)), lengths - 1] += one.rewards.ravel()
    expected = spread(values.astype(np.float64), where, lengths)
    advantages = gae(rewards, expected, lengths, step.gamma, step.decay)
    return {
        **known(one, players),
        "old": old,
        "old_values": values,
        "reference": reference,
        "advantages": gathered(whitened(advantages, lengths), where),
        "returns": gathered(advantages + expected, where),
    }


Where = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]


def spots(batch: Batch, answers: int) -> Where:
    """Answer and place in it of each position asked, int64 [N] both, and which of them count."""
    side, real = batch["side"].astype(np.int64), batch["counts"] > 0
    first = np.zeros(answers, dtype=np.int64)
    numbers = np.flatnonzero(real)
    first[side[numbers[::-1]]] = numbers[::-1]
    return side, np.where(real, np.arange(len(side)) - first[side], 0), real


def spread(values: Floats, where: Where, lengths: npt.NDArray[np.int64]) -> Floats:
    """Values [N] as answers by places, float64 [R, T], 0 beyond an answer's end."""
    side, place, real = where
    found = np.zeros((len(lengths), int(lengths.max())))
    found[side[real], place[real]] = values[real]
    return found


def gathered(values: Floats, where: Where) -> npt.NDArray[np.float32]:
    """The way back: [R, T] to float32 [N], 0 where nothing was asked."""
    side, place, real = where
    return np.where(real, values[side, place], 0.0).astype(np.float32)


def _valued(model: Answering, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """Log-probabilities and values, float32 [N] both."""
    graph, state = nnx.split(model)
    found: tuple[jax.Array, jax.Array] = _both(graph, state, batch)
    return found


@partial(jax.jit, static_argnums=0)
def _both(graph: Any, state: Any, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    found: tuple[jax.Array, jax.Array] = nnx.merge(graph, state)(*call_of(batch), valued=True)
    return found


def train(step: Ppo, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `Ppo`."""

    def loss(model: Any, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, dict[str, Any]]:
        return ppo_loss(model, batch, step)

    def under(model: Any) -> Answering:
        return Valued(model, step.temperature)

    return reinforce(
        step, inputs, out, tell, under=under, loss=loss, made=ppo_batch, optimised=two_optimisers(step)
    )


def two_optimisers(step: Ppo) -> optax.GradientTransformation:
    """The policy's as in every step, and Adam for the critic: one clip for both would tie them together."""

    def owner(path: tuple[Any, ...], _: Any) -> str:
        return "critic" if str(getattr(path[0], "key", path[0])) in ("head", "offset") else "policy"

    return optax.multi_transform(
        {"policy": optimiser(step), "critic": optax.adam(step.critic_learning_rate)},
        lambda weights: jax.tree_util.tree_map_with_path(owner, weights),
    )
