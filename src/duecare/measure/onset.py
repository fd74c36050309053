"""When something began to go wrong: evidence that does not forget how well it went before.

`Evidence` bets from the first value on. Where a mean is good for long and then turns bad, its capital has
learned to bet nothing, and the turn is seen late. Here a new gambler starts now and then, each with the
same share of the money, and what is watched is the money of all: an e-detector with a prior over the onset
(Shin, Ramdas and Rinaldo 2023, "E-detectors"), which for a known number of starts is an e-process, so that a
course on which nothing ever goes wrong raises an alarm with chance alpha at most, at all looks together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from duecare.core import DataError
from duecare.measure.bound import Floats
from duecare.measure.sequential import Kept

MOST = 0.9
"""A bet risks at most this share of its gambler's capital: more than in `Evidence`, where one has it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset(Kept):
    """E-value against "no mean has gone beyond `limit`", whenever it may have begun to.

    Values lie `within` bounds. Given all values before, each has a mean of at most `limit` (side "above") or
    at least (side "below") while all is well; it may drift on that side. `starts` is how many gamblers there
    are, fixed before the first look: one begins at the first batch and one after every `apart`.
    `units`, `totals`, `squares` and `logs` hold of each gambler the values seen, their sum and squared
    deviations (scaled to [0, 1]) and the logarithm of the capital. Alarm where `peak` reaches log(1 / alpha).
    """

    limit: float
    side: Literal["above", "below"] = "above"
    within: tuple[float, float] = (0.0, 1.0)
    starts: int = 16
    apart: int = 1
    batches: int = 0
    units: tuple[int, ...] = ()
    totals: tuple[float, ...] = ()
    squares: tuple[float, ...] = ()
    logs: tuple[float, ...] = ()
    peak: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.within
        if not low < self.limit < high:
            raise DataError(f"limit={self.limit}: expected a number within {self.within}")
        if self.side not in {"above", "below"}:
            raise DataError(f"side={self.side!r}: expected 'above' or 'below'")
        if self.starts < 1 or self.apart < 1:
            raise DataError(f"starts={self.starts}, apart={self.apart}: expected whole numbers from 1 on")

    @staticmethod
    def spread(looks: int, most: int = 32) -> dict[str, int]:
        """`starts` and `apart` for a course of so many batches: at most `most` gamblers, evenly apart."""
        apart = max(1, math.ceil(looks / most))
        return {"starts": max(1, math.ceil(looks / apart)), "apart": apart}

    def add(self, values: object) -> Self:
        """The state after one batch of `values` [n], one for each independent unit; an empty one is none."""
        x = self._scaled(values)
        if not len(x):
            return self
        begins = self.batches % self.apart == 0 and len(self.logs) < self.starts
        units, totals, squares, logs = (
            np.array([*kept, *([0.0] if begins else [])], dtype=np.float64)
            for kept in (self.units, self.totals, self.squares, self.logs)
        )
        null = self._share(self.limit)
        for value in x:  # bets of each value rest on those before it, for all gamblers at once [J]
            mean, variance = (0.5 + totals) / (units + 1), (0.25 + squares) / (units + 1)
            edge = (
                mean - null
            )  # the approximate GRAPA bets of Waudby-Smith and Ramdas (2024), as in `Evidence`
            bets = np.clip(edge / (variance + edge**2), 0, MOST / null)
            logs = logs + np.log1p(bets * (value - null))
            units, totals = units + 1, totals + value
            squares = squares + (value - (0.5 + totals) / (units + 1)) ** 2
        now = self._money(logs)
        state = self.plain() | {
            "within": self.within,
            "batches": self.batches + 1,
            "units": tuple(int(each) for each in units),
            "totals": tuple(totals.tolist()),
            "squares": tuple(squares.tolist()),
            "logs": tuple(logs.tolist()),
            "peak": max(self.peak, now),
        }
        return type(self)(**state)

    @property
    def log_now(self) -> float:
        """The logarithm of all the money now, 0 at the start: that of who has not begun is untouched."""
        return self._money(np.array(self.logs))

    @property
    def e_value(self) -> float:
        """All the money now, 1 at the start; at most 1e300."""
        return math.exp(min(self.log_now, 690.0))

    @property
    def p_value(self) -> float:
        """One over the most money so far, a p-value at any look."""
        return math.exp(-self.peak)

    @property
    def began(self) -> int | None:
        """The batch, from 0, with which the gambler began who has most now; None before the first.

        After an alarm this estimates the onset, to `apart` batches.
        """
        return int(np.argmax(self.logs)) * self.apart if self.logs else None

    def _money(self, logs: Floats) -> float:
        return float(
            np.logaddexp.reduce([*logs, *([0.0] * (self.starts - len(logs)))]) - math.log(self.starts)
        )

    def _scaled(self, values: object) -> Floats:
        """Values in [0, 1] that are high where they speak for an onset."""
        array = np.asarray(values, dtype=np.float64)
        low, high = self.within
        if array.ndim != 1 or (len(array) and not (array.min() >= low and array.max() <= high)):
            raise DataError(f"values: expected numbers [n] within {self.within}")
        share: Floats = (array - low) / (high - low)
        return share if self.side == "above" else 1 - share

    def _share(self, value: float) -> float:
        low, high = self.within
        share = (value - low) / (high - low)
        return share if self.side == "above" else 1 - share
