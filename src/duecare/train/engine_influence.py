"""Which training rows moved a gap: gradient products over kept states of the model. Imports JAX.

TracIn (Pruthi et al. 2020, arXiv:2002.08484): along training, the change of a gap G is the sum over steps of
grad G times the update, and every update is a sum over rows. So a row accounts for

    - sum over states of  mass x  < P grad loss(row),  grad G >

where `mass` is how far the optimiser moved, in all, along the row's gradients around that state. That is
Adam, whose updates are no gradients: P is its second moment at that state, 1 / (sqrt(v) + eps), as in LESS
(Xia et al. 2024, arXiv:2402.04333), and its momentum is spread over the steps after (`influence.pushes`).
Departures from TracIn: P; the loss is taken at both ends of a window between two states, and the mean of both
counts; the row's weight and its share in each batch that it was in count as they did in training; and where
gradients were clipped, the mean clipping of up to `SAMPLED` batches at that state does.

The gradient of no row is ever made. With the tangent t = P grad G, one forward-mode pass over a batch gives
<grad loss(row), t> for every row of it, at the cost of one and a half training gradients of that batch.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
import pyarrow.parquet as pq
from flax import nnx

from duecare.core import Artifacts, ModelError, Note, Outcome, Progress, Tell
from duecare.train import engine_prefer, engine_reward, engine_sft
from duecare.train.answering import Answering
from duecare.train.batch import chunks
from duecare.train.engine_gaps import Gaps, compared, gaps_of
from duecare.train.engine_lessons import Lessons, Traced, lessons_of, start_of
from duecare.train.engine_loop import open_resume, read_data, start_folder
from duecare.train.engine_retrain import Retraining
from duecare.train.influence import Floats, Influence, pushes, traced
from duecare.train.influence_figures import UNITS, Found, said
from duecare.train.influence_slices import Slice, clusters_of, slices_of
from duecare.train.lora import restore_weights, weights_state
from duecare.train.prefer import Dpo
from duecare.train.resume import Resume
from duecare.train.reward_model import RewardModel
from duecare.train.rules import learning_rate_at
from duecare.train.sft import Sft

SAMPLED = 4
"""Batches around a state whose gradients tell how much is clipped there, and how large they are."""

MOMENT_DECAY, EPSILON = 0.999, 1e-8
"""Of Adam, as `lora.optimiser` has it."""

Arrays = Mapping[str, npt.NDArray[Any]]


def train_sft(step: Sft, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step, then say which of its rows moved the gap that it asks about."""
    return _traced(step, inputs, out, tell, lambda: engine_sft.train(step, inputs, out, tell))


