"""Which rows and slices of the data moved a gap: causes that training again confirmed, and estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duecare.core import FAIL, INSUFFICIENT, PASS
from duecare.report.gather import Figure, Ruling, Stage, Story
from duecare.report.metrics import sentence
from duecare.report.strip import Forest, forest
from duecare.report.texts import rows

NAME = ".influence."
"""In the name of every figure and finding of influence."""

_SAID = {
    PASS: "validated by training without it",
    FAIL: "tried, not validated: the gap moved the other way",
    INSUFFICIENT: "tried, not validated",
}
_ABOUT = ("of", "axis", "group", "against")
_TOP = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A row of large influence: its name and key, how often it was read and what it accounts for; no text."""

    row: str
    key: str
    uses: int
    value: float
    whose: str


@dataclass(frozen=True, slots=True)
class Gap:
    """One gap of one training step.

    `change` is what it moved by and `account` what all rows together account for of it. `causes` are slices
    that training without them confirmed, `refused` those that it did not, `plot` all slices.
    """

    title: str
    unit: str
    change: Figure | None
    account: Figure | None
    causes: tuple[Ruling, ...]
    refused: tuple[Ruling, ...]
    plot: Forest | None


@dataclass(frozen=True, slots=True)
class Influence:
    """What one training step tells: how it was worked out, each gap, the control, and rows by name."""

    job: str
    said: tuple[tuple[int, str], ...]
    gaps: tuple[Gap, ...]
    control: Figure | None
    top: tuple[Row, ...]


def influences(story: Story) -> tuple[Influence, ...]:
    """Every training step that was asked which rows moved a gap, in the order of the plan."""
    asked = [stage for stage in story.stages if any(NAME in each.estimate.metric for each in stage.figures)]
    return tuple(_of(stage) for stage in asked)


def _of(stage: Stage) -> Influence:
    figures = [figure for figure in stage.figures if NAME in figure.estimate.metric]
    by_gap: dict[tuple[str, ...], list[Figure]] = {}
    for figure in figures:
        if "group" in figure.estimate.slice:
            by_gap.setdefault(_whose(figure.estimate.slice), []).append(figure)
    control = [figure for figure in figures if figure.estimate.metric.endswith(f"{NAME}control")]
    notes = [(place, sentence(note.text)) for place, note in stage.notes if note.topic.endswith(".influence")]
    return Influence(
        job=stage.job,
        said=tuple(notes),
        gaps=tuple(_gap(stage, whose, mine) for whose, mine in by_gap.items()),
        control=control[0] if control else None,
        top=_top(stage),
    )


def _whose(about: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(about.get(name, "") for name in _ABOUT)


def _gap(stage: Stage, whose: tuple[str, ...], figures: Sequence[Figure]) -> Gap:
    of, axis, group, against = whose
    rulings = {
        (ruling.figure.estimate.slice.get("by", ""), ruling.figure.estimate.slice.get("value", "")): ruling
        for ruling in stage.rulings
        if NAME in ruling.finding.name
        and ruling.figure is not None
        and _whose(ruling.figure.estimate.slice) == whose
    }
    slices = _named(figures, "slice")
    table = [_line(figure, rulings) for figure in slices]
    ends = {name: _named(figures, name) for name in ("change", "sum")}
    return Gap(
        title=f"{of.replace('_', ' ')} of {group} against {against} ({axis})",
        unit=figures[0].estimate.unit,
        change=ends["change"][0] if ends["change"] else None,
        account=ends["sum"][0] if ends["sum"] else None,
        causes=tuple(each for each in rulings.values() if each.finding.verdict == PASS),
        refused=tuple(each for each in rulings.values() if each.finding.verdict != PASS),
        plot=forest("Slices of the rows, estimated by gradients", table) if table else None,
    )


def _named(figures: Sequence[Figure], name: str) -> list[Figure]:
    return [figure for figure in figures if figure.estimate.metric.endswith(f"{NAME}{name}")]


def _line(
    figure: Figure, rulings: Mapping[tuple[str, str], Ruling]
) -> tuple[str, str, list[tuple[str, str, Figure]]]:
    """A slice with its place among the others: whether it stands out, and what came of trying it."""
    estimate = figure.estimate
    by, value = estimate.slice.get("by", ""), estimate.slice.get("value", "")
    ruling = rulings.get((by, value))
    stands_out = (
        estimate.low is not None and estimate.high is not None and not estimate.low <= 0 <= estimate.high
    )
    note = "" if not stands_out else "stands out, not tried"
    if ruling is not None:
        note = _SAID[ruling.finding.verdict]
    return f"{by}: {value}", note, [("only", "", figure)]


def _top(stage: Stage) -> tuple[Row, ...]:
    """The rows of the largest influence, as many as the step says."""
    asked = stage.entry.settings.get("influence") if stage.entry.settings else None
    most = asked.get("top", _TOP) if isinstance(asked, dict) else _TOP
    table = rows(stage, "influence.parquet")
    if table is None or not isinstance(most, int):
        return ()
    ranked = sorted(table.to_pylist(), key=lambda line: (-abs(line["value"]), line["row"]))
    return tuple(
        Row(
            line["row"],
            line["key"],
            line["uses"],
            line["value"],
            f"{line['group']} against {line['against']}",
        )
        for line in ranked[:most]
    )
