"""Preference tuning on Tunix's trainer. Imports JAX; see `duecare.train.prefer` for the step.

Tunix's own `DPOTrainer` takes batches that have no room for a row's name or weight, reads each prompt
twice and runs the reference model at every step. The loss here is the same (a test holds the two
together); what differs is that prompts are shared and references are computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from duecare.core import Artifacts, Outcome, Tell
from duecare.model.tokenize import Tokenizer
from duecare.train.answering import Answering, answer_mask
from duecare.train.batch import Plan, chunks, draw, lay_out, most_asked, rounded, take
from duecare.train.engine_answers import askers
from duecare.train.engine_debias import Membership, Treatment
from duecare.train.engine_loop import (
    Batch,
    Data,
    Run,
    Trains,
    adapted,
    doing,
    finish,
    open_resume,
    read_parts,
    start_folder,
)
from duecare.train.engine_robust import Robust
from duecare.train.engine_sft import evidence_of
from duecare.train.heldout import looks_at
from duecare.train.lora import optimiser
from duecare.train.metrics import training_config
from duecare.train.prefer import Algorithm, Dpo
from duecare.train.probe import Figures, Probe, account
from duecare.train.resume import Resume
from duecare.train.rows import Pair, pair

P = TypeVar("P", bound="PairLines")


class Compares(Trains, Protocol):
    """The settings of a step that reads pairs."""

    @property
    def batch_size(self) -> int: ...
    @property
    def max_prompt_tokens(self) -> int: ...
    @property
    def max_answer_tokens(self) -> int: ...


SURE = -1e-6
"""Log-probabilities above this are taken as this in ORPO: the odds of a certainty are infinite."""


def answer_logps(model: Answering, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Summed log-probabilities and token counts of all answers, chosen then rejected: [2B], [2B].

    `batch` as from `Pairs.batch`.
    """
    side, counts = batch["side"], batch["counts"]
    asked = (batch["asked_row"], batch["asked_place"], batch["target"])
    logps = model(batch["tokens"], batch["position"], answer_mask(batch["part"]), asked)
    per_answer = partial(jax.ops.segment_sum, segment_ids=side, num_segments=2 * len(batch["row"]))
    return per_answer(logps * counts), per_answer(counts)


def pair_figures(
    logps: jax.Array, counts: jax.Array, batch: Mapping[str, jax.Array], algorithm: Algorithm, beta: float
) -> dict[str, jax.Array]:
    """Loss, margin (what the loss pushes up, in nats) and accuracy (margin above 0) per pair: [B] each.

    `logps` and `counts` as from `answer_logps`.
    """
    size = len(logps) // 2
    if algorithm == "dpo":
        gained = logps - batch["reference"].T.reshape(-1)
        margin = beta * (gained[:size] - gained[size:])
        loss = -jax.nn.log_sigmoid(margin)
    else:
        mean = jnp.minimum(logps / counts, SURE)
        odds = mean - jnp.log(-jnp.expm1(mean))
        margin = odds[:size] - odds[size:]
        loss = -mean[:size] - beta * jax.nn.log_sigmoid(margin)
    return {"loss": loss, "margin": margin, "accuracy": (margin > 0).astype(jnp.float32)}


def pair_loss(
    model: Answering, batch: Mapping[str, jax.Array], algorithm: Algorithm, beta: float
) -> tuple[jax.Array, dict[str, Any]]:
    """Weighted mean loss of a batch of pairs, with each pair's figures beside it.

    With weights of 1 and "dpo" this is Tunix's own loss.
    """
    logps, counts = answer_logps(model, batch)
    figures = pair_figures(logps, counts, batch, algorithm, beta)
    loss = (batch["weight"] * figures["loss"]).mean()
    return loss, {"loss": loss, "row": batch["row"], "figures": figures}


measured = nnx.jit(answer_logps)


