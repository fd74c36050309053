"""What one training run read, method by method, as its influence is traced through it. Imports JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from duecare.core import Artifacts
from duecare.model.load import Loaded
from duecare.train.answering import Answering
from duecare.train.batch import Plan, most_asked, rounded, taught_tokens
from duecare.train.engine_loop import Batch, Data, adapted, read_parts
from duecare.train.engine_prefer import (
    PairLines,
    Pairs,
    answer_logps,
    give_shape,
    pair_figures,
    pair_loss,
    read_pairs,
)
from duecare.train.engine_reward import (
    METHOD,
    Judged,
    Rewarding,
    answer_scores,
    centred,
    reward_loss,
    score_figures,
)
from duecare.train.engine_sft import Passages, passage_loss, read_passages, sft_loss
from duecare.train.prefer import Dpo
from duecare.train.reward_model import RewardModel
from duecare.train.sft import Sft

Traced = Sft | Dpo | RewardModel
"""Steps whose rows' influence can be traced."""
Losses = Callable[[Answering, Mapping[str, jax.Array]], jax.Array]

TOGETHER = 8
"""Rows that gradient products are taken of at once."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """The rows that a run reads, and how each of them counts in its updates.

    `losses(model, batch)` gives the unweighted loss of each row [B] of a batch that `batch(entries)` makes,
    of `size` entries of `plan`. `loss` is what a training step minimises of the batch that `step(number)`
    makes; it is the sum over rows of `share(number)` = (entries, factors) times their losses, and
    `minimised` the same with what a trainer wants beside it. `held(entries)` makes a batch of held-out rows
    of `held_plan`, `figure` gives what is measured of each of them [B], by gap.
    """

    method: str
    data: Data
    held_data: Data
    plan: Plan[Any]
    size: int
    batch: Callable[[npt.NDArray[np.int64]], Batch]
    losses: Losses
    step: Callable[[int], Batch]
    loss: Losses
    minimised: Callable[..., Any]
    share: Callable[[int], tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]
    held_plan: Plan[Any]
    held: Callable[[npt.NDArray[np.int64]], Batch]
    figure: Mapping[str, Losses]


def start_of(step: Traced, folder: Path) -> tuple[Loaded, Answering]:
    """The model of `folder` as it is before the first step, under the call that it is trained by."""
    if isinstance(step, RewardModel):
        return adapted(step, folder, partial(Rewarding, seed=step.seed))
    return adapted(step, folder)


def lessons_of(step: Traced, loaded: Loaded, inputs: Artifacts, model: Answering) -> Lessons:
    """What `step` reads; `model` is as it is before the first step."""
    data, held = read_parts(inputs, step.groups)
    if isinstance(step, Sft):
        return _of_sft(step, loaded, data, held)
    if isinstance(step, Dpo):
        return _of_dpo(step, loaded, data, held, model)
    return _of_reward(step, loaded, data, held)


def row_nll(model: Answering, batch: Mapping[str, jax.Array]) -> jax.Array:
    """Negative log-likelihood of each row's taught tokens, [B]."""
    return passage_loss(model, batch)[0]


def row_mean(model: Answering, batch: Mapping[str, jax.Array]) -> jax.Array:
    """Each row's loss per taught token, [B]."""
    nll, count = passage_loss(model, batch)
    return nll / jax.numpy.maximum(count, 1)


def sft_minimised(model: Answering, batch: Mapping[str, jax.Array]) -> jax.Array:
    """What a step of fine-tuning minimises."""
    return sft_loss(model, batch)[0]


