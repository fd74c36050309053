"""Training with differential privacy. Imports JAX; see `duecare.train.private` for the settings.

The loop, checkpoints and figures are those of every training step (`engine_loop`); what differs is which
rows a step sees (Poisson sampling of units) and what becomes of their gradients (`private_step`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tunix.sft.peft_trainer import TrainingConfig

from duecare.core import Artifacts, Estimate, Outcome, Tell
from duecare.model.tokenize import Tokenizer
from duecare.privacy.account import Plan, Promise, plan
from duecare.privacy.noise import Secret, kept_secret
from duecare.privacy.sample import poisson_batch
from duecare.train.answering import Answering
from duecare.train.engine_loop import (
    Data,
    Run,
    doing,
    finish,
    open_resume,
    read_parts,
    start_folder,
)
from duecare.train.lora import optimiser
from duecare.train.prefer import Dpo
from duecare.train.private import Privacy
from duecare.train.private_canary import Canaries
from duecare.train.private_check import Bench, checked
from duecare.train.private_claim import FILE, Claim, told_apart, unweighted, withheld
from duecare.train.private_methods import DpoMethod, Method, RewardMethod, SftMethod
from duecare.train.private_step import PrivateTrainer, Recipe
from duecare.train.private_twin import compared, twin
from duecare.train.probe import Figures, Probe, account
from duecare.train.resume import Resume
from duecare.train.reward_model import RewardModel
from duecare.train.sft import Sft
from duecare.train.units import Batches, Entries, Shape, members
from duecare.train.watch import Groups

Step = Sft | Dpo | RewardModel
"""The steps that have the setting `privacy`."""


def train(step: Step, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `Sft`, `Dpo` or `RewardModel` with its setting `privacy`."""
    folder, (data, held) = start_folder(inputs), read_parts(inputs, step.groups)
    unweighted(data)
    resume = open_resume(step, inputs, out)
    begun = resume.last() is not None
    secret = kept_secret(resume.folder / "secret", begun=begun)
    method, canaries = _read(step, folder, data, held, secret)
    units = canaries.units(members(canaries.data, method.taught.rows, _given(step)))
    mechanism = _mechanism(step, len(units.real), len(canaries))
    step = _within(step, mechanism)
    claim = _claim(step, method, mechanism, inputs)
    tell(claim.note())
    for estimate in account(method.name, step.on, canaries.without(method.taught), data.groups):
        withheld(tell)(estimate)
    doing("loading the model", tell)
    loaded, model = method.start(folder)
    method.prepare(units.all, loaded.shape.window)
    world = world_of(step, mechanism, units.all, method, model, secret)
    doing("measuring the model as it is", tell)
    before = method.begin(model, np.union1d(world.used(), canaries.entries), resume)
    known = resume.remember("canaries", lambda: canaries.losses(method, model))["loss"]
    if not begun:
        doing("testing noise, clipping and sampling", tell)
        checked(method.name, Bench.of(world.trainer, world.batches), world.chosen, mechanism.rate, tell)
    doing("compiling the first step", tell)
    run = Run(step, method.name, canaries.data.groups, resume, withheld(tell))
    watch = run.fit(world.trainer, world.batch)
    probe = _probe(step, method, watch.done, (held.groups, data.groups), before, method.after(model))
    audit = canaries.audit(known, canaries.losses(method, model)["loss"], mechanism, world.draws())
    figures = [*probe.estimates(), *_cost(step, folder, world, resume, tell, probe)]
    head = partial(method.head, model)

    def write() -> Outcome:
        claim.write(out / FILE, watch.done, audit)
        curves, way = watch.curves(probe.readings()), run.way(world.trainer, watch, head)
        outcome = finish(loaded, curves, figures, out, watch.findings(), way, head=head())
        return told_apart(outcome, claim, watch.done, audit)

    return run.halt.on_disk(watch.taken, write)


def _claim(step: Step, method: Method, mechanism: Plan, inputs: Artifacts) -> Claim:
    before = inputs.get("model")
    return Claim(method=method.name, step=step, privacy=_given(step), plan=mechanism, before=before)


def _within(step: Step, mechanism: Plan) -> Step:
    """`step` with the steps that the budget allows; neither its rate's rise nor snapshots outlast them."""
    steps = mechanism.steps
    return replace(
        step, steps=steps, warmup=min(step.warmup, steps), snapshots=min(step.snapshots, steps - 1)
    )


