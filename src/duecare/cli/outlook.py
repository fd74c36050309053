"""What a study will be able to decide, and how long its evaluation will take, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from duecare.cli.former import Before, before
from duecare.cli.study import Study
from duecare.core import StudyError
from duecare.evaluate.ask import Evaluate
from duecare.evaluate.limit import GateSpec
from duecare.evaluate.suites.table import SIZED_BY

if TYPE_CHECKING:
    from duecare.evaluate.forecast import Ahead

RATE, EFFECT, DEVIATION = 0.05, 2.0, 0.1
"""Assumed where nothing is known: rate of an event, design effect of several answers to one prompt, and
standard deviation of the twins' gaps in nats per token."""
_PROMPTS, _PAIRS, READ = 64, 120, 24
"""All base prompts of an axis, all framed issues, and the tokens that scoring one option is taken to cost."""


@dataclass(frozen=True, slots=True)
class GateOutlook:
    """One gate: its comparisons, the n that each group will have, the gap that n shows, the n that decides.

    `gap` is in the unit of the figure, None where nothing is known or (`blind`) n shows none; `needed` is
    None where no number would do, or nothing is known. `assumes` says what all of it rests on.
    """

    metric: str
    limit: str
    comparisons: int
    n: int | None
    gap: float | None
    needed: int | None
    assumes: str
    blind: bool = False


@dataclass(frozen=True, slots=True)
class SuiteOutlook:
    """One suite: items, samples of each, seconds for all models, and the items that fit a budget of time.

    `setting` is the field of the study that sets them ("prompts: 12"), as proposed where there is a budget.
    `figure` is the one by which a suite's size is judged, the rest as for a gate, all its comparisons
    sharing an accepted error of 5 %.
    """

    suite: str
    items: int
    samples: int
    seconds: float
    proposed: int | None
    setting: str
    figure: str
    n: int | None
    gap: float | None
    assumes: str
    blind: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """What lies ahead; `speed` in tokens per second and where it is from.

    `least` is what the fewest items that every suite can be asked would take, in seconds; more than the
    minutes asked for means that no proposal fits.
    """

    gates: tuple[GateOutlook, ...]
    suites: tuple[SuiteOutlook, ...]
    speed: float
    speed_from: str
    least: float

    @property
    def seconds(self) -> float:
        """The whole evaluation."""
        return sum(each.seconds for each in self.suites)


@dataclass(frozen=True, slots=True)
class _Size:
    """One suite: `count` of `setting`, each of which is `each` items of `tokens` tokens; `least` of them."""

    setting: str
    count: int
    least: int
    each: int
    samples: int
    tokens: float

    @property
    def cost(self) -> float:
        """Tokens of one more of the setting, for one model."""
        return self.each * self.tokens


def outlook(
    study: Study,
    *,
    minutes: float | None = None,
    rate: float = RATE,
    effect: float = EFFECT,
    former: Path | None = None,
) -> Outlook:
    """What `study` will decide and take; `rate` and `effect` (design effect) are assumed for its gates.

    `former` is a run's folder, or that of an evaluation in it, by default the study's own: what it
    measured replaces what is assumed. A StudyError where nothing is evaluated.
    """
    step = study.evaluate
    if not isinstance(step, Evaluate):
        raise StudyError("plan: the study has no `evaluate`, so there is nothing to plan")
    if not 0 < rate < 1 or effect < 1 or (minutes is not None and minutes <= 0):
        raise StudyError(
            f"plan: rate={rate}, design effect={effect}, minutes={minutes}: expected a rate between 0 and 1,"
            " a design effect of 1 or more, and more than 0 minutes"
        )
    if former is not None and not former.is_dir():
        raise StudyError(f"plan: former={former}: expected the folder of a run or of an evaluation")
    known = before(former or study.place(), READ)
    sizes = _sizes(study, step)
    models = 2 if study.tunes else 1
    second = known.speed / models
    proposed = None if minutes is None else _fitting(sizes, 60 * minutes * second)
    ahead = _ahead(study, step, (rate, effect), known)
    suites = tuple(
        _suite(name, size, None if proposed is None else proposed[name], second, ahead)
        for name, size in sizes.items()
    )
    least = sum(size.least * size.cost for size in sizes.values()) / second
    return Outlook(_gates(study, ahead), suites, known.speed, known.speed_from, least)


