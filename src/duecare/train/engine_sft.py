"""Supervised fine-tuning on Tunix's PeftTrainer. Imports JAX; see `duecare.train.sft` for the step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from duecare.core import Artifacts, DataError, Outcome, Tell, exact
from duecare.model.forward import causal, places, within
from duecare.model.load import Loaded
from duecare.model.tokenize import Tokenizer
from duecare.train.answering import Answering
from duecare.train.batch import Plan, chunks, draw, most_asked, rounded, stack, take, taught_tokens
from duecare.train.distill import Distill
from duecare.train.engine_adversary import Adversarial
from duecare.train.engine_answers import askers
from duecare.train.engine_debias import Membership, Treatment
from duecare.train.engine_evidence import Account, Measuring, evidence_rows
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
from duecare.train.engine_pairing import Paired, both, in_turns, needed_twins
from duecare.train.engine_robust import Robust
from duecare.train.heldout import looks_at
from duecare.train.lora import optimiser
from duecare.train.metrics import training_config
from duecare.train.packing import Lines, draw_lines, lay_lines, lines_of, useful
from duecare.train.prefer import Dpo
from duecare.train.probe import Figures, Probe, account
from duecare.train.robust import Pairing
from duecare.train.rows import Passage, passage
from duecare.train.sft import Sft


def passage_loss(model: Answering, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Negative log-likelihood of each row's taught tokens, and their number: float32 [B], [B].

    `batch` as from `Passages.batch` or `PackedPassages.batch`.
    """
    nll, counts, _ = passage_states(model, batch)
    return nll, counts


