"""Whether a slice moved the gap: training again without it, and without as many random rows. Imports JAX.

An estimate by gradients is a linearisation along one course of training. What would have happened is only
known by letting it happen. A row is left out by counting for nothing in every batch that it would have been
in: all else, the order of rows, the start, the rates and the number of updates, is as it was, so that runs
differ by these rows alone. Seeds are the units: each gives another order and another start, and in each the
model without the slice is compared with the model without as many rows drawn by chance.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from duecare.core import (
    FAIL,
    INSUFFICIENT,
    PASS,
    Artifacts,
    Estimate,
    Finding,
    Outcome,
    Progress,
    Tell,
    Verdict,
)
from duecare.measure.compare import paired_difference
from duecare.measure.interval import LEVEL, Interval
from duecare.train.engine_gaps import gaps_of
from duecare.train.engine_lessons import Lessons, Traced, lessons_of, start_of
from duecare.train.engine_loop import Batch, Run, Trainer
from duecare.train.influence import Floats, Influence
from duecare.train.influence_figures import Contrast, Found
from duecare.train.influence_slices import clusters_of
from duecare.train.limits import NO_LIMITS
from duecare.train.lora import optimiser
from duecare.train.metrics import training_config
from duecare.train.resume import Resume
from duecare.train.watch import Groups

EVERYTHING = "everything"


@dataclass(slots=True)
class Retraining:
    """Trains `step` again, from `folder`, without some of its rows; `end` [G] are the gaps it came to."""

    step: Traced
    folder: Path
    inputs: Artifacts
    end: Floats
    resume: Resume
    tell: Tell

    def tried(self, found: Found) -> Outcome:
        """A verdict on each of the slices that stood out, at most as many as are to be tried."""
        chosen = found.chosen[: self._asked.most]
        estimates: list[Estimate] = []
        findings: list[Finding] = []
        for number, each in enumerate(chosen):
            place = found.abouts.index(each.about)
            gaps = np.array([self._gaps(each, number, seed)[:, place] for seed in self._seeds])
            level = 1 - (1 - LEVEL) / len(chosen)
            trial = Trial(found, each, gaps, level)
            estimates += trial.estimates()
            findings.append(trial.finding())
        return Outcome(estimates=tuple(estimates), findings=tuple(findings))

    @property
    def _asked(self) -> Influence:
        asked: Influence = self.step.influence  # type: ignore[assignment]  # the step has looked
        return asked

    @property
    def _seeds(self) -> range:
        return range(self.step.seed, self.step.seed + self._asked.seeds)

    def _gaps(self, each: Contrast, number: int, seed: int) -> Floats:
        """The gaps [3, G] of three models: of all rows, without the slice, without random rows."""
        arms: dict[str, Callable[[Lessons], npt.NDArray[np.bool_]]] = {
            EVERYTHING: lambda lessons: np.zeros(len(lessons.data.names), dtype=np.bool_),
            f"slice-{number}": lambda _: each.slice.mine,
            f"random-{number}": lambda lessons: _as_many(lessons, each.slice.mine, [seed, number]),
        }
        return np.array([self._gap(name, seed, without) for name, without in arms.items()])

    def _gap(self, name: str, seed: int, without: Callable[[Lessons], npt.NDArray[np.bool_]]) -> Floats:
        """Every gap [G] of a model trained with `seed`, `without` telling which rows [N] do not count."""
        if name == EVERYTHING and seed == self.step.seed:
            return self.end
        arm = f"influence-{name}-{seed}"
        kept = self.resume.remember(arm, lambda: {"gaps": self._trained(arm, seed, without)})
        return np.asarray(kept["gaps"], dtype=np.float64)

    def _trained(self, arm: str, seed: int, without: Callable[[Lessons], npt.NDArray[np.bool_]]) -> Floats:
        plain: dict[str, Any] = {"limits": NO_LIMITS, "probe": None, "metrics": {}, "snapshots": 0}
        step = replace(self.step, seed=seed, **plain)
        loaded, model = start_of(step, self.folder)
        lessons = lessons_of(step, loaded, self.inputs, model)
        trainer = Trainer(model, optimiser(step), training_config(step, lessons.method))
        loss = lessons.minimised
        trainer.with_gen_model_input_fn(lambda batch: {"batch": batch}).with_loss_fn(loss, has_aux=True)
        left_out = without(lessons)

        def batch(number: int) -> Batch:
            made = lessons.step(number)
            counts = np.where(made["row"] >= 0, ~left_out[made["row"]], True)  # -1 is room without a row
            return {**made, "weight": (made["weight"] * counts).astype(np.float32)}

        nobody: Mapping[str, npt.NDArray[np.object_]] = {}
        apart = Resume(self.resume.folder / arm, {"arm": arm})
        # Its figures are not told: they are those of trainings that nobody will use.
        Run(replace(step, influence=None), lessons.method, Groups(nobody), apart, self._quiet(arm)).fit(
            trainer, batch
        )
        gaps = gaps_of(step, loaded.tokenizer, lessons)
        found = gaps.gaps(gaps.values(model))
        gc.collect()  # modules of models trained before refer to each other
        return found

    def _quiet(self, arm: str) -> Tell:
        def tell(what: Any) -> None:
            if isinstance(what, Progress) and what.unit:  # what is done between steps names no arm
                self.tell(Progress(what.done, what.total, what.unit, f"training again: {arm}"))

        return tell


def _as_many(lessons: Lessons, mine: npt.NDArray[np.bool_], seed: list[int]) -> npt.NDArray[np.bool_]:
    """As many of the rows that are read, drawn by chance, as `mine` [N] holds; a row with its copies."""
    rows = lessons.plan.rows
    wanted, taken = int(mine[rows].sum()), np.zeros(len(mine), dtype=np.bool_)
    members: dict[str, list[int]] = {}
    for place, label in zip(rows, clusters_of([lessons.data.names[place] for place in rows]), strict=True):
        members.setdefault(label, []).append(int(place))
    units = list(members.values())
    for number in np.random.default_rng(seed).permutation(len(units)):
        if taken.sum() + len(units[number]) <= wanted:
            taken[units[number]] = True
    return taken


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of training again: `gaps` [S, 3] by seed: of all rows, without slice, without random rows."""

    found: Found
    contrast: Contrast
    gaps: Floats
    level: float

    @property
    def against_random(self) -> Interval:
        """The gap without the slice less that without as many random rows, over seeds."""
        return paired_difference(self.gaps[:, 1], self.gaps[:, 2], self.level)

    @property
    def verdict(self) -> Verdict:
        """Pass where the gap moved as predicted, beyond chance; fail where it moved the other way."""
        found, sign = self.against_random, np.sign(self.contrast.expected)
        if found.low is None or found.high is None or found.low <= 0 <= found.high:
            return INSUFFICIENT
        return PASS if np.sign(found.low) == sign else FAIL

    def estimates(self) -> list[Estimate]:
        """The changes without the slice and without random rows, their difference, and what it was to be."""
        name, unit, place = f"{self.found.method}.influence", self.found.unit, self._place
        slice_alone = paired_difference(self.gaps[:, 1], self.gaps[:, 0])
        random = paired_difference(self.gaps[:, 2], self.gaps[:, 0])
        return [
            slice_alone.estimate(f"{name}.without", place, unit=unit),
            random.estimate(f"{name}.without_random", place, unit=unit),
            self.predicted().estimate(f"{name}.predicted", place, unit=unit),
            self._told(),
        ]

    def predicted(self) -> Interval:
        """By how much the gap was to move without the slice, less without as many random rows."""
        each = self.contrast
        factor, of = -each.rows * (1 - each.share), each.interval
        ends = sorted(factor * (bound or 0.0) for bound in (of.low, of.high))
        return replace(of, value=each.expected, low=ends[0], high=ends[1])

    def finding(self) -> Finding:
        """Whether what gradients named holds when the model is trained again."""
        verdict, each = self.verdict, self.contrast
        found = self.against_random
        who = f"{each.rows} rows of {each.slice.by} {each.slice.value}"
        gap = f"{each.about.of.replace('_gap', '')} gap of {each.about.group} against {each.about.against}"
        if found.value is None:
            came = f"no interval can be given, because of this: {found.reason}"
        else:
            came = (
                f"the gap differed by {found.value:+.3g} {self.found.unit}, between {found.low:+.3g} and"
                f" {found.high:+.3g} over {len(self.gaps)} seeds; {each.expected:+.3g} was predicted"
            )
        words = {
            PASS: "Validated",
            FAIL: "Not validated: it moved the other way",
            INSUFFICIENT: "Not validated",
        }
        again = "Do not take the slice for a cause; ask for more seeds, or look at other slices."
        return Finding(
            name=f"{self.found.method}.influence.validated",
            verdict=verdict,
            limit="without the slice the gap moves the way predicted, beyond what as many random rows do",
            detail=f"{words[verdict]}. {gap}, without {who} and without as many random rows: {came}.",
            next="" if verdict == PASS else again,
            estimate=self._told(),
        )

    @property
    def _place(self) -> dict[str, str]:
        each = self.contrast
        return {"source": self.found.source, **each.about.place, **each.slice.place}

    def _told(self) -> Estimate:
        name = f"{self.found.method}.influence.against_random"
        return self.against_random.estimate(name, self._place, unit=self.found.unit)
