"""What all training engines share: where they start, the loop on Tunix, and what they leave behind.

The loop is Tunix's own (`PeftTrainer.train`). It is entered where `_post_process_train_step` hands over
what the loss function returned beside the loss: there the step's figures are kept and checkpoints are
written, in step with each other. It stops because its iterator ends: with the last step, or where a
watched limit was crossed and the step says so, or where held-out rows have shown that it is enough. What else
may end it is in `duecare.train.halt`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Protocol

import jax
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tunix.sft.peft_trainer import PeftTrainer

from duecare.core import (
    Artifacts,
    DataError,
    Estimate,
    Example,
    Finding,
    Outcome,
    Progress,
    Tell,
)
from duecare.core.table import EXAMPLES, examples, expect
from duecare.core.wire import settings
from duecare.model.adapter import SNAPSHOTS
from duecare.model.export import export, export_adapter, export_reward
from duecare.model.fetch import folder_of
from duecare.model.load import Loaded, load
from duecare.train.answering import Answering
from duecare.train.carried import Carries
from duecare.train.clock import Clock
from duecare.train.drift_gauge import Judges
from duecare.train.engine_begin import go_on
from duecare.train.engine_end import settle
from duecare.train.engine_mesh import dealt, mesh_of
from duecare.train.engine_probe import Asker
from duecare.train.engine_snapshots import Head, Snapshots, Way, no_head
from duecare.train.engine_watch import outlook, sized, tell_cost, watch_of
from duecare.train.halt import Halt, Signals
from duecare.train.heldout import HeldOut
from duecare.train.influence import traced
from duecare.train.limits import Limits, OnCrossing
from duecare.train.lora import Loop, finite, training_state, weights_state, with_lora
from duecare.train.metrics import told_to
from duecare.train.resume import Resume
from duecare.train.rules import Targets
from duecare.train.snapshots import planned
from duecare.train.watch import Groups, StepRecord, Watch

Batch = Mapping[str, npt.NDArray[Any]]


class Trains(Loop, Protocol):
    """The settings that both training steps have."""

    @property
    def on(self) -> str: ...
    @property
    def lora_rank(self) -> int: ...
    @property
    def alpha(self) -> float: ...
    @property
    def targets(self) -> Targets: ...
    @property
    def every(self) -> int: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def held_out(self) -> int: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def watch_alpha(self) -> float: ...
    @property
    def on_crossing(self) -> OnCrossing: ...
    @property
    def seed(self) -> int: ...
    @property
    def metrics(self) -> Mapping[str, str]: ...
    @property
    def mesh(self) -> tuple[int, int] | None: ...


@dataclass(frozen=True, slots=True)
class Data:
    """A part of the data: its rows (EXAMPLES), names, groups, and weights with mean 1 (float32 [N])."""

    rows: pa.Table
    names: list[str]
    groups: Groups
    weights: npt.NDArray[np.float32]

    def example(self, place: int) -> Example:
        """The row at `place`."""
        return examples(self.rows.slice(place, 1))[0]


def read_parts(inputs: Artifacts, axes: tuple[str, ...]) -> tuple[Data, Data]:
    """What to train on and what to measure on, with the same axes watched in both."""
    folder = inputs["data"].path
    data = read_data(folder / "train.parquet", axes)
    return data, read_data(folder / "held_out.parquet", tuple(data.groups.of))


def read_data(path: Path, axes: tuple[str, ...]) -> Data:
    """Rows of a Parquet file of EXAMPLES that have a weight above 0.

    Weights are divided by their mean, so that only their proportions matter, not their unit.
    """
    try:
        rows = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path.name}: expected a whole Parquet file; it is absent, damaged or ends early"
        ) from error
    expect(rows, EXAMPLES, path.name)
    weights = rows.column("weight").to_numpy().astype(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise DataError(f"{path.name}: expected weights that are finite and not below 0")
    rows, weights = rows.filter(pc.greater(rows.column("weight"), 0.0)), weights[weights > 0]
    return Data(
        rows=rows,
        names=rows.column("row").to_pylist(),
        groups=Groups.read(rows, axes),
        weights=(weights / weights.mean() if len(weights) else weights).astype(np.float32),
    )


def start_folder(inputs: Artifacts) -> Path:
    """The Hugging Face folder to start from: an earlier result if given, else the base."""
    if "model" in inputs:
        return inputs["model"].path / "model"
    return folder_of(inputs["base"].path)


def open_resume(step: Trains, inputs: Artifacts, out: Path) -> Resume:
    """The scratch folder of this run under `out`."""
    read = {name: artifact.digest for name, artifact in sorted(inputs.items())}
    mark = {"step": type(step).__name__, "settings": settings(step), "inputs": read}
    return Resume(out / ".resume", mark, traced(step))


def adapted(
    step: Trains, folder: Path, under: Callable[..., Answering] = Answering
) -> tuple[Loaded, Answering]:
    """The model of `folder` with low-rank updates as the step says, and the module to train it by.

    `under` is the call that the model is put under. Where all weights are trained there are no updates.
    """
    loaded = load(folder, mesh=mesh_of(step))
    if getattr(step, "weights", "lora") == "full":
        return loaded, under(loaded.model, whole=True)
    sizes: dict[str, Any] = {"rank": step.lora_rank, "alpha": step.alpha, "targets": step.targets}
    sizes["quantize"] = getattr(step, "quantize", None)
    answering = with_lora(loaded.model, **sizes, seed=step.seed, under=under)
    loaded.model = answering.model
    loaded.lora_scale = step.alpha / step.lora_rank
    return loaded, answering


class Trainer(PeftTrainer):  # type: ignore[misc]  # Tunix is untyped
    """Tunix's trainer, which hands on what the loss function returned beside the loss."""

    after_step: Callable[[Mapping[str, Any]], None]
    begun: int = 0
    """Training steps done before this process went on with them."""

    def _post_process_train_step(self, aux: Any) -> None:
        self.after_step(jax.device_get(aux))

    def _log_metrics(self, loss: Any, step: int = 0, additional_metrics: Any = None) -> None:
        """Tunix counts updates of this process, and takes every loss for one whose power is a perplexity."""
        done = self.begun + step * self.config.get_with_default("gradient_accumulation_steps", 1)
        for name, value in {"loss": loss, **(additional_metrics or {})}.items():
            self.metrics_logger.log(self.metrics_prefix, name, value, self._mode, done)


