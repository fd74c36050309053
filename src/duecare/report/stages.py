"""What each stage of training changed: one row a group and stage, and what of it is beyond chance."""

from __future__ import annotations

from dataclasses import dataclass

from duecare.report.gather import Figure, Story
from duecare.report.metrics import BY_STAGE, metric, sentence, suite_title
from duecare.report.strip import Forest, forest


@dataclass(frozen=True, slots=True)
class Moved:
    """Plots of all changes, the first ones open, and a sentence for each stage with its entry."""

    said: tuple[tuple[int, str], ...]
    plots: tuple[Forest, ...]
    further: tuple[Forest, ...]


def stages(story: Story) -> Moved | None:
    """None where the models between were not asked."""
    asked = story.of("stages")
    if not asked:
        return None
    figures = [
        figure for stage in asked for figure in stage.figures if figure.estimate.metric.startswith(BY_STAGE)
    ]
    plots: dict[tuple[str, str, str], list[Figure]] = {}
    for figure in figures:
        about = figure.estimate.slice
        plots.setdefault((about.get("suite", ""), figure.estimate.metric, about.get("axis", "")), []).append(
            figure
        )
    drawn = [_forest(*where, mine) for where, mine in plots.items()]
    gaps = [plot for (_, name, _), plot in zip(plots, drawn, strict=True) if ".gap" in name]
    first = gaps or drawn[:1]
    said = [
        (place, sentence(note.text))
        for stage in asked
        for place, note in stage.notes
        if note.topic == "stages.moved"
    ]
    return Moved(tuple(said), tuple(first), tuple(plot for plot in drawn if plot not in first))


def _forest(suite: str, name: str, axis: str, figures: list[Figure]) -> Forest:
    """Groups in the order in which they come, under each its stages in theirs."""
    rows: dict[str, list[Figure]] = {}
    for figure in figures:
        about = figure.estimate.slice
        rows.setdefault(about.get("group") or about.get("source") or "all together", []).append(figure)
    table = [
        (group, f"after {figure.estimate.slice['model']}", [("only", figure.estimate.slice["model"], figure)])
        for group, mine in rows.items()
        for figure in mine
    ]
    title = metric(name, figures[0].estimate.unit).title
    where = ", by " + axis if axis else ""
    return forest(f"{title}{where} ({suite_title(suite)})" if suite else f"{title}{where}", table)
