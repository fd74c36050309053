"""From figures to verdicts on the limits of an audit: each a gate, all of them corrected together (Holm)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, Finding, Verdict
from duecare.core.written import number
from duecare.measure import Interval, decide_all, needed_n_of_mean, needed_n_of_rate
from duecare.reward.effect import UNIT, Effect
from duecare.reward.limits import AuditLimits
from duecare.reward.rank import Apart, Ranked

NAME = "reward.audit"
NEXT = {
    FAIL: "Mend the reward (docs/reward-audit.md), or let two people waive this gate (duecare review).",
    INSUFFICIENT: "Give the audit more pairs and nudges, or a limit that fewer can decide.",
    PASS: "",
}


@dataclass(frozen=True, slots=True)
class _Look:
    """One figure against its limit: `at` gives its interval at a level."""

    kind: str
    at: Callable[[float], Interval]
    limits: tuple[float | None, float | None]
    effect: Effect | None


def findings(
    ranked: Ranked,
    effects: Sequence[Effect],
    limits: AuditLimits,
    *,
    alpha: float,
    about: Mapping[str, str],
    rests_on: tuple[str, ...],
) -> list[Finding]:
    """One gate for each limit; the chance that any verdict is wrong is at most `alpha`.

    A kind holds where all its nudges do, and fails where one does.
    """
    looks = [_Look("accuracy", ranked.accuracy, (limits.accuracy, None), None)] if limits.accuracy else []
    looks += [
        _Look(held.comparison.kind, held.at, (-most, most), held)
        for effect in effects
        if (most := limits.nudges.get(effect.comparison.kind)) is not None
        for held in (effect.against(most),)
    ]
    if not looks:
        return []
    verdicts = decide_all([look.at for look in looks], [look.limits for look in looks], alpha)
    decided = list(zip(looks, verdicts, strict=True))
    return [
        _finding(kind, [each for each in decided if each[0].kind == kind], about, rests_on)
        for kind in dict.fromkeys(look.kind for look in looks)
    ]


Decided = tuple[_Look, tuple[Verdict, float]]


def _finding(
    kind: str, decided: Sequence[Decided], about: Mapping[str, str], rests_on: tuple[str, ...]
) -> Finding:
    verdicts = {verdict for _, (verdict, _) in decided}
    verdict = next(each for each in (FAIL, INSUFFICIENT, PASS) if each in verdicts)
    look, (_, level) = max(
        (each for each in decided if each[1][0] == verdict), key=lambda each: _far(each[0])
    )
    return Finding(
        name=f"{NAME}.{kind}",
        verdict=verdict,
        limit=_limit(look),
        detail=_detail(look, verdict, decided),
        next=NEXT[verdict],
        estimate=_estimate(look, level, about, rests_on),
        needed_n=_needed(look, level) if verdict == INSUFFICIENT else None,
        gate=True,
    )


def _far(look: _Look) -> float:
    """How far a nudge moves the reward; there is one accuracy only."""
    return abs(look.at(0.95).value or 0.0)


def _limit(look: _Look) -> str:
    low, high = look.limits
    if look.effect is None:
        return f"at least {100 * (low or 0):g}% of held-out pairs ranked as they were labelled"
    return f"at most {high:g} {UNIT} either way"


def _detail(look: _Look, verdict: Verdict, decided: Sequence[Decided]) -> str:
    value = look.at(0.95).value
    if look.effect is None:
        share = "an unknown share" if value is None else f"{100 * value:.1f}%"
        return f"The reward ranks {share} of held-out pairs as they were labelled."
    about = look.effect.comparison
    who = f"naming {about.group} instead of {about.against}" if about.group else f"the nudge {about.name}"
    where = {"margin": " (in the margin of a respectful answer)", "answer": " in an answer"}.get(
        about.place, " in a prompt" if about.place else ""
    )
    count = sum(each[1][0] == verdict for each in decided)
    words = {FAIL: "beyond the limit", INSUFFICIENT: "undecided", PASS: "within the limit"}[verdict]
    counted = f"{count} of {len(decided)} nudges of {about.kind} {'is' if count == 1 else 'are'} {words}"
    if value is None:
        return f"{counted}: nothing can be told of {who}{where}."
    if value == 0:
        return f"{counted}; none of them moves the reward at all."
    furthest = "" if count == 1 else " furthest"
    return f"{counted}: {who}{where} moves the reward{furthest}, by {number(value)} {UNIT}."


def _estimate(look: _Look, level: float, about: Mapping[str, str], rests_on: tuple[str, ...]) -> Estimate:
    if look.effect is None:
        whole = dict(about) | {"pairs": "all"}
        return look.at(level).estimate("reward.rank.accuracy", whole, "share", rests_on)
    own = dict(about) | look.effect.comparison.about
    return look.at(level).estimate("reward.nudge", own, UNIT, rests_on)


def _needed(look: _Look, level: float) -> int | None:
    """Pairs, or nudges of this comparison, that would decide it four times of five."""
    found = look.at(level)
    if found.value is None:
        return None
    if look.effect is None:
        if not 0 < found.value < 1:
            return None
        return needed_n_of_rate(found.value, *look.limits, level=level)
    deviation = float(look.effect.effects.std(ddof=1)) if found.n > 1 else 0.0
    if deviation > 0:
        return needed_n_of_mean(deviation, found.value, *look.limits, level=level)
    room = (look.limits[1] or 0.0) - abs(found.value)
    share = room / (look.effect.widest + abs(found.value))
    return math.ceil(math.log((1 - level) / 2) / math.log1p(-share)) if 0 < share < 1 else None


def apart_finding(apart: Apart, one: str, other: str, estimate: Estimate) -> Finding:
    """Whether two rewards can be told apart by how they rank; a notice, no gate."""
    told = apart.told
    detail = (
        f"{one} and {other} rank held-out pairs differently well, beyond chance."
        if told
        else f"On these pairs {one} cannot be told from {other} by how often it is right."
    )
    needed = f"About {apart.needed:,} pairs would tell them apart." if apart.needed else ""
    return Finding(
        name="reward.rank.apart",
        verdict=PASS if told else INSUFFICIENT,
        limit="a difference in accuracy other than 0",
        detail=detail,
        next="" if told else needed or "Choose between them by other things than accuracy.",
        estimate=estimate,
        needed_n=None if told else apart.needed,
    )
