"""What people's leanings become in a reward: fitted with everybody's choices, and without one of them.

Only the head is fitted anew, on states that are computed once, so that a reward without one person or panel
costs a moment. What changes is told as paired differences: the same pairs, the same nudges, another head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from duecare.core import Estimate
from duecare.measure import Interval
from duecare.measure.interval import LEVEL
from duecare.measure.raters import Leaning, leanings
from duecare.measure.shift import mean_shift
from duecare.reward.effect import ONE, UNIT, Floats, shift, spread_of
from duecare.reward.labels import Labels
from duecare.reward.nudge import Comparison
from duecare.reward.pairs import Pair, Text
from duecare.reward.refit import refitted

EVERYBODY = "everybody"
Read = Callable[[Sequence[Text]], Floats]
"""Texts to their hidden states [n, D]."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of a reward fitted otherwise, less that of the one fitted to everybody.

    `interval` is over pairs and nudges, for these very labels; `adjusted` is the p-value over shuffled
    labels, corrected over all changes. `how` is "without p-3", "without the panel old" or "each panel alike";
    `what` is "accuracy" or a nudge.
    """

    how: str
    what: str
    about: Mapping[str, str]
    interval: Interval
    adjusted: float | None = None
    beyond: bool | None = None

    def estimate(self, slice: Mapping[str, str], rests_on: tuple[str, ...]) -> Estimate:
        """It as an Estimate, its p-value and verdict in its slice."""
        told = dict(slice) | {"how": self.how} | dict(self.about)
        if self.adjusted is not None:
            told |= {"shuffled_p": f"{self.adjusted:.2g}", "beyond_chance": "yes" if self.beyond else "no"}
        accuracy = self.what == "accuracy"
        name = "reward.people.accuracy.change" if accuracy else "reward.people.nudge.change"
        return self.interval.estimate(name, told, "share" if accuracy else UNIT, rests_on)


@dataclass(frozen=True, slots=True)
class Carried:
    """What was carried over: how each person leans in what they choose, and what each is for the reward."""

    leanings: tuple[Leaning, ...]
    panels: Mapping[str, Interval]
    changes: tuple[Change, ...]


def longer_first(labels: Labels) -> Floats:
    """1 where the first answer of an item is longer, -1 where the second is, 0 where neither, [items]."""
    words = [[len(side.answer.split()) for side in both] for both in labels.sides.values()]
    return np.array([float(np.sign(first - second)) for first, second in words])


def leanings_to_length(labels: Labels, level: float) -> list[Leaning]:
    """By how much more often each person takes the longer answer than the others who judged the same items.

    From -1 to 1; Holm over all people. Items whose answers are equally long tell nothing and are left out.
    """
    side = dict(zip(labels.items, longer_first(labels).tolist(), strict=True))
    said: dict[str, list[tuple[str, float]]] = {}
    for choice in labels.choices:
        if side[choice.item]:
            longer = choice.value if side[choice.item] > 0 else 1 - choice.value
            said.setdefault(choice.item, []).append((choice.person, longer))
    apart: dict[tuple[object, str], list[tuple[float, object]]] = {
        (person, "the longer answer"): [] for person in labels.people
    }
    for item, votes in said.items():
        for person, own in votes:
            others = [value for other, value in votes if other != person]
            if others:
                apart[person, "the longer answer"].append((own - sum(others) / len(others), item))
    return leanings(apart, (0.0, 1.0), level)


def panels_to_length(labels: Labels, level: float = 0.95) -> dict[str, Interval]:
    """By how much more often each panel takes the longer answer than everybody else on the same items."""
    side = dict(zip(labels.items, longer_first(labels).tolist(), strict=True))
    found = {}
    for panel in labels.panels:
        own, rest = _shares(labels, side, panel, inside=True), _shares(labels, side, panel, inside=False)
        both = [item for item in own if item in rest]
        apart = np.array([own[item] - rest[item] for item in both])
        found[panel] = mean_shift(apart, (0.0, 1.0), both, level)
    return found


def _shares(labels: Labels, side: Mapping[str, float], panel: str, *, inside: bool) -> dict[str, float]:
    """The share of the votes of a panel, or of all others, for the longer answer of each item."""
    votes: dict[str, list[float]] = {}
    for cell in labels.cells:
        if side[cell.item] and (cell.panel == panel) == inside:
            longer = cell.value if side[cell.item] > 0 else 1 - cell.value
            votes.setdefault(cell.item, []).extend([longer] * cell.count)
    return {item: sum(all_of) / len(all_of) for item, all_of in votes.items()}


def variants(labels: Labels) -> dict[str, Floats]:
    """Weights [items, 2] of the labels: everybody's first, then without each person and panel."""
    found = {EVERYBODY: labels.weights()}
    people = labels.people if len(labels.people) > 1 else ()
    found |= {f"without {person}": labels.weights(person) for person in people}
    if labels.panels:
        found |= {f"without the panel {panel}": labels.without_panel(panel) for panel in labels.panels}
        found["each panel alike"] = labels.panels_alike()
    return {how: weights for how, weights in found.items() if weights.sum() > 0}