class PairLines:
    """Pairs of one part of the data as batches of one shape: `length` tokens a line, `asked` in answers."""

    def __init__(self, part: Data, plan: Plan[Pair], pad_id: int) -> None:
        self.part, self.plan, self.pad_id = part, plan, pad_id
        self.length = self.asked = 0
        self.shared = True

    def shape(self, batches: list[npt.NDArray[np.int64]]) -> tuple[int, int]:
        """The longest line, prompt and both answers, and the most positions that a batch asks for."""
        answers = np.array([len(one.chosen) + len(one.rejected) for one in self.plan.read], dtype=np.int64)
        prompts = np.array([len(one.prompt) for one in self.plan.read], dtype=np.int64)
        return int((answers + prompts).max(initial=0)), most_asked(answers, batches)


class Pairs(PairLines):
    """Pairs with what a language model says of their answers.

    `reference` float32 [N, 2] is what the model said of chosen and rejected before training.
    """

    def __init__(self, part: Data, plan: Plan[Pair], pad_id: int) -> None:
        super().__init__(part, plan, pad_id)
        self.reference = np.zeros((len(plan.read), 2), dtype=np.float32)

    def batch(self, entries: npt.NDArray[np.int64]) -> Batch:
        """The pairs `entries` with their references, weights and places in the table."""
        chosen = [self.plan.read[i] for i in entries]
        lines = lay_out(chosen, self.length, self.asked, self.pad_id, shared=self.shared)
        rows = self.plan.rows[entries]
        return {
            "tokens": lines.tokens,
            "position": lines.position,
            "part": lines.part,
            "asked_row": lines.asked.row,
            "asked_place": lines.asked.place,
            "target": lines.asked.target,
            "counts": lines.asked.counts,
            "side": lines.side,
            "reference": self.reference[entries],
            "weight": self.part.weights[rows],
            "row": rows.astype(np.int32),
        }

    def step(self, number: int, size: int) -> Batch:
        """The batch of training step `number`, from 0."""
        return self.batch(self.plan.step(number, size))

    def logps(self, model: Answering, size: int) -> npt.NDArray[np.float32]:
        """What the model says now of every pair read: float32 [N, 2], chosen and rejected."""
        found = np.zeros((len(self.plan.read), 2), dtype=np.float32)
        for entries in chunks(len(found), size):
            logps, _ = measured(model, self.batch(entries))
            found[entries] = np.asarray(logps).reshape(2, -1).T
        return found

    def figures(self, model: Answering, step: Dpo) -> Figures:
        """Loss, margin and accuracy of every pair read, now."""
        found = {name: np.zeros(len(self.plan.read), np.float32) for name in ("loss", "margin", "accuracy")}
        for entries in chunks(len(self.plan.read), step.batch_size):
            batch = self.batch(entries)
            logps, counts = measured(model, batch)
            figures = pair_figures(logps, counts, batch, step.algorithm, step.beta)
            for name, values in figures.items():
                found[name][entries] = np.asarray(values)
        return found


