"""Low-rank updates kept on the way to the last: taken in training, written beside the adapter. Imports JAX.

Taken, they lie with the checkpoints, each whole under a name that holds its digest; so a killed run has
those of the steps before its last checkpoint and takes the rest again. Written is what led to the
model that is kept: the states of steps that were rolled back, or that came after the best one, led nowhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from duecare.core import ModelError, Note, Tell
from duecare.model.adapter import SNAPSHOTS, snapshot_folder
from duecare.model.export import export_adapter
from duecare.model.load import Loaded
from duecare.train.lora import restore_weights, weights_state
from duecare.train.resume import Resume

Head = Callable[[], npt.NDArray[Any] | None]


def no_head() -> None:
    """Of a model that answers."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Those of one run: after which training steps they are due, and where they lie meanwhile."""

    resume: Resume
    due: tuple[int, ...]

    def again(self, done: int) -> bool:
        """Whether all up to step `done` are there whole; later ones are forgotten, and will be taken anew."""
        for step in self.due:
            if step > done:
                self.resume.discard(_name(step))
        return all(self.resume.recall(_name(step)) is not None for step in self.due if step <= done)

    def take(self, step: int, state: dict[str, npt.NDArray[Any]]) -> None:
        """Keep the weights in training as they are after `step`; on the disk when this returns."""
        self.resume.discard(_name(step))
        self.resume.remember(_name(step), lambda: state)


@dataclass(frozen=True, slots=True)
class Way:
    """How a run came to its model: `done` training steps lie behind it, `module` is what was trained.

    `head` gives a reward model's head as the module has it.
    """

    snapshots: Snapshots
    module: Any
    done: int
    method: str
    tell: Tell
    head: Head = no_head

    def write(self, loaded: Loaded, out: Path) -> None:
        """Write every update that led to the model under `out`; `loaded` is afterwards as it was.

        Nothing is written where none is due. ModelError where one was damaged since it was taken.
        """
        shutil.rmtree(out / SNAPSHOTS, ignore_errors=True)  # of a call that was killed here
        if not self.snapshots.due:
            return
        last = {name: np.array(each) for name, each in weights_state(self.module).items()}
        kept = [step for step in self.snapshots.due if step < self.done]
        for step in kept:
            state = self.snapshots.resume.recall(_name(step))
            if state is None:
                raise ModelError(
                    f"train.{self.method}: the snapshot of step {step} was damaged after it was written;"
                    " the same command trains anew"
                )
            restore_weights(self.module, state)
            export_adapter(loaded, snapshot_folder(out, step), self.head())
        restore_weights(self.module, last)
        self.tell(self._note(kept))

    def _note(self, kept: list[int]) -> Note:
        """What is there, and of what is not there why."""
        beyond = [step for step in self.snapshots.due if step >= self.done]
        steps = ", ".join(map(str, kept)) or "none"
        text = f"low-rank updates kept on the way to the model of step {self.done}: after steps {steps}"
        if beyond:
            late = ", ".join(map(str, beyond))
            text += f"; none after {late}: training did not come so far, or went back to before"
        data = {"kept": " ".join(map(str, kept)), "left_out": " ".join(map(str, beyond))}
        return Note(topic=f"{self.method}.snapshots", text=text, data=data)


def _name(step: int) -> str:
    return f"snapshot-{step:09d}"
