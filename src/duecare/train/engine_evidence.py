"""Measures held-out rows before and after training, for `evidence`. Imports JAX.

Before training the final states of the held-out rows are kept (not their logits: a vocabulary is eighty times
as wide); afterwards both are read by the frozen head, which gives the KL divergence exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from flax import nnx

from duecare.core import DataError, Message, Outcome, Tell, exact
from duecare.detect.refusal import refuses
from duecare.model.forward import causal, logits, places
from duecare.model.generate import generate
from duecare.model.load import Loaded, load
from duecare.model.tokenize import Tokenizer
from duecare.train.answering import Answering
from duecare.train.batch import ASKED_TOGETHER, Plan, chunks, take
from duecare.train.debias import Debias
from duecare.train.engine_debias import Membership
from duecare.train.engine_loop import Batch, Data
from duecare.train.evidence import Evidence, Held, Model, erased_states
from duecare.train.prefer import Dpo
from duecare.train.resume import Resume
from duecare.train.rows import Passage, chosen_passage, passage
from duecare.train.sft import Sft

Floats = npt.NDArray[np.float32]
TABLE = "evidence"


def asked_states(model: Answering, batch: Mapping[str, jax.Array]) -> jax.Array:
    """The final states behind the positions that a batch asks for: float32 [N, D]."""
    asked = (batch["asked_row"], batch["asked_place"], batch["target"])
    real = batch["real"]
    _, states = model(batch["tokens"], places(real), causal(real), asked, states=True)
    return states.astype(jnp.float32)


def against_start(
    model: Any, start: jax.Array, now: jax.Array, target: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """At each of N positions: -log p(target) at the states `now` [N, D], and KL(start || now), in nats."""

    def one(chunk: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        was, here, target = chunk
        dtype = model.embedder.input_embedding.dtype
        old, new = (
            jax.nn.log_softmax(logits(model, each[None].astype(dtype))[0], axis=-1) for each in (was, here)
        )
        nll = -jnp.take_along_axis(new, target[:, None], axis=-1)[:, 0]
        return nll, (jnp.exp(old) * (old - new)).sum(axis=-1)

    chunked = [each.reshape(-1, ASKED_TOGETHER, each.shape[-1]) for each in (start, now)]
    nll, kl = jax.lax.map(one, (chunked[0], chunked[1], target.reshape(-1, ASKED_TOGETHER)))
    return nll.reshape(-1), kl.reshape(-1)


_states, _figures = nnx.jit(asked_states), nnx.jit(against_start)


def evidence_rows(
    step: Sft | Dpo, held: Data, tokenizer: Tokenizer, max_tokens: int, tell: Tell
) -> Plan[Passage]:
    """The held-out rows on which the evidence rests, of pairs the chosen answers, cut as in training.

    How many there are is told, and how many were passed over and why.
    """
    method = "sft" if isinstance(step, Sft) else step.algorithm

    def read(place: int) -> Passage:
        if isinstance(step, Sft):
            return passage(held.example(place), tokenizer, max_tokens)
        limits = (step.max_prompt_tokens, step.max_answer_tokens)
        return chosen_passage(held.example(place), tokenizer, *limits)

    plan = take(held.names, read, 0 if step.debias is None else step.debias.rows, step.seed)
    where = {"source": step.on, "split": "held_out"}
    tell(exact(f"{method}.evidence.rows.used", len(plan.read), plan.met, where))
    for reason, count in plan.unusable.items():
        tell(exact(f"{method}.evidence.rows.unusable", count, plan.met, {**where, "reason": reason}))
    return plan


@dataclass(slots=True)
class Measuring:
    """The held-out rows `plan` of `part`, given as batches of `size` by `batch(entries)`."""

    debias: Debias
    part: Data
    plan: Plan[Passage]
    batch: Any
    size: int

    def held(self) -> Held:
        """Whose rows they are."""
        member = Membership(self.part, self.debias.axis, whole=False, least=0)
        return Held(
            rows=tuple(self.part.names[row] for row in self.plan.rows),
            group=member.of[self.plan.rows].astype(np.int64),
            groups=tuple(member.names),
            tokens=np.array([int(one.taught[1:].sum()) for one in self.plan.read], dtype=np.int64),
        )

    def states(self, model: Answering) -> Floats:
        """The states of all positions asked for, batch by batch, filling among them: float32 [K, N, D]."""
        return np.stack([np.asarray(_states(model, batch)) for batch, _ in self._batches()])

    def figures(self, model: Any, start: Floats, now: Floats) -> tuple[Floats, Floats]:
        """Each row's loss and KL to the start, in nats per taught token, by the head of `model`."""
        loss, kl = np.zeros(len(self.plan.read), np.float32), np.zeros(len(self.plan.read), np.float32)
        for (batch, entries), was, here in zip(self._batches(), start, now, strict=True):
            found = _figures(model, was, here, batch["target"])
            for into, values in zip((loss, kl), found, strict=True):
                into[entries] = _per_row(np.asarray(values)[:, None], batch, self.size)[:, 0]
        return loss, kl

    def pooled(self, states: Floats) -> Floats:
        """Each row's mean state over its taught tokens: float32 [rows, D]."""
        found = np.zeros((len(self.plan.read), states.shape[-1]), np.float32)
        for (batch, entries), here in zip(self._batches(), states, strict=True):
            found[entries] = _per_row(here, batch, self.size)
        return found

    def answered(self, loaded: Loaded) -> dict[str, npt.NDArray[Any]]:
        """Characters and refusals of greedy answers to the rows' prompts, where they are asked for."""
        if not self.debias.answers:
            return {}
        prompts = [loaded.tokenizer.chat(_prompt(self.part, row), answer=True) for row in self.plan.rows]
        given = generate(
            loaded, prompts, max_tokens=self.debias.answer_tokens, temperature=0.0, batch=max(1, self.size)
        )
        texts = [samples[0] for samples in given]
        return {
            "length": np.array([len(text) for text in texts], np.int32),
            "refused": np.array([refuses(text) for text in texts], np.bool_),
        }

    def _batches(self) -> list[tuple[Batch, npt.NDArray[np.int64]]]:
        return [(self.batch(entries), entries) for entries in chunks(len(self.plan.read), self.size)]


