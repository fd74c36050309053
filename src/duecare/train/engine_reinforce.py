"""Group relative policy optimisation on Tunix's trainer. Imports JAX; see `duecare.train.reinforce`.

The loss is that of Tunix's own `grpo_loss_fn` (a test holds the two together), with the KL estimate of the
paper; rounds of answers are ours, see `duecare.train.rollout`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax

from duecare.core import Artifacts, ModelError, Note, Outcome, Tell
from duecare.train.advantage import group_advantages
from duecare.train.answering import Answering, token_logps
from duecare.train.batch import draw, take
from duecare.train.engine_answers import askers
from duecare.train.engine_drift import Beside
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
from duecare.train.engine_mesh import mesh_of
from duecare.train.heldout import HeldOut, looks_at
from duecare.train.lora import optimiser
from duecare.train.metrics import training_config
from duecare.train.probe import Figures, Probe, account
from duecare.train.reinforce import Average, Grpo, Reinforces, method_of
from duecare.train.resume import Resume
from duecare.train.rewards import Judge, Rewards
from duecare.train.rollout import Players, Prompts, Round, divergence
from duecare.train.rows import Prompt, prompt
from duecare.train.watch import Watch

FAR = 20.0
"""Log ratios are cut here, as Tunix cuts them: beyond it the ratio is clipped, and exp could overflow."""

Loss = Callable[[Answering, Mapping[str, jax.Array]], tuple[jax.Array, dict[str, Any]]]


def clipped(
    logps: jax.Array, old: jax.Array, advantage: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array]:
    """The clipped objective (Schulman et al. 2017, equation 7) as a loss, and where its clip holds: [N]."""
    ratio = jnp.exp(jnp.clip(logps - old, -FAR, FAR))
    free = -advantage * ratio
    bound = -advantage * jnp.clip(ratio, 1 - epsilon, 1 + epsilon)
    return jnp.maximum(free, bound), (bound > free).astype(jnp.float32)


def per_prompt(values: jax.Array, batch: Mapping[str, jax.Array], answers: int) -> jax.Array:
    """Mean over each prompt's answers of the mean over their tokens: [N] to [B]."""
    return _per_answer(values, batch, answers).reshape(-1, len(batch["row"])).mean(axis=0)


def _per_answer(values: jax.Array, batch: Mapping[str, jax.Array], answers: int) -> jax.Array:
    """Mean over each answer's tokens, [answers]."""
    total = partial(jax.ops.segment_sum, segment_ids=batch["side"], num_segments=answers)
    return total(values * batch["counts"]) / total(batch["counts"])


