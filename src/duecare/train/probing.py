"""Probes while training: settings, how often the time budget allows them, and what was asked. Free of JAX.

A probe asks the model, as it is after a training step, how likely it finds fixed answers to prompts that
differ in the group named only (`duecare.model.twins`). The prompts lie in `model`, below the stages,
because training and evaluation ask the same ones, and stages do not import each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from duecare.core import DuecareError, refuse_unless
from duecare.core.wire import Noun, decode, encode
from duecare.model.people import AXES, REFERENCE
from duecare.model.twins import ISSUES, MANNERS, Manner, Twin, twins
from duecare.train.limits import Limits, probed
from duecare.train.resume import append_line, whole_lines, write_whole
from duecare.train.rules import MOST_STEPS, Rule, real, whole
from duecare.train.sampled import FEWEST, Sampled, scored

Floats = npt.NDArray[np.float64]
GOOD: Manner = "respectful"
SAME = 1e-9
"""Answers that differ by less, against their size, are worth the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probes:
    """Counterfactual twins that are asked now and then while a model is trained.

    - axes: whose twins (gender, religion, age, nationality); an axis's groups are compared with its first
    - issues: how many matters are asked about, each in the same words for every group
    - every: training steps between two probes, rounded up to the next reading; None: as `share` allows
    - share: of the time of training, what probes may take at most. Base and end are always measured
    - sampled: answers of the model itself, asked more rarely and scored by detectors; none draws no answer
    """

    axes: tuple[str, ...] = ("gender",)
    issues: int = len(ISSUES)
    every: int | None = None
    share: float = 0.1
    sampled: Sampled | None = field(default=None, metadata={"added": True})

    def __post_init__(self) -> None:
        known = isinstance(self.axes, tuple) and bool(self.axes) and set(self.axes) <= set(AXES)
        refuse_unless(
            "train.probe",
            (
                known and len(set(self.axes)) == len(self.axes),
                "axes",
                self.axes,
                f"distinct axes of {', '.join(AXES)}",
            ),
            (
                whole(self.issues, FEWEST, len(ISSUES)),
                "issues",
                self.issues,
                f"a whole number from {FEWEST} to {len(ISSUES)}",
            ),
            (
                self.every is None or whole(self.every, 1, MOST_STEPS),
                "every",
                self.every,
                "a whole number of training steps, or none",
            ),
            (real(self.share, 0, 0.5, open_low=True), "share", self.share, "a share above 0 and at most 0.5"),
            (
                self.sampled is None or isinstance(self.sampled, Sampled),
                "sampled",
                self.sampled,
                "detectors and issues, or none",
            ),
        )

    @property
    def fixed(self) -> Probes:
        """What is asked of fixed answers; with sampled ones beside them they have half of the time."""
        return self if self.sampled is None else replace(self, share=self.share / 2, sampled=None)

    @property
    def drawn(self) -> Probes | None:
        """What is asked for answers of the model's own."""
        own = self.sampled
        if own is None:
            return None
        return replace(self, issues=own.issues, every=own.every, share=self.share / 2)

    def of(self, method: str) -> Probes:
        """The same for a method; a reward model gives no answers."""
        return replace(self, sampled=None) if method == "reward-model" else self

    def figures(self, method: str) -> tuple[str, ...]:
        """What a training step follows of twins."""
        return (*probed(method), *(() if self.sampled is None else self.sampled.figures))

    def twins(self, *, both: bool = False) -> list[Twin]:
        """The prompts with their answers: of each axis, each issue in one framing for every group.

        The answer is the respectful one; with `both` the dismissive one is asked too.
        """
        return twins(self.axes, self.issues, MANNERS if both else (GOOD,))


def probe_rules(probe: object, limits: object, method: str = "sft") -> list[Rule]:
    """Rules of the setting `probe` of one training step, and of the limits that need it."""
    needs = limits.twins if isinstance(limits, Limits) else {}
    answers = method != "reward-model"
    own = scored(needs) if answers else []
    strange = [name for name in needs if name not in (*probed(method), *own)]
    known = ", ".join(f"twins_{name}" for name in probed(method))
    sampled = probe.sampled if isinstance(probe, Probes) else None
    return [
        (
            answers or sampled is None,
            "probe.sampled",
            sampled,
            f"none: {method} scores answers and gives none",
        ),
        (
            not isinstance(probe, Probes) or all(name in probe.figures(method) for name in own),
            "limits",
            ", ".join(f"twins_{name}" for name in own),
            "no limit on scores that no answer gets: `probe.sampled` names no such detector",
        ),
        (
            not strange,
            "limits",
            ", ".join(f"twins_{name}" for name in strange),
            f"of limits on twins only {known}: {method} is asked for these",
        ),
        (probe is None or isinstance(probe, Probes), "probe", probe, "axes and issues to ask about, or none"),
        (
            probe is not None or not needs,
            "limits",
            ", ".join(f"twins_{name}" for name in needs),
            "no limit on twins where there is no `probe` that asks them",
        ),
    ]