def _suite(name: str, size: _Size, proposed: int | None, second: float, ahead: Ahead) -> SuiteOutlook:
    """One suite with its time, at `second` tokens of one model a second, and with what it can show."""
    figure = SIZED_BY[name]
    shown = ahead.of_figure(figure)
    return SuiteOutlook(
        suite=name,
        items=size.count * size.each,
        samples=size.samples,
        seconds=size.count * size.cost / second,
        proposed=None if proposed is None else proposed * size.each,
        setting=f"{size.setting}: {size.count if proposed is None else proposed}",
        figure=figure,
        n=shown.n,
        gap=shown.gap,
        assumes=shown.assumes,
        blind=shown.blind,
    )


def _ahead(study: Study, step: Evaluate, assumed: tuple[float, float], known: Before) -> Ahead:
    """A rehearsal of the whole evaluation, and what can be seen from it."""
    from duecare.cli.sources import located
    from duecare.evaluate.forecast import Ahead, Assumed
    from duecare.evaluate.rehearsal import rehearse

    models = ("base", "tuned") if study.tunes else ("base",)
    planned = rehearse(cast("Evaluate", located(study, step)), models, list(study.data))
    return Ahead(planned, Assumed(*assumed, DEVIATION), known.evaluation)


def _gates(study: Study, ahead: Ahead) -> tuple[GateOutlook, ...]:
    specs: tuple[GateSpec, ...] = getattr(study.gates, "gates", ())
    return tuple(
        GateOutlook(
            spec.name, spec.words, each.comparisons, each.n, each.gap, each.needed, each.assumes, each.blind
        )
        for spec, each in zip(specs, ahead.of_gates(specs), strict=True)
    )


def _fitting(sizes: Mapping[str, _Size], tokens: float) -> dict[str, int]:
    """How many of each suite fit `tokens`: as much time for each, and what a small one leaves for the others.

    In proportion to size, small suites would be cut to a handful of items, on which nothing can be said. No
    suite gets less than its fewest; where even the fewest of all do not fit, it is the fewest.
    """
    low, high = 0.0, max((size.count * size.cost for size in sizes.values()), default=0.0)
    for _ in range(64):
        level = (low + high) / 2
        wanted = sum(
            min(size.count, max(size.least, level // size.cost)) * size.cost for size in sizes.values()
        )
        low, high = (level, high) if wanted <= tokens else (low, level)
    if sum(size.count * size.cost for size in sizes.values()) <= tokens:
        return {name: size.count for name, size in sizes.items()}
    return {name: _within(size, low) for name, size in sizes.items()}


def _within(size: _Size, tokens: float) -> int:
    """How many of a suite fit `tokens`, but no fewer than its fewest."""
    return min(size.count, max(size.least, int(tokens // size.cost)))


def _sizes(study: Study, step: Evaluate) -> dict[str, _Size]:
    """Suite to its size."""
    from duecare.cli.sources import located
    from duecare.evaluate.suites import AXES
    from duecare.evaluate.suites.suite import Item
    from duecare.evaluate.suites.table import READ_FROM_FILES, suite

    groups = sum(len(AXES[axis]) for axis in step.axes)
    sampled = float(step.samples * step.max_tokens)
    found: dict[str, _Size] = {}
    paths: Mapping[str, str] = getattr(located(study, step), "data", {})
    for name in step.suites:
        if name == "toxicity-by-group":
            found[name] = _Size("prompts", step.prompts or _PROMPTS, 2, groups, step.samples, sampled)
        elif name == "twins":
            each = groups * len(step.manners)
            found[name] = _Size("pairs", step.pairs or _PAIRS, 2, each, 1, float(READ))
        elif name == "heldout" and study.data:
            found[name] = _Size("rows", step.rows, 1, len(study.data), 1, float(READ + step.max_tokens))
        elif name in READ_FROM_FILES:
            items: Sequence[Item] = suite(name).read(Path(paths[name]))
            most = min(step.items.get(name, len(items)), len(items))
            mean = _mean(len(item.options) * READ if item.options else sampled for item in items)
            samples = step.samples if any(not item.options for item in items) else 1
            found[name] = _Size("items", most, min(2, most), 1, samples, mean)
    return found


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / max(1, len(listed))
