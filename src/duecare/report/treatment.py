"""How the model treats people, and whether it is still useful: each suite with its forest plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duecare.report.behind import Cases
from duecare.report.gather import Figure, Story
from duecare.report.metrics import METRICS, metric, sentence, suite_title
from duecare.report.strip import Forest, forest

_ORDER = tuple(METRICS)
_PLACES = ("model", "axis", "group", "against", "suite", "job")
_AT_ONCE = 2
_FEW = 4
"""Plots of a suite that stand open: all up to so many, else those with a limit and the first ones."""
_USEFUL, _SAMPLED = "heldout", "toxicity-by-group"


@dataclass(frozen=True, slots=True)
class SuiteView:
    """One suite: the plots that are seen at once, the further ones, and the cases behind them.

    `said` are sentences with their entries: what became of gaps since the base.
    """

    name: str
    title: str
    plots: tuple[Forest, ...]
    further: tuple[Forest, ...]
    cases: tuple[Cases, ...]
    said: tuple[tuple[int, str], ...] = ()


def measured(story: Story) -> tuple[Figure, ...]:
    """The figures that evaluation put on record, and those of its answers that people mended."""
    asked = [figure for stage in story.of("evaluate") for figure in stage.figures]
    mended = [figure for stage in story.of("review") for figure in stage.figures]
    return (*asked, *(figure for figure in mended if "suite" in figure.estimate.slice))


def treatment(story: Story, cases: Mapping[str, tuple[Cases, ...]]) -> tuple[SuiteView, ...]:
    """Every suite that is not about usefulness, in the order in which it was evaluated."""
    return tuple(each for each in suites(story, cases) if each.name != _USEFUL)


def usefulness(story: Story, cases: Mapping[str, tuple[Cases, ...]]) -> tuple[SuiteView, ...]:
    """Held-out rows: perplexity, ROUGE-L and what else speaks of them."""
    return tuple(each for each in suites(story, cases) if each.name == _USEFUL)


def suites(story: Story, cases: Mapping[str, tuple[Cases, ...]]) -> tuple[SuiteView, ...]:
    """All figures of the evaluation by suite; a figure that names none belongs to its metric's first part."""
    found: dict[str, list[Figure]] = {}
    for figure in measured(story):
        found.setdefault(suite_of(figure), []).append(figure)
    return tuple(_suite(story, name, figures, cases.get(name, ())) for name, figures in found.items())


def suite_of(figure: Figure) -> str:
    """The suite that a figure belongs to."""
    first = figure.estimate.metric.partition(".")[0]
    return _USEFUL if first == _USEFUL else figure.estimate.slice.get("suite", first)


def _suite(story: Story, name: str, figures: Sequence[Figure], cases: tuple[Cases, ...]) -> SuiteView:
    plots = _forests(story, figures)
    if len(plots) <= _FEW:
        first = plots
    else:
        held = [plot for plot in plots if plot.band is not None]
        first = tuple(plot for plot in plots if plot in held or plot in plots[: max(0, _AT_ONCE - len(held))])
    further = tuple(plot for plot in plots if plot not in first)
    return SuiteView(name, suite_title(name), first, further, cases, _said(story) if name == _SAMPLED else ())


def _said(story: Story) -> tuple[tuple[int, str], ...]:
    """Of every gap in toxicity that closed since the base: whether refusals or lengths alone moved."""
    notes = [each for stage in story.of("evaluate") for each in stage.notes]
    return tuple(
        (place, sentence(note.text))
        for place, note in notes
        if note.topic == "evaluate.moved" and note.data.get("kind") != "not shown"
    )


def _forests(story: Story, figures: Sequence[Figure]) -> tuple[Forest, ...]:
    limits = _limits(story)
    plots: dict[tuple[str, str], list[Figure]] = {}
    for figure in figures:
        plots.setdefault((figure.estimate.metric, figure.estimate.slice.get("axis", "")), []).append(figure)
    for name in {name for name, _ in plots}:
        axes = [axis for other, axis in plots if other == name]
        if "" in axes and len(axes) == 2:  # all together, and one axis: they belong on one number line
            whole = plots.pop((name, ""))
            axis = next(axis for axis in axes if axis)
            plots[name, axis] = [*whole, *plots[name, axis]]
    places = {where: place for place, where in enumerate(plots)}
    ranked = sorted(plots, key=lambda where: (_rank(where[0]), places[where]))
    return tuple(
        _forest(where, plots[where], limits.get(where) or limits.get((where[0], ""), "")) for where in ranked
    )


def _limits(story: Story) -> dict[tuple[str, str], str]:
    """(metric, axis) -> the limit of a gate in words; axis "" for a gate on every axis."""
    limits: dict[tuple[str, str], str] = {}
    for stage in story.of("gate"):
        declared = stage.entry.settings.get("gates", [])
        rulings = [ruling for ruling in stage.rulings if ruling.finding.gate]
        axes = [spec.get("axis") or "" for spec in declared if isinstance(spec, dict)]
        for ruling, axis in zip(
            rulings, axes if len(axes) == len(rulings) else [""] * len(rulings), strict=True
        ):
            limits[ruling.finding.name.removeprefix("gate."), axis] = ruling.finding.limit
    return limits


def _rank(name: str) -> int:
    """Known metrics in our order, the others after them as they come."""
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _forest(where: tuple[str, str], figures: Sequence[Figure], limit: str) -> Forest:
    name, axis = where
    worst = name.endswith("worst_group")
    lines: dict[tuple[str, str], list[tuple[str, str, Figure]]] = {}
    for figure in figures:
        about = figure.estimate.slice
        whole = "all together" if axis else about.get("source", "everyone")
        group = "whichever group is worst" if worst else about.get("group", whole)
        lines.setdefault((group, _note(about)), []).append(_named(figure, worst=worst))
    title = metric(name, figures[0].estimate.unit).title
    table = [(label, note, sorted(marks, key=lambda item: item[0])) for (label, note), marks in lines.items()]
    return forest(f"{title}, by {axis}" if axis else title, table, limit)


def _note(about: Mapping[str, str]) -> str:
    """What else a row speaks of: whom the group is compared with, and parts of the slice not named yet."""
    against = about.get("against", "")
    parts = [f"against {against}"] if against and against != "base" else []
    named = {*_PLACES, *(() if "group" in about else ("source",))}
    return ", ".join(parts + [f"{key} {value}" for key, value in sorted(about.items()) if key not in named])


def _named(figure: Figure, *, worst: bool) -> tuple[str, str, Figure]:
    """The symbol and name of a figure: base, tuned, or the only one (a change is neither)."""
    about = figure.estimate.slice
    model = about.get("model", "")
    name = f"{model}, {about['group']}" if worst and "group" in about else model
    return (
        "only" if about.get("against") == "base" or model not in ("base", "tuned") else model,
        name,
        figure,
    )
