"""What a nudge does to a reward: its mean effect in spreads, how often it wins, and what is beyond chance.

A reward has no unit and no zero, so effects are told in its own spread: the root mean square, over held-out
pairs, of the standard deviation of the two rewards of a pair. So an effect is told in what typically lies
between two answers to one prompt. Nudges are corrected together (Holm 1979).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from duecare.core import DataError, Estimate
from duecare.measure import Interval, cluster_mean, holm, p_value
from duecare.measure.bound import exact_bounds
from duecare.measure.cluster import gather
from duecare.measure.interval import mean_of
from duecare.measure.shift import FEW_DIFFERING, mean_shift
from duecare.reward.nudge import Comparison
from duecare.reward.pairs import Text

Floats = npt.NDArray[np.float64]
UNIT = "spreads"
ONE = 1.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What a comparison came to. `effects` [n] in spreads with their `clusters`.

    No effect is taken to lie further from nought than `widest`: the furthest of its kind that was seen, and
    ONE at least. It counts only where most effects are nought, or all are alike. `adjusted` is Holm's p-value
    that the mean is no larger than is worth a mention, `found` whether that is ruled out; None: nothing can
    be said.
    """

    comparison: Comparison
    effects: Floats
    clusters: tuple[str, ...]
    widest: float
    adjusted: float | None = None
    found: bool | None = None

    def at(self, level: float) -> Interval:
        """The mean effect at a confidence level."""
        return shift(self.effects, self.widest, self.clusters, level)

    def against(self, most: float) -> Effect:
        """It as it is held against a limit: an effect twice as far as `most` is never taken to be impossible.

        Else a limit beyond `widest` would hold by that assumption, whatever was seen.
        """
        return replace(self, widest=max(self.widest, 2 * most))

    @property
    def wins(self) -> Interval:
        """How often the nudged text earns more; a tie is half a win."""
        won = np.where(self.effects > 0, 1.0, np.where(self.effects < 0, 0.0, 0.5))
        return cluster_mean(won, list(self.clusters), within=(0.0, 1.0))

    def estimates(self, about: Mapping[str, str], rests_on: tuple[str, ...]) -> list[Estimate]:
        """The mean effect, with Holm's p-value and verdict in its slice, and the win rate."""
        own = dict(about) | self.comparison.about
        holm_p = {}
        if self.adjusted is not None:
            holm_p = {"holm_p": f"{self.adjusted:.2g}", "beyond_chance": "yes" if self.found else "no"}
        return [
            self.at(0.95).estimate("reward.nudge", own | holm_p, UNIT, rests_on),
            self.wins.estimate("reward.nudge.wins", own, "share", rests_on),
        ]


def shift(effects: Floats, widest: float, clusters: Sequence[str], level: float) -> Interval:
    """Mean of `effects` [n], with the interval that their spread gives.

    Where it shows none, none is taken to lie further than `widest` from nought: that is an assumption, and
    an interval that the spread gives is not cut by it. Where all are alike but not nought (a function that
    pays for bold letters pays for each the same), the chance of another one is bounded exactly (Clopper and
    Pearson 1934), and such a one may lie as far as that. Where most are nought, likewise.
    """
    gathered = gather(effects, list(clusters))
    means = gathered.sums / gathered.sizes
    alike = np.abs(means - gathered.mean).max() <= 1e-9 * max(1.0, abs(gathered.mean))
    if gathered.clusters > 1 and abs(gathered.mean) > 1e-9 and alike:
        other = float(exact_bounds(0, gathered.clusters, level)[1])
        low, high = ((1 - other) * gathered.mean + sign * other * widest for sign in (-1, 1))
        value = gathered.mean
        method = "exact bound on how often it differs, clusters as draws (all effects equal)"
        return Interval(
            value, min(low, value), max(high, value), gathered.n, gathered.clusters, method, level
        )
    differing = int((np.abs(means) > 1e-9).sum())
    if differing >= FEW_DIFFERING or 2 * differing > gathered.clusters:
        return mean_of(gathered, level)
    return mean_shift(effects, (0.0, widest), list(clusters), level)


def spread_of(chosen: Floats, rejected: Floats) -> float:
    """One spread of a reward, from the rewards of both answers of pairs, [n] each.

    Raises DataError where it tells no two answers apart: a constant has no spread to measure by.
    """
    spread = float(np.sqrt(((chosen - rejected) ** 2 / 2).mean()))
    scale = max(1e-300, float(np.abs(np.concatenate([chosen, rejected])).max()))
    if not spread > 1e-9 * scale:
        raise DataError(
            f"reward.audit: the reward is constant: both answers of all {len(chosen)} pairs earn the same,"
            " so it ranks nothing and there is nothing to audit"
        )
    return spread


def effects_of(
    comparisons: Sequence[Comparison],
    rewards: Mapping[Text, float],
    spread: float,
    *,
    worth: float,
    alpha: float,
) -> list[Effect]:
    """The effect of each comparison, corrected over all of them.

    `rewards` of every text; NaN where a detector could not say, and what rests on it is left out.
    Raises DataError for a comparison of which nothing is left.
    """
    seen = [(each, *_measured(each, rewards, spread)) for each in comparisons]
    furthest = dict.fromkeys((each.kind for each in comparisons), ONE)
    for each, effects, _ in seen:
        furthest[each.kind] = max(furthest[each.kind], float(np.abs(effects).max()))
    raw = [Effect(each, effects, clusters, furthest[each.kind]) for each, effects, clusters in seen]
    ps = [beyond(each.at, worth) for each in raw]
    known = [p for p in ps if p is not None]
    steps = iter(holm(known).tolist())
    adjusted = [None if p is None else next(steps) for p in ps]
    return [
        Effect(
            each.comparison,
            each.effects,
            each.clusters,
            each.widest,
            p,
            None if p is None else p <= alpha,
        )
        for each, p in zip(raw, adjusted, strict=True)
    ]


def _measured(
    comparison: Comparison, rewards: Mapping[Text, float], spread: float
) -> tuple[Floats, tuple[str, ...]]:
    """The effects of a comparison in spreads, and the cluster of each."""
    effects, clusters = [], []
    for item in comparison.items:
        more = sum(rewards[text] for text in item.nudged) - sum(rewards[text] for text in item.plain)
        if math.isfinite(more):
            effects.append(more / spread)
            clusters.append(item.cluster)
    if not effects:
        about = ", ".join(comparison.about.values())
        raise DataError(f"reward.audit: no nudge of {about} could be scored: expected one at least")
    return np.array(effects), tuple(clusters)


def beyond(at: Callable[[float], Interval], worth: float) -> float | None:
    """Smallest alpha whose interval lies wholly further from nought than `worth`; None if it says nothing."""
    found = at(0.95)
    if found.value is None:
        return None
    if abs(found.value) <= worth:
        return 1.0
    return p_value(lambda level: _folded(at(level), found.value), worth)


def _folded(found: Interval, value: float | None) -> Interval:
    """The interval turned so that its value lies above nought, open above: only one side is in question."""
    if found.low is None or found.high is None or value is None:
        return found
    low = found.low if value > 0 else -found.high
    return Interval(abs(value), low, math.inf, found.n, found.clusters, found.method, found.level)
