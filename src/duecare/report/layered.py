"""What layers know, where a gap arises, and whether that is so: each map and reading beside its causal check.

What was not validated is not drawn: its checks stand there, its figures in the tables and the record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duecare.core import PASS
from duecare.report.gather import Figure, Ruling, Stage, Story
from duecare.report.layer_chart import Line, Point, Square, lines, squares, strip
from duecare.report.texts import rows

Row = Mapping[str, Any]
ROWS = (
    ("stream", "name", "stream, the words that name the group"),
    ("stream", "later", "stream, later words that differ"),
    ("stream", "between", "stream, the rest of the prompt"),
    ("stream", "end", "stream, end of the prompt"),
    ("stream", "answer", "stream, the answer"),
    ("attention", None, "attention, all heads"),
    ("mlp", None, "MLP"),
)
"""Rows of a map: part, position, what they are called."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the layers of one model know of one axis.

    `valid` where erasing what is read moved the gap; only then is `chart` there. `table` has a row a layer:
    accuracy, control, selectivity, each with its interval, and whether it is above chance for certain.
    """

    valid: bool
    said: str
    tests: tuple[Ruling, ...]
    chart: str
    table: tuple[tuple[int, tuple[str, ...], bool], ...]


@dataclass(frozen=True, slots=True)
class Map:
    """Where the gap of one group arises in one model.

    `valid` where some part held its causal check; only then is `chart` there. `table` has a row of ROWS each,
    with the share of every layer and whether it stands out.
    """

    title: str
    valid: bool
    said: str
    tests: tuple[Ruling, ...]
    chart: str
    layers: tuple[int, ...]
    table: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One model and axis: `lens` is a chart of the gap by layer as the head would see it."""

    model: str
    axis: str
    notes: tuple[str, ...]
    known: Known | None
    lens: str
    maps: tuple[Map, ...]
    costs: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """What layers know of one axis from model to model, in the order of training.

    `models` are the columns, in words; `table` has a row a layer: of each model the accuracy with its
    interval, how far it is on the way from the control task to 1, and whether it is above chance for
    certain. `firsts` says where the group is first read. `chart` is there where `valid`, as in Known.
    """

    axis: str
    title: str
    valid: bool
    said: str
    firsts: str
    models: tuple[str, ...]
    table: tuple[tuple[int, tuple[tuple[str, float | None, bool], ...]], ...]
    chart: str


@dataclass(frozen=True, slots=True)
class Layered:
    """What one step tells."""

    job: str
    entry: int
    lead: str
    parts: tuple[Part, ...]
    courses: tuple[Course, ...] = ()
    keys: tuple[str, ...] = tuple(name for _, _, name in ROWS)


def layered(story: Story) -> tuple[Layered, ...]:
    """Every step `layers` of a run."""
    return tuple(_of(stage) for stage in story.stages if stage.kind == "layers")


def _of(stage: Stage) -> Layered:
    read, patched = (rows(stage, f"{name}.parquet") for name in ("layers", "patching"))
    read_rows: list[Row] = [] if read is None else read.to_pylist()
    map_rows: list[Row] = [] if patched is None else patched.to_pylist()
    asked = stage.entry.settings or {}
    # States on the way are told from model to model, not one by one.
    whose = dict.fromkeys((row["model"], row["axis"]) for row in read_rows if row.get("step") is None)
    lead = (
        f"Fixed {asked.get('manner', '')} answers to counterfactual twins of {asked.get('issues', '')}"
        f" issues, {asked.get('patched', '')} of them patched. A share is that of the gap between twins which"
        " goes away when this part of one twin's run is replaced by the other's."
    )
    parts = tuple(
        _part(
            stage,
            model,
            axis,
            [row for row in read_rows if (row["model"], row["axis"]) == (model, axis)],
            [row for row in map_rows if (row["model"], row["axis"]) == (model, axis)],
        )
        for model, axis in whose
    )
    return Layered(stage.job, stage.entry.index, lead, parts, courses(stage, read_rows))


