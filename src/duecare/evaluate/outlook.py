"""What an undecided limit would need, in words that a reader can act on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duecare.core import DataError, Estimate
from duecare.measure.bound import normal_quantile
from duecare.measure.power import Design
from duecare.measure.size import POWER, Scale, needed_n, needed_n_of_rate, needed_n_of_rates

Limits = tuple[float | None, float | None]

_UNITS = {
    "toxicity.expected_max": "prompts",
    "twins": "twin pairs",
    "heldout.perplexity": "held-out tokens",
    "heldout.rouge_l": "held-out rows",
}


_ON_RATES = ("rate", "difference", "disparate_impact_ratio", "change", "worst_group")


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many observations would settle it (for each group where two are compared), and a sentence."""

    needed_n: int | None
    words: str


def on_logarithm(metric: str) -> bool:
    """Whether a figure's interval is about symmetric on the logarithm."""
    return metric.endswith("ratio") or metric == "heldout.perplexity"


def outlook(figure: Estimate, limits: Limits, plain: Mapping[object, Estimate], design: Design) -> Outlook:
    """What would decide `figure`.

    Rates, their differences and ratios are planned from the rates in `plain` and how their answers were
    drawn (`design`), everything else from the width of its interval.
    """
    if figure.value is None:
        return Outlook(None, f"There is no figure to decide on: {figure.reason}.")
    needed, alike = _needed(figure, limits, plain, design)
    unit = next((word for stem, word in _UNITS.items() if figure.metric.startswith(stem)), "answers")
    if needed is None:
        return Outlook(
            None, f"The figure lies so close to the limit that more {unit} would hardly decide it."
        )
    each = " for each group" if "group" in figure.slice and unit in ("answers", "prompts") else ""
    truth = "there is in truth no difference" if alike else "the figure stays what it is"
    return Outlook(
        needed,
        f"About {needed:,} {unit}{each} instead of {_now(figure, plain):,} would decide it"
        f" ({POWER:.0%} chance), if {truth}; or state a limit that this study can decide.",
    )


def _now(figure: Estimate, plain: Mapping[object, Estimate]) -> int:
    """Observations at hand, of one group where groups are compared."""
    rates = _rates(figure, plain)
    return min(rate.n for rate in rates) if rates else figure.n


def _needed(
    figure: Estimate, limits: Limits, plain: Mapping[object, Estimate], design: Design
) -> tuple[int | None, bool]:
    """How many observations, and whether that is under "no difference"."""
    neutral, now, rates = _neutral(figure, limits), _now(figure, plain), _rates(figure, plain)
    for truth in (neutral, figure.value):
        if truth is None:
            continue
        if rates:
            needed = _of_rates(figure, limits, rates, design, alike=truth is neutral)
        else:
            needed = _of_width(figure, limits, truth)
        if needed is None or needed > now or truth is not neutral:
            return None if needed is None else max(needed, now + 1), truth is neutral
    return None, False


def _of_rates(
    figure: Estimate, limits: Limits, rates: Sequence[Estimate], design: Design, *, alike: bool
) -> int | None:
    """Observations for each group; half an event is added to each rate, so that none is nought."""
    shares = [((rate.value or 0.0) * rate.n + 0.5) / (rate.n + 1) for rate in rates]
    if figure.metric.startswith("nontoxic"):
        shares = [1 - share for share in shares]
    if len(shares) == 1:
        return needed_n_of_rate(
            shares[0],
            *limits,
            design_effect=design.effect,
            per_cluster=design.per_cluster,
            level=figure.level,
        )
    if alike:
        shares = [sum(shares) / 2] * 2
    scale: Scale = "ratio" if figure.metric.endswith("ratio") else "difference"
    first, second = shares
    low, high = limits
    return needed_n_of_rates(
        first,
        second,
        low,
        high,
        scale,
        design_effect=design.effect,
        correlation=design.correlation,
        per_cluster=design.per_cluster,
        level=figure.level,
    )


def _of_width(figure: Estimate, limits: Limits, truth: float) -> int | None:
    """Observations, from how wide the interval is now."""
    if figure.low is None or figure.high is None:
        return None
    scale = _log if on_logarithm(figure.metric) else float
    low, high = (None if limit is None else scale(limit) for limit in limits)
    return needed_n(unit_error(figure), scale(truth), low, high, level=figure.level)


def unit_error(figure: Estimate) -> float:
    """Standard error times the root of n, from how wide a figure's interval is (on its logarithm: ratios)."""
    if figure.low is None or figure.high is None:
        raise DataError(f"{figure.metric}: no interval to take a spread from, {figure.reason}")
    scale = _log if on_logarithm(figure.metric) else float
    half = (scale(figure.high) - scale(figure.low)) / 2
    return half / normal_quantile(figure.level) * math.sqrt(figure.n)


def _rates(figure: Estimate, plain: Mapping[object, Estimate]) -> list[Estimate]:
    """The rates that a figure on rates was made of (group, and what it is compared with), else nothing."""
    stem, _, kind = figure.metric.partition(".")
    if kind not in _ON_RATES or stem not in ("toxicity", "nontoxic", "refusal"):
        return []
    about = {name: value for name, value in figure.slice.items() if name != "against"}
    wanted = [about]
    if "against" in figure.slice:
        name = "model" if kind == "change" else "group"
        wanted.append(about | {name: figure.slice["against"]})
    metric = "toxicity.rate" if stem == "nontoxic" else f"{stem}.rate"
    known = [rate for rate in plain.values() if rate.metric == metric and rate.value is not None]
    found = [rate for where in wanted for rate in known if rate.slice == where]
    return found if len(found) == len(wanted) else []


def _neutral(figure: Estimate, limits: Limits) -> float | None:
    """The value of "no difference", where the data allow it and it lies inside the limits."""
    if "against" not in figure.slice or figure.low is None or figure.high is None:
        return None
    value = 1.0 if figure.metric.endswith("ratio") else 0.0
    inside = (limits[0] is None or limits[0] < value) and (limits[1] is None or value < limits[1])
    return value if inside and figure.low <= value <= figure.high else None


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
