"""Distillation on Tunix's trainer. Imports JAX; see `duecare.train.distill` for the step.

Tunix's own `DistillationTrainer` takes the mean of its loss over every position of a batch, prompts and
padding among them, and hands the teacher's logits over for all of these; it has room neither for rows'
weights nor for figures of each. On positions that are all taught, its loss is the one here (a test holds the
two together). Here both heads are applied to the taught positions only, a few at a time, so that no
[tokens, vocabulary] matrix is ever held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from duecare.core import Artifacts, Estimate, ModelError, Outcome, Tell, exact
from duecare.model.fetch import folder_of, resolve
from duecare.model.forward import logits, through
from duecare.model.load import Loaded, load, parameter
from duecare.model.tensors import rules
from duecare.model.tokenize import Tokenizer
from duecare.train.answering import Answering
from duecare.train.batch import ASKED_TOGETHER, chunks
from duecare.train.distill import Distill
from duecare.train.engine_answers import askers
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
from duecare.train.engine_mesh import mesh_of
from duecare.train.engine_sft import Parts, Passages, read_passages, seen, shared
from duecare.train.heldout import looks_at
from duecare.train.lora import optimiser
from duecare.train.metrics import training_config
from duecare.train.packing import useful
from duecare.train.probe import Probe, account
from duecare.train.watch import Groups, mean_of_rows

METHOD = "distill"
LEAST = 1e-30
"""Probabilities of a mixture below this are taken as this in a logarithm; they weigh nothing."""


class Frozen(nnx.Variable):  # type: ignore[misc]  # flax.nnx is untyped
    """A weight of the teacher: read, never trained, and kept in no checkpoint."""


class Distilling(nnx.Module):  # type: ignore[misc]  # flax.nnx is untyped
    """A student, and beside it the teacher; called, it is the student."""

    def __init__(self, student: Answering, teacher: Loaded) -> None:
        self.student, self.teacher = student, teacher.model
        for rule in rules(teacher.shape):
            owner, name = parameter(self.teacher, rule.path[:-1]), str(rule.path[-1])
            setattr(owner, name, Frozen(getattr(owner, name)[...]))

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """What the student says."""
        return self.student(*arguments, **settings)


def divergence(teacher: jax.Array, student: jax.Array, step: Distill) -> jax.Array:
    """The step's divergence between the distributions of two models' logits [..., V], in nats: [...].

    Logits are divided by the step's temperature; the square that goes with it is the caller's.
    """
    p, q = (jax.nn.log_softmax(each / step.temperature, axis=-1) for each in (teacher, student))
    if step.divergence == "forward_kl":
        return _kl(p, q)
    if step.divergence == "reverse_kl":
        return _kl(q, p)
    beta = step.jsd_beta
    mixture = jnp.log(jnp.maximum(beta * jnp.exp(p) + (1 - beta) * jnp.exp(q), LEAST))
    return beta * _kl(p, mixture) + (1 - beta) * _kl(q, mixture)


def _kl(p: jax.Array, q: jax.Array) -> jax.Array:
    return (jnp.exp(p) * (p - q)).sum(axis=-1)


def token_figures(
    model: Distilling, batch: Mapping[str, jax.Array], step: Distill, vocabulary: int
) -> dict[str, jax.Array]:
    """Of each position that a batch asks for, [N] each, in nats: "objective", "loss", "kl", "teacher_loss".

    "objective" is what is minimised, "loss" and "teacher_loss" how unlikely the source's token is to student
    and teacher, "kl" KL(teacher || student) at temperature 1. Both models' distributions are over the first
    `vocabulary` ids: what pads a vocabulary to a round size stands for no token.
    """
    position, mask, _ = seen(batch)
    where = (batch["asked_row"], batch["asked_place"])
    states = model.student(batch["tokens"], position, mask, where)
    known = through(model.teacher, batch["tokens"], position, None, mask)[0][where]

    @jax.checkpoint  # type: ignore[untyped-decorator]  # it has no types
    def one(chunk: tuple[jax.Array, jax.Array, jax.Array]) -> dict[str, jax.Array]:
        here, there, target = chunk
        student = logits(model.student.model, here[None])[0][:, :vocabulary]
        teacher = jax.lax.stop_gradient(logits(model.teacher, there[None])[0][:, :vocabulary])
        told, taught = (jax.nn.log_softmax(each, axis=-1) for each in (student, teacher))
        loss, its = (-jnp.take_along_axis(each, target[:, None], axis=-1)[:, 0] for each in (told, taught))
        soft = step.temperature**2 * divergence(teacher, student, step)
        return {
            "objective": step.kd_ratio * soft + (1 - step.kd_ratio) * loss,
            "loss": loss,
            "kl": _kl(taught, told),
            "teacher_loss": its,
        }

    chunked = [each.reshape(-1, ASKED_TOGETHER, each.shape[-1]) for each in (states, known)]
    found = jax.lax.map(one, (chunked[0], chunked[1], batch["target"].reshape(-1, ASKED_TOGETHER)))
    return {name: each.reshape(-1) for name, each in found.items()}


def row_sums(
    model: Distilling, batch: Mapping[str, jax.Array], step: Distill, vocabulary: int
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Sums of `token_figures` over each row's taught tokens, and the number of these: [B] each."""
    side, counts = seen(batch)[2], batch["counts"]
    per_row = partial(jax.ops.segment_sum, segment_ids=side, num_segments=len(batch["row"]))
    found = token_figures(model, batch, step, vocabulary)
    return {name: per_row(each * counts) for name, each in found.items()}, per_row(counts)


