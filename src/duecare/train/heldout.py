"""When training has taught enough and which of its models is kept, by held-out rows. Imports JAX.

At the end of every window the loss on held-out rows is measured, told, and drawn among the curves. The mean
over these rows decides: training ends after `patience` looks without a new lowest one (Prechelt 1998, "Early
stopping, but when?"), and the model kept is that of the lowest, or the last. Both choices use the rows up:
the lowest of many looks is lower than what the model does on rows that did not choose it. Hold other rows
back for its evaluation.

What was measured lies beside the checkpoints, so a killed and resumed run chooses what a whole one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from flax import nnx

from duecare.core import DataError, Note, Tell
from duecare.train.lora import restore_weights, weights_state
from duecare.train.probe import Figures
from duecare.train.resume import Resume
from duecare.train.rules import Keep
from duecare.train.watch import Groups, Reading, readings

SPARE = 3
"""Models kept in case they turn out to be the best: resuming may go back by as many checkpoints."""


@dataclass(slots=True)
class HeldOut:
    """The looks at held-out rows of one training run.

    `rows` int64 [N] are their places in the table, `groups` the groups of that table; `measure(model)` gives
    each row's loss. `seen` holds step -> losses float32 [N], step 0 being the model before training.
    """

    method: str
    source: str
    patience: int | None
    keep: Keep
    rows: npt.NDArray[np.int64]
    groups: Groups
    measure: Callable[[Any], Figures]
    resume: Resume
    seen: dict[int, npt.NDArray[np.float32]] = field(default_factory=dict)

    @property
    def on(self) -> bool:
        """Whether anything is to be decided."""
        return self.patience is not None or self.keep == "best"

    @property
    def best(self) -> int:
        """The step with the lowest mean loss, the first of them."""
        return min(self.seen, key=lambda step: (self._mean(step), step))

    @property
    def enough(self) -> bool:
        """Whether training is to end here."""
        later = [step for step in self.seen if step > self.best]
        return self.patience is not None and len(later) >= self.patience

    def begin(self, model: nnx.Module, before: Figures) -> None:
        """Take in what the model says before training."""
        if not self.on:
            return
        if not len(self.rows):
            raise DataError(
                f"train.{self.method}: patience and keep need held-out rows, and {self.source} has none"
            )
        self._take(0, before["loss"], model)

    def again(self, steps: Iterable[int]) -> bool:
        """Take in the looks of a run that goes on, up to its checkpoint; False where one is lost."""
        if not self.on:
            return True
        try:
            for step in steps:
                self.seen[step] = self.resume.remember(f"held-out-{step}", _lost)["loss"]
            if self.keep == "best":
                self.resume.remember(_name(self.best), _lost)
        except LookupError:
            self.seen = {step: losses for step, losses in self.seen.items() if step == 0}
            return False
        return True

    def look(self, step: int, model: nnx.Module, tell: Tell) -> None:
        """Measure after training step `step`, tell it, and keep the model where it is the best so far."""
        if not self.on:
            return
        found = self.resume.remember(f"held-out-{step}", lambda: self.measure(model))
        self._take(step, found["loss"], model)
        for reading in self._readings(step):
            tell(reading.estimate(self.method, {"source": self.source}))
        if self.enough:
            text = f"training ends after step {step}: the lowest held-out loss was that of step {self.best}"
            tell(Note(topic=f"{self.method}.enough", text=text))

    def settle(self, step: int, model: nnx.Module, tell: Tell) -> int:
        """Put the model to be kept in place of the last, that of `step`; the step it is of."""
        if self.keep == "last":
            return step
        restore_weights(model, self.resume.remember(_name(self.best), _lost))
        text = (
            f"of {len(self.seen)} models looked at that of step {self.best} is kept, with a mean held-out"
            f" loss of {self._mean(self.best):.4f}; these rows chose it, so others are to judge it"
        )
        tell(Note(topic=f"{self.method}.kept", text=text, data={"step": str(self.best), "last": str(step)}))
        return self.best

    def readings(self, kept: int) -> list[Reading]:
        """Points of the curves, but for those at step 0 and at `kept`, which the probe draws."""
        return [each for step in self.seen if step not in (0, kept) for each in self._readings(step)]

    def _take(self, step: int, losses: npt.NDArray[np.float32], model: nnx.Module) -> None:
        self.seen[step] = losses
        if self.keep == "best" and self.best == step:
            self.resume.remember(_name(step), lambda: weights_state(model))
            self.resume.forget("best-*", SPARE)

    def _readings(self, step: int) -> list[Reading]:
        losses = {"loss": self.seen[step].astype(np.float64)}
        return readings(step, "probe", losses, self.rows, self.groups)

    def _mean(self, step: int) -> float:
        return float(self.seen[step].mean(dtype=np.float64))


def _name(step: int) -> str:
    return f"best-{step:09d}"


def _lost() -> Mapping[str, Any]:
    """For what cannot be made again: the model it was of is gone."""
    raise LookupError
