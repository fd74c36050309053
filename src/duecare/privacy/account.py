"""How much noise a promise of privacy costs: epsilon and delta against noise, sampling rate and steps.

The mechanism is the sampled Gaussian mechanism (Abadi et al. 2016): at every step each unit is drawn by
itself with one probability (Poisson sampling), its clipped gradient has at most norm C, and noise of
standard deviation `noise_multiplier` x C is added to the sum. Its privacy loss over all steps is composed
numerically (privacy loss distributions; Koskela et al. 2020, Doroshenko et al. 2022) by dp-accounting,
for two data sets that differ in one unit more or less.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from importlib.metadata import version

from duecare.core import ModelError, refuse_unless

FOR_OVERFLOW = 1e-3
"""Share of delta that is set aside for batches larger than the arrays they must fit into."""

TOLERANCE = 1e-3
"""How near to the smallest sufficient noise multiplier the search ends; it always ends above."""

COARSE, FINE, _SMALL = 1e-3, 1e-4, 0.5
"""Steps in which privacy loss is counted (always rounded up): fine ones for an epsilon below _SMALL."""

LEAST_NOISE = 0.05
"""Below this no accountant gives a number that anyone would call privacy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """(epsilon, delta)-differential privacy: epsilon in nats; delta the chance beyond it."""

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        refuse_unless(
            "privacy",
            (_above_0(self.epsilon), "epsilon", self.epsilon, "a number above 0"),
            (_above_0(self.delta) and self.delta < 1, "delta", self.delta, "a number above 0 and below 1"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is run to keep a promise.

    - units: how many there are (taken as known to everyone)
    - batch: how many are expected in a step, so that each is drawn with probability batch / units
    - steps: training steps
    - noise_multiplier: noise standard deviation / clipping norm
    - capacity: the most units that a step can take; a larger draw loses some at random
    - overflow_delta: what that may add to delta at most
    """

    promise: Promise
    units: int
    batch: int
    steps: int
    noise_multiplier: float
    capacity: int
    overflow_delta: float

    @property
    def rate(self) -> float:
        """The probability with which a step draws a unit."""
        return self.batch / self.units

    @property
    def epsilon(self) -> float:
        """The epsilon of all steps at the promised delta."""
        return epsilon_of(self.noise_multiplier, self.rate, self.steps, self.gaussian_delta)

    @property
    def gaussian_delta(self) -> float:
        """The part of delta that the noise uses; the rest is for draws that are too large."""
        return _gaussian_delta(self.promise)

    @property
    def accountant(self) -> str:
        """Which accountant says so."""
        return f"privacy loss distribution (dp-accounting {version('dp-accounting')})"


def plan(
    promise: Promise,
    *,
    units: int,
    batch: int,
    steps: int,
    noise_multiplier: float | None = None,
    most: int | None = None,
) -> Plan:
    """The least noise that keeps `promise` over `steps`; or with given noise, the steps that it allows.

    `units` sets the rate at which they are drawn; there may be up to `most` (canaries come by coin).

    Raises StudyError where the promise is empty (delta must be below 1 / units: Dwork and Roth 2014,
    section 2.3) or the batch larger than the data, ModelError where the noise given allows no step.
    """
    small = f"a number below 1 / {units}, the number of units: above it, giving one unit away is allowed"
    refuse_unless(
        "privacy",
        (promise.delta * units < 1, "delta", promise.delta, small),
        (0 < batch <= units, "batch_size", batch, f"at most {units}, the number of units"),
    )
    rate = batch / units
    delta = _gaussian_delta(promise)
    if noise_multiplier is None:
        noise_multiplier = _noise_for(promise.epsilon, delta, rate, steps)
    else:
        steps = _steps_for(promise.epsilon, delta, rate, noise_multiplier, steps)
    capacity, missed = room(most or units, rate, steps, _room_for_overflow(promise))
    return Plan(
        promise=promise,
        units=units,
        batch=batch,
        steps=steps,
        noise_multiplier=noise_multiplier,
        capacity=capacity,
        overflow_delta=_told(missed, promise.epsilon),
    )


def epsilon_of(noise_multiplier: float, rate: float, steps: int, delta: float) -> float:
    """Epsilon at `delta` of `steps` steps (an upper bound)."""
    found = _epsilon(noise_multiplier, rate, steps, delta, COARSE)
    return found if found > _SMALL else _epsilon(noise_multiplier, rate, steps, delta, FINE)


@functools.lru_cache(maxsize=256)
def _epsilon(noise_multiplier: float, rate: float, steps: int, delta: float, interval: float) -> float:
    import dp_accounting
    from dp_accounting.pld import PLDAccountant

    event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise_multiplier))
    either_way = dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = PLDAccountant(either_way, value_discretization_interval=interval)
    accountant.compose(event, steps)
    return float(accountant.get_epsilon(delta))


def room(units: int, rate: float, steps: int, chance: float) -> tuple[int, float]:
    """The smallest capacity that all steps together outgrow with probability at most `chance`.

    Returns it with that probability, for `units` and for one unit more.
    """
    from scipy.stats import binom

    capacity = min(units, int(binom.isf(chance / steps, units + 1, rate)))
    missed = 0.0 if capacity >= units else float(steps * binom.sf(capacity, units + 1, rate))
    return max(1, capacity), missed


def _noise_for(epsilon: float, delta: float, rate: float, steps: int) -> float:
    """The least noise multiplier, up to TOLERANCE, whose epsilon is at most `epsilon`."""
    low, high = LEAST_NOISE, 1.0
    while epsilon_of(high, rate, steps, delta) > epsilon:
        low, high = high, 2 * high
    while high > (1 + TOLERANCE) * low:
        # Little noise takes the accountant long: the lower end is come near to slowly.
        middle = max((low + high) / 2, 0.7 * high)
        if epsilon_of(middle, rate, steps, delta) > epsilon:
            low = middle
        else:
            high = middle
    return high


def _steps_for(epsilon: float, delta: float, rate: float, noise: float, wanted: int) -> int:
    """The most steps, up to `wanted`, whose epsilon is at most `epsilon`."""
    low, high = 0, wanted
    if epsilon_of(noise, rate, wanted, delta) <= epsilon:
        return wanted
    while high - low > 1:
        middle = (low + high) // 2
        if epsilon_of(noise, rate, middle, delta) <= epsilon:
            low = middle
        else:
            high = middle
    if not low:
        told = f"noise_multiplier={noise:g} spends epsilon={epsilon:g} before the first step ends"
        raise ModelError(f"privacy: {told}; give more noise, or leave it out to have it worked out")
    return low


def _gaussian_delta(promise: Promise) -> float:
    """The part of delta that the noise may use."""
    return promise.delta * (1 - FOR_OVERFLOW)


def _room_for_overflow(promise: Promise) -> float:
    """How likely a batch may be cut at any step, so that all of delta is as promised.

    Two runs that differ with probability t at most give (epsilon, delta + (1 + e^epsilon) t) where one
    gives (epsilon, delta).
    """
    return promise.delta * FOR_OVERFLOW / (1 + math.exp(min(promise.epsilon, 50.0)))


def _told(missed: float, epsilon: float) -> float:
    return (1 + math.exp(min(epsilon, 50.0))) * missed


def _above_0(value: object) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    )