def train_dpo(step: Dpo, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step, then say which of its pairs moved the gap that it asks about."""
    return _traced(step, inputs, out, tell, lambda: engine_prefer.train(step, inputs, out, tell))


def train_reward(step: RewardModel, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step, then say which of its pairs moved the gap that it asks about."""
    return _traced(step, inputs, out, tell, lambda: engine_reward.train(step, inputs, out, tell))


def _traced(step: Traced, inputs: Artifacts, out: Path, tell: Tell, train: Callable[[], Outcome]) -> Outcome:
    asked: Influence = step.influence  # type: ignore[assignment]  # the step has looked
    data = read_data(inputs["data"].path / "train.parquet", step.groups)
    slices = slices_of(data.rows, asked.slices)  # what cannot be told apart is refused before training
    if asked.of != "twins_gap":
        held = read_data(inputs["data"].path / "held_out.parquet", (asked.axis,))
        compared(asked, held.groups.of[asked.axis])
    trained = train()
    gc.collect()  # the model it was trained as is no longer needed
    tracing = Tracing.of(step, inputs, out, tell)
    found = tracing.found(slices)
    told = tracing.told(found, out)
    if asked.validate:
        told = _joined(
            told, Retraining(step, tracing.folder, inputs, tracing.end, tracing.resume, tell).tried(found)
        )
    return _joined(trained, told)


def _joined(first: Outcome, more: Outcome) -> Outcome:
    return Outcome(
        files={**first.files, **more.files},
        estimates=first.estimates + more.estimates,
        findings=first.findings + more.findings,
    )


def products(
    model: Answering, batch: Mapping[str, jax.Array], tangents: Any, losses: Callable[..., jax.Array]
) -> jax.Array:
    """<gradient of each row's loss, each tangent>: float32 [G, B], by forward-mode differentiation.

    `tangents` is a tree like the low-rank weights with a first axis [G]; `losses(model, batch)` gives [B].
    """
    graph, weights, rest = nnx.split(model, nnx.LoRAParam, ...)

    def along(tangent: Any) -> jax.Array:
        told: jax.Array = jax.jvp(
            lambda own: losses(nnx.merge(graph, own, rest), batch), (weights,), (tangent,)
        )[1]
        return told

    return jax.vmap(along)(tangents)


def gradient(model: Answering, batch: Any, loss: Callable[..., jax.Array]) -> Any:
    """Gradient of the scalar `loss(model, batch)` in the low-rank weights, as their tree."""
    graph, weights, rest = nnx.split(model, nnx.LoRAParam, ...)
    return jax.grad(lambda own: loss(nnx.merge(graph, own, rest), batch))(weights)


@dataclass(frozen=True, slots=True)
class State:
    """The model after `step` training steps: its low-rank weights; Adam's second moments (by path of the
    weight, not corrected for their start) after so many `updates`."""

    step: int
    weights: Arrays
    updates: int
    moments: Arrays


@dataclass(slots=True)
class Tracing:
    """One finished training run whose states lie under `resume`, and the model to put them into."""

    step: Traced
    asked: Influence
    folder: Path
    model: Answering
    lessons: Lessons
    gaps: Gaps
    states: list[State]
    resume: Resume
    tell: Tell

    @staticmethod
    def of(step: Traced, inputs: Artifacts, out: Path, tell: Tell) -> Tracing:
        """Put together again what the run was made of; its states are those that it kept."""
        asked: Influence = step.influence  # type: ignore[assignment]  # the step has looked
        folder, resume = start_folder(inputs), open_resume(step, inputs, out)
        loaded, model = start_of(step, folder)
        model.whole = True  # the head that only has a backward pass of its own gives way to the plain one
        lessons = lessons_of(step, loaded, inputs, model)
        gaps = gaps_of(step, loaded.tokenizer, lessons)
        states = [State(0, weights_state(model), 0, {}), *_states(resume, model, step, _kept(out))]
        if len(states) < 2:
            raise ModelError(
                "influence: no state of the model was kept by training, so nothing can be traced"
            )
        return Tracing(step, asked, folder, model, lessons, gaps, states, resume, tell)

    @property
    def method(self) -> str:
        """The name of the training method, before that of every figure."""
        return self.lessons.method

    def found(self, slices: Sequence[Slice]) -> Found:
        """The influence of every row that training read, on each gap, by slices."""
        values = sum(self._window(number) for number in range(1, len(self.states)))
        rows = self.lessons.plan.rows
        names = [self.lessons.data.names[place] for place in rows]
        units = UNITS[self.method]
        return Found(
            abouts=self.gaps.abouts,
            values=np.asarray(values, dtype=np.float64),
            moved=self.gaps.gaps(self._end - self._start).tolist(),
            rows=rows,
            clusters=clusters_of(names),
            slices=slices,
            source=self.step.on,
            method=self.method,
            unit=units[self.asked.of],
            checkpoints=len(self.states) - 1,
        )

    def told(self, found: Found, out: Path) -> Outcome:
        """Write the table of rows and tell what slices came to."""
        rows = found.rows
        names = [self.lessons.data.names[place] for place in rows]
        keys = self.lessons.data.rows.column("key").take(rows).to_pylist()
        uses = self._uses(self.states[-1].step)
        pq.write_table(found.table(names, keys, uses), out / "influence.parquet", compression="zstd")
        changes = self.gaps.changes(self._start, self._end)
        estimates = [*found.accounted(changes), *found.estimates()]
        estimates.append(found.control(self.step.seed))
        chosen = found.chosen
        words = "; ".join(f"{each.about.axis}, {each.about.group}: {said(each)}" for each in chosen)
        text = (
            f"{len(chosen) or 'none'} of {len(found.contrasts)} slices stand out in what moved the gap"
            f" (Holm), by gradients at {found.checkpoints + 1} states of the model, preconditioned as Adam's"
            f" updates are{': ' + words if words else ''}"
        )
        self.tell(Note(topic=f"{self.method}.influence", text=text, data={"named": str(len(chosen))}))
        return Outcome(files={"influence": "influence.parquet"}, estimates=tuple(estimates))

    @property
    def end(self) -> Floats:
        """The gaps [G] that training came to."""
        return self.gaps.gaps(self._end)

    @property
    def _start(self) -> Floats:
        return self._values(self.states[0])

    @property
    def _end(self) -> Floats:
        return self._values(self.states[-1])

    def _values(self, state: State) -> Floats:
        """What the gaps are made of [A], with the model of `state`."""
        restore_weights(self.model, dict(state.weights))
        kept = self.resume.remember(
            f"influence-asked-{state.step}", lambda: {"values": self.gaps.values(self.model)}
        )
        return np.asarray(kept["values"], dtype=np.float64)

    def _window(self, number: int) -> Floats:
        """What each row accounts for [G, N] between state `number` - 1 and state `number`."""
        self.tell(Progress(number, len(self.states) - 1, "window", "tracing which rows moved the gap"))
        shares = self._shares(self.states[number - 1].step, self.states[number].step)
        return -shares * (self._products(number - 1) + self._products(number)) / 2

    def _products(self, number: int) -> Floats:
        """<P grad loss(row), grad G> at state `number`: float64 [G, N]; 0 for rows of no window beside it."""
        kept = self.resume.remember(f"influence-{number:09d}", lambda: {"values": self._at(number)})
        return np.asarray(kept["values"], dtype=np.float64)

    def _at(self, number: int) -> Floats:
        restore_weights(self.model, dict(self.states[number].weights))
        scale, unclipped = self._update(number)
        slopes = [jax.tree.map(jnp.multiply, slope, scale) for slope in self.gaps.gradients(self.model)]
        tangents = jax.tree.map(lambda *each: jnp.stack(each), *slopes)
        first, last = self._around(number)
        entries = np.flatnonzero(self._shares(first, last))
        found = np.zeros((len(slopes), len(self.lessons.plan.rows)))
        for places in chunks(len(entries), self.lessons.size):
            chosen = entries[places]
            made = _products(self.model, self.lessons.batch(chosen), tangents, self.lessons.losses)
            found[:, chosen] = np.asarray(made, dtype=np.float64)
        return found * unclipped

    def _around(self, number: int) -> tuple[int, int]:
        """The steps, from the first to before the last, of the windows beside state `number`."""
        before, after = max(0, number - 1), min(len(self.states) - 1, number + 1)
        return self.states[before].step, self.states[after].step

    def _update(self, number: int) -> tuple[Any, float]:
        """Adam's preconditioner at state `number`, as a tree, and the mean factor by which gradients are
        clipped there.

        Its second moment there is of the gradients so far. Those that are taken there may be of another size
        (a weight that nothing flowed through yet), so those of up to `SAMPLED` batches are taken in, as if
        training went on by them.
        """
        state, ahead = self.states[number], min(number, len(self.states) - 2)
        first, last = self.states[ahead].step, self.states[ahead + 1].step
        numbers = np.unique(np.linspace(first, last - 1, SAMPLED).astype(int))
        factors, squares = [], None
        for each in numbers:
            slope, norm = _slope(self.model, self.lessons.step(int(each)), self.lessons.loss)
            factor = min(1.0, self.step.clip / max(float(norm), 1e-30))
            square = jax.tree.map(lambda leaf, by=factor: jnp.square(by * leaf), slope)
            squares = square if squares is None else jax.tree.map(jnp.add, squares, square)
            factors.append(factor)
        kept = MOMENT_DECAY ** len(numbers)
        corrected = 1 - MOMENT_DECAY ** (state.updates + len(numbers))

        def scale(path: Any, total: jax.Array) -> jax.Array:
            moment = state.moments.get(jax.tree_util.keystr(path), 0.0)
            mixed = kept * moment + (1 - kept) * total / len(numbers)
            return 1 / (jnp.sqrt(mixed / corrected) + EPSILON)

        return jax.tree_util.tree_map_with_path(scale, squares), float(np.mean(factors))

    def _shares(self, first: int, last: int) -> Floats:
        """Of each row read [N]: how far updates moved along its gradients taken in steps first..last-1."""
        step, kept = self.step, self.states[-1].step
        rates = [
            learning_rate_at(number, step.learning_rate, step.schedule, step.warmup, step.steps)
            for number in range(kept)
        ]
        found, mass = np.zeros(len(self.lessons.plan.rows)), pushes(rates)
        for number in range(first, last):
            entries, share = self.lessons.share(number)
            np.add.at(found, entries, mass[number] * share)
        return found

    def _uses(self, steps: int) -> npt.NDArray[np.int64]:
        found = np.zeros(len(self.lessons.plan.rows), dtype=np.int64)
        for number in range(steps):
            np.add.at(found, self.lessons.share(number)[0], 1)
        return found


_products = nnx.jit(products, static_argnames=("losses",))


@partial(nnx.jit, static_argnames=("loss",))
def _slope(model: Answering, batch: Any, loss: Callable[..., jax.Array]) -> tuple[Any, jax.Array]:
    """The gradient of a training step, and its norm."""
    found = gradient(model, batch, loss)
    return found, optax.global_norm(found)


def _states(resume: Resume, model: Answering, step: Traced, kept: int) -> Iterator[State]:
    """The states that training kept, up to the step whose model it ended with."""
    own = weights_state(model)
    for number in sorted({*(each for each in traced(step) if each < kept), kept}):
        found = resume.at(number)
        if found is None:  # a damaged one: the window before it and the one after it become one
            continue
        weights = {name: found[name] for name in own}
        yield State(number, weights, *_moments(found))


def _moments(arrays: Arrays) -> tuple[int, Arrays]:
    """How many updates Adam has made, and its second moments as they lie there, by path of the weight."""
    moments = {match[1]: arrays[name] for name in arrays if (match := re.search(r"\['nu'\](.*)$", name))}
    counts = [int(arrays[name]) for name in arrays if re.search(r"\]\[0\]\['count'\]", name)]
    if not moments or not counts:
        raise ModelError("influence: the states that training kept hold no second moments of Adam")
    return counts[0], moments


def _kept(out: Path) -> int:
    """The step whose model training ended with, by its curves."""
    curves = pq.read_table(out / "curves.parquet", columns=["step", "metric", "rolled_back"])
    steps = [
        line["step"]
        for line in curves.to_pylist()
        if line["metric"] == "batch_loss" and not line["rolled_back"]
    ]
    return max(steps, default=0)