def passage_states(
    model: Answering, batch: Mapping[str, jax.Array]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """As `passage_loss`, and each row's pooled state, float32 [B, D].

    That is the mean, over the taught tokens, of the final states that they are predicted from.
    """
    position, mask, side = seen(batch)
    counts = batch["counts"]
    asked = (batch["asked_row"], batch["asked_place"], batch["target"])
    logps, states = model(batch["tokens"], position, mask, asked, states=True)
    per_row = partial(jax.ops.segment_sum, segment_ids=side, num_segments=len(batch["row"]))
    number = per_row(counts)
    pooled = per_row(states.astype(jnp.float32) * counts[:, None]) / jnp.maximum(number, 1)[:, None]
    return -per_row(logps * counts), number, pooled


def seen(batch: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Positions [B, T], mask [B, T, T], and of each position asked the row of the batch it belongs to [N]."""
    if "segment" in batch:
        return batch["position"], within(batch["segment"]), batch["side"]
    return places(batch["real"]), causal(batch["real"]), batch["asked_row"]


def sft_loss(model: Answering, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, dict[str, Any]]:
    """Mean loss per taught token of a batch, rows weighted; with each row's own loss beside it.

    The divisor counts tokens without weights (which have mean 1 over the data): a batch of light rows
    moves the model less. With equal weights this is Tunix's default loss.
    """
    nll, count = passage_loss(model, batch)
    loss = (batch["weight"] * nll).sum() / count.sum()
    # Of several batches that make one update each counts by its tokens, as in one batch of all of them.
    minimised = loss * batch["share"][0] if "share" in batch else loss
    # A packed batch has room for more rows than it holds; those that are none count nothing.
    return minimised, {"loss": loss, "row": batch["row"], "figures": {"loss": nll / jnp.maximum(count, 1)}}


def row_losses(model: Answering, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Each row's loss per taught token: "loss" float32 [B]."""
    nll, count = passage_loss(model, batch)
    return {"loss": nll / jnp.maximum(count, 1)}


measured = nnx.jit(passage_loss)


class Passages:
    """Passages of one part of the data as batches of one shape: `length` tokens, `asked` of them taught.

    A batch has `size` rows, each padded to `length`.
    """

    def __init__(
        self, part: Data, plan: Plan[Passage], shape: tuple[int, int], pad_id: int, size: int = 1
    ) -> None:
        self.part, self.plan, self.pad_id = part, plan, pad_id
        self.length, self.asked = shape
        self.size = size

    def step(self, number: int) -> Batch:
        """The batch of training step `number`, from 0."""
        return self.batch(self.entries(number))

    def entries(self, number: int) -> npt.NDArray[np.int64]:
        """Which passages training step `number` reads."""
        return self.plan.step(number, self.size)

    @property
    def places(self) -> int:
        """Tokens in all batches of the stream, padding among them."""
        return len(self.plan.slots) * self.length

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

    def losses(self, model: Answering) -> Figures:
        """The model's loss per taught token of every passage read, now."""
        found = np.zeros(len(self.plan.read), dtype=np.float32)
        for entries in chunks(len(found), self.size):
            nll, count = measured(model, self.batch(entries))
            found[entries] = np.asarray(nll / count)
        return {"loss": found}


class PackedPassages:
    """Passages of one part of the data, several to a line, as batches of one shape.

    A batch has `size` lines of `length` tokens, room for `rows` passages and for `asked` taught tokens.
    """

    def __init__(
        self, part: Data, lines: Lines, shape: tuple[int, int], room: tuple[int, int], pad_id: int
    ) -> None:
        self.part, self.packing, self.plan, self.pad_id = part, lines, lines.plan, pad_id
        self.size, self.length = shape
        self.rows, self.asked = room

    def step(self, number: int) -> Batch:
        """The batch of training step `number`, from 0."""
        return self.batch(self.packing.step(number, self.size))

    def entries(self, number: int) -> npt.NDArray[np.int64]:
        """Which passages training step `number` reads."""
        return np.concatenate(self.packing.step(number, self.size))

    @property
    def places(self) -> int:
        """Tokens in all batches of the stream, padding among them."""
        return len(self.packing.lines) * self.length

    def batch(self, lines: Sequence[npt.NDArray[np.int64]]) -> Batch:
        """The passages of `lines`; where there is room for more, row -1 of weight 0."""
        laid = lay_lines(
            [[self.plan.read[entry] for entry in line] for line in lines],
            (self.size, self.length),
            self.asked,
            self.pad_id,
        )
        rows = self.plan.rows[np.concatenate(lines)]
        rest = (0, self.rows - len(rows))
        return {
            "tokens": laid.tokens,
            "position": laid.position,
            "segment": laid.segment,
            "asked_row": laid.asked.row,
            "asked_place": laid.asked.place,
            "target": laid.asked.target,
            "counts": laid.asked.counts,
            "side": laid.side,
            "weight": np.pad(self.part.weights[rows], rest),
            "row": np.pad(rows, rest, constant_values=-1).astype(np.int32),
        }

    def losses(self, model: Answering) -> Figures:
        """The model's loss per taught token of every passage read, now."""
        found = np.zeros(len(self.plan.read), dtype=np.float32)
        for number in range(self.packing.steps(self.size)):
            lines = self.packing.step(number, self.size)
            nll, count = measured(model, self.batch(lines))
            entries = np.concatenate(lines)
            found[entries] = np.asarray(nll / jnp.maximum(count, 1))[: len(entries)]
        return {"loss": found}


Parts = Passages | PackedPassages


def packed(
    step: Sft | Distill, taught: tuple[Data, Lines], probed: tuple[Data, Lines], pad_id: int
) -> tuple[PackedPassages, PackedPassages]:
    """Lines to train on and lines to measure on, in batches of one common shape."""
    shape = (step.lines, step.row_tokens)
    room = [lines.room(step.lines) for _, lines in (taught, probed)]
    rows, asked = (max(column) for column in zip(*room, strict=True))
    first, second = (
        PackedPassages(part, lines, shape, (rows, asked), pad_id) for part, lines in (taught, probed)
    )
    return first, second


def train(step: Sft, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `Sft`."""
    folder = start_folder(inputs)
    data, held = read_parts(inputs, step.groups)
    tokenizer = Tokenizer(folder)
    taught, probed = read_passages(step, tokenizer, data, held)
    _account_of(step, taught, data, tell)
    doing("loading the model", tell)
    loaded, model = adapted(step, folder)
    method = treatment(step, tokenizer, data, taught, loaded.shape.width)
    resume = open_resume(step, inputs, out)
    config = training_config(step, "sft", step.accumulate, mark=resume.mark)
    trainer = method.trainer(model, optimiser(step, step.accumulate), config)
    trainer.with_gen_model_input_fn(lambda batch: {"batch": batch}).with_loss_fn(method.loss, has_aux=True)
    doing("measuring held-out rows", tell)
    before = resume.remember("before", lambda: probed.losses(model))
    looks = looks_at(step, "sft", (probed.plan.rows, held.groups), probed.losses, resume, method)
    looks.begin(model, lambda: before)
    twins = askers(step, inputs, loaded, model, resume)
    evidence = evidence_of(step, held, model, loaded, (step.row_tokens, step.lines), tell)
    if evidence is not None:
        evidence.before(resume, folder)
    doing("compiling the first step", tell)
    run = Run(step, "sft", data.groups, resume, tell, looks, askers=twins, carries=method)
    batch = shared(taught, step.steps, step.accumulate)
    watch = run.fit(trainer, lambda number: method.batch(number, batch(number)))
    probe = _probe(step, watch.done, probed, data, (before, probed.losses(model)))
    curves = watch.curves([*looks.readings(watch.done), *probe.readings()])
    told = [*probe.estimates(), *method.estimates()]

    def write() -> Outcome:
        outcome = finish(loaded, curves, told, out, watch.findings(), run.way(trainer, watch))
        return outcome if evidence is None else evidence.added(outcome, "sft", step.on, step.seed, out)

    return run.halt.on_disk(watch.taken, write)


def _probe(step: Sft, kept: int, probed: Parts, data: Data, losses: tuple[Figures, Figures]) -> Probe:
    """Losses of held-out rows before training, and after it with the model of step `kept`."""
    return Probe("sft", step.on, kept, probed.plan.rows, probed.part.groups, data.groups, *losses)


def _account_of(step: Sft, taught: Parts, data: Data, tell: Tell) -> None:
    """Which rows are read, and how many of the tokens in all batches are theirs."""
    for estimate in account("sft", step.on, taught.plan, data.groups):
        tell(estimate)
    tell(exact("sft.tokens.useful", useful(taught.plan), taught.places, {"source": step.on}))


def evidence_of(  # noqa: PLR0917  # all of them, in the order in which they come about
    step: Sft | Dpo, held: Data, model: Answering, loaded: Loaded, shape: tuple[int, int], tell: Tell
) -> Account | None:
    """What measures the evidence of debiasing on held-out rows, of pairs on the chosen answers.

    `shape` is the most tokens of a row, and rows at a time. None where no evidence is asked for.
    """
    debias, tokenizer = step.debias, loaded.tokenizer
    max_tokens, lines = shape
    if debias is None:
        return None
    plan = evidence_rows(step, held, tokenizer, max_tokens, tell)
    if not plan.read:
        if debias.probe == "none":
            return None
        raise DataError("debias.probe: no held-out row can be measured; let split hold some out")
    asked = most_asked(taught_tokens(plan), chunks(len(plan.read), lines))
    length = rounded(max(len(one.tokens) for one in plan.read), max_tokens)
    rows = Passages(held, plan, (length, asked), tokenizer.pad_id, lines)
    return Account(Measuring(debias, held, plan, rows.batch, lines), model, loaded)


def _reader(max_tokens: int, tokenizer: Tokenizer, part: Data) -> Callable[[int], Passage]:
    """Reads a row of `part`, by its place."""
    return lambda place: passage(part.example(place), tokenizer, max_tokens)


def treatment(step: Sft, tokenizer: Tokenizer, data: Data, taught: Parts, width: int) -> Treatment:
    """The loss of this step, with what its method of debiasing adds; the model's states are `width` wide."""
    debias = step.debias
    if debias is None:
        return Treatment(sft_loss)
    if debias.group_dro is not None:
        member = Membership(data, debias.axis, whole=True)
        steps, plan = step.steps, taught.plan
        return Robust(
            debias.group_dro, row_losses, member, plan, steps=steps, entries=taught.entries, name="sft"
        )
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
        return passage(first, tokenizer, step.row_tokens), passage(second, tokenizer, step.row_tokens)

    names = [data.names[copy] for _, copy in found]
    plan = draw(names, reader, step.steps * pairing.pairs, step.seed)
    each = in_turns(plan, found)
    batches = (both(plan.step(number, pairing.pairs)) for number in range(step.steps))
    longest = rounded(max(len(one.tokens) for one in each.read), step.row_tokens)
    shape = (longest, most_asked(taught_tokens(each), batches))
    twins = Passages(data, each, shape, tokenizer.pad_id, step.lines)
    return Paired(
        pairing,
        sft_loss,
        lambda model, batch: row_losses(model, batch)["loss"],
        plan,
        lambda entries: twins.batch(both(entries)),
    )


def read_passages(step: Sft | Distill, tokenizer: Tokenizer, data: Data, held: Data) -> tuple[Parts, Parts]:
    """The passages to train on and those to measure on, in batches of one common shape."""
    reader = partial(_reader, step.row_tokens, tokenizer)
    held_plan = take(held.names, reader(held), step.held_out, step.seed)
    if step.batch_tokens is not None:
        count = step.steps * step.lines
        lines = draw_lines(data.names, reader(data), count, step.row_tokens, step.seed)
        return packed(step, (data, lines), (held, lines_of(held_plan, step.row_tokens)), tokenizer.pad_id)
    size = step.lines
    plan = draw(data.names, reader(data), step.steps * size, step.seed)
    length = max(len(one.tokens) for one in (*plan.read, *held_plan.read))
    trained = (plan.step(number, size) for number in range(step.steps))
    asked = max(
        most_asked(taught_tokens(plan), trained),
        most_asked(taught_tokens(held_plan), chunks(len(held_plan.read), size)),
    )
    shape = (rounded(length, step.row_tokens), asked)
    pad_id = tokenizer.pad_id
    return Passages(data, plan, shape, pad_id, size), Passages(held, held_plan, shape, pad_id, size)


def shared(taught: Parts, steps: int, accumulate: int) -> Callable[[int], Batch]:
    """The batches of training, each with its share in the update it belongs to: "share" float32 [B].

    Tunix averages the gradients of the batches of an update. Shares have mean 1 within it and are as the
    taught tokens are, so that the average is the gradient of one batch of them all.
    """
    if accumulate == 1:
        return taught.step
    sizes = taught_tokens(taught.plan)
    tokens = np.array([sizes[taught.entries(number)].sum() for number in range(steps)], dtype=np.float64)
    update = tokens.reshape(-1, accumulate)
    share = (update / update.mean(axis=1, keepdims=True)).ravel().astype(np.float32)

    def batch(number: int) -> Batch:
        found = taught.step(number)
        return {**found, "share": np.full(len(found["row"]), share[number])}

    return batch
