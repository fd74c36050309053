"""Reward models on Tunix's trainer. Imports JAX; see `duecare.train.reward_model` for the step.

Tunix has no trainer for reward models. Pairs are laid out as for preference tuning, each prompt once with
both answers behind it; the model is asked for hidden states at two places of a line only, and the head over
the vocabulary, the widest matrix of a small model, is not used at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from flax import nnx

from duecare.core import Artifacts, Outcome, Tell
from duecare.core.table import SCORES
from duecare.model.forward import through
from duecare.model.heads import Heads
from duecare.model.reward import rewards
from duecare.model.tokenize import Tokenizer
from duecare.train.answering import Answering, answer_mask
from duecare.train.batch import chunks, lay_out
from duecare.train.engine_heads import refitted
from duecare.train.engine_loop import (
    Batch,
    Run,
    Trainer,
    adapted,
    doing,
    finish,
    open_resume,
    read_parts,
    start_folder,
)
from duecare.train.engine_prefer import PairLines, give_shape, read_pairs
from duecare.train.engine_reward_probe import reward_askers
from duecare.train.heldout import looks_at
from duecare.train.lora import optimiser
from duecare.train.metrics import training_config
from duecare.train.probe import Figures, Probe, account
from duecare.train.reward_model import RewardModel

METHOD = "reward-model"
SCORED = "scores.parquet"
FIGURES = ("loss", "margin", "accuracy", "score")


class Head(nnx.LoRAParam):  # type: ignore[misc]  # flax.nnx is untyped
    """The head's weights, [D]: trained, kept and restored with the low-rank updates, although in full."""


class HeadOfWhole(nnx.Param):  # type: ignore[misc]  # flax.nnx is untyped
    """The same where all weights are trained: one of them."""


class Rewarding(Answering):
    """`model` under a call that returns scores."""

    def __init__(self, model: Any, seed: int, *, whole: bool = False) -> None:
        """A head drawn as by Stiennon et al. (2020): normal, with variance 1 / (width + 1).

        It is divided by the mean size of what the final norm lets through, so that scores begin with a
        variance of about 1 whatever a model's last layer is scaled to.
        """
        super().__init__(model, whole=whole)
        width = model.embedder.input_embedding.shape[-1]
        passed = np.asarray(model.final_norm(jnp.ones((1, 1, width), jnp.float32)), np.float64)
        drawn = np.random.default_rng(seed).standard_normal(width)
        first = jnp.asarray(drawn / np.sqrt((width + 1) * np.mean(passed**2)), jnp.float32)
        self.head = (HeadOfWhole if whole else Head)(first)

    def __call__(  # type: ignore[override]  # a head is asked for something else than the model below it
        self,
        tokens: jax.Array,
        positions: jax.Array,
        mask: jax.Array,
        asked: tuple[jax.Array, ...],
        *,
        read: bool = False,
    ) -> jax.Array:
        """Scores, float32 [N]: tokens to mask as in Answering, `asked` is row and place, int32 [N] each.

        With `read` what the head reads, float32 [N, D]. Low-rank updates hold in a call alone.
        """
        states, _ = through(self.model, tokens, positions, None, mask)
        here = states[asked[0], asked[1]]
        return here.astype(jnp.float32) if read else rewards(here, self.head[...])


def answer_scores(model: Rewarding, batch: Mapping[str, jax.Array]) -> jax.Array:
    """Scores of all answers, chosen then rejected: float32 [2B]. `batch` as from `Judged.batch`."""
    asked = (batch["asked_row"], batch["asked_place"])
    return model(batch["tokens"], batch["position"], answer_mask(batch["part"]), asked)


def score_figures(scores: jax.Array) -> dict[str, jax.Array]:
    """Figures of each pair, [B] each, from scores [2B], chosen then rejected.

    margin is the chosen answer's score less the rejected one's (log-odds, in nats), loss -log sigmoid of
    it, accuracy whether it is above 0 (a tie is not), score the mean of both scores.
    """
    size = len(scores) // 2
    margin = scores[:size] - scores[size:]
    return {
        "loss": -jax.nn.log_sigmoid(margin),
        "margin": margin,
        "accuracy": (margin > 0).astype(jnp.float32),
        "score": (scores[:size] + scores[size:]) / 2,
    }


def reward_loss(
    model: Rewarding, batch: Mapping[str, jax.Array], centring: float
) -> tuple[jax.Array, dict[str, Any]]:
    """Weighted mean over a batch of -log sigmoid(margin) + centring * (sum of both scores)^2.

    The second term is that of Eisenstein et al. (2023, "Helping or herding?"); the figures beside the
    loss are without it.
    """
    figures = score_figures(answer_scores(model, batch))
    loss = (batch["weight"] * centred(figures, centring)).mean()
    return loss, {"loss": loss, "row": batch["row"], "figures": figures}


def centred(figures: Mapping[str, jax.Array], centring: float) -> jax.Array:
    """What is minimised of each pair, [B]: its loss and `centring` times the squared sum of its scores."""
    return figures["loss"] + centring * (2 * figures["score"]) ** 2


def read_states(model: Rewarding, batch: Mapping[str, jax.Array]) -> jax.Array:
    """What the head reads of all answers, chosen then rejected: float32 [2B, D]."""
    asked = (batch["asked_row"], batch["asked_place"])
    return model(batch["tokens"], batch["position"], answer_mask(batch["part"]), asked, read=True)


measured, answer_states = nnx.jit(answer_scores), nnx.jit(read_states)