def train(step: Dpo, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `Dpo`."""
    folder = start_folder(inputs)
    data, held = read_parts(inputs, step.groups)
    taught, probed = read_pairs(step, Tokenizer(folder), data, held, Pairs)
    for estimate in account(step.algorithm, step.on, taught.plan, data.groups):
        tell(estimate)
    doing("loading the model", tell)
    loaded, model = adapted(step, folder)
    give_shape(step, taught, probed, loaded.shape.window)
    method = treatment(step, data, taught)
    resume = open_resume(step, inputs, out)
    config = training_config(step, step.algorithm, step.accumulate, mark=resume.mark)
    trainer = method.trainer(model, optimiser(step, step.accumulate), config)
    trainer.with_gen_model_input_fn(lambda batch: {"batch": batch}).with_loss_fn(method.loss, has_aux=True)
    doing("measuring the model as it is", tell)
    before = _before(step, model, taught, probed, resume)
    where, measure = (probed.plan.rows, held.groups), partial(probed.figures, step=step)
    looks = looks_at(step, step.algorithm, where, measure, resume, method)
    looks.begin(model, lambda: probed.figures(model, step))
    twins = askers(step, inputs, loaded, model, resume)
    longest = step.max_prompt_tokens + step.max_answer_tokens
    evidence = evidence_of(step, held, model, loaded, (longest, step.batch_size), tell)
    if evidence is not None:
        evidence.before(resume, folder)
    doing("compiling the first step", tell)
    run = Run(step, step.algorithm, data.groups, resume, tell, looks, askers=twins, carries=method)
    watch = run.fit(trainer, lambda number: method.batch(number, taught.step(number, step.batch_size)))
    seen = (probed.plan.rows, held.groups, data.groups)
    probe = Probe(step.algorithm, step.on, watch.done, *seen, before, probed.figures(model, step))
    told = [*probe.estimates(), *method.estimates()]
    curves = watch.curves([*looks.readings(watch.done), *probe.readings()])

    def write() -> Outcome:
        made = finish(loaded, curves, told, out, watch.findings(), run.way(trainer, watch))
        return made if evidence is None else evidence.added(made, step.algorithm, step.on, step.seed, out)

    return run.halt.on_disk(watch.taken, write)


def treatment(step: Dpo, data: Data, taught: Pairs) -> Treatment:
    """The loss of this step, group-robust where the step says so."""

    def figures(model: Answering, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        return pair_figures(*answer_logps(model, batch), batch, step.algorithm, step.beta)

    def loss(model: Answering, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, dict[str, Any]]:
        return pair_loss(model, batch, step.algorithm, step.beta)

    debias = step.debias
    if debias is None or debias.group_dro is None:
        return Treatment(loss)
    member = Membership(data, debias.axis, whole=True)
    return Robust(
        debias.group_dro,
        figures,
        member,
        taught.plan,
        steps=step.steps,
        entries=lambda number: taught.plan.step(number, step.batch_size),
        name=step.algorithm,
    )


def _before(step: Dpo, model: Answering, taught: Pairs, probed: Pairs, resume: Resume) -> Figures | None:
    """What the model says before its first update; for "dpo" that is the reference itself.

    The low-rank updates start without effect, so no second model is held in memory. Against itself
    every margin is 0: then there is nothing to tell of the time before.
    """
    if step.algorithm == "orpo":
        return resume.remember("before", lambda: probed.figures(model, step))
    size = step.batch_size
    kept = resume.remember(
        "reference", lambda: {"taught": taught.logps(model, size), "probed": probed.logps(model, size)}
    )
    taught.reference, probed.reference = kept["taught"], kept["probed"]
    return None


def read_pairs(
    step: Compares, tokenizer: Tokenizer, data: Data, held: Data, kind: Callable[..., P]
) -> tuple[P, P]:
    """The pairs to train on and the pairs to measure on, as lines of this kind."""

    def reader(part: Data) -> Callable[[int], Pair]:
        limits = (step.max_prompt_tokens, step.max_answer_tokens)
        return lambda place: pair(part.example(place), tokenizer, *limits)

    plan = draw(data.names, reader(data), step.steps * step.batch_size, step.seed)
    held_plan = take(held.names, reader(held), step.held_out, step.seed)
    return kind(data, plan, tokenizer.pad_id), kind(held, held_plan, tokenizer.pad_id)


def give_shape(step: Compares, taught: PairLines, probed: PairLines, window: int | None) -> None:
    """Give all batches one shape; share prompts unless lines would outgrow the model's sliding window."""
    size = step.batch_size
    trained = [taught.plan.step(number, size) for number in range(step.steps)]
    trained += list(chunks(len(taught.plan.read), size))
    shapes = [taught.shape(trained), probed.shape(list(chunks(len(probed.plan.read), size)))]
    longest, asked = (max(column) for column in zip(*shapes, strict=True))
    length = rounded(longest, step.max_prompt_tokens + 2 * step.max_answer_tokens)
    for pairs in (taught, probed):
        pairs.length, pairs.asked = length, asked
        pairs.shared = window is None or length <= window
