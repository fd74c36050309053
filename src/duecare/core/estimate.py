"""Estimate: one number about many Scores, never without interval, n, method and slice."""

from __future__ import annotations

import math
from collections.abc import Mapping

from duecare.core.errors import DuecareError
from duecare.core.wire import Noun


class Estimate(Noun, frozen=True, kw_only=True):
    """One figure with its uncertainty.

    `metric` is a dotted name ("toxicity.rate"), `slice` says of what it speaks
    ({"model": "tuned", "axis": "gender", "group": "women"}). `low` and `high` bound the value at
    confidence `level`; for a count of everything there is (`method="exact count"`) they equal it.
    `n` is the number of observations, `clusters` the number of independent units among them (prompts,
    pairs, conversations) where that differs. Where nothing can be said `value`, `low` and `high` are
    None and `reason` says why. `step` is the training step of a figure taken midway. `rests_on` names
    the instruments (detectors, models, people) whose Scores it was measured from.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    slice: dict[str, str] = {}
    level: float = 0.95
    clusters: int | None = None
    unit: str = ""
    reason: str | None = None
    step: int | None = None
    rests_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        value, low, high = self.value, self.low, self.high
        if value is None or low is None or high is None:
            if not (value is None and low is None and high is None and self.reason):
                raise DuecareError(
                    f"estimate {self.metric}: value, low and high are all given, or all None with a reason"
                )
            return
        if not -math.inf < low <= value <= high < math.inf:  # one chain: it is asked of millions
            if not all(map(math.isfinite, (value, low, high))):
                raise DuecareError(f"estimate {self.metric}: {value} [{low}, {high}] is not finite")
            raise DuecareError(f"estimate {self.metric}: {value} lies outside [{low}, {high}]")
        if self.n < 0 or not 0 < self.level < 1:
            raise DuecareError(f"estimate {self.metric}: n={self.n}, level={self.level}")


def exact(metric: str, value: float, n: int, slice: Mapping[str, str], unit: str = "") -> Estimate:
    """A count of everything there is: no sampling, so the interval is the value itself."""
    return Estimate(
        metric=metric,
        value=value,
        low=value,
        high=value,
        n=n,
        method="exact count",
        slice=dict(slice),
        unit=unit,
    )


def unknown(metric: str, reason: str, n: int, slice: Mapping[str, str], method: str) -> Estimate:
    """Nothing can be said, and why."""
    return Estimate(
        metric=metric,
        value=None,
        low=None,
        high=None,
        n=n,
        method=method,
        slice=dict(slice),
        reason=reason,
    )
