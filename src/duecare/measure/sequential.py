"""Figures that may be looked at as often as one likes: confidence sequences and e-values.

An interval for a fixed sample errs in 5 % of cases *once*; looked at after each batch it is wrong at some
look almost surely. Here the 5 % hold for all looks together, so that one may look always, stop when
one has seen enough, and go on later.

States are frozen: `add` returns the next one. `plain` gives numbers, strings and lists, `resume` takes
them back, and a run that was killed goes on to the same bits, however its values were cut into batches.

What must hold: given all values before, each new value has the mean that is spoken of. Draws of one
prompt, or of one person, do not meet that one by one: give `clusters` and each cluster of a batch
counts as one value, its mean. A cluster that comes again in a later batch (a second epoch over the same rows)
is no new evidence about others, and no method here can know it.

| state | values | speaks of | guarantee |
|---|---|---|---|
| `Betting` | within bounds | a mean that stays the same | exact, narrowest |
| `Bernstein` | within bounds | the average of means so far, which may drift | exact |
| `Asymptotic` | any with a variance (losses) | the average of means so far | for large samples only |
| `Evidence` | within bounds | whether a mean is above (below) a limit | exact, an e-value |

A paired difference of values within [0, 1] lies within (-1, 1). For two groups that are not paired feed
one state each, at level 1 - alpha/2, and take `sequence_gap`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from duecare.core import DataError
from duecare.measure.bound import Floats
from duecare.measure.capital import (
    before,
    candidates,
    growth_bets,
    hedged_bets,
    log_gains,
    normal_mixture,
    running,
    stitched,
)
from duecare.measure.cluster import Labels, gather
from duecare.measure.interval import LEVEL, Interval, silent

CHUNK = 256
GRID = candidates()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Numbers, strings and tuples that go to the disk between two looks, and come back."""

    def plain(self) -> dict[str, Any]:
        """This state as numbers, strings and lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def resume(cls, plain: Mapping[str, Any]) -> Self:
        """The state that `plain` was taken of."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()
        }
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen(Kept):
    """`n` draws in `units` independent values, their sum and squared deviations (values scaled to [0, 1])."""

    level: float = LEVEL
    n: int = 0
    units: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise DataError(f"level={self.level}: expected a number between 0 and 1")

    def _nothing(self, method: str) -> Interval:
        return silent("no observations", 0, None, method, self.level)

    def _interval(self, value: float, low: float, high: float, method: str) -> Interval:
        clusters = self.units if self.units != self.n else None
        return Interval(value, min(low, value), max(high, value), self.n, clusters, method, self.level)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounded(_Seen):
    """Values that cannot leave `within`."""

    within: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        _Seen.__post_init__(self)
        if not self.within[0] < self.within[1]:
            raise DataError(f"within={self.within}: expected a lower and an upper bound")

    def _scaled(self, values: object, clusters: Labels) -> tuple[Floats, int]:
        """One value in [0, 1] per independent unit, and how many draws there were."""
        gathered = gather(values, clusters)
        low, high = self.within
        array = np.asarray(values, dtype=float)
        if gathered.n and not (array.min() >= low and array.max() <= high):
            raise DataError(f"values: some lie outside within={self.within}")
        return (gathered.sums / gathered.sizes - low) / (high - low), gathered.n

    def _moments(self, x: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Times, sums and squared deviations [T] after each value, and mean and variance known before it.

        Half a value of one half and a variance of one quarter stand for what is not known yet.
        """
        time: Floats = np.arange(len(x), dtype=np.float64) + (self.units + 1.0)
        totals = running(self.total, x)
        means = (0.5 + totals) / (time + 1)
        squares = running(self.squares, (x - means) ** 2)
        mean = before((0.5 + self.total) / (self.units + 1), means)
        variance = before((0.25 + self.squares) / (self.units + 1), (0.25 + squares) / (time + 1))
        return time, totals, squares, mean, variance

    def _after(self, x: Floats, n: int, totals: Floats, squares: Floats) -> dict[str, Any]:
        return self.plain() | {
            "n": self.n + n,
            "units": self.units + len(x),
            "total": float(totals[-1]),
            "squares": float(squares[-1]),
            "within": self.within,
        }

    def _unscaled(self, share: float) -> float:
        return self.within[0] + (self.within[1] - self.within[0]) * share


@dataclass(frozen=True, slots=True, kw_only=True)
class Betting(_Bounded):
    """Confidence sequence for a constant mean by hedged capital (Waudby-Smith and Ramdas 2024).

    Two gamblers bet against each of 999 candidate means, one that the mean is higher, one that it is
    lower; a candidate is out once its gambler has made 2 / alpha of 1, and stays out. Bounds are rounded
    outwards to the next candidate (0.0016 apart at one half, 0.0001 at 0.001, of the width of
    `within`). `up` and `down` hold logarithms of capital. Not for a mean that drifts: see `Bernstein`.
    """

    up: tuple[float, ...] = ()
    down: tuple[float, ...] = ()
    floor: int = 0
    ceiling: int = 0

    def add(self, values: object, clusters: Labels = None) -> Self:
        """The state after a batch of `values` [n], with `clusters` [n] where draws belong together."""
        x, n = self._scaled(values, clusters)
        if not n:
            return self
        alpha = 1 - self.level
        time, totals, squares, _, variance = self._moments(x)
        bets, line = hedged_bets(variance, time, alpha), math.log(2 / alpha)
        up, down = (np.array(side or np.zeros(len(GRID))) for side in (self.up, self.down))
        floor, ceiling = self.floor, self.ceiling
        for start in range(0, len(x), CHUNK):
            part = slice(start, start + CHUNK)
            ups = np.add.accumulate(np.vstack([up, log_gains(x[part], bets[part], GRID)]))[1:]
            downs = np.add.accumulate(np.vstack([down, log_gains(1 - x[part], bets[part], 1 - GRID)]))[1:]
            floor = max(floor, int((ups >= line).sum(-1).max()))
            ceiling = max(ceiling, int((downs >= line).sum(-1).max()))
            up, down = ups[-1], downs[-1]
        state = self._after(x, n, totals, squares) | {
            "up": tuple(up.tolist()),
            "down": tuple(down.tolist()),
            "floor": floor,
            "ceiling": ceiling,
        }
        return type(self)(**state)

    def look(self) -> Interval:
        """The interval now; with chance `level` all looks, before and after this one, hold the mean.

        No figure but a reason where looks contradict each other: then the mean did not stay the same.
        """
        method = "confidence sequence (hedged betting)"
        if not self.units:
            return self._nothing(method)
        edges = np.concatenate([[0.0], GRID, [1.0]])
        low, high = float(edges[self.floor]), float(edges[len(edges) - 1 - self.ceiling])
        if low > high:
            reason = "no one mean fits all looks: it moved while it was watched"
            return silent(reason, self.n, self.units, method, self.level)
        value, low, high = (self._unscaled(share) for share in (self.total / self.units, low, high))
        return self._interval(value, low, high, method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bernstein(_Bounded):
    """Confidence sequence for the average of means so far (Howard et al. 2021, theorem 4, stitched).

    Values may drift: what is bounded is the average, over the values seen, of the mean that each had given
    those before it. `spread` sums squared distances to the mean known before each value.
    """

    spread: float = 0.0

    def add(self, values: object, clusters: Labels = None) -> Self:
        """The state after a batch of `values` [n], with `clusters` [n] where draws belong together."""
        x, n = self._scaled(values, clusters)
        if not n:
            return self
        _, totals, squares, mean, _ = self._moments(x)
        spread = float(running(self.spread, (x - mean) ** 2)[-1])
        return type(self)(**(self._after(x, n, totals, squares) | {"spread": spread}))

    def look(self) -> Interval:
        """The interval now; with chance `level` every look holds the average of means up to it."""
        method = "confidence sequence (stitched empirical Bernstein)"
        if not self.units:
            return self._nothing(method)
        mean = self.total / self.units
        half = stitched(self.spread, (1 - self.level) / 2) / self.units
        low, high = self._unscaled(max(mean - half, 0.0)), self._unscaled(min(mean + half, 1.0))
        return self._interval(self._unscaled(mean), low, high, method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asymptotic(_Seen):
    """Asymptotic confidence sequence for values without bounds (Waudby-Smith et al. 2021), losses for one.

    Looks before `start` independent values give a reason. The promise is one for large samples: skewed
    values need a larger `start`. About narrowest after `tightest` values; choose both before looking. `total`
    and `squares` are of distances to the first value, `origin`.
    """

    start: int = 100
    tightest: int = 1000
    origin: float = 0.0

    def add(self, values: object, clusters: Labels = None) -> Self:
        """The state after a batch of `values` [n], with `clusters` [n] where draws belong together."""
        gathered = gather(values, clusters)
        if not gathered.n:
            return self
        units = gathered.sums / gathered.sizes
        origin = self.origin if self.units else float(units[0])
        state = self.plain() | {
            "n": self.n + gathered.n,
            "units": self.units + len(units),
            "origin": origin,
            "total": float(running(self.total, units - origin)[-1]),
            "squares": float(running(self.squares, (units - origin) ** 2)[-1]),
        }
        return type(self)(**state)

    def look(self) -> Interval:
        """The interval now; with chance of about `level` all looks from `start` on hold the average mean."""
        method = f"confidence sequence (asymptotic, from {self.start} on)"
        if self.units < self.start:
            reason = f"{self.units} independent values, the first look is at {self.start}"
            return silent(reason, self.n, self.units, method, self.level)
        shift = self.total / self.units
        variance = self.squares / self.units - shift**2
        if variance <= 1e-12 * self.squares / self.units:
            reason = f"all {self.units} independent values are equal: nothing shows their spread"
            return silent(reason, self.n, self.units, method, self.level)
        half = math.sqrt(variance) * normal_mixture(self.units, 1 - self.level, self.tightest)
        value = self.origin + shift
        return self._interval(value, value - half, value + half, method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(_Bounded):
    """An e-value against "the mean is at most `limit`" (side "above") or "at least" (side "below").

    The capital of one who bets 1 against it (Waudby-Smith and Ramdas 2024; approximate GRAPA bets). If
    the null holds at every value, the capital ever reaches 1 / alpha with chance alpha at most: alarm at
    20 for 5 %. The mean may drift as long as the null holds. E-values of one hypothesis multiply over
    independent runs and average over any. `level` is not used.
    """

    limit: float
    side: Literal["above", "below"] = "above"
    log_now: float = 0.0
    log_peak: float = 0.0

    def __post_init__(self) -> None:
        _Bounded.__post_init__(self)
        if not self.within[0] < self.limit < self.within[1]:
            raise DataError(f"limit={self.limit}: expected a number within {self.within}")
        if self.side not in {"above", "below"}:
            raise DataError(f"side={self.side!r}: expected 'above' or 'below'")

    def add(self, values: object, clusters: Labels = None) -> Self:
        """The state after a batch of `values` [n], with `clusters` [n] where draws belong together."""
        x, n = self._scaled(values, clusters)
        if not n:
            return self
        null = (self.limit - self.within[0]) / (self.within[1] - self.within[0])
        if self.side == "below":
            x, null = 1 - x, 1 - null
        _, totals, squares, mean, variance = self._moments(x)
        bets = growth_bets(mean, variance, null)
        course = running(self.log_now, log_gains(x, bets, np.array([null]))[:, 0])
        state = self._after(x, n, totals, squares) | {
            "log_now": float(course[-1]),
            "log_peak": max(self.log_peak, float(course.max())),
        }
        return type(self)(**state)

    @property
    def e_value(self) -> float:
        """The capital now, 1 at the start; at most 1e300."""
        return math.exp(min(self.log_now, 690.0))

    @property
    def p_value(self) -> float:
        """One over the highest capital so far, a p-value at any look."""
        return math.exp(-self.log_peak)


def sequence_gap(a: Interval, b: Interval) -> Interval:
    """The mean of `a` less that of `b`, from looks at two confidence sequences, paired or not.

    Holds at all looks with level `a.level + b.level - 1`: feed both at 0.975 for 0.95.
    """
    method, level = f"gap of two: {a.method}", a.level + b.level - 1
    if level <= 0:
        raise DataError(f"levels {a.level} and {b.level}: expected a sum above 1")
    bounds = (a.value, a.low, a.high, b.value, b.low, b.high)
    known = [bound for bound in bounds if bound is not None]
    if len(known) < len(bounds):
        reason = "; ".join(f"one of the two groups: {look.reason}" for look in (a, b) if look.reason)
        return silent(reason, a.n + b.n, None, method, level)
    first, low, high, second, other_low, other_high = known
    return Interval(first - second, low - other_high, high - other_low, a.n + b.n, None, method, level)
