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
    """One step that asked what a model kept: `lead` in words, findings, plots at once, and `further` ones one
    click away, of which `behind` says what they are."""

    job: str
    entry: int
    title: str
    lead: str
    cards: tuple[verdict.Card, ...]
    plots: tuple[Forest, ...]
    further: tuple[Forest, ...]
    behind: str

    @staticmethod
    def of(  # noqa: PLR0917  # all that a step's part of the page holds, in its order
        stage: Stage, title: str, lead: str, plots: Sequence[Forest], further: Sequence[Forest], behind: str
    ) -> Memorised:
        """What stands on the page of a finished step, with its findings."""
        cards = tuple(verdict.card(ruling) for ruling in stage.rulings)
        place = stage.job, stage.entry.index
        return Memorised(*place, title, lead, cards, tuple(plots), tuple(further), behind)


def memorised(story: Story) -> tuple[Memorised, ...]:
    """Every step that looked for canaries, in the order of the plan."""
    return tuple(_of(stage) for stage in story.of(KIND))


def _of(stage: Stage) -> Memorised:
    plots = _plots(stage.figures)
    return Memorised.of(
        stage,
        "Canaries, and who was trained on",
        _lead(stage),
        [plot for plot, at_once in plots if at_once],
        [plot for plot, at_once in plots if not at_once],
        "Other attacks, groups of rows, survival, secrets that nearly came back",
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
