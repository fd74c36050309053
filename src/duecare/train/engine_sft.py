"""Supervised fine-tuning on Tunix's PeftTrainer. Imports JAX; see `duecare.train.sft` for the step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from tunix.sft.peft_trainer import TrainingConfig

from duecare.core import Artifacts, DataError, Outcome, Tell
from duecare.model.forward import causal, places
from duecare.model.load import Loaded
from duecare.model.tokenize import Tokenizer
from duecare.train.answering import Answering
from duecare.train.batch import Plan, chunks, draw, most_asked, rounded, stack, take
from duecare.train.engine_adversary import Adversarial
from duecare.train.engine_debias import Membership, Treatment
from duecare.train.engine_evidence import Account, Measuring
from duecare.train.engine_loop import (
    Batch,
    Data,
    Run,
    adapted,
    doing,
    finish,
    open_resume,
    read_parts,
    start_folder,
)
from duecare.train.engine_pairing import Paired, needed_twins
from duecare.train.engine_robust import Robust
from duecare.train.lora import optimiser
from duecare.train.prefer import Dpo
from duecare.train.probe import Figures, Probe, account
from duecare.train.robust import Pairing
from duecare.train.rows import Passage, passage
from duecare.train.sft import Sft


def passage_loss(model: Answering, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Negative log-likelihood of each row's taught tokens, and their number: float32 [B], [B].

    `batch` as from `Passages.batch`.
    """
    nll, counts, _ = passage_states(model, batch)
    return nll, counts


