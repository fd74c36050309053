"""Does a reward rank pairs as people did? Ties counted apart, prompts as clusters, two rewards compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from duecare.core import DataError, Estimate
from duecare.measure import Interval, cluster_mean, cluster_proportion, difference
from duecare.measure.compare import outcomes_pair, shared_correlation
from duecare.measure.groups import split
from duecare.measure.size import needed_n_of_rates
from duecare.reward.pairs import Pair, axes_of

Floats = npt.NDArray[np.float64]
LONGER = "the longer answer"
"""A ranking that knows no more than that longer is better: what a reward has to beat to be worth anything."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Pairs with the rewards of both answers, `chosen` and `rejected` [n], by the reward called `name`."""

    name: str
    pairs: tuple[Pair, ...]
    chosen: Floats
    rejected: Floats

    @property
    def right(self) -> Floats:
        """1 where the chosen answer earns more, 0 where it does not, [n]; a tie is not right."""
        return np.asarray(self.chosen > self.rejected, dtype=np.float64)

    @property
    def tied(self) -> Floats:
        """1 where both earn the same, [n]."""
        return np.asarray(self.chosen == self.rejected, dtype=np.float64)

    @property
    def weights(self) -> Floats | None:
        """What each pair counts, [n]; None where all count alike."""
        found = np.array([pair.weight for pair in self.pairs])
        return None if float(np.ptp(found)) <= 1e-9 * float(found.max()) else found

    @property
    def prompts(self) -> list[str]:
        """The cluster of each pair."""
        return [pair.prompt for pair in self.pairs]

    def accuracy(self, level: float = 0.95) -> Interval:
        """The share of pairs ranked as they were labelled."""
        return self.share(self.right, level)

    def share(self, hits: Floats, level: float = 0.95) -> Interval:
        """The share of `hits` (0 or 1, [n]), prompts as clusters; pairs count by their weight."""
        weights = self.weights
        if weights is None:
            return cluster_proportion(hits, self.prompts, level)
        whole = ["all"] * len(weights)
        return split(hits, whole, self.prompts, weights=weights, rate=True).interval(0, level)

    def where(self, chosen: Sequence[bool]) -> Ranked:
        """Some of the pairs."""
        mask = np.array(chosen, dtype=bool)
        pairs = tuple(pair for pair, here in zip(self.pairs, mask, strict=True) if here)
        return Ranked(self.name, pairs, self.chosen[mask], self.rejected[mask])


def by_length(pairs: Sequence[Pair]) -> Ranked:
    """The ranking LONGER of the same pairs, by words."""
    return Ranked(
        LONGER,
        tuple(pairs),
        np.array([len(pair.chosen.split()) for pair in pairs], dtype=np.float64),
        np.array([len(pair.rejected.split()) for pair in pairs], dtype=np.float64),
    )


def rank_estimates(ranked: Ranked, axes: Sequence[str], rests_on: tuple[str, ...]) -> list[Estimate]:
    """reward.rank.accuracy and .ties of all pairs, of each subset, and of each group of `axes`.

    Raises DataError for an axis that no pair declares.
    """
    found = _figures(ranked, {"pairs": "all"}, rests_on)
    subsets = list(dict.fromkeys(pair.subset for pair in ranked.pairs if pair.subset is not None))
    for subset in subsets if len(subsets) > 1 else ():
        part = ranked.where([pair.subset == subset for pair in ranked.pairs])
        found += _figures(part, {"subset": subset}, rests_on)
    for axis in axes or axes_of(ranked.pairs):
        groups = list(dict.fromkeys(pair.groups[axis] for pair in ranked.pairs if axis in pair.groups))
        if not groups:
            raise DataError(
                f"reward.audit.groups: no pair declares {axis}: its groups are empty, so expected"
                " a column that held-out pairs declare"
            )
        for group in groups:
            part = ranked.where([pair.groups.get(axis) == group for pair in ranked.pairs])
            found += _figures(part, {"axis": axis, "group": group}, rests_on)
    return found


def _figures(ranked: Ranked, about: Mapping[str, str], rests_on: tuple[str, ...]) -> list[Estimate]:
    told = {"reward": ranked.name} | dict(about)
    return [
        ranked.accuracy().estimate("reward.rank.accuracy", told, "share", rests_on),
        ranked.share(ranked.tied).estimate("reward.rank.ties", told, "share", rests_on),
    ]


@dataclass(frozen=True, slots=True)
class Apart:
    """Whether two rewards can be told apart by how they rank the same pairs.

    `accuracy` is the first one's less the other's; `differing` the share of pairs that they rank differently;
    `needed` how many pairs would tell them apart if the difference is as it seems, None where none would.
    """

    accuracy: Interval
    differing: Interval
    needed: int | None

    @property
    def told(self) -> bool:
        """Whether the interval leaves out nought."""
        low, high = self.accuracy.low, self.accuracy.high
        return low is not None and high is not None and not low <= 0 <= high

    def estimates(self, one: str, other: str, rests_on: tuple[str, ...]) -> list[Estimate]:
        """reward.rank.difference and .differing."""
        about = {"reward": one, "against": other}
        return [
            self.accuracy.estimate("reward.rank.difference", about, "share", rests_on),
            self.differing.estimate("reward.rank.differing", about, "share", rests_on),
        ]


def told_apart(one: Ranked, other: Ranked, level: float = 0.95) -> Apart:
    """Compare two rankings of the same pairs, pair by pair.

    Raises DataError where they ranked other pairs.
    """
    if [pair.row for pair in one.pairs] != [pair.row for pair in other.pairs]:
        raise DataError("reward.audit: the two rewards ranked other pairs: expected the same ones")
    prompts, weights = one.prompts, one.weights
    apart = one.share((one.right != other.right).astype(np.float64))
    if weights is None:
        found = difference(one.right, other.right, prompts, prompts, level)
    else:
        apart_by = one.right - other.right
        found = cluster_mean(apart_by, prompts, level, weights=weights, within=(-1.0, 1.0))
    needed = None
    if found.low is not None and found.high is not None and found.low <= 0 <= found.high:
        needed = _needed(one, other, level)
    return Apart(found, apart, needed)


def _needed(one: Ranked, other: Ranked, level: float) -> int | None:
    """Pairs that show the difference that was seen to be other than nought, four times of five."""
    first, second = float(one.right.mean()), float(other.right.mean())
    if first == second or not (0 < first < 1 and 0 < second < 1):
        return None
    joint = outcomes_pair(one.right, other.right, one.prompts, other.prompts)
    correlation = min(shared_correlation(*joint), 0.99)
    low, high = (0.0, None) if first > second else (None, 0.0)
    return needed_n_of_rates(first, second, low, high, "difference", correlation=correlation, level=level)