@dataclass(frozen=True, slots=True)
class Pairing:
    """Twins of one group and of the group it is compared with: their places among the answers, int [n]."""

    axis: str
    group: str
    against: str
    mine: npt.NDArray[np.int64]
    other: npt.NDArray[np.int64]
    spread: npt.NDArray[np.int64] | None = None
    """Of each pair the places of all answers to its matter, int [n, S], where a gap is measured by how far
    all these lie apart."""

    def judged(self, values: Floats) -> npt.NDArray[np.bool_]:
        """Whether both sides of each pair [n] have a score, which is never below 0."""
        known: npt.NDArray[np.bool_] = (values[self.mine] >= 0) & (values[self.other] >= 0)
        return known

    def gap(self, values: Floats) -> Floats:
        """Difference of each pair [n], of `values` [N] in nats per token; with `spread` in their deviations.

        The mean of the pairs is then exactly the mean difference D over the standard deviation s of all
        answers. s is itself of these matters: each pair is given what its own answers do to s as well, D/s
        linearised (delta method), so that an interval over pairs is one of the ratio.
        """
        apart = values[self.mine] - values[self.other]
        if self.spread is None:
            return apart
        each = values[self.spread]
        squares = np.square(each - each.mean()).mean(axis=1)
        deviation = float(np.sqrt(squares.mean()))
        if not deviation > SAME * (1 + float(np.abs(each).max())):
            return np.full(len(apart), np.nan)  # all answers are worth the same: there is no unit
        linear: Floats = apart / deviation - apart.mean() / (2 * deviation**3) * (squares - squares.mean())
        return linear


def pairings(asked: Sequence[Twin]) -> list[Pairing]:
    """Every group of every axis against its axis's first, matter by matter."""
    place = {(twin.axis, twin.group, twin.pair_id): number for number, twin in enumerate(asked)}
    found = []
    for axis, group in dict.fromkeys((twin.axis, twin.group) for twin in asked):
        against = REFERENCE[axis]
        if group == against:
            continue
        names = [twin.pair_id for twin in asked if (twin.axis, twin.group) == (axis, group)]
        sides = (
            np.array([place[axis, which, name] for name in names], dtype=np.int64)
            for which in (group, against)
        )
        found.append(Pairing(axis, group, against, *sides))
    return found


def reward_pairings(asked: Sequence[Twin]) -> list[Pairing]:
    """`pairings` of the respectful answers, each with all answers to its matter on its axis."""
    good = np.array([place for place, twin in enumerate(asked) if twin.manner == GOOD], dtype=np.int64)
    matters: dict[str, list[int]] = {}
    for place, twin in enumerate(asked):
        matters.setdefault(twin.pair_id.removesuffix(twin.manner), []).append(place)
    found = []
    for pair in pairings([asked[place] for place in good]):
        names = [asked[place].pair_id.removesuffix(GOOD) for place in good[pair.mine]]
        spread = np.array([matters[name] for name in names], dtype=np.int64)
        found.append(replace(pair, mine=good[pair.mine], other=good[pair.other], spread=spread))
    return found


class Plan(Noun, frozen=True, kw_only=True):
    """When probes are made: from step `known` on after every `nth` reading, and after the last step.

    `looks` counts the base's own, and that of the model which is kept where it may be another than the last;
    `seconds` and `step_seconds` are a probe's and a training step's.
    """

    known: int
    nth: int
    looks: int
    seconds: float
    step_seconds: float

    def share(self, steps: int) -> float:
        """What all looks are expected to take of the time of training."""
        asked = self.looks * self.seconds
        return asked / (steps * self.step_seconds + asked)

    def due(self, step: int, *, steps: int, every: int) -> bool:
        """Whether a probe is made after training step `step`, at which a reading ends."""
        return step == steps or (step >= self.known and math.ceil(step / every) % self.nth == 0)

    def steps(self, upto: int, *, steps: int, every: int) -> list[int]:
        """The training steps up to `upto` after which a probe is made."""
        ends = sorted({*range(every, steps + 1, every), steps})
        return [end for end in ends if end <= upto and self.due(end, steps=steps, every=every)]


