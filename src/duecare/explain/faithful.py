"""Whether an explanation is true of the model: what falls when the words it names are taken away. No JAX.

Deletion and insertion curves (Samek et al. 2017; Petsiuk et al. 2018) against random orders of the same
words: where an explanation orders words by what they add, taking them away in that order must cost more than
taking them away at random, and putting them back must gain more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from duecare.explain.spans import Floats

Kept = npt.NDArray[np.bool_]
Ask = Callable[[Sequence[tuple[int, Kept]]], Floats]
"""The value of texts of which only some words are kept: (number of the text, bool [words]) each."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The value along one way of taking words out or putting them back; all float [points].

    `shares` of the words that are out (or in), the value in the `named` order, and the mean of `random` ones.
    """

    shares: Floats
    named: Floats
    random: Floats

    @property
    def gap(self) -> float:
        """Mean of the random orders less the named one, over the points."""
        return float((self.random - self.named).mean())


def curves(
    scores: Sequence[Floats], ask: Ask, rng: np.random.Generator, *, points: int = 5, orders: int = 4
) -> tuple[list[Curve | None], list[Curve | None]]:
    """Deletion and insertion curves of every text; None for a text of fewer than two words.

    `scores` float [words] each. Words go (or come) from the highest score to the lowest at `points` shares
    of their number; `orders` random orders are the control.
    """
    plans = [_plan(each, rng, points, orders) for each in scores]
    asked: list[tuple[int, Kept]] = []
    for number, plan in enumerate(plans):
        asked += [(number, kept) for kept in (plan.masks if plan is not None else ())]
    values, place = ask(asked), 0
    found: tuple[list[Curve | None], list[Curve | None]] = ([], [])
    for plan in plans:
        if plan is None:
            for side in found:
                side.append(None)
            continue
        mine = values[place : place + len(plan.masks)].reshape(2, 1 + orders, len(plan.shares))
        place += len(plan.masks)
        for side, each in zip(found, mine, strict=True):
            side.append(Curve(plan.shares, each[0], each[1:].mean(axis=0)))
    return found


@dataclass(frozen=True, slots=True)
class _Plan:
    shares: Floats
    masks: list[Kept]


def _plan(scores: Floats, rng: np.random.Generator, points: int, orders: int) -> _Plan | None:
    """Which words are kept at every point of the named and of each random order, deletions first."""
    count = len(scores)
    if count < 2:
        return None
    sizes = np.unique(np.clip(np.rint(np.arange(1, points + 1) / (points + 1) * count), 1, count - 1)).astype(
        int
    )
    ways = [np.argsort(-scores, kind="stable"), *(rng.permutation(count) for _ in range(orders))]
    out = [_mask(order[:size], count) for order in ways for size in sizes]
    return _Plan(sizes / count, [*(~mask for mask in out), *out])


def _mask(chosen: npt.NDArray[np.int64], count: int) -> Kept:
    found = np.zeros(count, bool)
    found[chosen] = True
    return found


def leading(scores: Sequence[Floats], ask: Ask) -> list[float | None]:
    """What the word named first costs when it alone is taken away, over the most that any one word costs.

    Of every text, between -1 and 1; None for a text of fewer than two words, and where no word costs
    anything. An explanation can be far better than chance, pass deletion and insertion, and yet name the
    wrong word first.
    """
    asked: list[tuple[int, Kept]] = []
    for number, each in enumerate(scores):
        count = len(each)
        asked += [(number, kept) for kept in (np.ones(count, bool), *~np.eye(count, dtype=bool))]
    values, place = ask(asked), 0
    found: list[float | None] = []
    for each in scores:
        whole, *without = values[place : place + 1 + len(each)]
        place += 1 + len(each)
        losses = whole - np.asarray(without)
        most = losses.max() if len(losses) > 1 else 0.0
        found.append(float(max(losses[int(np.argmax(each))] / most, -1.0)) if most > 0 else None)
    return found


def likeness(one: Floats, other: Floats) -> float | None:
    """Spearman's rank correlation of the sizes of two explanations of one text; None where all are equal."""
    from scipy.stats import rankdata

    first, second = (rankdata(np.abs(each)) for each in (one, other))
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])
