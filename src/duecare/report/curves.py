"""Training as it went: the curve of every group, from the tables that training left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duecare.report import words
from duecare.report.gather import Stage, Story
from duecare.report.metrics import metric
from duecare.report.texts import rows

COLUMNS = ("step", "split", "axis", "group", "metric", "value", "low", "high", "n")


EVERYONE = "everyone"
STEPS = "training step"


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a curve; `low` and `high` are None where no interval was taken."""

    step: int
    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of one group (or "everyone"), by step; `of` is the group where its model was not kept."""

    group: str
    points: tuple[Point, ...]
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: a metric of one training job on one split, a curve for each group of one axis."""

    job: str
    entry: int
    metric: str
    split: str
    axis: str
    curves: tuple[Curve, ...]
    along: str = STEPS
    """What runs from left to right; anything but training steps is drawn on a scale that doubles."""

    @property
    def title(self) -> str:
        """ "sft: loss on training batches, by gender"."""
        if self.split == "twins":
            return f"{metric(self.metric).title}{f', by {self.axis}' if self.axis else ''}"
        split = {"train": "training rows", "probe": "held-out rows"}.get(self.split, self.split)
        by = f", by {self.axis}" if self.axis else ""
        of = ", group less all others," if self.metric.endswith(".gap") else ""
        return f"{words.title(self.metric)}{of} on {split}{by}"


def panels(story: Story) -> tuple[Panel, ...]:
    """Every chart of the training jobs of a run, in the order of the plan."""
    found: list[Panel] = []
    for stage in story.stages:
        curves = rows(stage, "curves.parquet") if "curves.parquet" in stage.files else None
        if curves is not None and set(COLUMNS) <= set(curves.column_names):
            found += _panels(stage, curves.to_pylist())
    return tuple(found)


def _undone(stage: Stage) -> str:
    """Why steps after the model that is kept were let go: a limit was crossed, or an earlier was better."""
    topics = [note.topic for _, note in stage.notes]
    chosen = any(topic.endswith(".kept") for topic in topics)
    return (
        "not kept" if chosen and not any(each.endswith(".rolled_back") for each in topics) else "rolled back"
    )


def _panels(stage: Stage, records: Sequence[Mapping[str, Any]]) -> list[Panel]:
    lines: dict[tuple[str, str, str], dict[tuple[str, bool], list[Point]]] = {}
    for record in records:
        where = (record["metric"], record["split"], record["axis"] or "")
        point = Point(record["step"], record["value"], record["low"], record["high"], record["n"])
        group = (record["group"] or EVERYONE, bool(record.get("rolled_back")))
        lines.setdefault(where, {}).setdefault(group, []).append(point)
    by_group = {(metric, split) for metric, split, axis in lines if axis}
    found = []
    for where, groups in sorted(lines.items(), key=lambda line: _rank(*line[0])):
        metric, split, axis = where
        if not axis and (metric, split) in by_group:
            continue  # everyone is drawn beside each group
        drawn = {**groups, **lines.get((metric, split, ""), {})}
        curves = _curves(drawn, _undone(stage))
        found.append(Panel(stage.job, stage.entry.index, metric, split, axis, curves))
    return found


def _rank(metric: str, split: str, axis: str) -> tuple[bool, str, str, str]:
    """Loss first, the loss of single batches last; by axis, held-out rows after training rows."""
    return (
        metric.startswith("batch"),
        "" if metric == "loss" else metric,
        axis,
        {"train": ""}.get(split, split),
    )


def _curves(drawn: Mapping[tuple[str, bool], Sequence[Point]], words: str) -> tuple[Curve, ...]:
    """Each group's curve; what came after the model that is kept is a curve of its own that begins there."""
    found = []
    for (group, after), points in drawn.items():
        line = sorted(points, key=lambda point: point.step)
        if after:
            kept = sorted(drawn.get((group, False), ()), key=lambda point: point.step)
            found.append(Curve(f"{group}, {words}", (*kept[-1:], *line), of=group))
        else:
            found.append(Curve(group, tuple(line)))
    return tuple(found)
