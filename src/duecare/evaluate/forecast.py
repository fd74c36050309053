"""What gates and suites will be able to decide: all comparisons, at the level that Holm leaves to each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from duecare.core import Estimate
from duecare.evaluate.figures import TOXICITY_SUITE, design_of, figures
from duecare.evaluate.judgement import key_of, speaks_of
from duecare.evaluate.limit import GateSpec
from duecare.evaluate.outlook import Limits, on_logarithm, unit_error
from duecare.evaluate.tables import Tables
from duecare.measure.interval import LEVEL
from duecare.measure.power import Design
from duecare.measure.size import (
    POWER,
    Scale,
    minimum_detectable_gap,
    minimum_detectable_mean,
    needed_n_of_mean,
    needed_n_of_rate,
    needed_n_of_rates,
)

Key = tuple[str, tuple[tuple[str, str], ...]]
Figures = Mapping[Key, Estimate]

_ONE_RATE = ("clustered proportion", "Clopper-Pearson", "Wilson", "exact bound, clusters")
_TWO_RATES = ("difference of rates", "ratio of rates")
_ALONE = Design()
_COMPARING = ("difference", "disparate_impact_ratio", "change", "worst_group", "beyond_human")


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is taken for true where no former evaluation tells: a rate, a design effect, the twins' spread.

    `deviation` is the standard deviation of the gaps of pairs, in nats per token.
    """

    rate: float
    effect: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """One gate: comparisons it makes, n of each group, the smallest gap that n shows, the n that decides.

    Where its comparisons differ: the smallest n, the widest gap, the largest n needed. `gap` is in the unit
    of the figure (of its logarithm for a perplexity); None where nothing is known, or (`blind`) where some
    of its comparisons have so few observations that they show none. `needed` is None where no number is.
    """

    comparisons: int
    n: int | None
    gap: float | None
    needed: int | None
    assumes: str
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Former:
    """An evaluation that was made before: its tables, its figures by what they speak of, and its name."""

    tables: Tables
    name: str
    figures: Figures = field(default_factory=dict)

    @classmethod
    def of(cls, tables: Tables, name: str) -> Former:
        """From the tables that it left."""
        return cls(tables, name, _by_key(figures(tables, LEVEL)))


class Ahead:
    """What lies ahead, from the tables that a rehearsal left (`rehearsal.rehearse`).

    Rate, design effect, correlation of groups and spread are those of `former` where it has the figure.
    """

    def __init__(self, planned: Tables, assumed: Assumed, former: Former | None = None) -> None:
        self._plain = _by_key(figures(planned, LEVEL))
        self._released = planned.reading.models[-1]
        self._assumed, self._former = assumed, former

    def of_gates(self, gates: Sequence[GateSpec]) -> list[Forecast]:
        """One Forecast a gate; all comparisons of all gates share one accepted error."""
        plain = self._plain.values()
        matched = [[each for each in plain if speaks_of(gate, each, self._released)] for gate in gates]
        look = self._look(min((gate.alpha for gate in gates), default=0.05), sum(map(len, matched)))
        return [look.over(mine, gate.limits) for gate, mine in zip(gates, matched, strict=True)]

    def of_figure(self, metric: str) -> Forecast:
        """What one figure can show by itself, its comparisons sharing an accepted error of 5 %.

        `needed` stays None: there is no limit that could be decided.
        """
        model = self._released
        mine = [
            each
            for each in self._plain.values()
            if each.metric == metric and each.slice.get("model") == model
        ]
        return self._look(1 - LEVEL, len(mine)).over(mine, None)

    def _look(self, alpha: float, total: int) -> _Look:
        level = 1 - alpha / max(1, total)
        words = f"of {total} comparisons (Holm), level {100 * level:.4g} %"
        return _Look(self._plain, self._assumed, self._former, level, words)


def _by_key(found: Sequence[Estimate]) -> dict[Key, Estimate]:
    return {key_of(figure): figure for figure in found}


@dataclass(frozen=True, slots=True)
class _Known:
    """What a comparison rests on: a rate and how its answers are drawn, or the spread of one observation.

    `source` names the evaluation that told it; empty where it is assumed. `truth` is where a mean is taken
    to lie; None where nothing tells.
    """

    source: str
    rate: float | None = None
    design: Design = _ALONE
    spread: float | None = None
    truth: float | None = 0.0

    @property
    def words(self) -> str:
        """What is assumed, or taken from where."""
        lots = "as if answers fell by lot" if self.truth is None else "assumed"
        how = f"from {self.source}" if self.source else lots
        if self.rate is not None:
            together = f" and correlation of the two {self.design.correlation:.2g}" if self.source else ""
            return f"rate {self.rate:.3g}, design effect {self.design.effect:.3g}{together} {how}"
        if self.spread is not None:
            return f"deviation {self.spread:.3g} {how}"
        return "its spread is not known before a first evaluation"


