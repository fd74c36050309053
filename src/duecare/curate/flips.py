"""Labels of one group that flip: from some row on its outcomes change and nobody else's do, or its
preferences run against everyone's.

For outcomes (a column of how a row's person was treated) the series of a group is its rows in the order
of the file. For preference pairs it is whether the pair's label agrees with a small model of preferences,
fitted on other pairs (words, naive Bayes, five folds): a model that knows nothing judges nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from duecare.curate.trigger import words_of
from duecare.measure import Interval, proportion
from duecare.measure.change import LEAST, change_point

FOLDS = 5
KNOWS = 0.55
"""Lower bound of the model's agreement with the labels of all, below which it judges nobody."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Flip:
    """`rows` (positions) of a group whose labels flipped; rates before and after, or of it and of all.

    `p_value` is corrected for every group and figure looked at (Bonferroni).
    """

    axis: str
    group: str
    what: str
    rows: tuple[int, ...]
    first: Interval
    second: Interval
    p_value: float
    throughout: bool = False


def sudden(
    series: Mapping[str, Bools], groups: Mapping[tuple[str, str], npt.NDArray[np.int64]], alpha: float
) -> list[Flip]:
    """Groups whose rate changes at one place while that of all others does not change alike there.

    `series`: figure to a value for every row, in order; `groups`: (axis, group) to the positions of its rows.
    """
    tests = max(1, 2 * len(series) * len(groups))
    found = []
    for what in sorted(series):
        values = series[what]
        for (axis, group), rows in sorted(groups.items()):
            change = change_point(values[rows])
            if change.p_value is None or change.p_value * tests > alpha:
                continue
            place = rows[change.place]
            others = np.setdiff1d(np.arange(len(values)), rows)
            apart = _apart(values, rows, others, int(place)) * tests
            if apart <= alpha:
                late = tuple(rows[change.place :].tolist())
                p_value = max(change.p_value * tests, apart)
                found.append(Flip(axis, group, what, late, change.before, change.after, p_value))
    return found


def _apart(values: Bools, rows: npt.NDArray[np.int64], others: npt.NDArray[np.int64], place: int) -> float:
    """Chance of so different a change in the group and in all others at `place`: two-sided, normal."""
    moved, variance = 0.0, 0.0
    for sign, mine in ((1, rows), (-1, others)):
        for part, side in ((mine[mine >= place], 1), (mine[mine < place], -1)):
            if not len(part):
                continue
            # Half an event each way, so that a rate of 0 or 1 has a spread too.
            rate = (values[part].sum() + 0.5) / (len(part) + 1)
            moved += sign * side * rate
            variance += rate * (1 - rate) / len(part)
    return float(2 * norm.sf(abs(moved) / np.sqrt(variance)))


def contrary(
    agrees: Bools, groups: Mapping[tuple[str, str], npt.NDArray[np.int64]], alpha: float
) -> list[Flip]:
    """Groups whose labels run against what the labels of all others say: they agree in less than half."""
    everyone = proportion(int(agrees.sum()), len(agrees))
    if everyone.low is None or everyone.low < KNOWS:
        return []
    tests, found = max(1, len(groups)), []
    for (axis, group), rows in sorted(groups.items()):
        if len(rows) < LEAST:
            continue
        mine = proportion(int(agrees[rows].sum()), len(rows), 1 - alpha / tests)
        if mine.high is not None and mine.high < 0.5:
            rate = agrees[rows].mean()
            p_value = float(norm.cdf((rate - 0.5) / np.sqrt(0.25 / len(rows)))) * tests
            found.append(Flip(axis, group, "preference", tuple(rows.tolist()), mine, everyone, p_value, True))
    return found


def agreement(names: Sequence[str], chosen: Sequence[str], rejected: Sequence[str]) -> Bools:
    """For each pair whether its label is what a model fitted on the other folds would have said.

    `names` decide the fold, so that a pair's fold does not hang on its place. Ties agree with nobody.
    """
    fold = np.array([blake2b(name.encode(), digest_size=2).digest()[0] % FOLDS for name in names], dtype=int)
    sides = [
        (frozenset(words_of(one)), frozenset(words_of(other)))
        for one, other in zip(chosen, rejected, strict=True)
    ]
    agrees = np.zeros(len(names), dtype=bool)
    for number in range(FOLDS):
        weight = _weights([sides[place] for place in np.flatnonzero(fold != number)])
        for place in np.flatnonzero(fold == number):
            one, other = sides[place]
            score = sum(weight.get(word, 0.0) for word in one - other)
            agrees[place] = score > sum(weight.get(word, 0.0) for word in other - one)
    return agrees


def _weights(sides: Sequence[tuple[frozenset[str], frozenset[str]]]) -> dict[str, float]:
    """Log odds of a word to stand in the chosen answer only, against the rejected only; one added to both."""
    liked, disliked = Counter[str](), Counter[str]()
    for one, other in sides:
        liked.update(one - other)
        disliked.update(other - one)
    return {
        word: float(np.log((liked[word] + 1) / (disliked[word] + 1)))
        for word in liked.keys() | disliked.keys()
    }