def _per_row(values: Floats, batch: Batch, rows: int) -> Floats:
    """Mean of values [N, K] over the counted positions of each row of a batch: float32 [rows, K]."""
    sums, counts = np.zeros((rows, values.shape[-1]), np.float64), np.zeros(rows)
    np.add.at(sums, batch["asked_row"], values * batch["counts"][:, None])
    np.add.at(counts, batch["asked_row"], batch["counts"])
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)


def _prompt(part: Data, row: int) -> tuple[Message, ...]:
    """The turns up to the last answer of a row."""
    example = part.example(int(row))
    if example.kind == "text":
        raise DataError("debias.answers: plain texts have no prompt to answer")
    turns = example.messages
    if example.kind == "preference":  # its answers stand beside its turns
        return turns
    last = max((place for place, turn in enumerate(turns) if turn.role == "assistant"), default=len(turns))
    return turns[:last]


class Account:
    """The evidence on its way: what was measured before training, to be held against what is after."""

    def __init__(self, measuring: Measuring, model: Answering, base: Loaded) -> None:
        self.measuring, self.model, self.base = measuring, model, base
        self.start: Mapping[str, npt.NDArray[Any]] = {}

    def before(self, resume: Resume, start: Path) -> None:
        """Measure the model as it is; once, also where the run is killed and goes on."""

        def make() -> dict[str, npt.NDArray[Any]]:
            answers = (
                self.measuring.answered(load(start, mesh=self.base.mesh))
                if self.measuring.debias.answers
                else {}
            )
            return {"states": self.measuring.states(self.model), **answers}

        self.start = resume.remember("evidence", make)

    def added(self, outcome: Outcome, method: str, source: str, seed: int, out: Path) -> Outcome:
        """`outcome` with what is told of the trained model, whose merged folder is `out`/model."""
        evidence = self._evidence(method, source, seed, out / "model")
        pq.write_table(evidence.table(), out / f"{TABLE}.parquet", compression="zstd")
        estimates, findings = evidence.told()
        return Outcome(
            files={**outcome.files, TABLE: f"{TABLE}.parquet"},
            estimates=(*outcome.estimates, *estimates),
            findings=(*outcome.findings, *findings),
        )

    def _evidence(self, method: str, source: str, seed: int, trained: Path) -> Evidence:
        measuring, inner = self.measuring, self.base.model
        start, now = self.start["states"], measuring.states(self.model)
        pooled = measuring.pooled(now)
        held = measuring.held()
        erased = erased_states(pooled, held.group)(now).astype(np.float32)
        first = {name: self.start[name] for name in ("length", "refused") if name in self.start}
        answers = measuring.answered(load(trained, mesh=self.base.mesh)) if measuring.debias.answers else {}
        was, done, cut = (measuring.figures(inner, start, each) for each in (start, now, erased))
        return Evidence(
            method=method,
            source=source,
            debias=measuring.debias,
            seed=seed,
            held=held,
            before=Model(*was, measuring.pooled(start), **first),
            after=Model(*done, pooled, **answers),
            erased=Model(*cut, pooled),
        )
