"""A measured gap as a differentiable function of a model: between twins, or between held-out rows. JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from duecare.core import DataError
from duecare.measure.compare import mean_difference, paired_difference
from duecare.measure.interval import Interval
from duecare.model.tokenize import Tokenizer
from duecare.train.answering import Answering
from duecare.train.batch import chunks
from duecare.train.engine_lessons import Lessons, Traced
from duecare.train.engine_probe import TOGETHER, Asker, per_token
from duecare.train.engine_reward_probe import RewardAsker, scores_at_the_end
from duecare.train.influence import Floats, Influence
from duecare.train.influence_figures import About
from duecare.train.probing import Probes
from duecare.train.reward_model import RewardModel

Values = Callable[[Answering, Any], jax.Array]


@dataclass(frozen=True, slots=True)
class Gaps:
    """Gaps that are weighted sums of what is asked: G = weights [G, A] @ values [A].

    `batches` are the batches that hold what is asked, A in all and in order, `size` each; what fills the
    last one has weight 0. `value(model, batch)` gives the values of one.
    """

    abouts: Sequence[About]
    batches: Sequence[Mapping[str, Any]]
    size: int
    value: Values
    weights: Floats
    paired: bool

    def values(self, model: Answering) -> Floats:
        """What the model says now: float64 [A]."""
        found = [np.asarray(_value(model, batch, self.value), np.float64) for batch in self.batches]
        return np.concatenate(found)[: self.weights.shape[1]]

    def gaps(self, values: Floats) -> Floats:
        """Every gap [G], of `values` [A]."""
        return self.weights @ values

    def gradients(self, model: Answering) -> list[Any]:
        """The gradient of each gap in the low-rank weights, as their tree."""
        return [self._gradient(model, each) for each in self.weights]

    def _gradient(self, model: Answering, weights: Floats) -> Any:
        total = None
        for number, batch in enumerate(self.batches):
            mine = weights[number * self.size : (number + 1) * self.size]
            if not mine.any():
                continue
            filled = np.pad(mine, (0, self.size - len(mine))).astype(np.float32)
            slope = _slope(model, batch, jnp.asarray(filled), self.value)
            total = slope if total is None else jax.tree.map(jnp.add, total, slope)
        return total

    def changes(self, before: Floats, after: Floats) -> dict[About, Interval]:
        """What each gap moved by, with an interval over matters or over held-out rows."""
        moved, found = after - before, {}
        for about, weights in zip(self.abouts, self.weights, strict=True):
            mine, other = moved[weights > 0], moved[weights < 0]
            compare = paired_difference if self.paired else mean_difference
            found[about] = compare(mine, other)
        return found


@partial(nnx.jit, static_argnames=("value",))
def _value(model: Answering, batch: Any, value: Values) -> jax.Array:
    return value(model, batch)


@partial(nnx.jit, static_argnames=("value",))
def _slope(model: Answering, batch: Any, weights: jax.Array, value: Values) -> Any:
    graph, own, rest = nnx.split(model, nnx.LoRAParam, ...)
    return jax.grad(lambda each: (weights * value(nnx.merge(graph, each, rest), batch)).sum())(own)


def gaps_of(step: Traced, tokenizer: Tokenizer, lessons: Lessons) -> Gaps:
    """The gaps that `step.influence` asks about. DataError where held-out rows of a group are lacking."""
    asked: Influence = step.influence  # type: ignore[assignment]  # the caller has looked
    if asked.of != "twins_gap":
        return _held_out(asked, lessons)
    probes = Probes(axes=(asked.axis,), issues=asked.issues)
    if isinstance(step, RewardModel):
        return _twins(asked, RewardAsker(probes, tokenizer), scores_at_the_end)
    return _twins(asked, Asker(probes, tokenizer), per_token)


def _twins(asked: Influence, asker: Asker, value: Values) -> Gaps:
    """The mean over matters of what an answer is worth to the model, a group less its axis's first.

    That is its log-probability per token, or by a reward model its score.
    """
    pairs = [each for each in asker.pairings if asked.group in (None, each.group)]
    weights = np.zeros((len(pairs), len(asker.twins)))
    for line, pair in enumerate(pairs):
        weights[line, pair.mine], weights[line, pair.other] = 1 / len(pair.mine), -1 / len(pair.other)
    abouts = [About(asked.of, pair.axis, pair.group, pair.against) for pair in pairs]
    return Gaps(abouts, asker.batches, TOGETHER, value, weights, paired=True)


def compared(asked: Influence, labels: Iterable[str | None]) -> list[str]:
    """The groups whose gap is asked about, of those that held-out rows declare on the axis; of two the first.

    DataError where there are not two, or the one that is named is none of them.
    """
    groups = sorted({label for label in labels if label is not None})
    if len(groups) < 2 or asked.group not in (None, *groups):
        there = ", ".join(map(str, groups)) or "none"
        expected = f"{asked.group} and others" if asked.group else "two groups or more"
        raise DataError(f"influence: held-out rows of {asked.axis} are of {there}; expected {expected}")
    return [asked.group] if asked.group else groups[:1] if len(groups) == 2 else groups


def _held_out(asked: Influence, lessons: Lessons) -> Gaps:
    """The mean figure of a group's held-out rows less that of all others that declare a group."""
    rows = lessons.held_plan.rows
    labels = lessons.held_data.groups.of.get(asked.axis, np.full(len(lessons.held_data.names), None))[rows]
    chosen = compared(asked, labels)
    declared = np.array([label is not None for label in labels])
    weights = np.zeros((len(chosen), len(rows)))
    for line, group in enumerate(chosen):
        mine = labels == group
        weights[line, mine], weights[line, declared & ~mine] = 1 / mine.sum(), -1 / (declared & ~mine).sum()
    batches = [lessons.held(entries) for entries in chunks(len(rows), lessons.size)]
    abouts = [About(asked.of, asked.axis, group, "rest") for group in chosen]
    return Gaps(abouts, batches, lessons.size, lessons.figure[asked.of], weights, paired=False)
