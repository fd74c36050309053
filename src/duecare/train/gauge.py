"""The gap between groups, followed over the whole course of training and held against limits.

What is followed. All rows of one training step are read by one and the same model, so the mean of a
group's rows less the mean of all other rows that declare a group on that axis speaks of that model
alone, however fast the loss falls meanwhile. Each step that holds rows of both sides gives one such
difference; a step that does not gives none. (Means of the two groups taken each over the whole course would
not do: where one group's rows come earlier, they meet a worse model, and a gap appears that is none.)

What is promised. Let the gap of a step be what its difference is expected to be, given all that training
saw before. With chance 1 - alpha every interval told, of every gap, at every look up to the last, holds
the *average of the gaps so far*. Nothing is promised about a gap that stays the same: it moves as the model
does, so the states are those whose promise is about running averages, never `Betting`. With k gaps
followed each gets alpha / k.

- accuracy lies within [0, 1] and its differences within [-1, 1]: `Bernstein`, exact at every number of steps
- loss and margin have no bounds, and no interval is exact for a mean without any (Bahadur and Savage
  1956). Cut at four standard deviations it would be, but speak of the cut figure, and be four times as
  wide after a hundred steps, twice after a thousand. So `Asymptotic`, which is for large numbers: nothing
  is said before `START` differences; the tests simulate what it then keeps for skewed losses. It does not
  keep it where a few rows in a hundred carry the whole gap.

Each row counts once, at its first reading. Read again in a later epoch it is no new evidence, and the
model has been taught it meanwhile; the first reading comes before the row's own gradient. So the
sequence stands still after the first epoch. Rows are taken as draws of their group: a near copy of a row
that was read before is not one.

A limit is *crossed* where a whole interval lies outside; a crossing stays. It is *held* where the
interval at the last look lies inside. Looks are computed from the steps' log alone, so a killed and
resumed run decides bit for bit what a whole one does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from duecare.core import FAIL, INSUFFICIENT, PASS, DataError, Estimate, Finding, Note, Tell, Verdict
from duecare.measure.decide import decide
from duecare.measure.sequential import Asymptotic, Bernstein
from duecare.train.crossing import Crossing
from duecare.train.limits import FOLLOWED, NO_LIMITS, Limits, OnCrossing
from duecare.train.watch import Floats, Groups, Reading, StepRecord

START = 100
"""Differences before the first look at a figure without bounds."""

WITHIN = {"accuracy": (-1.0, 1.0)}
"""Bounds of a difference, of the figures that have any."""

REST = "all others"


@dataclass(frozen=True, slots=True)
class Gap:
    """One group against another or against all others of its axis.

    `side` int8 [N] says for each row of the table: 1 of the group, -1 of the others, 0 declares none.
    """

    axis: str
    group: str
    against: str
    side: npt.NDArray[np.int8]

    @property
    def place(self) -> dict[str, str]:
        """As the slice of an Estimate."""
        return {"axis": self.axis, "group": self.group, "against": self.against}


def gaps(groups: Groups) -> list[Gap]:
    """Every gap to follow, known before anything is read: of two groups one, which mirrors the other."""
    found = []
    for axis in sorted(groups.of):
        labels = groups.of[axis]
        names = sorted({label for label in labels if label is not None})
        declared = np.array([label is not None for label in labels], dtype=np.bool_)
        for group in names[:1] if len(names) == 2 else names if len(names) > 2 else []:
            side = np.where(labels == group, 1, np.where(declared, -1, 0)).astype(np.int8)
            found.append(Gap(axis, group, names[1] if len(names) == 2 else REST, side))
    return found


@dataclass(slots=True)
class Course:
    """One gap in one figure on its way: the state, rows counted so far, the last look, the crossing."""

    figure: str
    gap: Gap
    state: Asymptotic | Bernstein
    rows: int = 0
    last: Reading | None = None
    crossed: Finding | None = None

    def add(self, values: Floats, step: npt.NDArray[np.int64], side: npt.NDArray[np.int8]) -> None:
        """Take in rows, each with its `step` (counted from 0) and its side, all [N]."""
        means, counts = [], []
        steps = int(step.max(initial=-1)) + 1
        for which in (1, -1):
            mine = side == which
            count = np.bincount(step[mine], minlength=steps)
            counts.append(count)
            sums = np.bincount(step[mine], weights=values[mine], minlength=steps)
            means.append(sums / np.maximum(count, 1))
        both = (counts[0] > 0) & (counts[1] > 0)
        self.rows += int((counts[0] + counts[1])[both].sum())
        self.state = self.state.add((means[0] - means[1])[both])

    def look(self, step: int) -> None:
        """Keep the interval after training step `step`, over all rows so far in as many units as steps."""
        found = self.state.look()
        value = 0.0 if found.value is None else found.value
        interval = replace(found, n=self.rows, clusters=self.state.units)
        place = (step, "train", self.gap.axis, self.gap.group, f"{self.figure}.gap")
        self.last = Reading(place, value, interval)


class Gauge:
    """All gaps of one training run: fed window by window, looked at when a window ends.

    `figures` and promise are those of `method`; `steps` is how many training steps were planned.
    """

    def __init__(
        self,
        *,
        method: str,
        about: Mapping[str, str],
        steps: int,
        groups: Groups,
        limits: Limits = NO_LIMITS,
        alpha: float = 0.05,
        on_crossing: OnCrossing = "warn",
        crossing: Crossing | None = None,
    ) -> None:
        if method not in FOLLOWED:
            raise DataError(f"method={method!r}: expected one of {', '.join(FOLLOWED)}")
        self.method, self.about, self.steps = method, dict(about), steps
        self.limits, self.alpha = limits.given, alpha
        self.crossing = crossing or Crossing(on_crossing, steps)
        followed = gaps(groups)
        level = 1 - alpha / max(1, len(followed) * len(FOLLOWED[method]))
        self.courses = [
            Course(figure, gap, _state(figure, level, steps))
            for figure in FOLLOWED[method]
            for gap in followed
        ]
        self.readings: list[Reading] = []
        self._seen: set[int] = set()

    @property
    def stopped(self) -> bool:
        """Whether training is to end here."""
        return self.crossing.stopped

    @property
    def verdicts(self) -> list[Verdict]:
        """What the last look says of each limit for each gap; a crossing stays."""
        return [
            FAIL
            if course.crossed
            else INSUFFICIENT
            if course.last is None
            else decide(course.last.interval, -self.limits[course.figure], self.limits[course.figure])
            for course in self.courses
            if course.figure in self.limits
        ]

    def look(self, records: Sequence[StepRecord], tell: Tell) -> None:
        """Take in the steps of a window and tell where each gap stands after its last.

        What cannot be said yet is told after the last step only.
        """
        if not any(record.rows for record in records):
            return
        fresh = [self._first(record.rows) for record in records]
        step = np.repeat(np.arange(len(records)), [len(record.rows) for record in records])
        first = np.array([each for part in fresh for each in part], dtype=np.bool_)
        rows = np.array([row for record in records for row in record.rows], dtype=np.int64)[first]
        end = records[-1].step
        for figure in FOLLOWED[self.method]:
            every = [value for record in records for value in record.figures[figure]]
            values = np.array(every, dtype=np.float64)[first]
            for course in (each for each in self.courses if each.figure == figure):
                course.add(values, step[first], course.gap.side[rows])
                course.look(end)
                self._judge(course, tell)

    def findings(self) -> list[Finding]:
        """A verdict on each limit for each gap: crossed at some look, or as the last look says."""
        if self.limits and not self.courses:
            return [self._no_gap(figure, limit) for figure, limit in self.limits.items()]
        return [
            course.crossed or self._at_the_end(course)
            for course in self.courses
            if course.figure in self.limits
        ]

    def _first(self, rows: Sequence[int]) -> list[bool]:
        """Which of the rows of a step were not read before."""
        found = []
        for row in rows:
            found.append(row not in self._seen)
            self._seen.add(row)
        return found

    def _judge(self, course: Course, tell: Tell) -> None:
        """Tell the last look of a course, and at once where it lies wholly outside the limit."""
        look = course.last
        estimate = self._estimate(course)
        if look is None or estimate is None:
            return
        known = estimate.value is not None
        if known:
            self.readings.append(look)
        if known or estimate.step == self.steps:
            tell(estimate)
        limit = self.limits.get(course.figure)
        if limit is None or course.crossed or decide(look.interval, -limit, limit) != FAIL:
            return
        course.crossed = self._finding(
            course,
            FAIL,
            f"{_said(course, estimate)}, wholly outside the limit. {self.crossing.then(estimate.step or 0)}",
            "See whose rows it is and when the gap opened; balance them, or train less, and run again.",
        )
        self.crossing.crossed = True
        tell(course.crossed)
        tell(_note(self.method, limit, estimate))

    def _at_the_end(self, course: Course) -> Finding:
        """The verdict of the last look."""
        estimate = self._estimate(course)
        limit = self.limits[course.figure]
        if estimate is None or estimate.value is None:
            reason = "no step was looked at" if estimate is None else estimate.reason
            detail = f"The gap of {_whose(course.gap)} in {course.figure} cannot be bounded: {reason}."
            return self._finding(course, INSUFFICIENT, detail, _MORE)
        verdict = decide(estimate, -limit, limit)
        inside = "wholly inside the limit" if verdict == PASS else "inside and outside the limit"
        more = "" if verdict == PASS else _MORE
        return self._finding(course, verdict, f"{_said(course, estimate)}, {inside}.", more)

    def _estimate(self, course: Course) -> Estimate | None:
        look = course.last
        return None if look is None else look.estimate(self.method, {**self.about, **course.gap.place})

    def _finding(self, course: Course, verdict: Verdict, detail: str, next: str) -> Finding:
        return Finding(
            name=f"{self.method}.{course.figure}.gap",
            verdict=verdict,
            limit=_words(self.limits[course.figure]),
            detail=detail,
            next=next,
            estimate=self._estimate(course),
        )

    def _no_gap(self, figure: str, limit: float) -> Finding:
        return Finding(
            name=f"{self.method}.{figure}.gap",
            verdict=INSUFFICIENT,
            limit=_words(limit),
            detail=f"No gap in {figure} could be followed: the rows declare no two groups on any axis.",
            next="Declare a column of groups (groups.columns) that the rows of this source fill.",
        )


_MORE = (
    "Train on more rows (each counts once, at its first reading), in larger batches so that more steps hold"
    " rows of both sides, or read the gap on held-out rows instead."
)


def _state(figure: str, level: float, steps: int) -> Asymptotic | Bernstein:
    """A sequence for the average of means so far, narrowest where the run is to end."""
    if figure in WITHIN:
        return Bernstein(level=level, within=WITHIN[figure])
    return Asymptotic(level=level, start=START, tightest=max(START, steps))


def _words(limit: float) -> str:
    return f"between {-limit:g} and {limit:g}"


def _whose(gap: Gap) -> str:
    return f"{gap.group} against {gap.against} ({gap.axis})"


def _said(course: Course, estimate: Estimate) -> str:
    """ "Up to step 130 men against women (gender) lay 0.7 nats per token apart ..."."""
    unit = f" {estimate.unit}" if estimate.unit else ""
    return (
        f"Up to training step {estimate.step} the gap of {_whose(course.gap)} in {course.figure} was"
        f" {estimate.value:+.3g}{unit} on average, between {estimate.low:+.3g} and {estimate.high:+.3g}"
    )


def _note(method: str, limit: float, estimate: Estimate) -> Note:
    """The crossing in plain values, for those who read the ledger by program."""
    about = {name: estimate.slice[name] for name in ("axis", "group", "against")}
    bounds = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "limit": limit}
    return Note(
        topic=f"{method}.crossed",
        text=f"{estimate.metric} crossed its limit at training step {estimate.step}",
        data={"step": str(estimate.step), **about, **{name: repr(value) for name, value in bounds.items()}},
    )
