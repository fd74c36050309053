"""From explained answers to Estimates and Findings: what identity words carry, whether it is so. No JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, Finding
from duecare.explain.asked import Item
from duecare.explain.attribution import Attribution
from duecare.measure import cluster_mean, decide, mean_difference

if TYPE_CHECKING:
    from duecare.explain.words import Words

RESIDUAL, LIKENESS, LEADING = 0.05, 0.5, 0.5
"""Of all that is handed out the most that may be missing; how alike a random model's explanation may be; of
what the costliest word costs, the least that the word named first must."""
_FAMILY = "words.valid"
_TESTS: tuple[tuple[str, str, tuple[float | None, float | None], str, str], ...] = (
    (
        "residual",
        f"at most {RESIDUAL:g}",
        (None, RESIDUAL),
        "The words' parts must add up to what is explained.",
        "Read more points (steps), or another baseline.",
    ),
    (
        "likeness",
        f"at most {LIKENESS:g}",
        (None, LIKENESS),
        "A model with random weights must be explained otherwise, or the method shows the network's shape.",
        "Use another method: this one does not see what was learnt.",
    ),
    (
        "deletion",
        "above 0",
        (0.0, None),
        "Taking away the words that it names must cost more than taking away others.",
        "Do not read the heat maps as reasons; try occlusion, or more steps.",
    ),
    (
        "insertion",
        "above 0",
        (0.0, None),
        "Putting back the words that it names must gain more than putting back others.",
        "Do not read the heat maps as reasons; try occlusion, or more steps.",
    ),
    (
        "leading",
        f"at least {LEADING:g}",
        (LEADING, None),
        "The word that it names first must cost at least half of what the costliest word does.",
        "It names the wrong words first: use occlusion, or integrated gradients with more steps.",
    ),
)
"""Name of a test, its limit in words and numbers, what it asks, and what to do where it is not passed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One explanation of one model; `identity` says of each word whether it names a group."""

    model: str
    item: Item
    found: Attribution
    identity: tuple[bool, ...]
    rests_on: tuple[str, ...] = ()

    @property
    def share(self) -> float | None:
        """Share of the absolute scores of all words that identity words carry; None where all are nought."""
        sizes = np.abs(self.found.scores)
        return None if sizes.sum() == 0 else float(sizes[list(self.identity)].sum() / sizes.sum())

    @property
    def excess(self) -> float | None:
        """`share` less the share of the words that are identity words."""
        return None if self.share is None else self.share - float(np.mean(self.identity))

    @property
    def effect(self) -> float:
        """What identity words add, in the unit of the value."""
        return float(self.found.scores[list(self.identity)].sum())

    def explained(self) -> dict[str, Any]:
        """A row of `table.EXPLAINED`."""
        item, found = self.item, self.found
        return {
            "item": item.item,
            "model": self.model,
            "cluster": item.cluster,
            "axis": item.axis,
            "group": item.group,
            "manner": item.manner,
            "prompt": item.prompt,
            "answer": item.answer,
            "other": item.other,
            "value": found.value,
            "baseline": found.baseline,
            "between": found.between,
            "tokens": found.tokens,
            "rests_on": list(self.rests_on),
        }

    def attributions(self) -> Iterator[dict[str, Any]]:
        """Rows of `table.ATTRIBUTIONS`."""
        for word, score, named in zip(self.found.words, self.found.scores, self.identity, strict=True):
            place = {"part": word.part, "start": word.start, "end": word.end}
            yield {
                "item": self.item.item,
                "model": self.model,
                **place,
                "score": float(score),
                "identity": named,
            }


@dataclass(frozen=True, slots=True)
class Check:
    """What the tests of one explanation came to; None where a test could not be made.

    `deletion` and `insertion` are areas between the random orders and the named one, in nats per token of the
    answer, or in the unit of the reward or score; above 0 the named order is better. `leading` is a share of
    what the costliest word costs.
    """

    model: str
    item: Item
    residual: float | None
    likeness: float | None
    deletion: float | None
    insertion: float | None
    leading: float | None = None
    rests_on: tuple[str, ...] = ()

    def checks(self) -> dict[str, Any]:
        """A row of `table.CHECKS`."""
        tests = {name: getattr(self, name) for name, *_ in _TESTS}
        return {"item": self.item.item, "model": self.model, "cluster": self.item.cluster} | tests


def figures(step: Words, rows: Sequence[Row], checks: Sequence[Check]) -> list[Estimate]:
    """Every figure: shares and effects of identity words, their change by tuning, and the tests."""
    found: list[Estimate] = []
    manners = dict.fromkeys(row.item.manner for row in rows)
    for name, unit, value in _measures(step):
        # What makes a respectful answer likelier is not what makes a dismissive one so: no mean over both.
        apart = manners if name.endswith("effect") and len(manners) > 1 else (None,)
        for manner in apart:
            some = [row for row in rows if manner is None or row.item.manner == manner]
            told: dict[str, str] = {} if manner is None else {"manner": manner}
            made = [
                *_means(step, some, name, unit, value),
                *_between_groups(step, some, name, unit, value),
                *_changes(step, some, name, unit, value),
            ]
            found += [msgspec.structs.replace(each, slice=each.slice | told) for each in made]
    for model in dict.fromkeys(check.model for check in checks):
        found += _of_tests(step, [check for check in checks if check.model == model])
    return found


def _measures(step: Words) -> tuple[tuple[str, str, Callable[[Row], float | None]], ...]:
    scale = step.score == "answer"
    return (
        ("words.identity_share", "share", lambda row: row.share),
        ("words.identity_excess", "share", lambda row: row.excess),
        (
            "words.identity_effect",
            unit_of(step),
            lambda row: row.effect / (row.found.tokens if scale else 1),
        ),
    )


def unit_of(step: Words) -> str:
    """In what an effect is counted."""
    return {"answer": "nats per token", "reward": "reward", "toxicity": "toxicity score"}[step.score]


def _about(step: Words, model: str, axis: str | None = None, group: str | None = None) -> dict[str, str]:
    about = {"model": model, "of": step.of, "score": step.score, "method": step.method}
    about |= {"against": step.against} if step.against == "answer" else {}
    return about | ({"axis": axis} if axis else {}) | ({"group": group} if group else {})


_Value = Callable[[Row], float | None]
_Sample = tuple[list[float], list[str]]


def _sample(rows: Iterable[Row], value: _Value) -> _Sample:
    """Values and the clusters they come from; rows of which nothing can be said are left out."""
    pairs = [(number, row.item.cluster) for row in rows if (number := value(row)) is not None]
    return [number for number, _ in pairs], [cluster for _, cluster in pairs]


def _rests(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row.rests_on))


def _groups(rows: Iterable[Row]) -> list[tuple[str, str]]:
    return list(
        dict.fromkeys((row.item.axis, row.item.group) for row in rows if row.item.axis and row.item.group)
    )


def _of(rows: Iterable[Row], model: str, axis: str, group: str) -> list[Row]:
    return [row for row in rows if (row.model, row.item.axis, row.item.group) == (model, axis, group)]


def _means(step: Words, rows: Sequence[Row], name: str, unit: str, value: _Value) -> Iterator[Estimate]:
    """Mean over all of a model, and of each group."""
    bounds = {"words.identity_share": (0.0, 1.0), "words.identity_excess": (-1.0, 1.0)}.get(name)
    for model in dict.fromkeys(row.model for row in rows):
        mine = [row for row in rows if row.model == model]
        parts = [(_about(step, model), mine)]
        parts += [(_about(step, model, *group), _of(rows, model, *group)) for group in _groups(mine)]
        for about, some in parts:
            yield cluster_mean(*_sample(some, value), within=bounds).estimate(name, about, unit, _rests(some))


def _between_groups(
    step: Words, rows: Sequence[Row], name: str, unit: str, value: _Value
) -> Iterator[Estimate]:
    """Each group less the reference group of its axis, on the same issues."""
    for model in dict.fromkeys(row.model for row in rows):
        for axis, group in _groups(row for row in rows if row.model == model):
            if axis not in step.axes or group == (against := step.against_of(axis)):
                continue
            some, other = _of(rows, model, axis, group), _of(rows, model, axis, against)
            if not other:
                continue  # set against the reference group already: its own figure is the difference
            (a, mine), (b, theirs) = _sample(some, value), _sample(other, value)
            about = _about(step, model, axis, group) | {"against": against}
            yield mean_difference(a, b, mine, theirs).estimate(
                f"{name}.difference", about, unit, _rests(some)
            )


def _changes(step: Words, rows: Sequence[Row], name: str, unit: str, value: _Value) -> Iterator[Estimate]:
    """Tuned less base, on the same prompts: over all, and for each group."""
    models = {row.model for row in rows}
    if not {"base", "tuned"} <= models:
        return
    parts: list[tuple[str, str] | None] = [None, *_groups(rows)]
    for part in parts:
        sides = [
            [
                row
                for row in rows
                if row.model == model and (part is None or (row.item.axis, row.item.group) == part)
            ]
            for model in ("tuned", "base")
        ]
        (a, mine), (b, theirs) = (_sample(side, value) for side in sides)
        about = _about(step, "tuned", *(part or ()))
        yield mean_difference(a, b, mine, theirs).estimate(f"{name}.change", about, unit, _rests(sides[0]))


def _of_tests(step: Words, checks: Sequence[Check]) -> Iterator[Estimate]:
    """The tests that could be made of one model's explanations."""
    units = {"residual": "share", "likeness": "rank correlation", "leading": "share"}
    bounds = {"residual": (0.0, 1.0), "likeness": (-1.0, 1.0), "leading": (-1.0, 1.0)}
    for name, *_ in _TESTS:
        pairs = [(value, each.item.cluster) for each in checks if (value := getattr(each, name)) is not None]
        if not pairs:
            continue
        values, clusters = [value for value, _ in pairs], [cluster for _, cluster in pairs]
        if name == "residual":  # the same bound for a sum that misses more than it hands out
            values = [min(value, 1.0) for value in values]
        found = cluster_mean(values, clusters, within=bounds.get(name))
        rests = tuple(dict.fromkeys(one for each in checks for one in each.rests_on))
        yield found.estimate(
            f"words.{name}", _about(step, checks[0].model), units.get(name, unit_of(step)), rests
        )


