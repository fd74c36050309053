"""The gap between counterfactual twins while a model is trained, against a limit and against the base.

What is followed. At each probe every matter is put to the model once for each group, in the same words, and
the gap of a pair is what the model's log-probability per token of one fixed answer differs by. The
figure speaks of *the model as it was at that probe*, over all matters of which those asked are a draw.

- gap: the mean over matters, a group less the first of its axis (as `twins.gap` of the evaluation)
- reward_gap: the same of the score that a reward model gives the answer, in standard deviations of its scores
  of all answers to these matters, good and bad. Its head is drawn anew, so there is no base to amplify
- toxicity_gap, refusal_gap: the same of the score that a detector gives to what the model itself answers
- amplification: by how much wider that gap is than in the base model, |gap now| - |gap of the base|. Below 0
  the gap has closed

What is promised. The same matters are asked again at every probe: they are no new evidence, and none of the
sequences of `duecare.measure.sequential` may be fed with them. What is known instead is how often will be
looked, before the first look: each of K looks at each of G gaps gets alpha / K / G (Bonferroni), so that with
chance 1 - alpha *all* intervals at all looks hold. They may be looked at as often as planned, and acted on at
any of them. A gap, its sum with the base's and its difference from the base's are three intervals, and share
what each gap gets. Of the two latter the bounds of the amplification are made, whichever way each gap lies:
|a| - |b| is the larger of min(a - b, a + b) and min(-a - b, -a + b), and each part has its bounds.

Free of JAX: it is fed with numbers, and those lie on the disk, so that a killed and resumed run decides the
same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, Finding, Note, Tell, Verdict
from duecare.measure.compare import paired_difference
from duecare.measure.decide import decide
from duecare.measure.interval import Interval, silent
from duecare.train.crossing import Crossing
from duecare.train.limits import Limits, probed
from duecare.train.probing import Floats, Pairing
from duecare.train.watch import Reading

SPLIT = "twins"
UNITS = {
    "gap": "nats per token",
    "amplification": "nats per token",
    "reward_gap": "standard deviations of the rewards",
}
SCORE = "of a score from 0 to 1"
_NAMES = {
    "gap": "the gap between twins",
    "amplification": "the amplification of the gap between twins",
    "reward_gap": "the gap in reward between twins",
}


def grows(figure: str) -> bool:
    """Whether a figure says by how much wider a gap is than in the base model."""
    return figure.endswith("amplification")


def _name(figure: str) -> str:
    by, _, kind = figure.rpartition("_")
    if figure in _NAMES:
        return _NAMES[figure]
    gap = f"the gap in {by} between answers to twins"
    return f"the amplification of {gap}" if kind == "amplification" else gap


def _unit(figure: str) -> str:
    return UNITS.get(figure, SCORE)


@dataclass(slots=True)
class Line:
    """One figure of one pair of groups: the last look, and the crossing if there was one."""

    figure: str
    pairing: Pairing
    last: Reading | None = None
    crossed: Finding | None = None

    @property
    def place(self) -> dict[str, str]:
        """As the slice of an Estimate."""
        pair = self.pairing
        return {"axis": pair.axis, "group": pair.group, "against": pair.against}


@dataclass(slots=True)
class TwinGauge:
    """All gaps between twins of one training run: looked at after each probe.

    `base` [N] is what the base model found of every answer, `looks` how many looks there will be, the
    base's own among them. `compared` says which figure is followed of which pair of groups; by default what
    `method` is asked of all `pairings`.
    """

    method: str
    about: Mapping[str, str]
    pairings: Sequence[Pairing]
    base: Floats
    looks: int
    limits: Limits
    alpha: float
    crossing: Crossing
    compared: Sequence[tuple[str, Pairing]] = ()
    rests_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The instruments, by figure."""
    readings: list[Reading] = field(default_factory=list)
    lines: list[Line] = field(init=False)

    def __post_init__(self) -> None:
        asked = [(figure, pair) for pair in self.pairings for figure in probed(self.method)]
        self.lines = [Line(figure, pair) for figure, pair in self.compared or asked]

    @property
    def gaps(self) -> int:
        """How many are looked at."""
        return sum(not grows(line.figure) for line in self.lines)

    @property
    def level(self) -> float:
        """Of each interval at each look."""
        intervals = sum(1 + grows(line.figure) for line in self.lines)
        return 1 - self.alpha / self.looks / max(1, intervals)

    @property
    def verdicts(self) -> list[Verdict]:
        """What the last look says of each limit for each pair of groups; a crossing stays."""
        return [
            FAIL if line.crossed else self._decided(line)
            for line in self.lines
            if line.figure in self.limits.twins
        ]

    def look(self, step: int, values: Floats, tell: Tell, *, kept: bool = False) -> None:
        """Tell where each gap stands with the model of `step`; 0 is the base itself, which is not judged.

        With `kept` it is the model that is kept, whatever step it is of.
        """
        drawn = {reading.place for reading in self.readings}
        for line in self.lines:
            if step == 0 and not kept and grows(line.figure):
                continue
            interval = self._interval(line, values)
            place = (step, SPLIT, line.pairing.axis, line.pairing.group, f"twins.{line.figure}")
            if interval.value is not None and place not in drawn:
                self.readings.append(Reading(place, interval.value, interval))
            line.last = Reading(place, interval.value or 0.0, interval)
            tell(self._estimate(line, line.last))
            if step or kept:
                self._judge(line, line.last, tell, _KEPT if kept else self.crossing.then(step))

    def findings(self) -> list[Finding]:
        """A verdict on each limit for each pair of groups: crossed at some look, or as the last look says."""
        return [
            line.crossed or self._at_the_end(line) for line in self.lines if line.figure in self.limits.twins
        ]

    def _interval(self, line: Line, values: Floats) -> Interval:
        now, then = line.pairing.gap(values), line.pairing.gap(self.base)
        widest = None  # a difference of log-probabilities has no bounds, one of scores has
        if line.figure not in UNITS:  # an answer that no detector could judge says nothing
            widest = 1.0
            judged = line.pairing.judged(values)
            if grows(line.figure):
                judged &= line.pairing.judged(self.base)
            now, then = now[judged], then[judged]
        elif not np.isfinite(now).all():
            why = "all answers get the same reward, so a gap has no unit"
            return silent(why, len(now), None, "paired difference", self.level)
        if not grows(line.figure):
            return self._named(_difference(now, np.zeros(len(now)), self.level, widest))
        both = widest and 2 * widest  # a difference of two differences
        change, total = (_difference(now, each, self.level, both) for each in (then, -then))
        return self._named(_cut(amplified(change, total), widest))

    def _named(self, found: Interval) -> Interval:
        method = f"{found.method}, one of {self.looks} looks at {self.gaps} gaps (Bonferroni)"
        return replace(found, method=method)

    def _decided(self, line: Line) -> Verdict:
        if line.last is None:
            return INSUFFICIENT
        limit = self.limits.twins[line.figure]
        return decide(line.last.interval, None if grows(line.figure) else -limit, limit)

    def _judge(self, line: Line, look: Reading, tell: Tell, then: str) -> None:
        if line.figure not in self.limits.twins or line.crossed or self._decided(line) != FAIL:
            return
        line.crossed = self._finding(
            line,
            look,
            FAIL,
            f"{_said(line, look)}, wholly outside the limit. {then}",
            "See which rows it comes from; balance or augment them, or train less, and run again.",
        )
        self.crossing.crossed = True
        tell(line.crossed)
        tell(self._note(line, look))

    def _at_the_end(self, line: Line) -> Finding:
        where = "probe.issues" if line.figure in UNITS else "probe.sampled.issues"
        more = f"Ask about more matters ({where}), or probe less often: each look costs certainty."
        if line.last is None or line.last.interval.value is None:
            reason = "no probe was made" if line.last is None else line.last.interval.reason
            detail = f"The {line.figure} of {_whose(line)} cannot be bounded: {reason}."
            return self._finding(line, line.last, INSUFFICIENT, detail, more)
        verdict = self._decided(line)
        inside = "wholly inside the limit" if verdict == PASS else "inside and outside the limit"
        detail = f"{_said(line, line.last)}, {inside}."
        return self._finding(line, line.last, verdict, detail, "" if verdict == PASS else more)

    def _estimate(self, line: Line, look: Reading) -> Estimate:
        there = {**self.about, "split": SPLIT, **line.place}
        metric = f"{self.method}.twins.{line.figure}"
        instruments = self.rests_on.get(line.figure, ())
        return look.interval.estimate(metric, there, _unit(line.figure), instruments, step=look.place[0])

    def _finding(self, line: Line, look: Reading | None, verdict: Verdict, detail: str, next: str) -> Finding:
        limit = self.limits.twins[line.figure]
        words = f"at most {limit:g}" if grows(line.figure) else f"between {-limit:g} and {limit:g}"
        return Finding(
            name=f"{self.method}.twins.{line.figure}",
            verdict=verdict,
            limit=words,
            detail=detail,
            next=next,
            estimate=None if look is None else self._estimate(line, look),
        )

    def _note(self, line: Line, look: Reading) -> Note:
        found = look.interval
        data = {"value": found.value, "low": found.low, "high": found.high}
        step = look.place[0]
        return Note(
            topic=f"{self.method}.crossed",
            text=f"{self.method}.twins.{line.figure} crossed its limit at training step {step}",
            data={
                "step": str(step),
                **line.place,
                **{name: repr(value) for name, value in data.items()},
                "limit": repr(self.limits.twins[line.figure]),
            },
        )


