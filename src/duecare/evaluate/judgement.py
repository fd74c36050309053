"""Figures against limits: one verdict for each gate, corrected for all comparisons made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, Finding, Verdict, unknown
from duecare.evaluate.figures import design_of, figures
from duecare.evaluate.limit import GateSpec
from duecare.evaluate.outlook import on_logarithm, outlook
from duecare.evaluate.tables import Tables
from duecare.measure import decide, decide_all
from duecare.measure.interval import LEVEL

_MEND = (
    "Do not release. Read the answers behind this figure, mend the data or the training, and evaluate again."
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure that a gate is held against: which gate, and the key of the figure."""

    gate: GateSpec
    key: tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One Finding for each gate, and every comparison that was corrected for: (by itself, corrected)."""

    findings: tuple[Finding, ...]
    comparisons: tuple[tuple[Finding, Finding], ...]


def verdicts(gates: tuple[GateSpec, ...], tables: Tables) -> list[Finding]:
    """One Finding for each gate, in their order."""
    return list(judge(gates, tables).findings)


def judge(gates: tuple[GateSpec, ...], tables: Tables) -> Judgement:
    """All gates in their order, and all comparisons made for them."""

    @cache
    def at(level: float) -> Mapping[object, Estimate]:
        return {key_of(figure): figure for figure in figures(tables, level)}

    def look(comparison: Comparison) -> Callable[[float], Estimate]:
        return lambda level: at(level)[comparison.key]

    alpha = min(gate.alpha for gate in gates)
    released = tables.reading.models[-1]
    comparisons = [
        Comparison(gate, key)
        for gate in gates
        for key in (key_of(figure) for figure in at(1 - alpha).values() if speaks_of(gate, figure, released))
    ]
    reached = decide_all(
        [look(comparison) for comparison in comparisons],
        [comparison.gate.limits for comparison in comparisons],
        alpha,
    )
    found = []
    for gate in gates:
        mine = [
            (verdict, at(level)[comparison.key])
            for comparison, (verdict, level) in zip(comparisons, reached, strict=True)
            if comparison.gate is gate
        ]
        found.append(
            _finding(gate, mine, at(LEVEL), tables, len(comparisons)) if mine else _absent(gate, released)
        )
    pairs = [
        (
            _compared(comparison, at(1 - comparison.gate.alpha)[comparison.key]),
            _compared(comparison, at(level)[comparison.key], verdict, len(comparisons)),
        )
        for comparison, (verdict, level) in zip(comparisons, reached, strict=True)
    ]
    return Judgement(tuple(found), tuple(pairs))


def _compared(
    comparison: Comparison, figure: Estimate, verdict: Verdict | None = None, count: int = 1
) -> Finding:
    """One comparison: by itself, or with the verdict that its correction for `count` of them came to."""
    return Finding(
        name=f"comparison.{comparison.gate.name}",
        verdict=verdict or decide(figure, *comparison.gate.limits),
        limit=comparison.gate.words,
        detail="by itself" if verdict is None else f"corrected for {count} comparisons (Holm)",
        estimate=figure,
    )


def key_of(figure: Estimate) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What a figure speaks of, whatever its level. A worst group may be another group at another level."""
    worst = figure.metric.endswith("worst_group")
    about = {name: value for name, value in figure.slice.items() if not (worst and name == "group")}
    return figure.metric, tuple(sorted(about.items()))


def speaks_of(gate: GateSpec, figure: Estimate, released: str) -> bool:
    """Whether a gate is held against this figure."""
    return (
        figure.metric == gate.name
        and figure.slice.get("model") == (gate.model or released)
        and (gate.axis is None or figure.slice.get("axis") == gate.axis)
    )


def _finding(
    gate: GateSpec,
    mine: list[tuple[Verdict, Estimate]],
    plain: Mapping[object, Estimate],
    tables: Tables,
    compared: int,
) -> Finding:
    """The verdict on one gate: its worst figure speaks for it."""
    failed = [figure for verdict, figure in mine if verdict == FAIL]
    undecided = [figure for verdict, figure in mine if verdict == INSUFFICIENT]
    verdict: Verdict = FAIL if failed else INSUFFICIENT if undecided else PASS
    speaker = max(
        failed or undecided or [figure for _, figure in mine], key=lambda each: _sticks_out(gate, each)
    )
    ahead = outlook(speaker, gate.limits, plain, design_of(tables, speaker))
    detail = _detail(gate, speaker, len(mine), len(failed), len(undecided), compared=compared)
    return Finding(
        name=f"gate.{gate.name}",
        verdict=verdict,
        limit=gate.words,
        detail=detail,
        next={PASS: "", FAIL: _MEND}.get(verdict, ahead.words),
        estimate=speaker,
        needed_n=ahead.needed_n if verdict == INSUFFICIENT else None,
        gate=True,
    )


def _sticks_out(gate: GateSpec, figure: Estimate) -> float:
    """How far a figure's interval reaches beyond the limits; infinite where there is no figure."""
    if figure.low is None or figure.high is None:
        return math.inf
    low, high = gate.limits
    scale = _positive_log if on_logarithm(figure.metric) else float
    under = -math.inf if low is None else scale(low) - scale(figure.low)
    over = -math.inf if high is None else scale(figure.high) - scale(high)
    return max(under, over)


def _positive_log(value: float) -> float:
    return math.log(max(value, 1e-300))


def _detail(
    gate: GateSpec, figure: Estimate, count: int, failed: int, undecided: int, *, compared: int
) -> str:
    """One sentence on the figure that speaks for the gate, one on the others."""
    where = figure.slice
    first = ("model", "axis", "source", "group")
    more = (name for name in where if name not in (*first, "suite", "against"))
    who = ", ".join(where[name] for name in (*first, *more) if name in where)
    against = f" against {where['against']}" if "against" in where else ""
    if figure.value is None:
        said = f"{who}{against}: no figure, because of this: {figure.reason}"
    else:
        said = f"Judged by {who}{against}, at {100 * figure.level:.4g} % confidence"
    rest = f" Of {count} comparisons {failed} lie outside and {undecided} are undecided." if count > 1 else ""
    holm = f" Corrected for {compared} comparisons (Holm)." if compared > 1 else ""
    return f"{said}.{rest}{holm}"


def _absent(gate: GateSpec, released: str) -> Finding:
    """The finding of a gate on a figure that the evaluation does not hold."""
    model = gate.model or released
    reason = f"the evaluation of model {model} holds no {gate.name}" + (
        f" on {gate.axis}" if gate.axis else ""
    )
    about = {"model": model} | ({"axis": gate.axis} if gate.axis else {})
    return Finding(
        name=f"gate.{gate.name}",
        verdict=INSUFFICIENT,
        limit=gate.words,
        detail=f"No figure: {reason}.",
        next="Add the suite, axis or data that this gate speaks of to the evaluation, or remove the gate.",
        estimate=unknown(gate.name, reason, 0, about, "none"),
        gate=True,
    )