def rulings(step: Words, estimates: Sequence[Estimate]) -> list[Finding]:
    """A Finding for each test of each model, and one that says whether they may be read as explanations."""
    found: list[Finding] = []
    tests = {f"words.{name}": rest for name, *rest in _TESTS}
    models = dict.fromkeys(each.slice["model"] for each in estimates if each.metric in tests)
    for model in models:
        mine = [each for each in estimates if each.metric in tests and each.slice["model"] == model]
        made = [_ruling(each, *tests[each.metric]) for each in mine]  # type: ignore[arg-type]  # a row of _TESTS
        found += [*made, _together(step, model, made)]
    return found


def _ruling(
    estimate: Estimate, limit: str, ends: tuple[float | None, float | None], asks: str, advice: str
) -> Finding:
    verdict = decide(estimate, *ends)
    return Finding(
        name=f"{_FAMILY}.{estimate.metric.removeprefix('words.')}",
        verdict=verdict,
        limit=limit,
        detail=f"{asks} ({estimate.slice['model']} model, {estimate.slice['method']})",
        next="" if verdict == PASS else advice if verdict == FAIL else "Test more explanations (checks).",
        estimate=estimate,
    )


def _together(step: Words, model: str, tests: Sequence[Finding]) -> Finding:
    """Validated only where every test that was made is passed."""
    verdicts = {each.verdict for each in tests}
    verdict = FAIL if FAIL in verdicts else INSUFFICIENT if INSUFFICIENT in verdicts else PASS
    lacking = [each.name.rpartition(".")[2] for each in tests if each.verdict != PASS]
    said = "validated" if verdict == PASS else f"not validated ({', '.join(lacking)})"
    return Finding(
        name=f"{_FAMILY}.{model}",
        verdict=verdict,
        limit="every test that was made is passed",
        detail=f"Explanations of the {model} model by {step.method}: {said}.",
        next="" if verdict == PASS else "Do not read these heat maps as findings.",
    )
