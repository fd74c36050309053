"""Figures per group while training: kept for every step, told in windows, drawn as curves.

Each training step leaves the figures of every row it saw (loss, and for pairs margin and accuracy) in
a log on the disk, before the next step starts. Everything else, what is told and what is drawn, is
computed from that log, so a killed and resumed run shows the same curves as one that was not.

A window's figure is the mean over rows, each row counting once however long it is, while the model
was moving under it: it shows the course of training. Its interval holds for one window looked at once, and
nothing is judged by it. The gap between groups over the whole course, which may be looked at as often as
one likes and is held against limits, is `duecare.train.gauge`. What the trained model does is measured on
held-out rows before and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from duecare.core import DuecareError, Estimate, Finding, Progress, Tell, Verdict
from duecare.core.table import group_column
from duecare.core.wire import Noun, decode, encode
from duecare.measure.interval import Interval, cluster_mean, cluster_proportion
from duecare.train.crossing import Crossing
from duecare.train.resume import append_line, whole_lines, write_whole

CURVES = pa.schema(
    [
        pa.field("step", pa.int32(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("axis", pa.string()),
        pa.field("group", pa.string()),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("n", pa.int32(), nullable=False),
        pa.field("rolled_back", pa.bool_(), nullable=False),
    ]
)
"""One point of a curve a row. `step` counts training steps done; `split` is "train" or "probe" (held-out
rows). Metric "batch_loss" is the loss that one step minimised (no interval: it is what it is), as are the
numbers that a debiasing method tells of each step ("group_weight", "adversary_loss");
"<figure>.gap" is a group's average gap over the course so far, with the bounds of its confidence sequence
(see `duecare.train.gauge`); the others are means over the rows of a window, with bounds at 95 % where
enough rows were seen to give them. `rolled_back` marks what happened after the step whose model was kept:
training went on to there, and went back."""

Floats = npt.NDArray[np.float64]
Place = tuple[int, str, str | None, str | None, str]
"""Step, split, axis, group and metric of a point."""

UNITS = {
    ("sft", "loss"): "nats per token",
    **{("distill", name): "nats per token" for name in ("loss", "kl", "objective")},
    ("distill", "length"): "tokens",
    **{(method, name): "nats" for method in ("dpo", "orpo") for name in ("loss", "margin")},
    **{("reward-model", name): "nats" for name in ("loss", "margin", "score")},
    **{(method, "kl"): "nats per token" for method in ("grpo", "ppo")},
    **{(method, "length"): "tokens" for method in ("grpo", "ppo")},
    **{(method, name): "share" for method in ("grpo", "ppo") for name in ("clip_share", "unjudged")},
}
"""Units by method and figure; accuracy is a share and has none."""


class Point(Noun, frozen=True, kw_only=True):
    """One number that a method tells of a step, of all rows or of one group: a group's weight, say."""

    metric: str
    value: float
    axis: str | None = None
    group: str | None = None


class StepRecord(Noun, frozen=True, kw_only=True):
    """What one training step saw: `rows` are places in the table, `figures` one value per row each.

    `loss` is None where it saw no row: a private step draws its rows by chance.
    `course` are numbers of the step itself, drawn as they are.
    """

    step: int
    loss: float | None
    rows: list[int]
    figures: dict[str, list[float]]
    course: list[Point] = []


class StepLog:
    """The steps done so far, on the disk, one line each."""

    def __init__(self, path: Path, upto: int) -> None:
        """Read the log and forget what lies after step `upto`: it will be done again.

        What follows a damaged line is forgotten too; `complete` says whether `upto` steps are there.
        """
        self._path = path
        self.records = [record for record in _readable(path) if record.step <= upto]
        self.complete = [record.step for record in self.records] == list(range(1, upto + 1))
        write_whole(path, b"".join(encode(record) + b"\n" for record in self.records))

    def add(self, record: StepRecord) -> None:
        """Keep one more step; on the disk when this returns."""
        append_line(self._path, encode(record))
        self.records.append(record)


def _readable(path: Path) -> Iterator[StepRecord]:
    for line in whole_lines(path):
        try:
            yield decode(line, StepRecord)
        except DuecareError:
            return


