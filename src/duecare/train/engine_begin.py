"""Where a run goes on from: the last good checkpoint, with the figures of all steps up to it. Imports JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from duecare.core import Note
from duecare.train.lora import restore
from duecare.train.probing import ProbeLog
from duecare.train.watch import StepLog, window_ends

if TYPE_CHECKING:
    from duecare.train.engine_loop import Run


def go_on(run: Run, trainer: Any) -> tuple[int, StepLog, list[ProbeLog]]:
    """Put back the last good checkpoint; how many steps are done, their figures, and what was probed.

    A checkpoint whose figures are damaged is not gone on from: half a curve is no curve.
    """
    if run.step.on_crossing == "rollback":
        run.first = {name: np.array(value) for name, value in run.state(trainer).items()}  # its own memory
    run.halt.passed_over(run.resume.sweep())
    last = run.resume.last()
    done = 0 if last is None else last.step
    log, probed = _logs(run, done)
    whole = run.snapshots.again(done) and log.complete
    if last is None:
        if run.beside is not None:
            run.beside.open(run.resume.folder, 0)
        return 0, log, probed
    topic = f"{run.method}.resumed"
    size = {"steps": run.step.steps, "every": run.step.every}
    beside = run.beside is None or run.beside.open(run.resume.folder, done)
    known = (whole, all(each.complete(done, **size) for each in probed), _looked(run, done), beside)
    if not all(known):
        text = f"the record of the steps up to checkpoint {done} is damaged: training begins anew"
        run.tell(Note(topic=topic, text=text))
        run.resume.clear()
        run.snapshots.again(0)
        if run.beside is not None:
            run.beside.open(run.resume.folder, 0)
        return 0, *_logs(run, 0)
    restore(trainer.model, trainer.optimizer, last.arrays)
    if run.carries is not None:
        run.carries.put_back(last.arrays)
    text = f"training goes on after step {done} of {run.step.steps}"
    run.tell(Note(topic=topic, text=text))
    return done, log, probed


def _logs(run: Run, upto: int) -> tuple[StepLog, list[ProbeLog]]:
    probed = [ProbeLog(run.resume.folder, upto, each.name) for each in run.askers]
    return StepLog(run.resume.steps_file, upto=upto), probed


def _looked(run: Run, step: int) -> bool:
    """Whether the looks at held-out rows up to the checkpoint of `step` are known again."""
    ends = window_ends(run.step.every, run.step.steps)
    return run.held is None or run.held.again(end for end in ends if end <= step)
