"""What all training engines share: where they start, the loop on Tunix, and what they leave behind.

The loop is Tunix's own (`PeftTrainer.train`). It is entered where `_post_process_train_step` hands over
what the loss function returned beside the loss: there the step's figures are kept and checkpoints are
written, in step with each other. It stops because its iterator ends: with the last step, or where a
watched limit was crossed and the step says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    FAIL,
    Artifacts,
    DataError,
    Estimate,
    Example,
    Finding,
    ModelError,
    Note,
    Outcome,
    Progress,
    Tell,
)
from duecare.core.table import EXAMPLES, examples, expect
from duecare.core.wire import settings
from duecare.model.export import export, export_adapter
from duecare.model.fetch import folder_of
from duecare.model.load import Loaded, load
from duecare.train.answering import Answering
from duecare.train.gauge import Gauge
from duecare.train.limits import Limits, OnCrossing
from duecare.train.lora import Loop, finite, restore, training_state, with_lora
from duecare.train.resume import Resume
from duecare.train.rules import Targets
from duecare.train.watch import Groups, Point, StepLog, StepRecord, Watch

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
    def batch_size(self) -> int: ...
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


class Carries(Protocol):
    """State of a method that goes from step to step beside the model: see `engine_debias.Treatment`."""

    def take(self, aux: Mapping[str, Any]) -> Sequence[Point]: ...
    def arrays(self) -> dict[str, npt.NDArray[Any]]: ...
    def put_back(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None: ...


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
    rows = pq.read_table(path)
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
    return Resume(
        out / ".resume",
        {
            "step": type(step).__name__,
            "settings": settings(step),
            "inputs": {name: artifact.digest for name, artifact in sorted(inputs.items())},
        },
    )


def adapted(step: Trains, folder: Path) -> tuple[Loaded, Answering]:
    """The model of `folder` with low-rank updates as the step says, and the module to train it by."""
    loaded = load(folder)
    answering = with_lora(
        loaded.model, rank=step.lora_rank, alpha=step.alpha, targets=step.targets, seed=step.seed
    )
    loaded.model = answering.model
    loaded.lora_scale = step.alpha / step.lora_rank
    return loaded, answering


class Trainer(PeftTrainer):  # type: ignore[misc]  # Tunix is untyped
    """Tunix's trainer, which hands on what the loss function returned beside the loss."""

    after_step: Callable[[Mapping[str, Any]], None]

    def _post_process_train_step(self, aux: Any) -> None:
        self.after_step(jax.device_get(aux))


def doing(step: Trains, what: str, tell: Tell) -> None:
    """Say on the screen what happens before the first step counts."""
    tell(Progress(0, step.steps, "step", what))


@dataclass(slots=True)
class Run:
    """One training run: `method` names its figures, `groups` are those of the rows it is trained on."""

    step: Trains
    method: str
    groups: Groups
    resume: Resume
    tell: Tell
    carries: Carries | None = None

    def fit(self, trainer: Any, batch: Callable[[int], Batch]) -> Watch:
        """Train from the last good checkpoint to the last step; `batch(i)` gives step i, from 0.

        The loss function's aux holds "loss" (scalar), "row" int [B] (places in the table) and
        "figures" (name -> float [B]).
        """
        start, log = self._go_on(trainer)
        watch = Watch(
            method=self.method,
            about={"source": self.step.on},
            steps=self.step.steps,
            every=self.step.every,
            groups=self.groups,
            log=log,
            gauge=self._gauge(),
        )

        def after_step(aux: Mapping[str, Any]) -> None:
            record = self._record(len(watch.log.records) + 1, aux)
            if watch.step(record, self.tell):
                self._keep(record.step, trainer)

        trainer.after_step = after_step
        if start < self.step.steps and not watch.stopped:
            trainer.train(_batches(batch, range(start, self.step.steps), watch))
        return watch

    def _gauge(self) -> Gauge:
        step = self.step
        return Gauge(
            method=self.method,
            about={"source": step.on},
            steps=step.steps,
            groups=self.groups,
            limits=step.limits,
            alpha=step.watch_alpha,
            on_crossing=step.on_crossing,
        )

    def _go_on(self, trainer: Any) -> tuple[int, StepLog]:
        """Put back the last good checkpoint; how many steps are done, and their figures.

        A checkpoint whose figures are damaged is not gone on from: half a curve is no curve.
        """
        last = self.resume.last()
        log = StepLog(self.resume.steps_file, upto=0 if last is None else last.step)
        if last is None or not log.complete:
            return 0, StepLog(self.resume.steps_file, upto=0)
        restore(trainer.model, trainer.optimizer, last.arrays)
        if self.carries is not None:
            self.carries.put_back(last.arrays)
        text = f"training goes on after step {last.step} of {self.step.steps}"
        self.tell(Note(topic=f"{self.method}.resumed", text=text))
        return last.step, log

    def _record(self, step: int, aux: Mapping[str, Any]) -> StepRecord:
        figures = {name: np.asarray(values, np.float64) for name, values in aux["figures"].items()}
        if not np.isfinite(aux["loss"]) or not all(np.isfinite(each).all() for each in figures.values()):
            self._stop(step, "the loss")
        return StepRecord(
            step=step,
            loss=float(aux["loss"]),
            rows=[int(row) for row in aux["row"]],
            figures={name: values.tolist() for name, values in figures.items()},
            course=[] if self.carries is None else list(self.carries.take(aux)),
        )

    def _keep(self, step: int, trainer: Any) -> None:
        """Write a checkpoint, unless the last update broke a weight: a broken one is never kept."""
        state = training_state(trainer.model, trainer.optimizer)
        if self.carries is not None:
            state |= self.carries.arrays()
        if not finite(state):
            self._stop(step, "a weight")
        self.resume.save(step, state)

    def _stop(self, step: int, what: str) -> NoReturn:
        """Say that training broke and where the last good state is, and raise ModelError."""
        last = self.resume.last()
        kept = "no checkpoint came before" if last is None else f"the checkpoint of step {last.step} is kept"
        finding = Finding(
            name=f"{self.method}.finite",
            verdict=FAIL,
            limit="loss and weights stay finite numbers",
            detail=f"At training step {step} {what} was not a finite number; {kept}.",
            next="Lower learning_rate or clip, lengthen warmup, or look for damaged rows; then run again.",
        )
        self.tell(finding)
        raise ModelError(f"train.{self.method}: {finding.detail}")


def _batches(batch: Callable[[int], Batch], steps: range, watch: Watch) -> Iterator[Batch]:
    """The batches of `steps`, as long as the watch lets training go on.

    Tunix asks for the next batch after it has handed over the figures of the one before.
    """
    for step in steps:
        if watch.stopped:
            return
        yield batch(step)


def finish(
    loaded: Loaded,
    curves: pa.Table,
    estimates: Sequence[Estimate],
    out: Path,
    findings: Sequence[Finding] = (),
) -> Outcome:
    """Write the merged model, the adapter and the curves."""
    export(loaded, out / "model")
    export_adapter(loaded, out / "adapter")
    pq.write_table(curves, out / "curves.parquet", compression="zstd")
    files = {"model": "model", "adapter": "adapter", "curves": "curves.parquet"}
    return Outcome(files=files, estimates=tuple(estimates), findings=tuple(findings))