@dataclass(frozen=True, slots=True)
class Groups:
    """Which group each row of a table belongs to, on each watched axis (None where not declared)."""

    of: Mapping[str, npt.NDArray[np.object_]]

    @staticmethod
    def read(rows: pa.Table, axes: Sequence[str]) -> Groups:
        """Groups of a table of EXAMPLES on `axes`; with no axes named, on all that it declares."""
        named = list(axes) or declared_axes(rows)
        return Groups(
            {axis: group_column(rows, axis).to_numpy(zero_copy_only=False).astype(object) for axis in named}
        )

    def slices(self, rows: npt.NDArray[np.int64]) -> Iterable[tuple[str, str, npt.NDArray[np.bool_]]]:
        """Axis, group and which of `rows` belong to it, by name; groups without a row are absent."""
        for axis in sorted(self.of):
            labels = self.of[axis][rows]
            for group in sorted({label for label in labels if label is not None}):
                yield axis, group, labels == group


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure at one place: its interval, and its plain mean, which is drawn even where no interval is."""

    place: Place
    mean: float
    interval: Interval

    def estimate(self, method: str, about: Mapping[str, str]) -> Estimate:
        """As an Estimate named "<method>.<metric>"."""
        step, split, axis, group, metric = self.place
        there = {**about, "split": split}
        if axis is not None and group is not None:
            there |= {"axis": axis, "group": group}
        unit = UNITS.get((method, metric.split(".", maxsplit=1)[0]), "")
        return self.interval.estimate(f"{method}.{metric}", there, unit=unit, step=step)


def readings(
    step: int, split: str, figures: Mapping[str, Floats], rows: npt.NDArray[np.int64], groups: Groups
) -> list[Reading]:
    """Each figure of all rows and of each group; a row seen twice is one cluster."""
    everyone = np.ones(len(rows), dtype=np.bool_)
    parts = [(None, None, everyone), *groups.slices(rows)]
    found = []
    for metric in sorted(figures):
        for axis, group, mine in parts:
            values = figures[metric][mine]
            interval = mean_of_rows(metric, values, rows[mine])
            found.append(Reading((step, split, axis, group, metric), float(values.mean()), interval))
    return found


def mean_of_rows(metric: str, values: npt.NDArray[np.floating[Any]], rows: npt.NDArray[np.int64]) -> Interval:
    """Mean of one value per reading of a row; a row read twice is one cluster, accuracy a proportion."""
    clusters = None if len(np.unique(rows)) == len(rows) else rows.tolist()
    if metric in ("accuracy", "clipped"):
        return cluster_proportion(values, clusters)
    return cluster_mean(values, clusters)


def window_ends(every: int, steps: int) -> list[int]:
    """The steps after which a window is read: each `every`, and the last."""
    return sorted({*range(every, steps + 1, every), steps})


def seen(records: Sequence[StepRecord], end: int, every: int) -> list[StepRecord]:
    """The steps of the window that ends with step `end`; `records` are those of steps 1, 2, 3 and on."""
    return list(records[(end - 1) // every * every : end])


def window(records: Sequence[StepRecord], end: int, every: int, groups: Groups) -> list[Reading]:
    """Readings over the rows seen since the window before."""
    mine = seen(records, end, every)
    rows = np.array([row for record in mine for row in record.rows], dtype=np.int64)
    if not len(rows):
        return []
    figures = {
        name: np.array([value for record in mine for value in record.figures[name]], dtype=np.float64)
        for name in mine[0].figures
    }
    return readings(end, "train", figures, rows, groups)


def declared_axes(rows: pa.Table) -> list[str]:
    """Every axis that some row of EXAMPLES declares, by name."""
    return sorted({group["axis"] for line in rows.column("groups").to_pylist() for group in line})


class Follows(Protocol):
    """What looks at the whole course when a window ends: `duecare.train.gauge.Gauge`."""

    @property
    def readings(self) -> Sequence[Reading]: ...
    @property
    def crossing(self) -> Crossing: ...
    @property
    def verdicts(self) -> list[Verdict]: ...
    def look(self, records: Sequence[StepRecord], tell: Tell) -> None: ...
    def findings(self) -> list[Finding]: ...


class Probing(Protocol):
    """What asks the model itself when a window ends: `duecare.train.twin_watch.TwinWatch`, or compares its
    answers with others: `duecare.train.drift_gauge.DriftGauge`."""

    @property
    def readings(self) -> Sequence[Reading]: ...
    @property
    def verdicts(self) -> list[Verdict]: ...
    def look(self, step: int, tell: Tell) -> None: ...
    def findings(self) -> list[Finding]: ...


class Watch:
    """Keeps each step's figures and tells each window's, with progress for the screen.

    `gauge` judges the course, window by window, `twins` what the model itself is asked, and `drift` the
    reward by another instrument; what their logs already hold they are shown at once, untold.
    """

    def __init__(
        self,
        *,
        method: str,
        about: Mapping[str, str],
        steps: int,
        every: int,
        groups: Groups,
        log: StepLog,
        gauge: Follows | None = None,
        twins: Sequence[Probing] = (),
        drift: Probing | None = None,
    ) -> None:
        self.method, self.about = method, about
        self.steps, self.every = steps, every
        self.groups, self.log, self.gauge, self.twins, self.drift = groups, log, gauge, twins, drift
        self.crossing = Crossing("warn", steps) if gauge is None else gauge.crossing
        self.kept: int | None = None
        for end in self._ends():
            self._look(end, _untold)

    @property
    def taken(self) -> int:
        """Training steps taken."""
        return len(self.log.records)

    @property
    def done(self) -> int:
        """Training steps that the model has behind it: those taken, unless it went back (to step `kept`)."""
        return self.taken if self.kept is None else self.kept

    @property
    def stopped(self) -> bool:
        """Whether training is to end here, because a limit was crossed."""
        return self.crossing.stopped

    def step(self, record: StepRecord, tell: Tell) -> bool:
        """Take in one step; True where a window ended (the time for a checkpoint)."""
        self.log.add(record)
        tell(Progress(record.step, self.steps, "steps", _said(record)))
        if record.step % self.every and record.step != self.steps:
            return False
        for reading in window(self.log.records, record.step, self.every, self.groups):
            tell(reading.estimate(self.method, self.about))
        self._look(record.step, tell)
        return True

    def _look(self, end: int, tell: Tell) -> None:
        """Let the course up to the window that ends with step `end` be judged."""
        if self.gauge is not None:
            self.gauge.look(seen(self.log.records, end, self.every), tell)
        for each in self._probing():
            each.look(end, tell)
        self.crossing.mark(end, [verdict for judge in self._judges() for verdict in judge.verdicts])

    def _probing(self) -> list[Probing]:
        return [*self.twins, *([] if self.drift is None else [self.drift])]

    def _judges(self) -> list[Follows | Probing]:
        return [*([] if self.gauge is None else [self.gauge]), *self._probing()]

    def findings(self) -> list[Finding]:
        """What is to be said of limits when training has ended."""
        return [finding for judge in self._judges() for finding in judge.findings()]

    def _ends(self) -> list[int]:
        """The windows that are complete: one that a signal cut short is read when its last step is done."""
        return [end for end in window_ends(self.every, self.steps) if end <= self.taken]

    def curves(self, probes: Sequence[Reading]) -> pa.Table:
        """All of training and the `probes` (readings on held-out rows) as CURVES."""
        lines = [
            _line(
                (record.step, "train", None, None, "batch_loss"), record.loss, (None, None), len(record.rows)
            )
            for record in self.log.records
            if record.loss is not None
        ]
        lines += [
            _line(
                (record.step, "train", each.axis, each.group, each.metric),
                each.value,
                (None, None),
                len(record.rows),
            )
            for record in self.log.records
            for each in record.course
        ]
        drawn = [
            reading
            for end in self._ends()
            for reading in window(self.log.records, end, self.every, self.groups)
        ]
        followed = [reading for judge in self._judges() for reading in judge.readings]
        for reading in [*drawn, *followed, *probes]:
            found = reading.interval
            lines.append(_line(reading.place, reading.mean, (found.low, found.high), found.n))
        undone = [line | {"rolled_back": line["step"] > self.done} for line in lines]
        return pa.Table.from_pylist(undone, schema=CURVES)


def _said(record: StepRecord) -> str:
    """What the screen shows of a step: its loss, or its reward where the loss says nothing by itself."""
    if "reward" in record.figures:
        return f"reward {np.mean(record.figures['reward']):.3f}"
    return "no row drawn" if record.loss is None else f"loss {record.loss:.3f}"


def _untold(_: object) -> None:
    """What was told before a kill is on record."""


def _line(place: Place, value: float, bounds: tuple[float | None, float | None], n: int) -> dict[str, Any]:
    return dict(zip(CURVES.names[:-1], (*place, value, *bounds, n), strict=True))
