"""The step that asks the model after each stage of training: which stage moved which gap, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from duecare.core import Artifacts, DataError, Outcome, Tell, refuse_unless
from duecare.evaluate.ask import Evaluate, scorers


@dataclass(frozen=True, kw_only=True, slots=True)
class Stages(Evaluate):
    """Ask the model between the stages of training what was asked of the first and the last one.

    `order` names the training jobs whose models follow one another. Base and last model are not asked
    again: their answers are in the evaluation. What a stage changed is measured on the same prompts, items
    and rows before and after it, paired.
    """

    order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Evaluate.__post_init__(self)
        distinct = len(set(self.order)) == len(self.order) >= 2
        refuse_unless(
            "stages", (distinct, "order", self.order, "two or more training jobs, each once, in their order")
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Inputs: `evaluate`; `stage:<job>` for every job of `order` but the last; `data:<source>`."""
        from duecare.core.wire import encode
        from duecare.evaluate.engine import open_tuned
        from duecare.evaluate.figures import figures
        from duecare.evaluate.moved import changes, told
        from duecare.evaluate.sitting import ESTIMATES, ask_models
        from duecare.evaluate.tables import read

        needed = ["evaluate", *(f"stage:{job}" for job in self.order[:-1])]
        if missing := [name for name in needed if name not in inputs]:
            raise DataError(f"stages: expected inputs named {', '.join(missing)}")
        models = {
            job: partial(open_tuned, inputs[f"stage:{job}"], self.batch, self.mesh) for job in self.order[:-1]
        }
        splits = {name: made.path for name, made in inputs.items() if name.split(":")[0] == "data"}
        between = ask_models(self, models, splits, scorers(self.suites), out=out, tell=tell)
        ends = read(inputs["evaluate"].path)
        moved = changes(ends, between, self.order)
        for note in told(ends, between, self.order):
            tell(note)
        found = (*figures(between), *moved)
        (out / ESTIMATES).write_bytes(encode(found))
        return Outcome(files=between.write(out) | {"estimates": ESTIMATES}, estimates=found)


def of_evaluation(step: Evaluate, jobs: Sequence[str]) -> Stages:
    """The step that belongs to an evaluation: its settings, for the suites that it asks at every stage."""
    given: dict[str, Any] = {each.name: getattr(step, each.name) for each in fields(Evaluate)}
    asked = set(step.stages)
    given["suites"] = tuple(name for name in step.suites if name in asked)
    for name in ("data", "items"):
        given[name] = {suite: value for suite, value in given[name].items() if suite in asked}
    return Stages(**(given | {"stages": (), "order": tuple(jobs)}))
