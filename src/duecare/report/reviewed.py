"""What rounds of human review found: how far people agree, and what they still saw."""

from __future__ import annotations

from dataclasses import dataclass

from duecare.report.gather import Figure, Stage, Story
from duecare.report.metrics import metric

KIND = "review"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of a round: what it is, and of which question, kind of place or group."""

    title: str
    of: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class Round:
    """One round that the run took in."""

    name: str
    stage: Stage
    lines: tuple[Line, ...]


def rounds(story: Story) -> tuple[Round, ...]:
    """Every round with its figures; those on answers of a model stand with the suite they belong to."""
    return tuple(
        Round(
            stage.source or stage.job,
            stage,
            tuple(_line(figure) for figure in stage.figures if "suite" not in figure.estimate.slice),
        )
        for stage in story.of(KIND)
    )


def _line(figure: Figure) -> Line:
    estimate = figure.estimate
    about = [value for key, value in estimate.slice.items() if key not in ("round", "axis")]
    return Line(metric(estimate.metric, estimate.unit).title, ", ".join(about) or "all", figure)