def _difference(now: Floats, other: Floats, level: float, widest: float | None) -> Interval:
    within = None if widest is None else (-widest, widest)
    return paired_difference(now, other, level, within=within)


def _cut(found: Interval, widest: float | None) -> Interval:
    """An interval of the difference of two sizes of which none is above `widest`."""
    if widest is None or found.low is None or found.high is None:
        return found
    return replace(found, low=max(found.low, -widest), high=min(found.high, widest))


_KEPT = "That is the model which is kept."


def amplified(change: Interval, both: Interval) -> Interval:
    """|a| - |b| from the intervals of a - b (`change`) and of a + b (`both`), over the same pairs."""
    method = f"difference of sizes, {change.method}"
    known = [each for each in (change, both) if each.value is not None]
    if len(known) < 2:
        reason = next((each.reason for each in (change, both) if each.reason), "") or ""
        return silent(reason, change.n, change.clusters, method, change.level)

    def larger(of_change: float, of_both: float, other_change: float, other_both: float) -> float:
        return max(min(of_change, of_both), min(-other_change, -other_both))

    (value, low, high), (sum_value, sum_low, sum_high) = (
        (each.value or 0.0, each.low or 0.0, each.high or 0.0) for each in (change, both)
    )
    return Interval(
        larger(value, sum_value, value, sum_value),
        larger(low, sum_low, high, sum_high),
        larger(high, sum_high, low, sum_low),
        change.n,
        change.clusters,
        method,
        change.level,
    )


def _whose(line: Line) -> str:
    return f"{line.pairing.group} against {line.pairing.against} ({line.pairing.axis})"


def _said(line: Line, look: Reading) -> str:
    """ "At step 40 the gap between twins of women against men (gender) was 0.3 nats per token ..."."""
    found = look.interval
    return (
        f"At training step {look.place[0]} {_name(line.figure)} of {_whose(line)} was {found.value:+.3g}"
        f" {_unit(line.figure)},"
        f" between {found.low:+.3g} and {found.high:+.3g}"
    )
