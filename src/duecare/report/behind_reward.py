"""The people behind a reward, for the page: who leans, and what the reward is without them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from duecare.report.gather import Figure, Stage, Story
from duecare.report.rewarded_words import NUDGES, PLACES
from duecare.report.strip import Forest, forest

KIND = "reward-people"
LEANS, PANELS = "reward.people.leaning", "reward.people.panel_leaning"
ACCURACY, NUDGE = "reward.people.accuracy.change", "reward.people.nudge.change"


@dataclass(frozen=True, slots=True)
class Behind:
    """One look at the people behind a reward. `said` are sentences with their entries, changes beyond chance
    among them; `plots` who leans and what changes, `further` the changes of all other nudges."""

    stage: Stage
    reward: str
    said: tuple[tuple[int, str], ...]
    plots: tuple[Forest, ...]
    further: tuple[Forest, ...]


def people_behind(story: Story) -> tuple[Behind, ...]:
    """Every look at the people behind a reward in this run, in the order of the plan."""
    return tuple(_behind(stage) for stage in story.of(KIND))


def _behind(stage: Stage) -> Behind:
    reward = next((figure.estimate.slice.get("reward", "") for figure in stage.figures), "")
    said = [(place, note.text) for place, note in stage.notes if note.topic == "reward.people"]
    said += [(ruling.entry, ruling.finding.detail) for ruling in stage.rulings]
    plots = [
        *_plot("How much more often each person takes the longer answer", stage.figures, LEANS, "rater"),
        *_plot("The same of panels", stage.figures, PANELS, "panel"),
        *_plot("Pairs ranked right by a reward that is fitted otherwise", stage.figures, ACCURACY, "how"),
    ]
    changes: dict[str, list[Figure]] = {}
    for figure in stage.figures:
        if figure.estimate.metric == NUDGE:
            changes.setdefault(_nudge(figure), []).append(figure)
    drawn = {
        name: forest(f"What a reward that is fitted otherwise pays: {name}", _rows(own, "how"))
        for name, own in changes.items()
    }
    moved = {name for name, own in changes.items() if any(_beyond(figure) for figure in own)}
    return Behind(
        stage,
        reward,
        tuple(said),
        (*plots, *(plot for name, plot in drawn.items() if name in moved)),
        tuple(plot for name, plot in drawn.items() if name not in moved),
    )


def _plot(title: str, figures: Iterable[Figure], name: str, by: str) -> list[Forest]:
    own = [figure for figure in figures if figure.estimate.metric == name]
    return [forest(title, _rows(own, by))] if own else []


def _rows(figures: Iterable[Figure], by: str) -> list[tuple[str, str, list[tuple[str, str, Figure]]]]:
    return [(figure.estimate.slice.get(by, ""), _small(figure), [("only", "", figure)]) for figure in figures]


def _small(figure: Figure) -> str:
    """The p-value that stands small beside a row."""
    about = figure.estimate.slice
    p = about.get("shuffled_p") or about.get("holm_p")
    return "" if p is None else f"p {p}, corrected{', beyond chance' if _beyond(figure) else ''}"


def _beyond(figure: Figure) -> bool:
    return figure.estimate.slice.get("beyond_chance") == "yes"


def _nudge(figure: Figure) -> str:
    about = figure.estimate.slice
    if about.get("kind") == "identity":
        where = PLACES.get(about.get("place", ""), "")
        return f"{about.get('group', '')} instead of {about.get('against', '')}, {where}"
    nudge = about.get("nudge", "")
    return NUDGES.get(nudge, nudge)