def passage_states(
    model: Answering, batch: Mapping[str, jax.Array]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """As `passage_loss`, and each row's pooled state, float32 [B, D].

    That is the mean, over the taught tokens, of the final states that they are predicted from.
    """
    real, row, counts = batch["real"], batch["asked_row"], batch["counts"]
    asked = (row, batch["asked_place"], batch["target"])
    logps, states = model(batch["tokens"], places(real), causal(real), asked, states=True)
    per_row = partial(jax.ops.segment_sum, segment_ids=row, num_segments=len(real))
    number = per_row(counts)
    pooled = per_row(states.astype(jnp.float32) * counts[:, None]) / jnp.maximum(number, 1)[:, None]
    return -per_row(logps * counts), number, pooled


def sft_loss(model: Answering, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, dict[str, Any]]:
    """Mean loss per taught token of a batch, rows weighted; with each row's own loss beside it.

    The divisor counts tokens without weights (which have mean 1 over the data): a batch of light rows
    moves the model less. With equal weights this is Tunix's default loss.
    """
    nll, count = passage_loss(model, batch)
    loss = (batch["weight"] * nll).sum() / count.sum()
    return loss, {"loss": loss, "row": batch["row"], "figures": {"loss": nll / count}}


def row_losses(model: Answering, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Each row's loss per taught token: "loss" float32 [B]."""
    nll, count = passage_loss(model, batch)
    return {"loss": nll / count}


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

    def step(self, number: int, size: int) -> Batch:
        """The batch of training step `number`, from 0."""
        return self.batch(self.plan.step(number, size))

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
    tokenizer = Tokenizer(folder)
    taught, probed = _passages(step, tokenizer, data, held)
    for estimate in account("sft", step.on, taught.plan, data.groups):
        tell(estimate)
    doing(step, "loading the model", tell)
    loaded, model = adapted(step, folder)
    method = treatment(step, tokenizer, data, taught, loaded.shape.width)
    trainer = method.trainer(model, optimiser(step), TrainingConfig(eval_every_n_steps=step.every))
    trainer.with_gen_model_input_fn(lambda batch: {"batch": batch}).with_loss_fn(method.loss, has_aux=True)
    resume = open_resume(step, inputs, out)
    doing(step, "measuring held-out rows", tell)
    before = resume.remember("before", lambda: probed.losses(model, step.batch_size))
    evidence = evidence_of(step, held, model, loaded, step.max_tokens)
    if evidence is not None:
        evidence.before(resume, folder)
    doing(step, "compiling the first step", tell)
    run = Run(step, "sft", data.groups, resume, tell, method)
    watch = run.fit(trainer, lambda number: method.batch(number, taught.step(number, step.batch_size)))
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
    told = [*probe.estimates(), *method.estimates()]
    outcome = finish(loaded, watch.curves(probe.readings()), told, out, watch.findings())
    return outcome if evidence is None else evidence.added(outcome, "sft", step.on, step.seed, out)


def evidence_of(
    step: Sft | Dpo, held: Data, model: Answering, loaded: Loaded, max_tokens: int
) -> Account | None:
    """What measures the evidence of debiasing on held-out rows, of pairs on the chosen answers."""
    debias, tokenizer = step.debias, loaded.tokenizer
    if debias is None:
        return None
    plan = take(held.names, _reader(max_tokens, tokenizer, held), debias.rows, step.seed)
    if not plan.read:
        if debias.probe == "none":
            return None
        raise DataError("debias.probe: no held-out row can be measured; let split hold some out")
    asked = most_asked(_taught(plan), chunks(len(plan.read), step.batch_size))
    length = rounded(max(len(one.tokens) for one in plan.read), max_tokens)
    rows = Passages(held, plan, (length, asked), tokenizer.pad_id)
    return Account(Measuring(debias, held, plan, rows.batch, step.batch_size), model, loaded)


def _reader(max_tokens: int, tokenizer: Tokenizer, part: Data) -> Callable[[int], Passage]:
    """Reads a row of `part`, by its place."""
    return lambda place: passage(part.example(place), tokenizer, max_tokens)


def treatment(step: Sft, tokenizer: Tokenizer, data: Data, taught: Passages, width: int) -> Treatment:
    """The loss of this step, with what its method of debiasing adds; the model's states are `width` wide."""
    debias = step.debias
    if debias is None:
        return Treatment(sft_loss)
    if debias.group_dro is not None:
        member = Membership(data, debias.axis, whole=True)
        robust, size = debias.group_dro, step.batch_size
        return Robust(robust, row_losses, member, taught.plan, steps=step.steps, size=size, name="sft")
    if debias.adversary is not None:
        member = Membership(data, debias.axis, whole=False)
        return Adversarial(debias.adversary, passage_states, member, width, step.seed)
    if debias.pairing is not None:
        return _paired(step, debias.pairing, tokenizer, data)
    return Treatment(sft_loss)


def _paired(step: Sft, pairing: Pairing, tokenizer: Tokenizer, data: Data) -> Paired:
    """Logit pairing over the twins among the rows to train on, in an order of their own."""
    found = needed_twins(data.names, pairing.axes)

    def reader(place: int) -> tuple[Passage, Passage]:
        first, second = (data.example(row) for row in found[place])
        return passage(first, tokenizer, step.max_tokens), passage(second, tokenizer, step.max_tokens)

    names = [data.names[copy] for _, copy in found]
    plan = draw(names, reader, step.steps * pairing.pairs, step.seed)
    read = tuple(one for pair in plan.read for one in pair)
    rows = np.array([row for place in plan.rows for row in found[place]], dtype=np.int64)
    each = Plan(slots=np.arange(len(read)), read=read, rows=rows, unusable=plan.unusable, met=plan.met)

    def both(entries: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.stack([2 * entries, 2 * entries + 1], axis=-1).reshape(-1)

    batches = (both(plan.step(number, pairing.pairs)) for number in range(step.steps))
    longest = rounded(max(len(one.tokens) for one in read), step.max_tokens)
    shape = (longest, most_asked(_taught(each), batches))
    twins = Passages(data, each, shape, tokenizer.pad_id)
    return Paired(
        pairing,
        sft_loss,
        lambda model, batch: row_losses(model, batch)["loss"],
        plan,
        lambda entries: twins.batch(both(entries)),
    )


def _passages(step: Sft, tokenizer: Tokenizer, data: Data, held: Data) -> tuple[Passages, Passages]:
    """The passages to train on and those to measure on, in batches of one common shape."""
    plan = draw(
        data.names, _reader(step.max_tokens, tokenizer, data), step.steps * step.batch_size, step.seed
    )
    held_plan = take(held.names, _reader(step.max_tokens, tokenizer, held), step.held_out, step.seed)
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
