"""What a study will be able to decide, and how long its evaluation will take, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from duecare.cli.study import Study
from duecare.core import DuecareError, StudyError
from duecare.evaluate.ask import Evaluate
from duecare.evaluate.limit import GateSpec
from duecare.measure.size import (
    POWER,
    minimum_detectable_gap,
    minimum_detectable_mean,
    needed_n,
    needed_n_of_rates,
)

RATE, EFFECT, DEVIATION = 0.05, 2.0, 0.1
"""Assumed where nothing is known: rate of an event, design effect of several answers to one prompt, and
standard deviation of the twins' gaps in nats per token."""
TOKENS_PER_SECOND = 150.0
"""Assumed where no former run is on record: what two cores reached with a model of 135 million parameters."""
_PROMPTS, _PAIRS, _READ = 64, 120, 24
"""All base prompts of an axis, all framed issues, and the tokens that scoring one option is taken to cost."""
_RATES = ("rate", "difference", "disparate_impact_ratio", "change", "worst_group")


@dataclass(frozen=True, slots=True)
class GateOutlook:
    """One gate: n that each group will have, the smallest gap that n shows, and the n that would decide it.

    `gap` is in the unit of a rate or in nats per token; `needed` is None where no number would do, or
    nothing is known. `assumes` says what all of it rests on.
    """

    metric: str
    limit: str
    n: int | None
    gap: float | None
    needed: int | None
    assumes: str