def distill_loss(
    model: Distilling, batch: Mapping[str, jax.Array], step: Distill, vocabulary: int
) -> tuple[jax.Array, dict[str, Any]]:
    """Mean objective per taught token of a batch, rows weighted as in `sft`; each row's figures beside it."""
    sums, number = row_sums(model, batch, step, vocabulary)
    loss = (batch["weight"] * sums["objective"]).sum() / number.sum()
    # Of several batches that make one update each counts by its tokens, as in one batch of all of them.
    minimised = loss * batch["share"][0] if "share" in batch else loss
    figures = {name: sums[name] / jnp.maximum(number, 1) for name in ("loss", "kl")} | {"length": number}
    return minimised, {"loss": loss, "row": batch["row"], "figures": figures}


class Measuring:
    """Figures of all passages of one part of the data, by the models as they are."""

    def __init__(self, step: Distill, vocabulary: int) -> None:
        self._measured = nnx.jit(lambda model, batch: row_sums(model, batch, step, vocabulary))

    def figures(self, model: Distilling, part: Parts) -> dict[str, npt.NDArray[np.float32]]:
        """ "loss", "kl" and "teacher_loss" of every passage read, in nats per taught token; "objective"."""
        names = ("loss", "kl", "teacher_loss", "objective")
        found = {name: np.zeros(len(part.plan.read), np.float32) for name in names}
        for batch, entries in _batches(part):
            sums, number = self._measured(model, batch)
            for name in names:
                each = np.asarray(sums[name] / jnp.maximum(number, 1))
                found[name][entries] = each[: len(entries)]
        return found


def _batches(part: Parts) -> Iterator[tuple[Batch, npt.NDArray[np.int64]]]:
    """All passages of a part once, batch by batch, and which they are."""
    if isinstance(part, Passages):
        for entries in chunks(len(part.plan.read), part.size):
            yield part.batch(entries), entries
        return
    for number in range(part.packing.steps(part.size)):
        lines = part.packing.step(number, part.size)
        yield part.batch(lines), np.concatenate(lines)


def teacher_folder(step: Distill, inputs: Artifacts) -> Path:
    """The teacher's Hugging Face folder; ModelError where there is none."""
    if "teacher" in inputs:
        return folder_of(inputs["teacher"].path)
    return resolve(step.teacher, revision=step.teacher_revision)