def carried(
    labels: Labels,
    pairs: Sequence[Pair],
    comparisons: Sequence[Comparison],
    read: Read,
    start: Floats,
    *,
    test: Test,
) -> Carried:
    """Fit the head to each of the `variants` and compare what comes of it; `start` [D] is where it begins.

    `pairs` are held out; raises DataError where a fitted reward tells no two of their answers apart.
    """
    sides = read([text for both in labels.sides.values() for text in both])
    answers = read([text for pair in pairs for text in pair.texts])
    texts = list(dict.fromkeys(t for each in comparisons for i in each.items for t in (*i.nudged, *i.plain)))
    states = dict(zip(texts, read(texts), strict=True)) if texts else {}
    held = _Held(
        answers[0::2] - answers[1::2],
        tuple(pair.prompt for pair in pairs),
        tuple((each, _moved(each, states)) for each in comparisons),
    )
    fit = partial(_fitted, sides[0::2] - sides[1::2], start, test.pull)
    everybody = fit(labels.weights(), start)
    changes = [
        change
        for how, weights in variants(labels).items()
        if how != EVERYBODY
        for change in held.changes(how, fit(weights, everybody), everybody)
    ]
    chance = _by_chance(labels, held, partial(fit, begin=everybody), everybody, test)
    return Carried(
        tuple(leanings_to_length(labels, 1 - test.alpha)),
        panels_to_length(labels),
        tuple(_tested(changes, chance, test)),
    )


@dataclass(frozen=True, slots=True)
class Test:
    """How changes are tested: `shuffles` of the labels, what is `worth` a mention, and `alpha`."""

    pull: float = 0.1
    worth: float = 0.1
    alpha: float = 0.05
    shuffles: int = 99
    seed: int = 0


def _fitted(apart: Floats, start: Floats, pull: float, weights: Floats, begin: Floats) -> Floats:
    return refitted(apart, weights, start, pull, begin)


def _by_chance(
    labels: Labels, held: _Held, fit: Callable[[Floats], Floats], everybody: Floats, test: Test
) -> Floats:
    """Every change where labels are dealt out anew within items, [shuffles, changes].

    What everybody said together stays as it is, so the head fitted to it does.
    """
    rng, rows = np.random.default_rng(test.seed), []
    for _ in range(test.shuffles):
        dealt = variants(labels.shuffled(rng))
        heads = [fit(weights) for how, weights in dealt.items() if how != EVERYBODY]
        rows.append([value for head in heads for value in held.values(head, everybody)])
    return np.array(rows)


def _moved(comparison: Comparison, states: Mapping[Text, Floats]) -> Floats:
    """How each nudge moves the state, [items, D]."""
    return np.array(
        [
            np.sum([states[text] for text in item.nudged], axis=0)
            - np.sum([states[text] for text in item.plain], axis=0)
            for item in comparison.items
        ]
    )


@dataclass(frozen=True, slots=True)
class _Held:
    """Held-out pairs by the difference of their states `apart` [n, D], their prompts, and nudges."""

    apart: Floats
    prompts: tuple[str, ...]
    nudges: tuple[tuple[Comparison, Floats], ...]

    def changes(self, how: str, head: Floats, everybody: Floats) -> list[Change]:
        """Of accuracy and of each nudge, with intervals over pairs and nudges."""
        right, effects = self._differences(head, everybody)
        found = [Change(how, "accuracy", {}, mean_shift(right, (0.0, 1.0), list(self.prompts)))]
        for (comparison, _), each in zip(self.nudges, effects, strict=True):
            clusters = [item.cluster for item in comparison.items]
            widest = max(ONE, float(np.abs(each).max()))
            interval = shift(each, widest, clusters, LEVEL)
            found.append(Change(how, comparison.name, comparison.about, interval))
        return found

    def values(self, head: Floats, everybody: Floats) -> list[float]:
        """The same changes as plain numbers."""
        right, effects = self._differences(head, everybody)
        return [float(right.mean()), *(float(each.mean()) for each in effects)]

    def _differences(self, head: Floats, everybody: Floats) -> tuple[Floats, list[Floats]]:
        right = [(self.apart @ each > 0).astype(np.float64) for each in (head, everybody)]
        nobody = np.zeros(len(self.apart))
        fresh, before = (spread_of(self.apart @ each, nobody) for each in (head, everybody))
        effects = [moved @ head / fresh - moved @ everybody / before for _, moved in self.nudges]
        return right[0] - right[1], effects


def _tested(changes: Sequence[Change], chance: Floats, test: Test) -> list[Change]:
    """Is a change more than it would be if anybody had said it? All are tested at once.

    The largest of all changes, each in standard deviations of its own under shuffling, is what an observed
    one is held against: the chance of any false one is at most alpha (Westfall and Young 1993, single step).
    """
    spread = np.maximum(chance.std(axis=0), 1e-12)
    most = (np.abs(chance - chance.mean(axis=0)) / spread).max(axis=1)
    found = []
    for place, change in enumerate(changes):
        value = change.interval.value
        if value is None:
            found.append(change)
            continue
        size = abs(value - float(chance[:, place].mean())) / float(spread[place])
        p = (1 + int((most >= size - 1e-9).sum())) / (1 + len(most))
        enough = abs(value) > (test.worth if change.about else test.worth / 10)
        found.append(replace(change, adjusted=p, beyond=p <= test.alpha and enough))
    return found
