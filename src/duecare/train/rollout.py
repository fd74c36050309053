"""Prompts answered by the model as it is, and what the answers earned. Imports JAX.

Tunix's `RLCluster` would do this inside its learners. Here it is a function of weights, seed and step, so
that a killed run answers again what it had answered; `design/0007` says what else speaks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from duecare.core import ModelError
from duecare.model.generate import answer_text, sampled
from duecare.model.load import Loaded
from duecare.model.merge import Merged
from duecare.train.answering import Answering, token_logps
from duecare.train.batch import ASKED_TOGETHER, Plan, chunks, lay_out, rounded
from duecare.train.engine_loop import Batch, Data
from duecare.train.probe import Figures
from duecare.train.reinforce import Reinforces
from duecare.train.rewards import Judged, Rewards
from duecare.train.rows import Ids, Prompt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Told:
    """A prompt and the answers that the model gave to it."""

    prompt: Ids
    answers: tuple[Ids, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """A round of answers to B prompts, G to each, ready to be learned from.

    `batch` holds `Lines` by name with `row` and `weight` [B]; `rewards` and `lengths` (in tokens) are [G, B];
    `unjudged` bool [G, B] says which answers some detector could not judge. `independent` [G, B] is what the
    instrument beside the reward says of them, where it was asked.
    """

    batch: Batch
    rewards: Floats
    lengths: npt.NDArray[np.int64]
    unjudged: npt.NDArray[np.bool_]
    independent: Floats | None = None


class Players:
    """A model in training that answers prompts: what `Prompts` of several parts of the data share.

    `independent` is the instrument beside the reward, if there is one.
    """

    def __init__(
        self,
        step: Reinforces,
        loaded: Loaded,
        model: Answering,
        rewards: Rewards,
        independent: Rewards | None = None,
    ) -> None:
        self.step, self.loaded, self.model, self.rewards = step, loaded, model, rewards
        self.independent = independent
        self._merged = Merged(loaded)
        self._start = None if independent is None else self._merged.start()

    def answers(
        self, prompts: list[Ids], names: list[str], length: int, *, at_start: bool = False
    ) -> list[list[Ids]]:
        """`samples` answers to each prompt by the model now, or as it was `at_start`; randomness by name."""
        step = self.step
        if at_start and self._start is None:
            raise ModelError("what the start answers is asked where an instrument looks on beside the reward")
        found: list[list[Ids]] = sampled(
            self._start if at_start and self._start is not None else self._merged.now(),
            [prompt.tolist() for prompt in prompts],
            names,
            samples=step.samples,
            max_tokens=step.max_answer_tokens,
            temperature=step.temperature,
            seed=step.seed,
            batch=step.batch_size * step.samples,
            length=length,
        )
        return found

    def logps(self, batch: Batch, *, at_start: bool = False) -> npt.NDArray[np.float32]:
        """What the model says of every token asked, float32 [N]; `at_start` before its first update."""
        return np.asarray(asked(self.model, batch, at_start=at_start))


class Prompts:
    """Prompts of one part of the data, in rounds of one shape: at most `longest` tokens a prompt."""

    def __init__(self, players: Players, part: Data, plan: Plan[Prompt], longest: int) -> None:
        self.players, self.part, self.plan = players, part, plan
        step, window = players.step, players.loaded.shape.window
        self.prompt_length = rounded(longest, step.max_prompt_tokens)
        whole = self.prompt_length + step.samples * step.max_answer_tokens
        self.shared = window is None or whole <= window
        self.length = whole if self.shared else self.prompt_length + step.max_answer_tokens
        most = step.batch_size * step.samples * step.max_answer_tokens
        self.asked = -(-most // ASKED_TOGETHER) * ASKED_TOGETHER

    def round(self, entries: npt.NDArray[np.int64], name: str, *, independent: bool = False) -> Round:
        """Answer the prompts `entries` and reward the answers; `name` decides the randomness.

        With `independent` the instrument beside the reward is asked of them too.
        """
        loaded, rows = self.players.loaded, self.plan.rows[entries]
        read = [self.plan.read[entry] for entry in entries]
        answers = self.answers(entries, name)
        told = [Told(one.tokens, tuple(own)) for one, own in zip(read, answers, strict=True)]
        count = self.players.step.samples
        flat = [own[which] for which in range(count) for own in answers]
        judged = self.judged(self.players.rewards, entries, flat)
        beside = self.players.independent if independent else None
        other = None if beside is None else self.judged(beside, entries, flat).rewards
        lines = lay_out(told, self.length, self.asked, loaded.tokenizer.pad_id, shared=self.shared)
        return Round(
            batch={
                "tokens": lines.tokens,
                "position": lines.position,
                "part": lines.part,
                "asked_row": lines.asked.row,
                "asked_place": lines.asked.place,
                "target": lines.asked.target,
                "counts": lines.asked.counts,
                "side": lines.side,
                "weight": self.part.weights[rows],
                "row": rows.astype(np.int32),
            },
            rewards=judged.rewards.reshape(count, len(entries)),
            lengths=np.array([len(ids) for ids in flat], np.int64).reshape(count, len(entries)),
            unjudged=judged.unjudged.reshape(count, len(entries)),
            independent=None if other is None else other.reshape(count, len(entries)),
        )

    def answers(
        self, entries: npt.NDArray[np.int64], name: str, *, at_start: bool = False
    ) -> list[list[Ids]]:
        """What the model says to the prompts `entries`, now or `at_start`; `name` decides the randomness."""
        rows = self.plan.rows[entries]
        turns = [int((rows[:place] == row).sum()) for place, row in enumerate(rows)]
        names = [f"{name}\0{turn}\0{self.part.names[row]}" for turn, row in zip(turns, rows, strict=True)]
        tokens = [self.plan.read[entry].tokens for entry in entries]
        return self.players.answers(tokens, names, self.prompt_length, at_start=at_start)

    def judged(self, by: Rewards, entries: npt.NDArray[np.int64], flat: list[Ids]) -> Judged:
        """What an instrument says of answers to the prompts `entries`, [G * B], the prompts in turn."""
        loaded, rows = self.players.loaded, self.plan.rows[entries]
        count = len(flat) // len(entries)
        return by(
            [self.plan.read[entry].text for entry in entries] * count,
            [answer_text(loaded, ids) for ids in flat],
            [int(ids[-1]) in loaded.tokenizer.eos_ids for ids in flat],
            {axis: labels[rows].tolist() * count for axis, labels in self.part.groups.of.items()},
        )

    def measured(self, name: str) -> Figures:
        """Every prompt answered by the model as it is now: reward, length and KL to its start, [N] each.

        With an instrument beside the reward also what that says, `independent`.
        """
        beside = [] if self.players.independent is None else ["independent"]
        keys = ["reward", "length", "kl", *beside]
        found = {key: np.zeros(len(self.plan.read), np.float32) for key in keys}
        for entries in chunks(len(self.plan.read), self.players.step.batch_size):
            one = self.round(entries, name, independent=bool(beside))
            now, start = (self.players.logps(one.batch, at_start=before) for before in (False, True))
            kl = per_answer(divergence(now, start), one.batch, one.rewards.size) / one.lengths.ravel()
            own = len(np.unique(entries))  # the last round is filled up with more answers to its last prompt
            told = {"reward": one.rewards, "length": one.lengths, "kl": kl}
            if one.independent is not None:
                told["independent"] = one.independent
            for key, each in told.items():
                found[key][entries[:own]] = each.reshape(one.lengths.shape).mean(axis=0)[:own]
        return found


def divergence(logps: Any, reference: Any) -> Any:
    """KL to the reference, estimated token by token, never below 0 (Schulman 2020, "k3"): nats [N].

    Without bias where the tokens were drawn by `logps`. Its gradient pulls towards the reference; that of
    the plain log ratio, which Tunix takes by default, is 0 in expectation.
    """
    apart = reference - logps
    return (jnp.exp(apart) if isinstance(logps, jax.Array) else np.exp(apart)) - apart - 1


def per_answer(values: npt.NDArray[Any], batch: Batch, answers: int) -> Floats:
    """Sum of what each answer's tokens have: [N] to float64 [answers]."""
    found: Floats = np.bincount(
        batch["side"], weights=np.asarray(values * batch["counts"], np.float64), minlength=answers
    ).astype(np.float64)
    return found


def asked(model: Answering, batch: Batch, *, at_start: bool) -> jax.Array:
    """Log-probabilities [N] by `model`, or by what it was before its low-rank updates had an effect."""
    graph, low_rank, rest = nnx.split(model, nnx.LoRAParam, ...)
    if at_start:
        low_rank = jax.tree.map(jnp.zeros_like, low_rank)
    return _asked(graph, low_rank, rest, batch)


@partial(jax.jit, static_argnums=0)
def _asked(graph: Any, low_rank: Any, rest: Any, batch: Mapping[str, jax.Array]) -> jax.Array:
    return token_logps(nnx.merge(graph, low_rank, rest), batch)
