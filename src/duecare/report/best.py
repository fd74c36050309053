"""Where a reward leads a policy: the best of n, as a curve, a table, and gaps between groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duecare.report.curves import Curve, Panel, Point
from duecare.report.gather import Figure, Ruling, Stage, Story
from duecare.report.metrics import metric
from duecare.report.strip import Forest, forest

KIND = NAME = "best-of-n"
PREFIX = "reward.best-of-n."
BOTH = {"reward": "the reward that chooses", "held_out": "the held-out reward"}


@dataclass(frozen=True, slots=True)
class Growing(Panel):
    """The over-optimisation curve: both rewards over n, drawn on a scale that doubles."""

    along: str = "best of n answers"

    @property
    def title(self) -> str:
        """What it shows."""
        return "The reward and the held-out reward, as the best of more answers is given"


@dataclass(frozen=True, slots=True)
class Line:
    """One n of the table: how far it is from the policy in nats, and a figure for each instrument."""

    n: int
    kl: str
    figures: tuple[Figure | None, ...]


@dataclass(frozen=True, slots=True)
class Best:
    """What one step found. `heads` name the columns of `lines`, `gaps` are plots of groups at the last n."""

    stage: Stage
    reward: str
    held_out: str
    policy: str
    rulings: tuple[Ruling, ...]
    curve: Growing
    heads: tuple[str, ...]
    lines: tuple[Line, ...]
    gaps: tuple[Forest, ...]


def bests(story: Story) -> tuple[Best, ...]:
    """Every such step of this run that came to figures, in the order of the plan."""
    found = (_best(stage) for stage in story.of(KIND))
    return tuple(each for each in found if each is not None)


def _best(stage: Stage) -> Best | None:
    said: Mapping[str, str] = next(
        (note.data for _, note in stage.notes if note.topic == f"reward.{NAME}"), {}
    )
    whole = [each for each in stage.figures if _is_level(each)]
    names = list(dict.fromkeys(_name(each) for each in whole))
    steps = sorted({_n(each) for each in whole})
    if not steps or not set(BOTH) <= set(names):
        return None
    where = {(_name(each), _n(each)): each for each in whole}
    lines = tuple(
        Line(
            n=n,
            kl=next((each.estimate.slice.get("kl", "") for each in whole if _n(each) == n), ""),
            figures=tuple(where.get((name, n)) for name in names),
        )
        for n in steps
    )
    return Best(
        stage=stage,
        reward=said.get("reward", ""),
        held_out=said.get("held_out", ""),
        policy=said.get("policy", ""),
        rulings=tuple(stage.rulings),
        curve=_curve(stage, where, steps),
        heads=tuple(metric(f"{PREFIX}{name}").title for name in names),
        lines=lines,
        gaps=tuple(_gaps(stage.figures)),
    )


def _is_level(figure: Figure) -> bool:
    own = figure.estimate
    return own.metric.startswith(PREFIX) and "n" in own.slice and "against" not in own.slice


def _name(figure: Figure) -> str:
    return figure.estimate.metric.removeprefix(PREFIX)


def _n(figure: Figure) -> int:
    return int(figure.estimate.slice["n"])


def _curve(stage: Stage, where: Mapping[tuple[str, int], Figure], steps: Sequence[int]) -> Growing:
    curves = []
    for name, title in BOTH.items():
        own = [(n, where[name, n].estimate) for n in steps if (name, n) in where]
        points = tuple(
            Point(n, each.value, each.low, each.high, each.n) for n, each in own if each.value is not None
        )
        if points:
            curves.append(Curve(title, points))
    return Growing(stage.job, stage.entry.index, "best-of-n", "pool", "", tuple(curves))


def _gaps(figures: Sequence[Figure]) -> list[Forest]:
    """Of each instrument the gap of each group to all others, at each n."""
    found: dict[str, list[Figure]] = {}
    for figure in figures:
        own = figure.estimate
        if own.metric.startswith(PREFIX) and own.metric.endswith(".gap"):
            found.setdefault(own.metric, []).append(figure)
    return [
        forest(
            metric(name).title,
            [
                (
                    f"{each.estimate.slice.get('group', '')} ({each.estimate.slice.get('axis', '')})",
                    f"best of {_n(each)}",
                    [("only", "", each)],
                )
                for each in sorted(own, key=lambda each: (each.estimate.slice.get("group", ""), _n(each)))
            ],
        )
        for name, own in found.items()
    ]
