"""How many observations would settle a question, and what a given number can settle.

For rates the answer comes from the very intervals that will be used, by simulation with one fixed seed
(`power.py`); for other figures from the standard error of large samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy import special

from duecare.core import DataError
from duecare.measure.bound import normal_quantile
from duecare.measure.power import Design, Limits, mean_studies, power_of, share_right

POWER = 0.8
SIMULATED = 400
"""Below this many values of a mean its intervals are simulated; above, large samples are near enough."""
MOST = 10**9
"""Above this many observations the answer is "never": the truth lies on the limit."""

Scale = Literal["difference", "ratio"]


def power_to_decide(
    truth: float, error: float, low: float | None, high: float | None, level: float = 0.95
) -> float:
    """Chance that an estimate with standard error `error` gets the right verdict when `truth` holds.

    All on the scale where the estimate is about normal: take logarithms of a ratio and of its limits.
    """
    z = normal_quantile(level)
    bottom = -math.inf if low is None else low
    top = math.inf if high is None else high
    if bottom < truth < top:
        inside = special.ndtr((top - truth) / error - z) - special.ndtr((bottom - truth) / error + z)
        return max(0.0, float(inside))
    away = (bottom - truth) if truth <= bottom else (truth - top)
    return float(special.ndtr(away / error - z))


def needed_n(
    unit_error: float,
    truth: float,
    low: float | None,
    high: float | None,
    *,
    level: float = 0.95,
    power: float = POWER,
) -> int | None:
    """How many observations decide a limit with chance `power`, or None where no number would.

    `unit_error` is the standard error times the square root of n (for a mean: the standard deviation),
    on the scale where the estimate is about normal. None means that `truth` lies on a limit.
    """
    if low is None and high is None:
        raise DataError("needed_n: expected a lower or an upper limit")

    def short(log_n: float) -> float:
        return power_to_decide(truth, unit_error / math.sqrt(math.exp(log_n)), low, high, level) - power

    if unit_error <= 0 or short(math.log(2)) >= 0:
        return 2
    if short(math.log(MOST)) < 0:
        return None
    return math.ceil(math.exp(_root(short, math.log(2), math.log(MOST))))


def unit_error_of_rates(
    rate: float, reference: float, scale: Scale, *, design_effect: float = 1.0, correlation: float = 0.0
) -> float:
    """Standard error times sqrt(n per group) of a difference of rates, or of the logarithm of their ratio.

    `design_effect` is the variance of a clustered sample over that of independent draws; `correlation`
    is that between the two estimates (above zero for counterfactual twins).
    """
    for name, value in (("rate", rate), ("reference", reference)):
        if not 0 < value < 1:
            raise DataError(f"{name}={value}: expected a number between 0 and 1")
    if scale == "ratio":
        parts = (math.sqrt((1 - rate) / rate), math.sqrt((1 - reference) / reference))
    else:
        parts = (math.sqrt(rate * (1 - rate)), math.sqrt(reference * (1 - reference)))
    variance = parts[0] ** 2 + parts[1] ** 2 - 2 * correlation * parts[0] * parts[1]
    return math.sqrt(variance * design_effect)


def needed_n_of_rates(
    rate: float,
    reference: float,
    low: float | None,
    high: float | None,
    scale: Scale,
    *,
    design_effect: float = 1.0,
    correlation: float = 0.0,
    level: float = 0.95,
    power: float = POWER,
    per_cluster: int | None = None,
) -> int | None:
    """Observations *per group* that decide whether the difference or ratio of two rates lies in limits.

    `per_cluster` of them share a cluster (a prompt); left out, the fewest of which the design effect
    could come with a correlation of one half. More of them to a cluster need more in all, because the
    correlation has to be learnt from fewer clusters.
    """
    error = unit_error_of_rates(rate, reference, scale, design_effect=design_effect, correlation=correlation)
    if scale == "difference":
        guess = needed_n(error, rate - reference, low, high, level=level, power=power)
    else:
        logs = [None if limit is None or limit <= 0 else math.log(limit) for limit in (low, high)]
        guess = needed_n(error, math.log(rate / reference), *logs, level=level, power=power)
    design = _design(design_effect, per_cluster, correlation)
    return _settled((rate, reference), scale, (low, high), design, guess, level=level, power=power)


def needed_n_of_rate(
    rate: float,
    low: float | None,
    high: float | None,
    *,
    design_effect: float = 1.0,
    level: float = 0.95,
    power: float = POWER,
    per_cluster: int | None = None,
) -> int | None:
    """Observations that decide whether one rate lies in limits; `per_cluster` as for two rates."""
    if not 0 < rate < 1:
        raise DataError(f"rate={rate}: expected a number between 0 and 1")
    error = math.sqrt(rate * (1 - rate) * design_effect)
    guess = needed_n(error, rate, low, high, level=level, power=power)
    design = _design(design_effect, per_cluster, 0.0)
    return _settled((rate,), "rate", (low, high), design, guess, level=level, power=power)


def minimum_detectable_gap(
    reference: float,
    n: int,
    *,
    design_effect: float = 1.0,
    correlation: float = 0.0,
    level: float = 0.95,
    power: float = POWER,
    per_cluster: int | None = None,
) -> float | None:
    """Smallest excess of a group's rate over `reference` that n observations per group show to be above 0.

    None where even a rate of almost 1 would not be told apart; `per_cluster` as in `needed_n_of_rates`.
    """
    if not 0 < reference < 1:
        raise DataError(f"reference={reference}: expected a number between 0 and 1")
    design = _design(design_effect, per_cluster, correlation)
    clusters = n // design.per_cluster
    if clusters < 2:
        return None

    def short(gap: float) -> float:
        truth = reference + gap, reference
        return power_of(truth, "difference", (None, 0.0), clusters, design, level=level) - power

    most = 1 - reference - 1e-9
    return None if short(most) < 0 else _root(short, 1e-9, most, halvings=20)


def _design(effect: float, per_cluster: int | None, correlation: float) -> Design:
    least = max(1, math.ceil(2 * effect - 1 - 1e-9))
    return Design(effect, per_cluster or least, correlation)


def _settled(
    truth: tuple[float, ...],
    scale: Literal["rate", "difference", "ratio"],
    limits: Limits,
    design: Design,
    guess: int | None,
    *,
    level: float,
    power: float,
) -> int | None:
    """Fewest observations (per group) with that power in simulation, looked for around a first guess."""
    if guess is None:
        return None

    def enough(clusters: int) -> bool:
        return power_of(truth, scale, limits, clusters, design, level=level) >= power

    high = max(2, guess // design.per_cluster)
    while not enough(high):
        high *= 2
        if high * design.per_cluster > MOST:
            return None
    low = high
    while low > 2 and enough(low):
        high, low = low, max(2, low // 2)
    while high - low > max(1, high // 200):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high * design.per_cluster


def needed_n_of_mean(
    deviation: float,
    truth: float,
    low: float | None,
    high: float | None,
    *,
    level: float = 0.95,
    power: float = POWER,
) -> int | None:
    """Independent values (or differences) that decide whether their mean, in truth `truth`, lies in limits.

    About normal, with standard deviation `deviation`. Where few are enough the very intervals are
    simulated: they are wider than the formula for large samples has it.
    """
    n = needed_n(deviation, truth, low, high, level=level, power=power)
    while n is not None and n < SIMULATED:
        low_of, high_of = (truth + deviation * each for each in mean_studies(n, level))
        if share_right(low_of, high_of, truth, (low, high)) >= power:
            return n
        n += max(1, n // 50)
    return n


def minimum_detectable_mean(deviation: float, n: int, *, level: float = 0.95, power: float = POWER) -> float:
    """Smallest mean (of n independent values, or differences) that shows to be other than 0."""
    if 2 <= n < SIMULATED:
        reach, _ = mean_studies(n, level)
        return float(deviation * np.quantile(-reach, power))
    z = float(normal_quantile(level) + special.ndtri(power))
    return z * deviation / math.sqrt(n)


def _root(short: Callable[[float], float], low: float, high: float, halvings: int = 60) -> float:
    """Where `short` (rising, below zero at `low`) reaches zero within [low, high], by halving."""
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (middle, high) if short(middle) < 0 else (low, middle)
    return high