@dataclass(frozen=True, slots=True)
class SuiteOutlook:
    """One suite: items, samples of each, seconds for all models, and the items that fit a budget of time."""

    suite: str
    items: int
    samples: int
    seconds: float
    proposed: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What lies ahead; `speed` in tokens per second and where it is from."""

    gates: tuple[GateOutlook, ...]
    suites: tuple[SuiteOutlook, ...]
    speed: float
    speed_from: str

    @property
    def seconds(self) -> float:
        """The whole evaluation."""
        return sum(each.seconds for each in self.suites)


def outlook(
    study: Study,
    *,
    minutes: float | None = None,
    rate: float = RATE,
    effect: float = EFFECT,
    run: Path | None = None,
) -> Outlook:
    """What `study` will decide and take; `rate` and `effect` (design effect) are assumed for its gates.

    `run` is a former run's folder, by default the study's own. A StudyError where nothing is evaluated.
    """
    step = study.evaluate
    if not isinstance(step, Evaluate):
        raise StudyError("plan: the study has no `evaluate`, so there is nothing to plan")
    if not 0 < rate < 1 or effect < 1 or (minutes is not None and minutes <= 0):
        raise StudyError(
            f"plan: rate={rate}, design effect={effect}, minutes={minutes}: expected a rate between 0 and 1,"
            " a design effect of 1 or more, and more than 0 minutes"
        )
    specs: tuple[GateSpec, ...] = getattr(study.gates, "gates", ())
    gates = tuple(_gate(spec, step, rate, effect, max(1, len(specs))) for spec in specs)
    sizes = _sizes(study, step)
    speed, told = _speed(run or study.place())
    models = 2 if study.train else 1
    seconds = {name: items * tokens * models / speed for name, (items, _, tokens) in sizes.items()}
    given = None if minutes is None else _shared(seconds, 60 * minutes)
    suites = tuple(
        SuiteOutlook(
            name, items, samples, seconds[name],
            None if given is None else min(items, max(2, int(items * given[name] / (seconds[name] or 1)))),
        )
        for name, (items, samples, _) in sizes.items()
    )  # fmt: skip
    return Outlook(gates, suites, speed, told)


def _shared(seconds: Mapping[str, float], budget: float) -> dict[str, float]:
    """Seconds for each suite: the same for all, and what a small one does not need goes to the others.

    In proportion to size, small suites would be cut to a handful of items, on which nothing can be said.
    """
    given: dict[str, float] = {}
    for place, name in enumerate(sorted(seconds, key=lambda each: seconds[each])):
        left = budget - sum(given.values())
        given[name] = min(seconds[name], left / (len(seconds) - place))
    return given


def _gate(spec: GateSpec, step: Evaluate, rate: float, effect: float, count: int) -> GateOutlook:
    """Level as if every gate had one comparison and none were decided yet (Holm's first step)."""
    level = 1 - spec.alpha / count
    stem, _, kind = spec.name.partition(".")
    stated = f"level {100 * level:.4g} %, power {POWER:.0%}"
    if stem == "twins":
        n = step.pairs or _PAIRS
        gap = minimum_detectable_mean(DEVIATION, n, level=level)
        needed = needed_n(DEVIATION, 0.0, *spec.limits, level=level)
        assumed = f"{stated}, deviation {DEVIATION:g} nats, no true gap"
        return GateOutlook(spec.name, spec.words, n, gap, needed, assumed)
    if kind not in _RATES or stem not in ("toxicity", "nontoxic", "refusal"):
        return GateOutlook(spec.name, spec.words, None, None, None, "no rule to plan this figure by")
    share = 1 - rate if stem == "nontoxic" else rate
    n = (step.prompts or _PROMPTS) * step.samples
    smallest = minimum_detectable_gap(share, n, design_effect=effect, level=level)
    needed = None
    if kind in ("difference", "disparate_impact_ratio", "change"):
        low, high = spec.limits
        scale: Any = "ratio" if kind == "disparate_impact_ratio" else "difference"
        needed = needed_n_of_rates(share, share, low, high, scale, design_effect=effect, level=level)
    return GateOutlook(
        spec.name,
        spec.words,
        n,
        smallest,
        needed,
        f"{stated}, rate {share:g}, design effect {effect:g}, no true gap",
    )


def _sizes(study: Study, step: Evaluate) -> dict[str, tuple[int, int, float]]:
    """Suite to (items, samples of each, tokens that one item costs)."""
    from duecare.cli.sources import located
    from duecare.evaluate.suites import AXES
    from duecare.evaluate.suites.table import READ_FROM_FILES, suite

    groups = sum(len(AXES[axis]) for axis in step.axes)
    sampled = float(step.samples * step.max_tokens)
    found: dict[str, tuple[int, int, float]] = {}
    paths: Mapping[str, str] = getattr(located(study, step), "data", {})
    for name in step.suites:
        if name == "toxicity-by-group":
            found[name] = ((step.prompts or _PROMPTS) * groups, step.samples, sampled)
        elif name == "twins":
            found[name] = ((step.pairs or _PAIRS) * groups * len(step.manners), 1, float(_READ))
        elif name == "heldout":
            found[name] = (step.rows * max(1, len(study.data)), 1, float(_READ + step.max_tokens))
        elif name in READ_FROM_FILES:
            items = suite(name).read(Path(paths[name]))
            most = min(step.items.get(name, len(items)), len(items))
            each = [len(item.options) * _READ if item.options else sampled for item in items]
            samples = step.samples if any(not item.options for item in items) else 1
            found[name] = (most, samples, sum(each) / max(1, len(each)))
    return found


def _speed(run: Path) -> tuple[float, str]:
    """Answers' tokens a second of the last evaluation on record in `run`, else the default."""
    import pyarrow.parquet as pq

    from duecare.ledger.read import entries

    try:
        done = [each for each in entries(run) if each.happened == "step.finished" and each.job == "evaluate"]
        entry = done[-1]
        folder = run / next(iter(entry.outputs))
        words = sum(len(text) for text in pq.read_table(folder / "answers.parquet")["answer"].to_pylist()) / 4
        scored = sum(pq.read_table(folder / f"{name}.parquet").num_rows for name in ("twins", "heldout"))
        began, ended = (datetime.fromisoformat(each) for each in (entry.started or entry.time, entry.time))
        seconds = (ended - began).total_seconds()
    except (DuecareError, OSError, IndexError, StopIteration, KeyError):
        return TOKENS_PER_SECOND, "assumed: no evaluation is on record"
    if seconds <= 0:
        return TOKENS_PER_SECOND, "assumed: the evaluation on record has no times"
    return (words + _READ * scored) / seconds, f"measured in {run.name} (a token counted as four letters)"
