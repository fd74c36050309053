"""Twins put to a reward model in training. Imports JAX; what becomes of its scores: `train.probing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from duecare.core import Message
from duecare.model.forward import causal, places
from duecare.model.tokenize import Tokenizer
from duecare.model.twins import Twin
from duecare.train.engine_probe import Asker
from duecare.train.probing import Pairing, Probes, reward_pairings
from duecare.train.resume import Resume
from duecare.train.rows import Passage, answered


def scores_at_the_end(model: Any, batch: Mapping[str, jax.Array]) -> jax.Array:
    """The score of each answer of a batch, read where training reads it, float32 [B]."""
    real = batch["real"]
    last = (jnp.arange(len(real)), real.sum(axis=1) - 1)
    scores: jax.Array = model(batch["tokens"], places(real), causal(real), last)
    return scores


_scores = nnx.jit(scores_at_the_end)


class RewardAsker(Asker):
    """The twins of a run with respectful and dismissive answers, each up to and with its end of turn.

    `base` are the scores by the head as it was drawn: it knows of no preference, and is no base model whose
    gap could be amplified.
    """

    measure = staticmethod(_scores)

    def asked(self, probes: Probes) -> list[Twin]:
        """Both answers to every matter: how far rewards spread is read off all of them."""
        return probes.twins(both=True)

    def read(self, twin: Twin, tokenizer: Tokenizer) -> Passage:
        """As a pair's answer is read in training."""
        return answered([Message(role="user", content=twin.text)], twin.answer, tokenizer)

    @property
    def pairings(self) -> Sequence[Pairing]:
        """Which scores are compared, and what the difference is measured by."""
        return reward_pairings(self.twins)


def reward_askers(
    probes: Probes | None, tokenizer: Tokenizer, model: Any, resume: Resume
) -> tuple[Asker, ...]:
    """Who asks the twins of this run; `model` has its head as it was drawn."""
    if probes is None:
        return ()
    made = RewardAsker(probes, tokenizer)

    def ask() -> Mapping[str, Any]:
        return {"values": made.values(model), "seconds": np.array(made.seconds)}

    kept = resume.remember(made.name, ask)
    made.base, made.seconds = np.asarray(kept["values"]), float(kept["seconds"])
    return (made,)