def grpo_loss(
    model: Answering, batch: Mapping[str, jax.Array], beta: float, epsilon: float, average: Average
) -> tuple[jax.Array, dict[str, Any]]:
    """The loss of a round of answers (Shao et al. 2024, equation 3), with each prompt's figures beside it.

    `batch` as from `grpo_batch`. With weights of 1 this is Tunix's loss with `kl_loss_mode="low_var_kl"`.
    """
    logps = token_logps(model, batch)
    old = batch.get("old", jax.lax.stop_gradient(logps))
    side, answers = batch["side"], len(batch["advantages"])
    push, held = clipped(logps, old, batch["advantages"][side], epsilon)
    kl = divergence(logps, batch["reference"])
    each = push + beta * kl
    weight = jnp.tile(batch["weight"], answers // len(batch["row"]))
    if average == "answer":
        loss = (weight * _per_answer(each, batch, answers)).mean()
    else:
        loss = (weight[side] * each * batch["counts"]).sum() / batch["counts"].sum()
    figures = {
        **told(batch),
        "advantage": batch["advantage"],
        "kl": per_prompt(kl, batch, answers),
    }
    if "old" in batch:  # else every ratio is 1
        figures["clip_share"] = per_prompt(held, batch, answers)
    return loss, {"loss": loss, "row": batch["row"], "figures": figures}


TOLD = ("reward", "length", "unjudged")
"""Figures of each prompt, [B], that are known before the loss is."""


def told(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a batch."""
    return {name: batch[name] for name in TOLD if name in batch}


def known(one: Round, players: Players) -> Batch:
    """A round as a batch with what is to be told of it: reward, length, and the share not judged."""
    means: dict[str, npt.NDArray[Any]] = {"reward": one.rewards, "length": one.lengths}
    if players.rewards.detects:
        means["unjudged"] = one.unjudged
    return {**one.batch, **{name: each.mean(axis=0).astype(np.float32) for name, each in means.items()}}


def grpo_batch(one: Round, players: Players) -> Batch:
    """A round with its advantages [G * B], the reference's log-probabilities, and figures [B] to be told.

    `advantage` is the mean size of a prompt's advantages, how hard its answers push (their mean is 0).
    """
    advantages = group_advantages(one.rewards)
    batch = {
        **known(one, players),
        "advantages": advantages.ravel().astype(np.float32),
        "reference": players.logps(one.batch, at_start=True),
        "advantage": np.abs(advantages).mean(axis=0).astype(np.float32),
    }
    if players.step.iterations > 1:
        batch["old"] = players.logps(one.batch)
    return batch


def train(step: Grpo, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `Grpo`."""

    def loss(model: Answering, batch: Mapping[str, jax.Array]) -> tuple[jax.Array, dict[str, Any]]:
        return grpo_loss(model, batch, step.beta, step.epsilon, step.average)

    def under(model: Any) -> Answering:
        return Answering(model, temperature=step.temperature)

    return reinforce(step, inputs, out, tell, under=under, loss=loss, made=grpo_batch)


def reinforce(
    step: Reinforces,
    inputs: Artifacts,
    out: Path,
    tell: Tell,
    *,
    under: Callable[[Any], Answering],
    loss: Loss,
    made: Callable[[Round, Players], Batch],
    optimised: optax.GradientTransformation | None = None,
) -> Outcome:
    """What Grpo and Ppo share: rounds of answers, made into batches by `made`, learned from by `loss`.

    `optimised` is the optimiser where it is not that of every step.
    """
    method, folder = method_of(step), start_folder(inputs)
    rewards, beside = _instruments(step, inputs, method, tell)
    data, held = read_parts(inputs, step.groups)
    doing("loading the model", tell)
    loaded, model = adapted(step, folder, under)
    players = Players(step, loaded, model, rewards, beside)
    asked, probed = _prompts(players, data, held)
    for estimate in account(method, step.on, asked.plan, data.groups):
        tell(estimate)
    resume = open_resume(step, inputs, out)
    trainer = _trainer(step, model, resume, optimised)
    trainer.with_gen_model_input_fn(lambda batch: {"batch": batch}).with_loss_fn(loss, has_aux=True)
    doing("answering held-out prompts", tell)
    before = resume.remember("before", lambda: probed.measured("held out"))
    looks = _looks(step, probed, resume, before)
    rounds = Rounds(step, asked, lambda one: made(one, players), Beside.of(step, asked))
    run = Run(step, method, data.groups, resume, tell, looks, beside=rounds.beside)
    run.askers = askers(step, inputs, loaded, model, resume)
    watch = run.fit(trainer, rounds.batch)
    doing("answering held-out prompts again", tell)
    probes = _probes(step, probed, watch, data, before)
    told = [estimate for probe in probes for estimate in probe.estimates()]
    drawn = [*looks.readings(watch.done), *(each for probe in probes for each in probe.readings())]
    curves, found, way = watch.curves(drawn), watch.findings(), run.way(trainer, watch)
    return run.halt.on_disk(watch.taken, lambda: finish(loaded, curves, told, out, found, way))


@dataclass(slots=True)
class Rounds:
    """The batch of every training step: `iterations` steps learn from the same answers.

    `beside` is the instrument that looks on, asked of a round before it is learned from.
    """

    step: Reinforces
    prompts: Prompts
    made: Callable[[Round], Batch]
    beside: Beside | None = None
    _kept: tuple[int, Batch] | None = None

    def batch(self, number: int) -> Batch:
        """The batch of training step `number`, from 0."""
        turn = number // self.step.iterations
        if self._kept is None or self._kept[0] != turn:
            entries = self.prompts.plan.step(turn, self.step.batch_size)
            due = self.beside is not None and self.beside.due(turn)
            one = self.prompts.round(entries, f"round {turn}", independent=due)
            if self.beside is not None and due:
                self.beside.look(turn, entries, one)
            self._kept = (turn, self.made(one))
        return self._kept[1]


def _instruments(
    step: Reinforces, inputs: Artifacts, method: str, tell: Tell
) -> tuple[Rewards, Rewards | None]:
    """The reward, loaded, and the instrument beside it; what code a function is, is told to the ledger."""
    judge = _judge(step, inputs, method, "reward", step.reward_model)
    made = Rewards(step.reward, step.unjudged, method, judge, step.reward_model_weight)
    drift, beside = step.drift, None
    if drift is not None:
        judge = _judge(step, inputs, method, "independent", drift.reward_model)
        beside = Rewards(drift.independent, drift.unjudged, method, judge, drift.reward_model_weight)
    digests = made.digests() | ({} if beside is None else beside.digests())
    if digests:
        text = "reward functions are code of one's own; these are the SHA-256 of their files"
        tell(Note(topic=f"{method}.reward", text=text, data=digests))
    return made, beside


def _judge(step: Reinforces, inputs: Artifacts, method: str, handed: str, name: str) -> Judge | None:
    """The reward model `name`, which is handed over as `handed`; None where none is named."""
    if not name:
        return None
    if handed not in inputs:
        raise ModelError(f"train.{method}: no reward model {name!r} was handed over")
    from duecare.model.fetch import reward_folder
    from duecare.model.reward import load_reward

    return load_reward(
        reward_folder(inputs[handed].path), batch=step.batch_size * step.samples, mesh=mesh_of(step)
    )


def _prompts(players: Players, data: Data, held: Data) -> tuple[Prompts, Prompts]:
    """The prompts to train on and those to measure on, in rounds of one common shape."""
    step, tokenizer = players.step, players.loaded.tokenizer

    def reader(part: Data) -> Callable[[int], Prompt]:
        return lambda place: prompt(part.example(place), tokenizer, step.max_prompt_tokens)

    count = step.steps // step.iterations * step.batch_size
    plan = draw(data.names, reader(data), count, step.seed)
    held_plan = take(held.names, reader(held), step.held_out, step.seed)
    longest = max(len(one.tokens) for one in (*plan.read, *held_plan.read))
    return Prompts(players, data, plan, longest), Prompts(players, held, held_plan, longest)


def _trainer(
    step: Reinforces, model: Answering, resume: Resume, optimised: optax.GradientTransformation | None
) -> Trainer:
    """Tunix's trainer, with the optimiser of every step where it is given no other."""
    gathered = getattr(step, "accumulate", 1)
    config = training_config(step, method_of(step), gathered, mark=resume.mark)
    return Trainer(model, optimised or optimiser(step, gathered), config)


def _looks(step: Reinforces, probed: Prompts, resume: Resume, before: Mapping[str, Any]) -> HeldOut:
    """Held-out prompts answered on the way, always with the same draws; their reward decides what is kept."""
    where = (probed.plan.rows, probed.part.groups)
    measure = partial(probed.measured, "held out")
    looks = looks_at(step, method_of(step), where, lambda _: measure(), resume, by="reward")
    looks.begin(probed.players.model, lambda: before)
    return looks


def _probes(
    step: Reinforces, probed: Prompts, watch: Watch, data: Data, before: Mapping[str, Any]
) -> list[Probe]:
    """Held-out prompts before and after; the KL to the start has no before, where it is 0."""
    after = probed.measured("held out")

    def probe(first: Figures | None, last: Figures) -> Probe:
        return Probe(
            method=method_of(step),
            source=step.on,
            steps=watch.done,
            rows=probed.plan.rows,
            groups=probed.part.groups,
            watched=data.groups,
            before=first,
            after=last,
        )

    both = ("length", "reward", *(["independent"] if "independent" in after else []))
    return [
        probe({name: before[name] for name in both}, {name: after[name] for name in both}),
        probe(None, {"kl": after["kl"]}),
    ]