def common_vocabulary(student: Tokenizer, teacher: Tokenizer) -> int:
    """How many ids both models know; ModelError where some token is another, or known to one alone."""
    mine, theirs = student.tokens, teacher.tokens
    if mine != theirs:
        ids = {token: (mine.get(token), theirs.get(token)) for token in mine.keys() | theirs.keys()}
        odd = sum(one != other for one, other in ids.values())
        raise ModelError(
            f"teacher: expected the student's vocabulary of {len(mine):,} tokens; {odd:,} tokens are missing"
            " on one side or have another id there. A divergence compares the two distributions id by id"
        )
    return max(mine.values()) + 1


def train(step: Distill, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `Distill`."""
    folder, known = start_folder(inputs), teacher_folder(step, inputs)
    tokenizer = Tokenizer(folder)
    vocabulary = common_vocabulary(tokenizer, Tokenizer(known))
    data, held = read_parts(inputs, step.groups)
    taught, probed = read_passages(step, tokenizer, data, held)
    for estimate in account(METHOD, step.on, taught.plan, data.groups):
        tell(estimate)
    tell(exact(f"{METHOD}.tokens.useful", useful(taught.plan), taught.places, {"source": step.on}))
    doing("loading student and teacher", tell)
    loaded, student = adapted(step, folder)
    model = Distilling(student, load(known, mesh=mesh_of(step)))
    resume, measuring = open_resume(step, inputs, out), Measuring(step, vocabulary)
    config = training_config(step, METHOD, step.accumulate, mark=resume.mark)
    trainer = Trainer(model, optimiser(step, step.accumulate), config)

    def loss(model: Distilling, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, dict[str, Any]]:
        return distill_loss(model, batch, step, vocabulary)

    trainer.with_gen_model_input_fn(lambda batch: {"batch": batch}).with_loss_fn(loss, has_aux=True)
    doing("measuring held-out rows", tell)
    before = resume.remember("before", lambda: measuring.figures(model, probed))
    where, measure = (probed.plan.rows, held.groups), partial(measuring.figures, part=probed)
    looks = looks_at(step, METHOD, where, measure, resume, by="objective")
    looks.begin(model, lambda: before)
    twins = askers(step, inputs, loaded, student, resume)
    doing("compiling the first step", tell)
    run = Run(step, METHOD, data.groups, resume, tell, looks, askers=twins)
    watch = run.fit(trainer, shared(taught, step.steps, step.accumulate))
    after = measuring.figures(model, probed)
    names = ("loss", "kl", *(["objective"] if looks.on else []))
    first, last = ({name: each[name] for name in names} for each in (before, after))
    rows, groups = probed.plan.rows, held.groups
    probe = Probe(METHOD, step.on, watch.done, rows, groups, data.groups, first, last)
    told = [*probe.estimates(), *teacher_estimates(step.on, after["teacher_loss"], rows, groups)]
    curves = watch.curves([*looks.readings(watch.done), *probe.readings()])
    way, found = run.way(trainer, watch), watch.findings()
    return run.halt.on_disk(watch.taken, lambda: finish(loaded, curves, told, out, found, way))


def teacher_estimates(
    source: str, losses: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], groups: Groups
) -> list[Estimate]:
    """The teacher's own loss on held-out rows, of all and of each group: what the student is held against."""
    everyone = np.ones(len(rows), dtype=np.bool_)
    parts = [(None, None, everyone), *groups.slices(rows)] if len(rows) else []
    found = []
    for axis, group, mine in parts:
        there = {"source": source, "split": "held_out"}
        if axis is not None and group is not None:
            there |= {"axis": axis, "group": group}
        interval = mean_of_rows("loss", losses[mine], rows[mine])
        found.append(interval.estimate(f"{METHOD}.teacher.loss", there, unit="nats per token"))
    return found