def _rated(figure: Estimate, share: float, design: Design, source: str) -> _Known:
    return _Known(source, 1 - share if figure.metric.startswith("nontoxic") else share, design)


def _merged(known: Sequence[_Known]) -> _Known:
    """The mean of what several groups showed, the most answers to a prompt; of spreads the widest."""
    first = known[0]
    if first.rate is None:
        return max(known, key=lambda each: each.spread or 0.0)
    design = Design(
        fmean(each.design.effect for each in known),
        max(each.design.per_cluster for each in known),
        fmean(each.design.correlation for each in known),
    )
    return replace(first, rate=fmean(each.rate or 0.0 for each in known), design=design)


@dataclass(frozen=True, slots=True)
class _Look:
    plain: Figures
    assumed: Assumed
    former: Former | None
    level: float
    words: str

    def over(self, mine: Sequence[Estimate], limits: Limits | None) -> Forecast:
        """Of the figures `mine`, and of what would decide `limits` for each of them."""
        if not mine:
            return Forecast(0, None, None, None, "the evaluation will hold no such figure")
        # Those of one kind are worked out once: the fewest observations, what groups showed on average.
        alike: dict[object, list[tuple[Estimate, int, int, _Known]]] = {}
        for each in map(self._sized, mine):
            alike.setdefault((_kind(each[0]), each[2], each[3].source), []).append(each)
        sizes, gaps, needs, words, blind = [], [], [], [], False
        for kind in alike.values():
            figure, _, groups, _ = kind[0]
            n, known = min(n for _, n, _, _ in kind), _merged([known for *_, known in kind])
            gap, needed = self._worked_out(figure, limits, n, groups, known)
            sizes.append(n)
            gaps.append(gap)
            needs.append(needed)
            words.append(known.words)
            blind |= gap is None and known.rate is not None
        return Forecast(
            len(mine),
            min(sizes),
            None if None in gaps else max(gap for gap in gaps if gap is not None),
            None if None in needs else max(needed for needed in needs if needed is not None),
            f"{len(mine)} {self.words}, power {POWER:.0%}; {'; '.join(dict.fromkeys(words))}",
            blind,
        )

    def _sized(self, figure: Estimate) -> tuple[Estimate, int, int, _Known]:
        """A comparison with its n a group, the groups among which it is the worst, and what it rests on."""
        if _kind(figure) == "mean":
            perplexity = figure.metric.startswith("heldout.perplexity")
            return figure, (figure.clusters or figure.n) if perplexity else figure.n, 1, self._spread(figure)
        behind = _behind(figure, self.plain)
        n = min((rate.n for rate in behind), default=figure.n // 2)
        clusters = min((rate.clusters or rate.n for rate in behind), default=figure.clusters or n)
        groups = len(behind) if figure.metric.endswith("worst_group") else 1
        return figure, n, groups, self._rate(figure, max(1, round(n / clusters)))

    def _rate(self, figure: Estimate, per_cluster: int) -> _Known:
        """Rate and design of a comparison's answers, `per_cluster` to a prompt."""
        former = self.former
        found = former.figures.get(key_of(figure)) if former else None
        if former is not None and found is not None:
            seen = [rate for rate in _behind(found, former.figures) if rate.value is not None]
            if seen:
                share = fmean(((rate.value or 0.0) * rate.n + 0.5) / (rate.n + 1) for rate in seen)
                before = _drawn(former, found, seen)
                effect = 1 + (per_cluster - 1) * before.alike
                return _rated(figure, share, Design(effect, per_cluster, before.correlation), former.name)
        # What a detector counts is rare; of two options that are compared each may be the likelier one.
        counted = any(not name.startswith("model:") for name in figure.rests_on)
        effect = min(self.assumed.effect, float(per_cluster))
        return _rated(figure, self.assumed.rate if counted else 0.5, Design(effect, per_cluster), "")

    def _spread(self, figure: Estimate) -> _Known:
        """Spread of one observation of a mean, and what is taken for its truth."""
        before = self.former.figures.get(key_of(figure)) if self.former else None
        if self.former is not None and before is not None and before.value is not None:
            perplexity = figure.metric.startswith("heldout.perplexity")
            n = (before.clusters or before.n) if perplexity else before.n
            spread = unit_error(before) * math.sqrt(n / before.n)
            truth = 0.0 if "against" in before.slice else before.value
            return _Known(self.former.name, spread=spread, truth=truth)
        if figure.metric.startswith("twins."):
            return _Known("", spread=self.assumed.deviation)
        bounded = figure.unit in ("share", "") and not figure.metric.startswith("heldout.perplexity")
        if bounded and figure.value is not None:
            # Made-up answers fall by lot, which is about as far apart as answers can lie.
            return _Known("", spread=unit_error(figure), truth=None)
        return _Known("")

    def _worked_out(
        self, figure: Estimate, limits: Limits | None, n: int, groups: int, known: _Known
    ) -> tuple[float | None, int | None]:
        """The smallest gap that n shows, and the n needed for limits."""
        level = 1 - (1 - self.level) / groups
        if known.spread is None and known.rate is None:
            return None, None
        gap = _gap(figure, n, known, level)
        return gap, None if limits is None else _needed(figure, limits, known, level)


def _on_scale(limit: float | None, *, log: bool) -> float | None:
    """A limit on the scale of the figure; one at nought or below limits no logarithm."""
    if limit is None or not log:
        return limit
    return math.log(limit) if limit > 0 else None


def _gap(figure: Estimate, n: int, known: _Known, level: float) -> float | None:
    """The smallest gap (for a rate or a mean: distance from what is assumed) that n observations show."""
    if known.spread is not None:
        return minimum_detectable_mean(known.spread, n, level=level)
    rate, design = known.rate or 0.0, known.design
    if _kind(figure) != "two":
        return minimum_detectable_mean(math.sqrt(rate * (1 - rate) * design.effect), n, level=level)
    return minimum_detectable_gap(
        min(rate, 1 - rate),  # of a frequent event its absence is looked for, which is as hard
        n,
        design_effect=design.effect,
        correlation=design.correlation,
        per_cluster=design.per_cluster,
        level=level,
    )


def _needed(figure: Estimate, limits: Limits, known: _Known, level: float) -> int | None:
    """How many observations decide limits; of two rates there is in truth taken to be no difference."""
    if known.truth is None:
        return None
    if known.spread is not None:
        log = on_logarithm(figure.metric)
        low, high = (_on_scale(each, log=log) for each in limits)
        truth = math.log(known.truth) if log else known.truth
        return needed_n_of_mean(known.spread, truth, low, high, level=level)
    rate, design = known.rate or 0.0, known.design
    if _kind(figure) != "two":
        return needed_n_of_rate(
            rate, *limits, design_effect=design.effect, level=level, per_cluster=design.per_cluster
        )
    scale: Scale = "ratio" if figure.metric.endswith("ratio") else "difference"
    return needed_n_of_rates(
        rate,
        rate,
        *limits,
        scale,
        design_effect=design.effect,
        correlation=design.correlation,
        per_cluster=design.per_cluster,
        level=level,
    )


def _kind(figure: Estimate) -> str:
    """Whether a figure is "one" rate, compares "two", or is a "mean"."""
    if figure.method.startswith(_TWO_RATES):
        return "two"
    worst = figure.metric.endswith("worst_group") and figure.unit == "share"
    return "one" if worst or figure.method.startswith(_ONE_RATE) else "mean"


def _behind(figure: Estimate, among: Figures) -> list[Estimate]:
    """The groups' own rates that a figure is made of; itself where it is one group's rate."""
    stem, _, last = figure.metric.rpartition(".")
    if last not in _COMPARING:
        return [figure]
    where = {name: value for name, value in figure.slice.items() if name != "against"}
    wanted: list[dict[str, str]] = [where]
    if "against" in figure.slice:
        wanted.append(where | {"model" if last == "change" else "group": figure.slice["against"]})
    stem = "toxicity" if stem == "nontoxic" else stem
    worst = last == "worst_group"
    where = {name: value for name, value in where.items() if name != "group"}
    return [
        rate
        for rate in among.values()
        if rate.metric in (stem, f"{stem}.rate")
        and (
            {name: value for name, value in rate.slice.items() if name != "group"} == where
            and "group" in rate.slice
            if worst
            else rate.slice in wanted
        )
    ]


def _drawn(former: Former, figure: Estimate, rates: Sequence[Estimate]) -> Design:
    """How answers were drawn; outside our own suite the design effect is read from the intervals' widths."""
    if figure.slice.get("suite") == TOXICITY_SUITE and "group" in figure.slice:
        return design_of(former.tables, figure)
    per_cluster = max(1, round(rates[0].n / (rates[0].clusters or rates[0].n)))
    effects = []
    for rate in rates:
        share = ((rate.value or 0.0) * rate.n + 0.5) / (rate.n + 1)
        effects.append(unit_error(rate) ** 2 / (share * (1 - share)))
    return Design(min(max(fmean(effects), 1.0), float(per_cluster)), per_cluster)
