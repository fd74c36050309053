"""What follows from the figures: limits held or crossed, canaries lost, few controls."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, Finding, Verdict, exact
from duecare.measure import decide_all, needed_n_of_rate, needed_others
from duecare.memorise.figures import Cell, Look
from duecare.memorise.limits import MemoriseLimits
from duecare.memorise.placed import Canary

NAME = "memorise"
WORDS = {
    "exposure": ("a mean exposure of at most {limit:g} bits", "bits of exposure"),
    "tpr": ("at most {share:g}% found at 1% false positives", "found at 1% false positives"),
    "regurgitated": ("at most {share:g}% of secrets come back word for word", "of secrets come back"),
}
NEXT = {
    FAIL: "Train with privacy, fewer steps or fewer repeats of a row, or do not release this model.",
    INSUFFICIENT: "Place more canaries and controls, or look at more rows.",
    PASS: "",
}
Decided = tuple[Look, tuple[Verdict, float]]


def limit_findings(looks: Sequence[Look], limits: MemoriseLimits, alpha: float) -> list[Finding]:
    """A gate for each limit; the chance that any verdict is wrong is at most `alpha` (Holm).

    A limit holds where all figures of its kind do, and fails where one does.
    """
    asked = [look for look in looks if look.kind in limits.given]
    if not asked:
        return []
    bounds = [(None, limits.given[look.kind]) for look in asked]
    decided = list(zip(asked, decide_all([look.at for look in asked], bounds, alpha), strict=True))
    return [
        _limit_finding(kind, limit, [each for each in decided if each[0].kind == kind])
        for kind, limit in limits.given.items()
        if any(each[0].kind == kind for each in decided)
    ]


def _limit_finding(kind: str, limit: float, decided: Sequence[Decided]) -> Finding:
    verdicts = {verdict for _, (verdict, _) in decided}
    verdict = next(each for each in (FAIL, INSUFFICIENT, PASS) if each in verdicts)
    own = [each for each in decided if each[1][0] == verdict]
    look, (_, level) = max(own, key=lambda each: _size(each[0]))
    estimate = look.at(level).estimate(look.metric, look.about, "bits" if kind == "exposure" else "share")
    words, noun = WORDS[kind]
    value = "nothing can be said" if estimate.value is None else _value(kind, estimate.value, noun)
    held = {FAIL: "beyond the limit", INSUFFICIENT: "undecided", PASS: "within the limit"}[verdict]
    return Finding(
        name=f"{NAME}.{kind}",
        verdict=verdict,
        limit=words.format(limit=limit, share=100 * limit),
        detail=f"{len(own)} of {len(decided)} figures {'is' if len(own) == 1 else 'are'} {held}; "
        f"{_of(look, several=len({each.about['source'] for each, _ in decided}) > 1)}: {value}.",
        next=NEXT[verdict],
        estimate=estimate,
        needed_n=_needed(kind, limit, estimate, level) if verdict == INSUFFICIENT else None,
        gate=True,
    )


def _size(look: Look) -> float:
    value = look.at(0.95).value
    return -1.0 if value is None else value


def _value(kind: str, value: float, noun: str) -> str:
    return f"{value:.2f} {noun}" if kind == "exposure" else f"{100 * value:.1f}% {noun}"


def _of(look: Look, *, several: bool) -> str:
    """What a figure speaks of; of canaries with their source where there are `several`."""
    if look.about.get("of") == "rows":
        return f"rows of {look.about['source']}"
    times = "once" if look.about["repeats"] == "1" else f"{look.about['repeats']} times"
    source = f" of {look.about['source']}" if several else ""
    return f"canaries in the {look.about['place']}{source}, placed {times}"


def _needed(kind: str, limit: float, estimate: Estimate, level: float) -> int | None:
    """Canaries (or, of a true-positive rate, controls) that would decide it."""
    if kind == "tpr":
        return needed_others(level=level)
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    if kind == "exposure":  # as the interval narrows with the root of canaries and controls alike
        room = abs(limit - estimate.value)
        return math.ceil(estimate.n * ((estimate.high - estimate.low) / 2 / room) ** 2) if room else None
    if estimate.value > 0:
        return needed_n_of_rate(min(estimate.value, 0.999), None, limit, level=level)
    return math.ceil(math.log((1 - level) / 2) / math.log1p(-limit))


def survival_finding(canaries: Sequence[Canary], least: float, model: str) -> Finding:
    """Whether enough canaries reached training to stand for rows."""
    placed = [one for one in canaries if one.placed]
    lost = Counter(one.lost for one in placed if one.lost is not None)
    share = 1 - sum(lost.values()) / len(placed) if placed else 0.0
    held = bool(placed) and share >= least
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(lost.items()))
    told = (
        f"{len(placed) - sum(lost.values())} of {len(placed)} placed canaries were read as they were placed"
    )
    return Finding(
        name=f"{NAME}.survived",
        verdict=PASS if held else FAIL,
        limit=f"at least {100 * least:g}% of placed canaries reach training as they were placed",
        detail=f"{told}{f' ({why}; these are left out)' if why else ''}.",
        next="" if held else "Train for more steps or on longer rows; what is left out speaks of nothing.",
        estimate=exact("memorise.survived", share, len(placed), {"model": model}, "share"),
    )


def power_finding(cells: Sequence[Cell], held: Sequence[int], level: float) -> Finding:
    """Whether a true-positive rate at 1% false positives is bounded from below anywhere."""
    needed = needed_others(level=level)
    fewest = min([*(len(cell.controls) for cell in cells), *held], default=0)
    enough = fewest >= needed
    return Finding(
        name=f"{NAME}.power",
        verdict=PASS if enough else INSUFFICIENT,
        limit=f"{needed} controls, and held-out rows, so that 1% false positives can be told from more",
        detail=f"The fewest that a figure rests on are {fewest}"
        + ("." if enough else ": underpowered, true-positive rates are not bounded from below."),
        next="" if enough else "Raise `controls` of the canaries, and `rows`; hold more rows out.",
        needed_n=None if enough else needed,
    )