def _part(stage: Stage, model: str, axis: str, read: Sequence[Row], mapped: Sequence[Row]) -> Part:
    groups = dict.fromkeys((row["group"], row["against"]) for row in mapped)
    maps = tuple(
        _map(stage, model, axis, [row for row in mapped if row["group"] == group], whose=(group, against))
        for group, against in groups
    )
    costs = tuple(
        figure
        for figure in stage.figures
        if figure.estimate.metric.startswith("explain.erase.") and _about(figure, model, axis)
    )
    notes = tuple(
        note.text
        for _, note in stage.notes
        if note.topic == "explain.layers" and (note.data.get("model"), note.data.get("axis")) == (model, axis)
    )
    return Part(model, axis, notes, _known(stage, model, axis, read), _lens(model, axis, read), maps, costs)


def _about(figure: Figure | None, model: str, axis: str) -> bool:
    about = {} if figure is None else figure.estimate.slice
    return about.get("model") == model and about.get("axis") == axis


def _tests(stage: Stage, name: str, model: str, axis: str, group: str | None = None) -> tuple[Ruling, ...]:
    return tuple(
        each
        for each in stage.rulings
        if each.finding.name == name
        and each.figure is not None
        and _about(each.figure, model, axis)
        and (group is None or each.figure.estimate.slice.get("group") == group)
    )


def _line(read: Sequence[Row], metric: str, name: str, group: str | None = None) -> Line:
    points = tuple(
        Point(row["layer"], row["value"], row["low"], row["high"])
        for row in read
        if row["metric"] == metric and row["value"] is not None and (group is None or row["group"] == group)
    )
    return Line(name, points)


def _known(stage: Stage, model: str, axis: str, read: Sequence[Row]) -> Known | None:
    tests = _tests(stage, "explain.probe.causal", model, axis)
    accuracy = _line(read, "explain.probe.accuracy", "accuracy")
    control = _line(read, "explain.probe.control", "control task")
    if not accuracy.points:
        return None
    valid = any(each.finding.verdict == PASS for each in tests)
    by_layer: dict[int, dict[str, Row]] = {}
    for row in read:
        by_layer.setdefault(row["layer"], {})[row["metric"]] = row
    names = ("explain.probe.accuracy", "explain.probe.control", "explain.probe.selectivity")
    table = tuple(
        (layer, tuple(_said(some[name]) for name in names), bool(some[names[2]]["found"]))
        for layer, some in sorted(by_layer.items())
        if all(name in some for name in names)
    )
    title = f"What linear readers find of {axis} in the {model} model"
    drawn = lines(title, "balanced accuracy", [accuracy, control]) if valid else ""
    return Known(valid, _verdict(tests, "erasing what is read here moves the gap"), tests, drawn, table)


def _verdict(tests: Sequence[Ruling], what: str) -> str:
    held = sum(each.finding.verdict == PASS for each in tests)
    if not tests:
        return f"Not validated: it was not tested whether {what}."
    if held:
        return f"Validated: {what} more than its control does ({held} of {len(tests)} checks)."
    return (
        f"Not validated: in none of {len(tests)} checks was it shown that {what} more than its control does."
    )


def courses(stage: Stage, read: Sequence[Row]) -> tuple[Course, ...]:
    """What layers know from model to model, of every axis that was followed over training."""
    axes = dict.fromkeys(row["axis"] for row in read if row.get("step") is not None)
    return tuple(_course(stage, axis, [row for row in read if row["axis"] == axis]) for axis in axes)