def doing(what: str, tell: Tell) -> None:
    """Say on the screen what happens before the first step counts, or after the last."""
    tell(Progress(0, None, "", what))


@dataclass(slots=True)
class Run:
    """One training run: `method` names its figures, `groups` are those of the rows it is trained on."""

    step: Trains
    method: str
    groups: Groups
    resume: Resume
    tell: Tell
    held: HeldOut | None = None
    """Which model is kept, and whether training is to end, by held-out rows."""
    askers: tuple[Asker, ...] = ()
    """Who asks the model counterfactual twins, where the step says so."""
    carries: Carries | None = None
    """State of a method that goes from step to step beside the model."""
    beside: Judges | None = None
    """The instrument that looks on beside a reward, where the step says so."""
    first: dict[str, npt.NDArray[Any]] = field(default_factory=dict, init=False)
    """The state before the first step, where training may go back to it."""

    @property
    def halt(self) -> Halt:
        """What ends this run early."""
        return Halt(self.method, self.step.steps, self.resume, self.tell)

    @property
    def turn(self) -> int:
        """So many steps learn from the same answers of the model."""
        return getattr(self.step, "iterations", 1)

    @property
    def snapshots(self) -> Snapshots:
        """The low-rank updates that are kept on the way."""
        return Snapshots(self.resume, planned(self.step))

    def way(self, trainer: Any, watch: Watch, head: Head = no_head) -> Way:
        """How this run came to the model that is kept."""
        return Way(self.snapshots, trainer.model, watch.done, self.method, self.tell, head)

    def fit(self, trainer: Any, batch: Callable[[int], Batch]) -> Watch:
        """Train from the last good checkpoint to the last step; `batch(i)` gives step i, from 0.

        The loss function's aux holds "loss" (scalar), "row" int [B] (places in the table, or -1 where
        a batch has room for a row and holds none) and "figures" (name -> float [B]).
        """
        batch = dealt(self.step, batch)
        self.tell = (
            told_to(trainer.metrics_logger, self.method, self.tell) if self.step.metrics else self.tell
        )
        clock = Clock(turn=self.turn)
        start, log, probed = go_on(self, trainer)
        trainer.begun = start
        watch = watch_of(self, log, probed, lambda who: self._ask(who, trainer, clock))
        with Signals() as signals, closing(trainer.metrics_logger):
            trainer.after_step = partial(self._after, watch, trainer, clock, signals)
            batches = _batches(batch, range(start, self.step.steps), lambda: self._over(watch))
            if start < self.step.steps and not self._over(watch):
                clock.begin()
                trainer.train(sized(self, trainer.model, batches))
                tell_cost(self, clock.told(self.method))
        if watch.done < self.step.steps and not self._over(watch):
            if watch.done > start:
                self._keep(watch.done, trainer, watch.crossing.good)
            self.halt.ended(watch.done)
        settle(self, trainer, watch, clock)
        doing("measuring what training has changed", self.tell)
        return watch

    def _after(
        self, watch: Watch, trainer: Any, clock: Clock, signals: Signals, aux: Mapping[str, Any]
    ) -> None:
        """Take in one training step: its figures, what follows from them, and the time for a checkpoint."""
        clock.stepped()
        record = self._record(watch.taken + 1, aux)
        outlook(self, record.step, watch, clock)
        with clock.of("telemetry"):
            ended = self.halt.on_disk(record.step, lambda: watch.step(record, self.tell))
        if record.step in self.snapshots.due:
            with clock.of("checkpoints"):
                self._snap(record.step, trainer)
        if ended and self.held is not None and self.held.on:
            with clock.of("held-out"):
                self._look(self.held, record.step, trainer, watch)
        # In the middle of a round of answers there is nothing to go on from: it is finished first.
        asked = None if record.step % self.turn else signals.asked
        if ended or asked is not None:
            with clock.of("checkpoints"):
                self._keep(record.step, trainer, watch.crossing.good)
        if asked is not None:
            tell_cost(self, clock.told(self.method))
            self.halt.stopped(record.step, asked)
        clock.begin()

    def _over(self, watch: Watch) -> bool:
        """Whether training is to end before its last step."""
        return watch.stopped or (self.held is not None and self.held.enough)

    def _look(self, held: HeldOut, step: int, trainer: Any, watch: Watch) -> None:
        """Let held-out rows say how good the model is now; one beyond a limit is no candidate."""
        crossed = watch.crossing.crossed
        self.halt.on_disk(step, lambda: held.look(step, trainer.model, self.tell, crossed=crossed))

    def _ask(self, who: Asker, trainer: Any, clock: Clock) -> npt.NDArray[np.float64]:
        """What the model says of the twins now."""
        with clock.of("probes"):
            found = who.values(trainer.model)
        if not np.isfinite(found).all():
            self._stop(len(clock.steps), "what a probe found")
        return found

    def _record(self, step: int, aux: Mapping[str, Any]) -> StepRecord:
        rows = np.asarray(aux["row"])
        there = rows >= 0
        figures = {name: np.asarray(each, np.float64)[there] for name, each in aux["figures"].items()}
        loss = None if aux["loss"] is None else float(aux["loss"])  # None: no row was drawn
        finite_loss = loss is None or np.isfinite(loss)
        if not finite_loss or not all(np.isfinite(each).all() for each in figures.values()):
            self._stop(step, "the loss")
        course = [] if self.carries is None else list(self.carries.take(aux))
        if not all(np.isfinite(each.value) for each in course):
            self._stop(step, "what the method of debiasing left")
        return StepRecord(
            step=step,
            loss=loss,
            rows=rows[there].tolist(),
            figures={name: values.tolist() for name, values in figures.items()},
            course=course,
        )

    def _keep(self, step: int, trainer: Any, good: int) -> None:
        """Write a checkpoint, unless the last update broke a weight: a broken one is never kept.

        That of step `good` stays, however many come after it.
        """
        state = self.state(trainer)
        if not finite(state):
            self._stop(step, "a weight")
        self.halt.on_disk(step, lambda: self.resume.save(step, state, pinned={good}))

    def _snap(self, step: int, trainer: Any) -> None:
        """Keep the low-rank update of this step; it is on the disk before a checkpoint that lies after it."""
        state = weights_state(trainer.model)
        if not finite(state):
            self._stop(step, "a weight")
        self.halt.on_disk(step, lambda: self.snapshots.take(step, state))

    def state(self, trainer: Any) -> dict[str, npt.NDArray[Any]]:
        """All that goes from step to step, by path."""
        beside = {} if self.carries is None else self.carries.arrays()
        return training_state(trainer.model, trainer.optimizer) | beside

    def _stop(self, step: int, what: str) -> NoReturn:
        """Say that training broke and where the last good state is, and raise ModelError."""
        self.halt.broken(step, what)