def _probe(  # noqa: PLR0917  # all of them, in the order in which they come about
    step: Step,
    method: Method,
    done: int,
    groups: tuple[Groups, Groups],
    before: Figures | None,
    after: Figures,
) -> Probe:
    held, watched = groups
    return Probe(
        method=method.name,
        source=step.on,
        steps=done,
        rows=method.held.rows,
        groups=held,
        watched=watched,
        before=before,
        after=after,
    )


def _given(step: Step) -> Privacy:
    if step.privacy is None:
        raise ValueError("engine_private.train: the step has no setting `privacy`")
    return step.privacy


def _read(step: Step, folder: Path, data: Data, held: Data, secret: Secret) -> tuple[Method, Canaries]:
    """The rows as the method reads them, canaries among them."""
    placed = Canaries.placed(_given(step), data, secret, step.seed)
    method = _method(step, folder, placed.data, held)
    return method, placed.found(method, Tokenizer(folder).decode)


def _method(step: Step, folder: Path, data: Data, held: Data) -> Method:
    if isinstance(step, Sft):
        return SftMethod(step, folder, data, held)
    if isinstance(step, RewardModel):
        return RewardMethod(step, folder, data, held)
    return DpoMethod(step, folder, data, held)


def _mechanism(step: Step, units: int, canaries: int) -> Plan:
    """The noise that keeps the promise; of canaries half are expected among the units."""
    privacy = _given(step)
    return plan(
        Promise(epsilon=privacy.epsilon, delta=privacy.delta),
        units=units + canaries // 2,
        most=units + canaries,
        batch=step.lines if isinstance(step, Sft) else step.batch_size,
        steps=step.steps,
        noise_multiplier=privacy.noise_multiplier,
    )


@dataclass(frozen=True, slots=True)
class World:
    """All that a private run steps through."""

    trainer: PrivateTrainer
    batches: Batches
    mechanism: Plan
    method: Method
    secret: Secret

    def chosen(self, secret: Secret, step: int) -> Entries:
        """The units of training step `step` (0-based)."""
        units, shape = len(self.batches.units), self.batches.shape
        return poisson_batch(secret, step, units=units, rate=self.mechanism.rate, capacity=shape.capacity)

    def batch(self, step: int) -> dict[str, Any]:
        """What training step `step` is given."""
        return {**self.batches.batch(self.chosen(self.secret, step)), "key": self.secret.noise_key(step)}

    def draws(self) -> Entries:
        """How many steps draw each unit: int64 [units]."""
        counts = np.zeros(len(self.batches.units), dtype=np.int64)
        for step in range(self.mechanism.steps):
            counts[self.chosen(self.secret, step)] += 1
        return counts

    def used(self) -> Entries:
        """Entries of all units that any step draws, in increasing order."""
        drawn = np.flatnonzero(self.draws())
        found = [self.batches.units[int(unit)] for unit in drawn] or [np.zeros(0, dtype=np.int64)]
        return np.unique(np.concatenate(found))


def world_of(  # noqa: PLR0917  # all of them, in the order in which they come about
    step: Step,
    mechanism: Plan,
    units: list[Entries],
    method: Method,
    model: Answering,
    secret: Secret,
) -> World:
    """A private run of `step` on `units`; `method` is prepared."""
    shape = Shape.of(units, mechanism.capacity, mechanism.batch)
    trainer = PrivateTrainer(
        model, optimiser(step, clipped=False), TrainingConfig(eval_every_n_steps=step.every)
    )
    trainer.unit_loss = method.unit_loss
    trainer.recipe = Recipe(
        clip=_given(step).clip,
        noise=mechanism.noise_multiplier,
        expected=mechanism.batch,
        together=shape.together,
    )
    batches = Batches(units, shape, method.read, method.owner)
    return World(trainer, batches, mechanism, method, secret)


def _cost(  # noqa: PLR0917  # all of them, in the order in which they come about
    step: Step, folder: Path, world: World, resume: Resume, tell: Tell, probe: Probe
) -> list[Estimate]:
    """What privacy costs each group, where the step asks for a twin."""
    if not _given(step).twin:
        return []
    figures = twin(step, folder, world.method, world.trainer.recipe, world.batch, resume, tell)
    return compared(world.method.name, step.on, probe.groups, probe.rows, probe.after, figures)
