"""Whether noise, clipping and sampling are what the accountant took them for: tests with a stated error.

Each function returns what it saw in one sentence, and whether that is as claimed. A sound mechanism fails any
of them with probability ERROR at most, all together; the tests that break one on purpose are in
tests/privacy and tests/train.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

ERROR = 1e-6
"""Chance that a sound mechanism fails a self-test: shared equally by its CHECKS."""

CHECKS = 6
SLACK = 1e-3
"""Relative error granted to norms, for float32."""

_ULP = 2.0**-23
_TAIL = 100
"""Counts drawn at small rates have heavier tails than the gamma law that stands for them: at p = 0.001 by a
factor of 2.5 (simulated: 60 units at rate 1/60), further out by more. So much is allowed for."""

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check saw, and whether it is as claimed."""

    name: str
    sound: bool
    said: str


def noise_scale(name: str, parts: Sequence[Floats], deviation: float) -> Seen:
    """Whether every array of `parts` is normal noise of standard deviation `deviation`.

    By its sum of squares: chi-square, two-sided, for each array and for all together.
    """
    from scipy.stats import chi2

    allowed = ERROR / CHECKS / (len(parts) + 1)
    squares = [float(np.square(part.astype(np.float64) / deviation).sum()) for part in parts]
    sizes = [part.size for part in parts]
    worst = min(
        2 * min(chi2.cdf(square, size), chi2.sf(square, size))
        for square, size in zip([*squares, sum(squares)], [*sizes, sum(sizes)], strict=True)
    )
    ratio = np.sqrt(sum(squares) / sum(sizes))
    said = (
        f"over {sum(sizes)} numbers in {len(parts)} arrays the noise is {ratio:.4g} times what is claimed"
        f" (chi-square, smallest p {worst:.2g}, allowed {allowed:.1g})"
    )
    return Seen(name, bool(worst >= allowed), said)


def independent(first: Floats, second: Floats, deviation: float) -> Seen:
    """Whether the noise of two steps is unrelated, by its inner product."""
    from scipy.stats import norm

    allowed = ERROR / CHECKS
    inner = float(np.dot(first.astype(np.float64), second.astype(np.float64)))
    score = inner / (deviation**2 * np.sqrt(len(first)))
    chance = 2 * norm.sf(abs(score))
    said = f"the noise of two steps has correlation {inner / deviation**2 / len(first):+.3g} (p {chance:.2g})"
    return Seen("noise.fresh", bool(chance >= allowed), said)


def clips(alone: Sequence[Floats], halves: Sequence[Floats], clip: float, deviation: float) -> Seen:
    """Whether a unit whose gradient is longer than `clip` adds exactly `clip`, and one half as long its all.

    `alone` and `halves` are what single units added to the sum, [D] each.
    """
    tolerance = _tolerance(clip, deviation, len(alone[0]))
    longest = [float(np.linalg.norm(part)) for part in alone]
    half = [float(np.linalg.norm(part)) for part in halves]
    sound = all(abs(norm - clip) <= tolerance for norm in longest) and all(
        abs(norm - clip / 2) <= tolerance for norm in half
    )
    said = (
        f"units with long gradients added norms of {min(longest):.4g} to {max(longest):.4g}, and units with"
        f" half of the clipping norm {min(half):.4g} to {max(half):.4g}, where it is {clip:g}"
    )
    return Seen("clipping", sound, said)


def adds_up(together: Floats, alone: Sequence[Floats], clip: float, deviation: float) -> Seen:
    """Whether a batch adds what its units add alone: each is clipped by itself, not their sum or mean."""
    total = np.sum(alone, axis=0)
    apart = float(np.linalg.norm(together - total))
    tolerance = len(alone) * _tolerance(clip, deviation, len(together))
    said = f"{len(alone)} units together added what they add alone, but for a norm of {apart:.2g}"
    return Seen("clipping.each", apart <= tolerance, said)


def poisson(batches: Sequence[npt.NDArray[np.int64]], units: int, rate: float) -> Seen:
    """Whether batches are drawn by Poisson sampling at `rate`: their sizes vary as they should, and so does
    how often each unit is drawn. Batches of one size, or every unit once an epoch, vary too little."""
    if rate >= 1:
        sound = all(len(batch) == units for batch in batches)
        return Seen("sampling", sound, f"every one of {len(batches)} batches should hold all {units} units")
    allowed = ERROR / CHECKS / 3 / _TAIL
    sizes = np.array([len(batch) for batch in batches])
    often = np.bincount(np.concatenate(batches), minlength=units)
    chances = [
        _mean_chance(sizes, units, rate),
        _spread_chance(sizes, units, rate),
        _spread_chance(often, len(batches), rate),
    ]
    said = (
        f"{len(batches)} batches of {sizes.min()} to {sizes.max()} of {units} units: mean {sizes.mean():.3g}"
        f" (expected {units * rate:.3g}), variance {sizes.var():.3g} (expected"
        f" {units * rate * (1 - rate):.3g}), smallest p {min(chances):.2g}, allowed {allowed:.1g}"
    )
    return Seen("sampling", min(chances) >= allowed, said)


def _mean_chance(counts: npt.NDArray[np.int64], trials: int, rate: float) -> float:
    """Two-sided p of the sum of binomial counts."""
    from scipy.stats import binom

    total, most = int(counts.sum()), trials * len(counts)
    below, above = binom.cdf(total, most, rate), binom.sf(total - 1, most, rate)
    return float(min(1.0, 2 * min(below, above)))


def _spread_chance(counts: npt.NDArray[np.int64], trials: int, rate: float) -> float:
    """Two-sided p of the spread of binomial counts: a gamma law with the right mean and variance."""
    from scipy.stats import chi2

    variance = trials * rate * (1 - rate)
    spread = float(np.square(counts - trials * rate).sum() / variance)
    heavier = (1 - 6 * rate * (1 - rate)) / variance  # excess kurtosis of one count
    factor = 2 / (2 + heavier)
    below, above = (law(factor * spread, factor * len(counts)) for law in (chi2.cdf, chi2.sf))
    return float(min(1.0, 2 * min(below, above)))


def moves(before: Floats, after: Floats, expected: Floats) -> Seen:
    """Whether the weights went where the optimiser sends them with the noised gradient."""
    moved = float(np.abs(after - before).max())
    apart = float(np.abs(after - expected).max())
    said = f"weights moved by up to {moved:.3g}, and lie up to {apart:.2g} from where they should"
    return Seen("weights", moved > 0 and apart <= 1e-2 * moved, said)


def _tolerance(clip: float, deviation: float, size: int) -> float:
    """Error of a norm that was read off as a difference of noised float32 numbers."""
    return SLACK * clip + 2 * _ULP * deviation * math.sqrt(size)
