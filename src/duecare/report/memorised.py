"""What a model kept of its rows: canaries that came back, and who can be told to have been trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duecare.report import verdict
from duecare.report.gather import Figure, Stage, Story
from duecare.report.memorised_words import ATTACKS
from duecare.report.metrics import metric
from duecare.report.strip import Forest, forest
from duecare.report.words import plural

KIND = "canaries-back"
FIRST = ("ratio", "margin")
"""The attacks whose figures stand on the page at once; the others are one click away."""
_ORDER = (
    "memorise.exposure",
    "memorise.regurgitated",
    "memorise.auc",
    "memorise.tpr",
    "memorise.epsilon",
    "memorise.survived",
    "memorise.regurgitated.near",
)


@dataclass(frozen=True, slots=True)
class Memorised:
    """One step that looked for canaries: `lead` in words, findings, plots at once and one click away."""

    job: str
    entry: int
    lead: str
    cards: tuple[verdict.Card, ...]
    plots: tuple[Forest, ...]
    further: tuple[Forest, ...]


def memorised(story: Story) -> tuple[Memorised, ...]:
    """Every step that looked for canaries, in the order of the plan."""
    return tuple(_of(stage) for stage in story.of(KIND))


def _of(stage: Stage) -> Memorised:
    plots = _plots(stage.figures)
    first = [plot for plot, at_once in plots if at_once]
    return Memorised(
        job=stage.job,
        entry=stage.entry.index,
        lead=_lead(stage),
        cards=tuple(verdict.card(ruling) for ruling in stage.rulings),
        plots=tuple(first),
        further=tuple(plot for plot, at_once in plots if not at_once),
    )


def _lead(stage: Stage) -> str:
    said = next((note.data for _, note in stage.notes if note.topic == "memorise.canaries"), {})
    placed, controls = int(said.get("placed", "0")), int(said.get("controls", "0"))
    return (
        f"The model of {said.get('model', 'the last step')} was asked for"
        f" {plural(placed, 'canary', 'canaries')} placed among the rows it was trained on, beside"
        f" {plural(controls, 'control')} drawn in the same way and not placed."
    )


def _plots(figures: Sequence[Figure]) -> list[tuple[Forest, bool]]:
    """A plot for each figure, attack and axis, and whether it stands on the page at once."""
    found: dict[tuple[str, str, str], list[Figure]] = {}
    for figure in figures:
        about = figure.estimate.slice
        if figure.estimate.metric in _ORDER:
            where = figure.estimate.metric, about.get("attack", ""), about.get("axis", "")
            found.setdefault(where, []).append(figure)
    ordered = sorted(found.items(), key=lambda each: _ORDER.index(each[0][0]))
    return [(_plot(where, own), _at_once(where)) for where, own in ordered]


def _at_once(where: tuple[str, str, str]) -> bool:
    name, attack, axis = where
    return not axis and (not attack or attack in FIRST) and name not in _ORDER[-2:]


def _plot(where: tuple[str, str, str], figures: Sequence[Figure]) -> Forest:
    name, attack, axis = where
    title = metric(name, figures[0].estimate.unit).title
    by = f", {ATTACKS.get(attack, attack)}" if attack else ""
    of = f", rows by {axis}" if axis else ""
    several = len({each.estimate.slice.get("source", "") for each in figures}) > 1
    labels = [f"{each.estimate.slice.get('source', '')}: " if several else "" for each in figures]
    rows = [
        (label + whose(each), "", [("only", "", each)]) for label, each in zip(labels, figures, strict=True)
    ]
    return forest(f"{title}{by}{of}", rows)


def whose(figure: Figure) -> str:
    """What a figure of canaries or rows speaks of, in a few words."""
    about = figure.estimate.slice
    if about.get("of") == "rows":
        return about.get("group") or "rows trained on, against rows held out"
    repeats = about.get("repeats", "")
    often = {"0": "not placed (control)", "1": "placed once"}.get(repeats, f"placed {repeats} times")
    place = f"in the {about['place']}" if "place" in about else "canaries"
    return f"{place}, {often}" if repeats else place