def _of_sft(step: Sft, loaded: Loaded, data: Data, held: Data) -> Lessons:
    taught, probed = read_passages(step, loaded.tokenizer, data, held)
    plan, tokens = taught.plan, taught_tokens(taught.plan)
    rows, held_rows = (_padded(step, part, loaded) for part in (taught, probed))

    def share(number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        entries = taught.entries(number)
        weights = data.weights[plan.rows[entries]].astype(np.float64)
        return entries, weights / tokens[entries].sum()

    return Lessons(
        method="sft",
        data=data,
        held_data=held,
        plan=plan,
        size=TOGETHER,
        batch=rows.batch,
        losses=row_nll,
        step=taught.step,
        loss=sft_minimised,
        minimised=sft_loss,
        share=share,
        held_plan=probed.plan,
        held=held_rows.batch,
        figure={"loss_gap": row_mean},
    )


def _padded(step: Sft, part: Any, loaded: Loaded) -> Passages:
    """The passages of a part in batches of a few rows, each padded, however they are packed in training."""
    plan = part.plan
    longest = max((len(one.tokens) for one in plan.read), default=1)
    shape = (rounded(longest, step.row_tokens), _room(taught_tokens(plan), TOGETHER))
    return Passages(part.part, plan, shape, loaded.tokenizer.pad_id, TOGETHER)


def _of_dpo(step: Dpo, loaded: Loaded, data: Data, held: Data, model: Answering) -> Lessons:
    taught, probed = read_pairs(step, loaded.tokenizer, data, held, Pairs)
    give_shape(step, taught, probed, loaded.shape.window)
    if step.algorithm == "dpo":
        taught.reference = taught.logps(model, step.batch_size)
        probed.reference = probed.logps(model, step.batch_size)
    for part in (taught, probed):  # any pairs may come together here
        sizes = np.array([len(one.chosen) + len(one.rejected) for one in part.plan.read], dtype=np.int64)
        part.asked = max(part.asked, _room(sizes, step.batch_size))

    loss, margin = (_pair(name, step.algorithm, step.beta) for name in ("loss", "margin"))
    return Lessons(
        method=step.algorithm,
        data=data,
        held_data=held,
        plan=taught.plan,
        size=step.batch_size,
        batch=taught.batch,
        losses=loss,
        step=lambda number: taught.step(number, step.batch_size),
        loss=partial(pair_minimised, algorithm=step.algorithm, beta=step.beta),
        minimised=lambda model, batch: pair_loss(model, batch, step.algorithm, step.beta),
        share=partial(_share_of_pairs, taught, data, step.batch_size),
        held_plan=probed.plan,
        held=probed.batch,
        figure={"loss_gap": loss, "margin_gap": margin},
    )


def _share_of_pairs(
    taught: PairLines, data: Data, size: int, number: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The pairs of a training step, `size` of them, and their part in the mean that it minimises."""
    entries = taught.plan.step(number, size)
    return entries, data.weights[taught.plan.rows[entries]].astype(np.float64) / len(entries)


def _of_reward(step: RewardModel, loaded: Loaded, data: Data, held: Data) -> Lessons:
    taught, probed = read_pairs(step, loaded.tokenizer, data, held, Judged)
    give_shape(step, taught, probed, loaded.shape.window)
    return Lessons(
        method=METHOD,
        data=data,
        held_data=held,
        plan=taught.plan,
        size=step.batch_size,
        batch=taught.batch,
        losses=_reward("minimised", step.centring),
        step=lambda number: taught.batch(taught.plan.step(number, step.batch_size)),
        loss=partial(reward_minimised, centring=step.centring),
        minimised=lambda model, batch: reward_loss(model, batch, step.centring),
        share=partial(_share_of_pairs, taught, data, step.batch_size),
        held_plan=probed.plan,
        held=probed.batch,
        figure={f"{name}_gap": _reward(name, step.centring) for name in ("loss", "margin")},
    )


@cache
def _reward(name: str, centring: float) -> Losses:
    """As `_pair`, of a reward model."""
    return partial(reward_figure, name=name, centring=centring)


def reward_figure(
    model: Rewarding, batch: Mapping[str, jax.Array], *, name: str, centring: float
) -> jax.Array:
    """Loss or margin of each pair, or what is "minimised" of it, [B]."""
    figures = score_figures(answer_scores(model, batch))
    return centred(figures, centring) if name == "minimised" else figures[name]


def reward_minimised(model: Rewarding, batch: Mapping[str, jax.Array], *, centring: float) -> jax.Array:
    """What a step of a reward model minimises."""
    return reward_loss(model, batch, centring)[0]


@cache
def _pair(name: str, algorithm: Any, beta: float) -> Losses:
    """The figure of that name; the same function each time, so that it is compiled once."""
    return partial(pair_figure, name=name, algorithm=algorithm, beta=beta)


def _room(sizes: npt.NDArray[np.int64], together: int) -> int:
    """The most positions that any `together` rows may ask for."""
    return most_asked(np.array([sizes.max(initial=1)]), [np.zeros(together, dtype=np.int64)])


def pair_figure(
    model: Answering, batch: Mapping[str, jax.Array], *, name: str, algorithm: Any, beta: float
) -> jax.Array:
    """Loss or margin of each pair, [B]."""
    return pair_figures(*answer_logps(model, batch), batch, algorithm, beta)[name]


def pair_minimised(
    model: Answering, batch: Mapping[str, jax.Array], *, algorithm: Any, beta: float
) -> jax.Array:
    """What a step of preference tuning minimises."""
    return pair_loss(model, batch, algorithm, beta)[0]