def _batches(batch: Callable[[int], Batch], steps: range, over: Callable[[], bool]) -> Iterator[Batch]:
    """The batches of `steps`, as long as nothing ends training.

    Tunix asks for the next batch after it has handed over the figures of the one before.
    """
    for step in steps:
        if over():
            return
        try:
            found = batch(step)
        except StopIteration:  # the source has no more: told by `Run.fit`
            return
        yield found


def finish(  # noqa: PLR0917  # all of them, in the order in which they come about
    loaded: Loaded,
    curves: pa.Table,
    estimates: Sequence[Estimate],
    out: Path,
    findings: Sequence[Finding] = (),
    way: Way | None = None,
    *,
    head: npt.NDArray[np.float32] | None = None,
) -> Outcome:
    """Write the merged model, the adapter and those on the `way` (updates are low-rank), and the curves.

    With a `head` [D] model and adapter are written as those of a reward model.
    """
    if head is None:
        export(loaded, out / "model")
    else:
        export_reward(loaded, head, out / "model")
    export_adapter(loaded, out / "adapter", head)
    if way is not None:
        way.write(loaded, out)
    pq.write_table(curves, out / "curves.parquet", compression="zstd")
    named = {"model": "model", "adapter": "adapter", SNAPSHOTS: SNAPSHOTS, "curves": "curves.parquet"}
    files = {name: file for name, file in named.items() if (out / file).exists()}
    return Outcome(files=files, estimates=tuple(estimates), findings=tuple(findings))
