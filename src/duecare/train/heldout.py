"""When training has taught enough and which of its models is kept, by held-out rows. Imports JAX.

At the end of every window the loss on held-out rows is measured, told, and drawn among the curves (for
distillation what is minimised, for reinforcement learning the reward). The mean over these rows decides:
training ends after `patience` looks without a new lowest one (Prechelt 1998, "Early stopping, but when?"),
and the model kept is that of the lowest, or the last. Both choices use the rows up: the lowest of many looks
is lower than what the model does on rows that did not choose it. Hold other rows back for its evaluation.

The best model is the best of those that no group pays for. One is no candidate once a watched limit was
crossed, nor where some group's figure on the held-out rows lies beyond its limit (`loss_gap` for sft) from
that of the others, its whole interval (95 %) outside. The model before training is one always.

What was measured lies beside the checkpoints, so a killed and resumed run chooses what a whole one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from flax import nnx

from duecare.core import FAIL, DataError, Note, Tell
from duecare.measure.compare import difference, mean_difference
from duecare.measure.decide import decide
from duecare.train.carried import Carries
from duecare.train.limits import NO_LIMITS, Limits
from duecare.train.lora import restore_weights, weights_state
from duecare.train.probe import Figures
from duecare.train.resume import Resume
from duecare.train.rules import Keep
from duecare.train.watch import Groups, Reading, readings

RISING = ("reward",)
"""Figures of which more is better; of all others less is."""
SPARE = 3
"""Models kept in case they turn out to be the best: resuming may go back by as many checkpoints."""


class Chooses(Protocol):
    """The settings of a step that say what held-out rows decide."""

    @property
    def on(self) -> str: ...
    @property
    def patience(self) -> int | None: ...
    @property
    def keep(self) -> Keep: ...
    @property
    def limits(self) -> Limits: ...


@dataclass(slots=True)
class HeldOut:
    """The looks at held-out rows of one training run.

    `rows` int64 [N] are their places in the table, `groups` the groups of that table; `measure(model)` gives
    each row's figure `by`, and what else is limited. `seen` holds step -> that figure, float32 [N], step 0
    being the model before training.
    """

    method: str
    source: str
    patience: int | None
    keep: Keep
    rows: npt.NDArray[np.int64]
    groups: Groups
    measure: Callable[[Any], Figures]
    resume: Resume
    by: str = "loss"
    """The figure whose mean decides."""
    limits: Limits = NO_LIMITS
    carries: Carries | None = None
    """State of a method that belongs to a model which is kept, as its weights do."""
    seen: dict[int, npt.NDArray[np.float32]] = field(default_factory=dict)
    out: set[int] = field(default_factory=set)
    """The steps whose models are no candidates."""

    @property
    def on(self) -> bool:
        """Whether anything is to be decided."""
        return self.patience is not None or self.keep == "best"

    @property
    def lowest(self) -> int:
        """The step with the lowest mean loss (the highest mean reward), the first of them."""
        return self._first(self.seen)

    @property
    def best(self) -> int:
        """The same among the candidates."""
        return self._first(self.seen.keys() - self.out)

    @property
    def enough(self) -> bool:
        """Whether training is to end here."""
        later = [step for step in self.seen if step > self.lowest]
        return self.patience is not None and len(later) >= self.patience

    def begin(self, model: nnx.Module, before: Callable[[], Figures]) -> None:
        """Take in what the model says before training, which `before` gives."""
        if not self.on:
            return
        if not len(self.rows):
            raise DataError(
                f"train.{self.method}: patience and keep need held-out rows, and {self.source} has none"
            )
        self._take(0, self.resume.remember("held-out-0", before), model)

    def again(self, steps: Iterable[int]) -> bool:
        """Take in the looks of a run that goes on, up to its checkpoint; False where one is lost."""
        if not self.on:
            return True
        try:
            for step in steps:
                self._note(step, self.resume.remember(f"held-out-{step}", _lost))
            if self.keep == "best":
                self.resume.remember(_name(self.best), _lost)
        except LookupError:
            self.seen = {step: losses for step, losses in self.seen.items() if step == 0}
            self.out = set()
            return False
        return True

    def look(self, step: int, model: nnx.Module, tell: Tell, *, crossed: bool = False) -> None:
        """Measure after training step `step`, tell it, and keep the model where it is the best so far.

        `crossed` says that a watched limit was, so that the model is no candidate.
        """
        if not self.on:
            return
        found = self.resume.remember(
            f"held-out-{step}", lambda: {**self.measure(model), "crossed": np.array(crossed)}
        )
        self._take(step, found, model)
        for reading in self._readings(step):
            tell(reading.estimate(self.method, {"source": self.source}))
        if self.enough:
            best = f"the {self._end} held-out {self.by} was that of step {self.lowest}"
            text = f"training ends after step {step}: {best}"
            tell(Note(topic=f"{self.method}.enough", text=text))

    def settle(self, step: int, model: nnx.Module, tell: Tell) -> int:
        """Put the model to be kept in place of the last, that of `step`; the step it is of."""
        if self.keep == "last":
            return step
        kept = self.resume.remember(_name(self.best), _lost)
        restore_weights(model, kept)
        if self.carries is not None:
            self.carries.put_back(kept)
        text = (
            f"of {len(self.seen)} models looked at that of step {self.best} is kept, with a mean held-out"
            f" {self.by} of {self._mean(self.best):.4f}; these rows chose it, so others are to judge it"
        )
        if self.out:
            text += f"; {len(self.out)} were no candidates, as a limit was crossed or a group stood beyond it"
        data = {
            "step": str(self.best),
            "last": str(step),
            "lowest": str(self.lowest),
            "out": str(len(self.out)),
        }
        tell(Note(topic=f"{self.method}.kept", text=text, data=data))
        return self.best

    def readings(self, kept: int) -> list[Reading]:
        """Points of the curves, but for those at step 0 and at `kept`, which the probe draws."""
        return [each for step in self.seen if step not in (0, kept) for each in self._readings(step)]

    def _note(self, step: int, found: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take in a look, and whether its model is a candidate; that before training is one in any case."""
        self.seen[step] = found[self.by]
        if step and (bool(found["crossed"]) or self._beyond(found)):
            self.out.add(step)

    def _beyond(self, found: Figures) -> bool:
        """Whether some group's figure lies beyond its limit from that of the others who declare one."""
        for axis, _, mine in self.groups.slices(self.rows):
            rest = np.array([label is not None for label in self.groups.of[axis][self.rows]]) & ~mine
            for figure, limit in self.limits.given.items() if rest.any() else ():
                compare = difference if figure == "accuracy" else mean_difference
                if decide(compare(found[figure][mine], found[figure][rest]), -limit, limit) == FAIL:
                    return True
        return False

    def _first(self, steps: Iterable[int]) -> int:
        sign = -1 if self.by in RISING else 1
        return min(steps, key=lambda step: (sign * self._mean(step), step))

    def _take(self, step: int, found: Mapping[str, npt.NDArray[Any]], model: nnx.Module) -> None:
        self._note(step, found)
        if self.keep == "best" and self.best == step:
            beside = {} if self.carries is None else self.carries.arrays()
            self.resume.remember(_name(step), lambda: weights_state(model) | beside)
            self.resume.forget("best-*", SPARE)

    def _readings(self, step: int) -> list[Reading]:
        figures = {self.by: self.seen[step].astype(np.float64)}
        return readings(step, "probe", figures, self.rows, self.groups)

    @property
    def _end(self) -> str:
        return "highest" if self.by in RISING else "lowest"

    def _mean(self, step: int) -> float:
        return float(self.seen[step].mean(dtype=np.float64))


def looks_at(  # noqa: PLR0917  # all of them, in the order in which they come about
    step: Chooses,
    method: str,
    held: tuple[npt.NDArray[np.int64], Groups],
    measure: Callable[[Any], Figures],
    resume: Resume,
    carries: Carries | None = None,
    *,
    by: str = "loss",
) -> HeldOut:
    """The looks that `step` asks for at the rows and groups `held`, the figure `by` deciding."""
    rows, groups = held
    return HeldOut(
        method=method,
        source=step.on,
        patience=step.patience,
        keep=step.keep,
        rows=rows,
        groups=groups,
        measure=measure,
        resume=resume,
        by=by,
        limits=step.limits,
        carries=carries,
    )


def _name(step: int) -> str:
    return f"best-{step:09d}"


def _lost() -> Mapping[str, Any]:
    """For what cannot be made again: the model it was of is gone."""
    raise LookupError