def plan(
    probes: Probes,
    *,
    steps: int,
    every: int,
    at: int,
    seconds: float,
    step_seconds: float,
    spare: int = 0,
) -> Plan:
    """How often to probe `steps` training steps with a reading each `every`, by the budget or as said.

    Made during step `at`; `seconds` is the time of one probe, `step_seconds` that of one training step.
    `spare` is how many are kept back for a model that is kept and was not asked. With share s of the time of
    training, T of it spent on steps, there is room for s / (1 - s) * T / seconds looks, base and end among
    them.
    """
    windows = math.ceil(steps / every)
    if probes.every is not None:
        nth = max(1, math.ceil(probes.every / every))
    else:
        room = probes.share / (1 - probes.share) * steps * step_seconds / max(seconds, 1e-9)
        during = max(1, int(min(room - spare, windows + 1.0)) - 1)  # the end is one of them
        nth = max(1, math.ceil(windows / during))
    made = Plan(known=at, nth=nth, looks=1, seconds=seconds, step_seconds=step_seconds)
    looks = 1 + len(made.steps(steps, steps=steps, every=every)) + spare
    return Plan(known=at, nth=nth, looks=looks, seconds=seconds, step_seconds=step_seconds)


def enough(probes: Probes, made: Plan, steps: int) -> str:
    """What would keep a plan that takes more than its share to it: so many issues, or else so many steps.

    A probe takes as long as it has issues; the share s of training leaves s / (1 - s) of the time of steps.
    """
    where = "issues" if probes.sampled is None else "sampled.issues"
    left = probes.share / (1 - probes.share) * made.step_seconds
    each = max(made.looks * made.seconds / probes.issues, 1e-9)
    if (issues := int(left * steps / each)) >= FEWEST:
        return f"`{where}: {issues}` would keep to it"
    need = math.ceil(each * FEWEST / max(left, 1e-9))
    return f"so few steps cannot keep to it: {FEWEST} issues, the fewest there are, take {need:,} steps"


class Asked(Noun, frozen=True, kw_only=True):
    """What one probe found of each answer, its mean log-probability per token or its score, after `step`."""

    step: int
    values: list[float]


class ProbeLog:
    """The plan and the probes made so far, on the disk beside the checkpoints."""

    def __init__(self, folder: Path, upto: int, name: str = "twins") -> None:
        """Read what lies in `folder`; probes after step `upto` are forgotten, they will be made again."""
        self._log, self._plan = folder / f"{name}.jsonl", folder / f"{name}-plan.json"
        self.plan: Plan | None = None
        if upto and self._plan.is_file():
            with suppress(DuecareError):  # a damaged plan is none, and `complete` says so
                self.plan = decode(self._plan.read_bytes(), Plan)
        self.records = [record for record in _readable(self._log) if record.step <= upto] if self.plan else []
        write_whole(self._log, b"".join(encode(record) + b"\n" for record in self.records))

    def decide(self, made: Plan) -> None:
        """Keep the plan: a run that goes on after a kill probes at the same steps."""
        write_whole(self._plan, encode(made))
        self.plan = made

    def add(self, record: Asked) -> None:
        """Keep one more probe; on the disk when this returns."""
        append_line(self._log, encode(record))
        self.records.append(record)

    def at(self, step: int) -> Asked | None:
        """What was found after training step `step`, if it was asked."""
        return next((record for record in self.records if record.step == step), None)

    def complete(self, upto: int, *, steps: int, every: int) -> bool:
        """Whether every probe that was to be made by step `upto` is there."""
        wanted = [] if self.plan is None else self.plan.steps(upto, steps=steps, every=every)
        lost = self.plan is None and self._plan.is_file() and upto > 0
        return not lost and [record.step for record in self.records] == wanted


def _readable(path: Path) -> Iterator[Asked]:
    for line in whole_lines(path):
        try:
            yield decode(line, Asked)
        except DuecareError:
            return
