"""Supervised fine-tuning on Tunix's PeftTrainer. Imports JAX; see `duecare.train.sft` for the step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
from flax import nnx
from tunix.sft.peft_trainer import TrainingConfig

from duecare.core import Artifacts, Outcome, Tell
from duecare.model.forward import causal, places
from duecare.model.tokenize import Tokenizer
from duecare.train.answering import Answering
from duecare.train.batch import Plan, chunks, draw, most_asked, rounded, stack, take
from duecare.train.engine_loop import (
    Batch,
    Data,
    Run,
    Trainer,
    adapted,
    doing,
    finish,
    open_resume,
    read_parts,
    start_folder,
)
from duecare.train.engine_probe import asker
from duecare.train.lora import optimiser
from duecare.train.probe import Figures, Probe, account
from duecare.train.rows import Passage, passage
from duecare.train.sft import Sft


def passage_loss(model: Answering, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Negative log-likelihood of each row's taught tokens, and their number: float32 [B], [B].

    `batch` as from `Passages.batch`.
    """
    real, row, counts = batch["real"], batch["asked_row"], batch["counts"]
    logps = model(batch["tokens"], places(real), causal(real), (row, batch["asked_place"], batch["target"]))
    per_row = partial(jax.ops.segment_sum, segment_ids=row, num_segments=len(real))
    return -per_row(logps * counts), per_row(counts)


def sft_loss(model: Answering, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, dict[str, Any]]:
    """Mean loss per taught token of a batch, rows weighted; with each row's own loss beside it.

    The divisor counts tokens without weights (which have mean 1 over the data): a batch of light rows
    moves the model less. With equal weights this is Tunix's default loss.
    """
    nll, count = passage_loss(model, batch)
    loss = (batch["weight"] * nll).sum() / count.sum()
    return loss, {"loss": loss, "row": batch["row"], "figures": {"loss": nll / count}}


measured = nnx.jit(passage_loss)


class Passages:
    """Passages of one part of the data as batches of one shape: `length` tokens, `asked` of them taught."""

    def __init__(self, part: Data, plan: Plan[Passage], shape: tuple[int, int], pad_id: int) -> None:
        self.part, self.plan, self.pad_id = part, plan, pad_id
        self.length, self.asked = shape

    def batch(self, entries: npt.NDArray[np.int64]) -> Batch:
        """The passages `entries` with their weights and their places in the table."""
        chosen = [self.plan.read[i] for i in entries]
        tokens, real, asked = stack(chosen, self.length, self.asked, self.pad_id)
        rows = self.plan.rows[entries]
        return {
            "tokens": tokens,
            "real": real,
            "asked_row": asked.row,
            "asked_place": asked.place,
            "target": asked.target,
            "counts": asked.counts,
            "weight": self.part.weights[rows],
            "row": rows.astype(np.int32),
        }

    def losses(self, model: Answering, size: int) -> Figures:
        """The model's loss per taught token of every passage read, now."""
        found = np.zeros(len(self.plan.read), dtype=np.float32)
        for entries in chunks(len(found), size):
            nll, count = measured(model, self.batch(entries))
            found[entries] = np.asarray(nll / count)
        return {"loss": found}


def train(step: Sft, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `Sft`."""
    folder = start_folder(inputs)
    data, held = read_parts(inputs, step.groups)
    taught, probed = _passages(step, Tokenizer(folder), data, held)
    for estimate in account("sft", step.on, taught.plan, data.groups):
        tell(estimate)
    doing(step, "loading the model", tell)
    loaded, model = adapted(step, folder)
    trainer = Trainer(model, optimiser(step), TrainingConfig(eval_every_n_steps=step.every))
    trainer.with_gen_model_input_fn(lambda batch: {"batch": batch}).with_loss_fn(sft_loss, has_aux=True)
    resume = open_resume(step, inputs, out)
    doing(step, "measuring held-out rows", tell)
    before = resume.remember("before", lambda: probed.losses(model, step.batch_size))
    twins = asker(step.probe, inputs, loaded.tokenizer, model, resume)
    doing(step, "compiling the first step", tell)
    run = Run(step, "sft", data.groups, resume, tell, twins)
    watch = run.fit(trainer, lambda number: taught.batch(taught.plan.step(number, step.batch_size)))
    after = probed.losses(model, step.batch_size)
    probe = Probe(
        method="sft",
        source=step.on,
        steps=watch.done,
        rows=probed.plan.rows,
        groups=held.groups,
        watched=data.groups,
        before=before,
        after=after,
    )
    return finish(loaded, watch.curves(probe.readings()), probe.estimates(), out, watch.findings())


def _passages(step: Sft, tokenizer: Tokenizer, data: Data, held: Data) -> tuple[Passages, Passages]:
    """The passages to train on and those to measure on, in batches of one common shape."""

    def reader(part: Data) -> Callable[[int], Passage]:
        return lambda place: passage(part.example(place), tokenizer, step.max_tokens)

    plan = draw(data.names, reader(data), step.steps * step.batch_size, step.seed)
    held_plan = take(held.names, reader(held), step.held_out, step.seed)
    length = max(len(one.tokens) for one in (*plan.read, *held_plan.read))
    trained = (plan.step(number, step.batch_size) for number in range(step.steps))
    asked = max(
        most_asked(_taught(plan), trained),
        most_asked(_taught(held_plan), chunks(len(held_plan.read), step.batch_size)),
    )
    shape = (rounded(length, step.max_tokens), asked)
    return Passages(data, plan, shape, tokenizer.pad_id), Passages(held, held_plan, shape, tokenizer.pad_id)


def _taught(plan: Plan[Passage]) -> npt.NDArray[np.int64]:
    """How many tokens of each passage are taught: int64 [len(plan.read)]."""
    return np.array([one.taught[1:].sum() for one in plan.read], dtype=np.int64)
