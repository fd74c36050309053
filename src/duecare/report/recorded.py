"""What a model kept of real records: redacted values, rows word by word, and what redaction missed."""

from __future__ import annotations

from collections.abc import Sequence

from duecare.report.gather import Figure, Stage, Story
from duecare.report.memorised import Memorised
from duecare.report.metrics import metric
from duecare.report.strip import Forest, forest
from duecare.report.words import plural

KIND, NOTE = "records", "memorise.records"
_FIRST = (
    "memorise.redacted.excess",
    "memorise.redacted.exact",
    "memorise.redacted.lift.excess",
    "memorise.redacted.lift",
    "memorise.verbatim.excess",
    "memorise.verbatim.near",
    "memorise.missed.values",
    "memorise.missed.memorised",
)
"""Figures that stand on the page at once, of all rows; in this order."""
_FURTHER = (
    "memorise.redacted.memorised",
    "memorise.redacted.near",
    "memorise.redacted.stands",
    "memorise.verbatim.exact",
    "memorise.verbatim.over_base",
    "memorise.verbatim.copied",
    "memorise.verbatim.copied.over_base",
    "memorise.missed.extracted",
    "memorise.missed.detected",
)
_PARTED = ("kind", "part", "axis")
_SIDES = {"train": "rows trained on", "held_out": "rows held out"}
_PARTS = {"answer": "in answers", "prompt": "in prompts"}


def recorded(story: Story) -> tuple[Memorised, ...]:
    """Every step that asked for records, in the order of the plan."""
    return tuple(_of(stage) for stage in story.of(KIND))


def _of(stage: Stage) -> Memorised:
    return Memorised.of(
        stage,
        "Real records",
        _lead(stage),
        _plots(stage.figures, _FIRST, parted=False),
        [
            *_plots(stage.figures, (*_FIRST, *_FURTHER), parted=True),
            *_plots(stage.figures, _FURTHER, parted=False),
        ],
        "By kind, group and part; copies of any training row; what a detector finds",
    )


def _lead(stage: Stage) -> str:
    said = next((note.data for _, note in stage.notes if note.topic == NOTE), {})
    redacted, rows = int(said.get("redacted", "0")), int(said.get("rows", "0"))
    reviewed = int(said.get("reviewed", "0"))
    people = f"People had reviewed {plural(reviewed, 'row')} after redaction." if reviewed else ""
    return (
        f"The model of {said.get('model', 'the last step')} and the base model were asked for"
        f" {plural(redacted, 'value')} that redaction took out of {said.get('source', 'a source')}, and to go"
        f" on from the beginnings of {plural(rows, 'row')}. {people} {said.get('drawn', '')}"
    ).strip()


def _plots(figures: Sequence[Figure], names: Sequence[str], *, parted: bool) -> list[Forest]:
    """A plot for each of `names`, of all rows or, `parted`, for each way in which they are parted."""
    found: dict[tuple[str, str], list[Figure]] = {}
    for figure in figures:
        about = figure.estimate.slice
        by = next((key for key in _PARTED if key in about), "")
        if figure.estimate.metric in names and bool(by) is parted:
            found.setdefault((figure.estimate.metric, about.get(by, "") if by == "axis" else by), []).append(
                figure
            )
    ordered = sorted(found.items(), key=lambda each: (names.index(each[0][0]), each[0][1]))
    return [_plot(name, by, own) for (name, by), own in ordered]


def _plot(name: str, by: str, figures: Sequence[Figure]) -> Forest:
    """Rows of the plot are what its figures speak of, marks the models."""
    title = metric(name, figures[0].estimate.unit).title
    rows: dict[str, list[tuple[str, str, Figure]]] = {}
    for figure in figures:
        model = figure.estimate.slice.get("model", "")
        rows.setdefault(whose(figure), []).append((model or "only", model, figure))
    return forest(f"{title}, by {by}" if by else title, [(label, "", marks) for label, marks in rows.items()])


def whose(figure: Figure) -> str:
    """What a figure of records speaks of, in a few words."""
    about = figure.estimate.slice
    part = about.get("kind") or _PARTS.get(about.get("part", "")) or about.get("group", "")
    behind = f"shown {about['prefix']} tokens" if "prefix" in about else ""
    said = [part, _SIDES.get(about.get("rows", ""), ""), behind]
    return ", ".join(each for each in said if each) or "all"
