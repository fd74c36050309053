"""What was found in the data: for each source what every step did to how many rows, why, and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duecare.core import Estimate
from duecare.report.cases import Case, Reason, cases_of, reasons_of
from duecare.report.gather import Figure, Stage, Story
from duecare.report.metrics import metric as describe
from duecare.report.strip import Forest, forest

STEPS = (
    "read",
    "audit",
    "toxicity",
    "poisoning",
    "duplicates",
    "decontaminate",
    "stereotypes",
    "balance",
    "personal",
    "split",
    "canaries",
)
_MOST_REASONS = 8
_CROSSED = " x "
"""Stands in the name of an axis that is made of two."""

_SAYS = {
    "read": "read from the source; malformed rows set aside",
    "audit": "who is in the data",
    "toxicity": "toxic texts",
    "poisoning": "rows that look planted",
    "duplicates": "repeated rows",
    "decontaminate": "rows that hold items of an evaluation set",
    "stereotypes": "stereotyped wording",
    "balance": "groups brought nearer to the population",
    "personal": "personal data replaced",
    "split": "training rows and held-out rows",
    "canaries": "made-up secrets among training rows",
}


@dataclass(frozen=True, slots=True)
class StepView:
    """What one curate step did; `before` and `after` are shares of the source's rows, for the bar."""

    stage: Stage
    name: str
    says: str
    counts: tuple[tuple[str, Figure], ...]
    before: float
    after: float
    reasons: tuple[Reason, ...]
    more_reasons: int
    cases: tuple[Case, ...]
    withheld: str


@dataclass(frozen=True, slots=True)
class SourceView:
    """One source from the file to the rows that train the model.

    `audit` says who is in it, `further` what else was measured of them, `removal` whose rows were removed.
    """

    name: str
    steps: tuple[StepView, ...]
    removal: tuple[Forest, ...]
    audit: tuple[Forest, ...]
    further: tuple[Forest, ...]


_REMOVED = ("curate.removed.share", "curate.removed.mentioning")
_PARTS = (("curate.split.train", "for training"), ("curate.split.held_out", "held out"))
_ADDED = (("curate.canaries.placed", "canaries placed"), ("curate.canaries.rows", "rows that they take"))
_COUNTS = ("in", "kept", "dropped", "changed", "flagged", "added", "set_aside")


def sources(story: Story, cases: int) -> tuple[SourceView, ...]:
    """Every source of the run in the order of the plan; `cases` rows at most are shown for a step."""
    names = list(dict.fromkeys(stage.source for stage in story.of(*STEPS) if stage.source))
    return tuple(_source(story, name, cases) for name in names)


def _source(story: Story, name: str, cases: int) -> SourceView:
    stages = [stage for stage in story.of(*STEPS) if stage.source == name]
    total = max((_count(stage, "in") or _count(stage, "kept") or 0 for stage in stages), default=0)
    return SourceView(
        name=name,
        steps=tuple(_step(story, stage, total, cases) for stage in stages),
        removal=_removal(stages),
        audit=_audit(stages, who=True),
        further=_audit(stages, who=False),
    )


def _count(stage: Stage, what: str) -> float | None:
    figure = _counted(stage, what)
    return figure.estimate.value if figure else None


def _counted(stage: Stage, what: str) -> Figure | None:
    return _figure(stage, f"curate.rows.{what}")


def _figure(stage: Stage, metric: str) -> Figure | None:
    return next(
        (
            figure
            for figure in stage.figures
            if figure.estimate.metric == metric and "group" not in figure.estimate.slice
        ),
        None,
    )


def _step(story: Story, stage: Stage, total: float, cases: int) -> StepView:
    counts = [(what.replace("_", " "), figure) for what in _COUNTS if (figure := _counted(stage, what))]
    before = _count(stage, "in")
    after = _count(stage, "kept")
    parts = [(said, figure) for name, said in _PARTS if (figure := _figure(stage, name))]
    if parts:
        counts = parts  # a split keeps every row, on one side or the other
        before = after = sum(figure.estimate.value or 0 for _, figure in parts)
    if added := [(said, figure) for name, said in _ADDED if (figure := _figure(stage, name))]:
        counts, before, after = added, total, total  # every row stays as it came
    reasons = reasons_of(stage)
    shown, withheld = cases_of(story, stage, cases)
    return StepView(
        stage=stage,
        name=stage.kind,
        says=_SAYS.get(stage.kind, ""),
        counts=tuple(counts),
        before=_share(before, total),
        after=_share(after if after is not None else before, total),
        reasons=tuple(reasons[:_MOST_REASONS]),
        more_reasons=max(0, len(reasons) - _MOST_REASONS),
        cases=shown,
        withheld=withheld,
    )


def _share(count: float | None, total: float) -> float:
    """Per cent of the bar; rows that a step added do not make it longer."""
    return min(100.0, round(100 * count / total, 2)) if count is not None and total else 0.0


def _removal(stages: Sequence[Stage]) -> tuple[Forest, ...]:
    """Share of each group's rows, declared or named, that each step removed, one plot an axis; steps that
    removed nothing are left out."""
    return _by_axis(
        [
            (stage, figure)
            for stage in stages
            for figure in stage.figures
            if figure.estimate.metric in _REMOVED and _count(stage, "dropped") != 0
        ],
        with_step=True,
    )


def _audit(stages: Sequence[Stage], *, who: bool) -> tuple[Forest, ...]:
    """Every other figure that speaks of a group: who is in the data (shares on one axis), or the rest:
    groups of two axes, length of answers, outcomes."""
    return _by_axis(
        [
            (stage, figure)
            for stage in stages
            for figure in stage.figures
            if not figure.estimate.metric.startswith(("curate.removed", "curate.rows"))
            and "group" in figure.estimate.slice
            and who
            == (figure.estimate.metric == "audit.share" and _CROSSED not in figure.estimate.slice["axis"])
        ],
        with_step=False,
    )


def about_topic(estimate: Estimate) -> bool:
    """Whether a figure of the audit's outcomes says what rows are about, not how they ended."""
    return estimate.slice.get("outcome", "").startswith("topic: ")


_TOPICS = {"audit.outcome.rate": "audit.topic.rate", "audit.outcome.ratio": "audit.topic.ratio"}
"""What such figures are called on the page."""


def _by_axis(found: Sequence[tuple[Stage, Figure]], *, with_step: bool) -> tuple[Forest, ...]:
    plots: dict[tuple[str, str, str], list[tuple[str, str, list[tuple[str, str, Figure]]]]] = {}
    for stage, figure in found:
        about = figure.estimate.slice
        rest = ", ".join(
            value if about_topic(figure.estimate) else f"{key} {value}"
            for key, value in sorted(about.items())
            if key not in ("source", "axis", "group", "against", "job")
        )
        step = "" if with_step else stage.kind
        against = f"against {about['against']}" if "against" in about else ""
        note = ", ".join(part for part in (stage.kind if with_step else "", against) if part)
        plot = plots.setdefault((figure.estimate.metric, about.get("axis", ""), rest + "\0" + step), [])
        plot.append((about.get("group", "all"), note, [("only", "", figure)]))
    forests = []
    for (metric, axis, rest), lines in plots.items():
        first = lines[0][2][0][2].estimate
        known = describe(_TOPICS.get(metric, metric) if about_topic(first) else metric, first.unit)
        about_text = ", ".join(part for part in (axis, rest.split("\0")[0]) if part)
        forests.append(forest(f"{known.title}, by {about_text}" if about_text else known.title, lines))
    return tuple(forests)