class Judged(PairLines):
    """Pairs with the places at which their answers are scored."""

    def batch(self, entries: npt.NDArray[np.int64]) -> Batch:
        """The pairs `entries` with their weights and places in the table."""
        pairs = [self.plan.read[i] for i in entries]
        lines = lay_out(pairs, self.length, self.asked, self.pad_id, shared=self.shared)
        rows, count = self.plan.rows[entries], len(pairs)
        row = np.tile(np.arange(count), 2) + (0 if self.shared else np.repeat([0, count], count))
        mine = lines.part[row] == np.repeat([1, 2], count)[:, None]
        place = self.length - 1 - np.argmax(mine[:, ::-1], axis=1)
        return {
            "tokens": lines.tokens,
            "position": lines.position,
            "part": lines.part,
            "asked_row": row.astype(np.int32),
            "asked_place": place.astype(np.int32),
            "weight": self.part.weights[rows],
            "row": rows.astype(np.int32),
        }

    def figures(self, model: Rewarding, size: int, heads: Heads | None = None) -> Figures:
        """All figures of every pair read, now; `size` pairs at a time. `heads` are asked in place of one."""
        found = {name: np.zeros(len(self.plan.read), np.float32) for name in FIGURES}
        for entries in chunks(len(self.plan.read), size):
            batch = self.batch(entries)
            if heads is None:
                scores = measured(model, batch)
            else:
                scores = jnp.asarray(heads.scores(np.asarray(answer_states(model, batch))), jnp.float32)
            for name, values in score_figures(scores).items():
                found[name][entries] = np.asarray(values)
        return found

    def states(self, model: Rewarding, size: int) -> npt.NDArray[np.float64]:
        """The states of both answers of every pair read, chosen then rejected: float64 [2, N, D]."""
        parts = []
        count = len(self.plan.read)
        for entries in chunks(count, size):
            found = np.asarray(answer_states(model, self.batch(entries)), np.float64)
            own = len(np.unique(entries))  # the last chunk is filled up
            parts.append(found.reshape(2, len(entries), -1)[:, :own])
        return np.concatenate(parts, axis=1)

    @property
    def longer(self) -> npt.NDArray[np.float64]:
        """By how many tokens the chosen answer of each pair read is longer, [N]."""
        sizes = np.array([[len(answer) for answer in pair.answers] for pair in self.plan.read], np.float64)
        found: npt.NDArray[np.float64] = sizes[:, 0] - sizes[:, 1]
        return found


def train(step: RewardModel, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `RewardModel`."""
    folder = start_folder(inputs)
    data, held = read_parts(inputs, step.groups)
    taught, probed = read_pairs(step, Tokenizer(folder), data, held, Judged)
    for estimate in account(METHOD, step.on, taught.plan, data.groups):
        tell(estimate)
    doing("loading the model", tell)
    loaded, model = adapted(step, folder, partial(Rewarding, seed=step.seed))
    give_shape(step, taught, probed, loaded.shape.window)
    resume = open_resume(step, inputs, out)
    config = training_config(step, METHOD, step.accumulate, mark=resume.mark)
    trainer = Trainer(model, optimiser(step, step.accumulate), config)
    trainer.with_gen_model_input_fn(lambda batch: {"batch": batch})
    trainer.with_loss_fn(lambda model, batch: reward_loss(model, batch, step.centring), has_aux=True)
    doing("measuring the head as it was drawn", tell)
    measure = partial(probed.figures, size=step.batch_size)
    before = resume.remember("before", lambda: measure(model))
    looks = looks_at(step, METHOD, (probed.plan.rows, held.groups), measure, resume)
    looks.begin(model, lambda: before)
    twins = reward_askers(step.probe, loaded.tokenizer, model, resume)
    doing("compiling the first step", tell)
    run = Run(step, METHOD, data.groups, resume, tell, looks, askers=twins)
    watch = run.fit(trainer, lambda number: taught.batch(taught.plan.step(number, step.batch_size)))
    heads, more = refitted(step, model, loaded.tokenizer, taught=taught, probed=probed, tell=tell)
    after, rows = measure(model, heads=heads), probed.plan.rows
    probe = Probe(METHOD, step.on, watch.done, rows, held.groups, data.groups, before, after)
    curves = watch.curves([*looks.readings(watch.done), *probe.readings()])
    told, found = [*probe.estimates(), *more], watch.findings()
    head = np.asarray(model.head[...])
    way = run.way(trainer, watch, lambda: np.asarray(model.head[...]))

    def write() -> Outcome:
        made = finish(loaded, curves, told, out, found, way, head=head)
        if heads is not None:
            heads.write(out / "model")
        pq.write_table(scores_of(held.rows.take(rows), after), out / SCORED, compression="zstd")
        return replace(made, files={**made.files, "scores": SCORED})

    return run.halt.on_disk(watch.taken, write)


def scores_of(pairs: pa.Table, figures: Figures) -> pa.Table:
    """What the model says of both answers of `pairs` (EXAMPLES), as SCORES, for people to judge it by."""
    score, margin = (figures[name].astype(np.float64) for name in ("score", "margin"))
    both = np.stack([score + margin / 2, score - margin / 2], axis=1).reshape(-1)
    twice = np.repeat(np.arange(len(pairs)), 2)
    columns = {
        "row": pairs.column("row").take(twice),
        "key": pairs.column("key").take(twice),
        "part": pa.array(["chosen", "rejected"] * len(pairs), pa.string()),
        "instrument": pa.array([METHOD] * len(both), pa.string()),
        "value": pa.array(both),
        "reason": pa.nulls(len(both), pa.string()),
    }
    return pa.table([columns[field.name] for field in SCORES], schema=SCORES)