def _course(stage: Stage, axis: str, read: Sequence[Row]) -> Course:
    models = {row["model"]: _standing(row) for row in read}
    cells = {(row["model"], row["layer"], row["metric"].removeprefix("explain.probe.")): row for row in read}
    layers = sorted({layer for _, layer, metric in cells if metric == "accuracy"})
    control = [row["value"] for row in read if row["metric"] == "explain.probe.control"]
    known = [value for value in control if value is not None]
    floor = sum(known) / len(known) if known else 0.0
    table = tuple((layer, tuple(_field(cells, model, layer, floor) for model in models)) for layer in layers)
    tests = tuple(each for model in models for each in _tests(stage, "explain.probe.causal", model, axis))
    valid = any(each.finding.verdict == PASS for each in tests)
    drawn = [
        Square(column, layer, level, certain)
        for layer, row in table
        for column, (_, level, certain) in enumerate(row)
        if level is not None
    ]
    title = f"How well linear readers tell {axis}, from model to model"
    names = tuple(models.values())
    chart = strip(title, names, drawn) if valid and drawn else ""
    said = _verdict(tests, "erasing what is read here moves the gap")
    return Course(axis, title, valid, said, _firsts(names, table), names, table, chart)


def _standing(row: Row) -> str:
    """What a model is called: "sft, step 20" of a state on the way."""
    step = row.get("step")
    return str(row["model"]) if step is None else f"{str(row['model']).rpartition('@')[0]}, step {step}"


def _field(
    cells: Mapping[tuple[str, int, str], Row], model: str, layer: int, floor: float
) -> tuple[str, float | None, bool]:
    """One reader: its accuracy, how far that is on the way from `floor` to 1, whether it is certain."""
    row = cells.get((model, layer, "accuracy"))
    if row is None:
        return "not read", None, False
    certain = bool(cells.get((model, layer, "selectivity"), {}).get("found"))
    value = row["value"]
    level = None if value is None or floor >= 1 else max(0.0, (value - floor) / (1 - floor))
    return _said(row), level, certain


def _firsts(
    models: Sequence[str], table: Sequence[tuple[int, tuple[tuple[str, float | None, bool], ...]]]
) -> str:
    """At which layer the group is first read for certain, model by model."""
    told = []
    for column, model in enumerate(models):
        first = next((layer for layer, row in table if row[column][2]), None)
        told.append(f"{model}: {'at none' if first is None else f'from layer {first} on'}")
    return f"Read above chance for certain: {'; '.join(told)}."


def _lens(model: str, axis: str, read: Sequence[Row]) -> str:
    groups = dict.fromkeys(
        (row["group"], row["against"]) for row in read if row["metric"] == "explain.lens.gap"
    )
    drawn = [
        _line(read, "explain.lens.gap", f"{group} against {against}", group) for group, against in groups
    ]
    drawn = [each for each in drawn if each.points]
    title = f"The gap of {axis} as the head would see it in the {model} model"
    return lines(title, "nats per token", drawn) if drawn else ""


def _map(stage: Stage, model: str, axis: str, mapped: Sequence[Row], *, whose: tuple[str, str]) -> Map:
    group, against = whose
    tests = _tests(stage, "explain.site.causal", model, axis, group)
    valid = any(each.finding.verdict == PASS for each in tests)
    place = {(part, position): number for number, (part, position, _) in enumerate(ROWS)}
    layers = tuple(sorted({row["layer"] for row in mapped}))
    cells = {(place[row["part"], row["position"]], row["layer"]): row for row in mapped}
    drawn = [
        Square(number, layer, row["share"], row["found"])
        for (number, layer), row in cells.items()
        if row["share"] is not None
    ]
    title = f"Where the gap of {group} against {against} arises in the {model} model"
    table = tuple(
        (
            name,
            tuple(
                _cell(cells[number, layer]) if (number, layer) in cells else ("", False) for layer in layers
            ),
        )
        for number, (_, _, name) in enumerate(ROWS)
    )
    names = [name for _, _, name in ROWS]
    chart = squares(title, names, drawn) if valid and drawn else ""
    said = _verdict(tests, "replacing the part closes the gap on issues that did not choose it")
    return Map(title, valid, said, tests, chart, layers, table)


def _cell(row: Row) -> tuple[str, bool]:
    if row["share"] is None:
        return "0" if "rounding" in (row["reason"] or "") else "?", False
    return f"{row['share']:.2f}", bool(row["found"])


def _said(row: Row) -> str:
    if row["value"] is None:
        return "could not say"
    return f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
