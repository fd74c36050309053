"""The setting `influence` of a training step: which rows, and which slices of them, moved a gap.

Free of JAX. What is worked out, and from which states of the model: `engine_influence`; what is told of it:
`influence_figures`; training again without rows: `engine_retrain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from duecare.core import refuse_unless
from duecare.model.people import AXES
from duecare.model.twins import ISSUES
from duecare.train.rules import Rule, named, whole
from duecare.train.sampled import FEWEST
from duecare.train.trained import OfAnswers

Gap = Literal["twins_gap", "loss_gap", "margin_gap"]
Floats = npt.NDArray[np.float64]

BY_GROUPS, BY_MENTIONS, BY_COPIES = "groups", "mentions", "copies"
DECAY = 0.9
"""Adam's decay of the mean gradient, as `lora.optimiser` has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Influence:
    """Which training rows or preference pairs moved a gap between groups, estimated and then tried.

    - of: the gap. "twins_gap", how much likelier an answer is when a prompt names one group and not the other
      (as `probe` measures it), of a reward model how much higher it is scored; "loss_gap", how much worse a
      group's held-out rows are learnt than others'; of pairs also "margin_gap", how much surer the model is
      of a group's held-out pairs
    - axis: whose gap: of twins gender, religion, age or nationality, of held-out rows a declared axis
    - group: the group it is of; none means each of the axis, one of two
    - slices: which parts of the rows are compared with the rest: "groups" (what rows declare), "mentions"
      (groups that their texts name), "copies" (rows that curation added), or the name of a kept column
    - issues: how many matters twins are asked about
    - checkpoints: states of the model, evenly over training, at which gradients are taken
    - top: rows of the largest influence that the report names, by their row and key, never by their text
    - validate: whether the model is trained again without the slices that were named, and without as many
      rows chosen by chance
    - seeds: how often each of these trainings is done, each with another order of rows and another start
    - most: slices, at most, that are tried so
    """

    of: Gap = "twins_gap"
    axis: str = "gender"
    group: str | None = None
    slices: tuple[str, ...] = (BY_GROUPS,)
    issues: int = len(ISSUES)
    checkpoints: int = 4
    top: int = 20
    validate: bool = False
    seeds: int = 3
    most: int = 1

    def __post_init__(self) -> None:
        twins = self.of == "twins_gap"
        known = self.axis in AXES if twins else named(self.axis)
        sliced = isinstance(self.slices, tuple) and bool(self.slices) and all(map(named, self.slices))
        issues = f"a whole number from {FEWEST} to {len(ISSUES)}"
        refuse_unless(
            "train.influence",
            (self.of in get_args(Gap), "of", self.of, f"one of {', '.join(get_args(Gap))}"),
            (known, "axis", self.axis, f"one of {', '.join(AXES)}" if twins else "the name of a group axis"),
            (self._group_known, "group", self.group, self._groups_expected),
            (
                sliced and len(set(self.slices)) == len(self.slices),
                "slices",
                self.slices,
                f"distinct names: {BY_GROUPS}, {BY_MENTIONS}, {BY_COPIES} or kept columns",
            ),
            (whole(self.issues, FEWEST, len(ISSUES)), "issues", self.issues, issues),
            (whole(self.checkpoints, 1, 100), "checkpoints", self.checkpoints, "a number of 1 to 100"),
            (whole(self.top, 0, 1000), "top", self.top, "a number of rows from 0 to 1000"),
            (isinstance(self.validate, bool), "validate", self.validate, "true or false"),
            (whole(self.seeds, 3, 100), "seeds", self.seeds, "3 to 100: fewer tell no spread worth having"),
            (whole(self.most, 1, 20), "most", self.most, "a number of slices from 1 to 20"),
        )

    @property
    def _group_known(self) -> bool:
        if self.group is None:
            return True
        if self.of == "twins_gap" and self.axis in AXES:
            return self.group in [each.group for each in AXES[self.axis][1:]]
        return named(self.group)

    @property
    def _groups_expected(self) -> str:
        if self.of == "twins_gap" and self.axis in AXES:
            others = ", ".join(each.group for each in AXES[self.axis][1:])
            return f"one of {others} ({AXES[self.axis][0].group} is what they are compared with), or none"
        return "the name of a group, or none for each"


def influence_rules(step: Any) -> list[Rule]:
    """Rules of the setting `influence` of a step that has it."""
    asked = step.influence
    if asked is None:
        return []
    if not isinstance(asked, Influence):
        return [(False, "influence", asked, "an Influence, or nothing")]
    debias = getattr(getattr(step, "debias", None), "method", "none")
    return [
        *_measured_rules(step, asked),
        (
            step.privacy is None,
            "influence",
            "beside privacy",
            "none: what single private rows did to a model is what privacy promises to hide",
        ),
        (debias == "none", "influence", f"beside {debias}", "none: that method's updates are not the rows'"),
        (
            getattr(step, "weights", "lora") == "lora",
            "influence",
            "beside weights: full",
            "weights: lora; gradients are taken by low-rank updates",
        ),
        (getattr(step, "accumulate", 1) == 1, "influence", "beside accumulate", "accumulate: 1"),
    ]


def _measured_rules(step: Any, asked: Influence) -> list[Rule]:
    """Rules of what the gap is measured on, and of trainings that are compared."""
    kept, patience = getattr(step, "keep", "last"), getattr(step, "patience", None)
    whole_run = kept == "last" and patience is None and step.on_crossing == "warn"
    pairs = isinstance(step, OfAnswers)
    return [
        (pairs or asked.of != "margin_gap", "influence.of", asked.of, "twins_gap or loss_gap for sft"),
        (
            asked.of == "twins_gap" or step.held_out != 0,
            "held_out",
            step.held_out,
            f"at least 1 row, on which {asked.of} is measured",
        ),
        (
            asked.of == "twins_gap" or not step.groups or asked.axis in step.groups,
            "influence.axis",
            asked.axis,
            "one of the axes in `groups`",
        ),
        (
            whole_run or not asked.validate,
            "influence.validate",
            asked.validate,
            "false where training may end early or keep an earlier model: trainings are compared whole",
        ),
    ]


def traced(step: object) -> tuple[int, ...]:
    """The training steps after which the state of the model is needed, evenly over those with a checkpoint.

    Empty where the step asks for no influence.
    """
    asked: Influence | None = getattr(step, "influence", None)
    if asked is None:
        return ()
    steps, every = step.steps, step.every  # type: ignore[attr-defined]  # a training step has both
    ends = sorted({*range(every, steps + 1, every), steps})
    count = min(asked.checkpoints, len(ends))
    return tuple(ends[-(-len(ends) * number // count) - 1] for number in range(1, count + 1))


def pushes(rates: Sequence[float]) -> Floats:
    """How far Adam in all moves along a gradient of each step, in units of its preconditioned size: [T].

    `rates` are the learning rates of the steps. A gradient counts in the step that it is taken in and, ever
    less, in those after it: the mean gradient of step t holds that of step s with weight
    (1 - b) b^(t - s) / (1 - b^t), b = 0.9 (Kingma and Ba 2015, algorithm 1). What would come after the last
    step is cut off.
    """
    count = len(rates)
    found = np.zeros(count)
    tail = 0.0
    for step in range(count - 1, -1, -1):
        tail = rates[step] / (1 - DECAY ** (step + 1)) + DECAY * tail
        found[step] = (1 - DECAY) * tail
    return found
