"""What reward models came to on held-out pairs, for the page and the card.

A model that answers is evaluated; one that scores answers is not, so what its training measured before the
first step and after the last stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duecare.report.gather import Figure, Stage, Story
from duecare.report.metrics import metric

KIND = "reward-model"
EVERYONE = "all pairs"
_SHOWN = tuple(
    f"{KIND}.{name}" for name in ("accuracy", "accuracy.gap", "margin", "margin.gap", "loss", "score")
)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all pairs, or of one group's: `before` training, by the head as drawn, and `after`."""

    title: str
    who: str
    before: Figure | None
    after: Figure


@dataclass(frozen=True, slots=True)
class Judge:
    """One reward model."""

    stage: Stage
    rows: tuple[Row, ...]


def judges(story: Story) -> tuple[Judge, ...]:
    """Every reward model of a run that was measured on held-out pairs, in the order of the plan."""
    found = [Judge(stage, _rows(stage.figures)) for stage in story.of(KIND)]
    return tuple(each for each in found if each.rows)


def _rows(figures: Sequence[Figure]) -> tuple[Row, ...]:
    """Pairs of figures that differ in nothing but the time, in the order of `_SHOWN`."""
    times: dict[str, dict[tuple[str, str], Figure]] = {"before": {}, "after": {}}
    for figure in figures:
        about = figure.estimate.slice
        place = times.get(about.get("when", ""))
        if place is not None and about.get("split") == "held_out" and figure.estimate.metric in _SHOWN:
            place[figure.estimate.metric, _who(figure)] = figure
    order = sorted(times["after"], key=lambda key: (_SHOWN.index(key[0]), key[1] != EVERYONE))
    return tuple(
        Row(metric(name).title, who, times["before"].get((name, who)), times["after"][name, who])
        for name, who in order
    )


def _who(figure: Figure) -> str:
    """Whose pairs: "all pairs", "gender: women", "gender: women against all others"."""
    about = figure.estimate.slice
    if "group" not in about:
        return EVERYONE
    against = " against all others" if about.get("against") == "rest" else ""
    return f"{about.get('axis', '')}: {about['group']}{against}"
