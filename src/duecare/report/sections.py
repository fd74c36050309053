"""The sections of the page, in order; some are there only where the run has something to say in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from duecare.report.gather import Stage, Story


@dataclass(frozen=True, slots=True)
class Section:
    """A section by its anchor, with its number and heading."""

    number: int
    anchor: str
    title: str


def explaining(story: Story) -> tuple[Stage, ...]:
    """The jobs that explained a model, in the order of the plan."""
    return tuple(stage for stage in story.stages if (stage.entry.step or "").startswith("duecare.explain."))


def memorising(story: Story) -> tuple[Stage, ...]:
    """The jobs that asked what a model memorised, in the order of the plan."""
    return tuple(stage for stage in story.stages if (stage.entry.step or "").startswith("duecare.memorise."))


def _always(_: Story) -> bool:
    return True


_ALL: tuple[tuple[str, str, Callable[[Story], object]], ...] = (
    ("data", "What was found in the data", _always),
    ("people", "How the model treats people", _always),
    ("use", "Is it still useful", _always),
    ("training", "Training, group by group", _always),
    ("why", "Why it answers so", explaining),
    ("memory", "What the model kept of its rows", memorising),
    ("instruments", "The instruments", _always),
    ("lineage", "From source to model", _always),
    ("account", "Who answers for it", _always),
    ("record", "The record", _always),
)


def sections(story: Story) -> tuple[Section, ...]:
    """The sections that the page of this run has."""
    shown = [(anchor, title) for anchor, title, there in _ALL if there(story)]
    return tuple(Section(place, *each) for place, each in enumerate(shown, 1))


def number(story: Story, anchor: str) -> int:
    """The number of the section called `anchor`; a KeyError where the page has none."""
    return {section.anchor: section.number for section in sections(story)}[anchor]
