"""Figures of sampled answers that detectors scored: by group, against a reference or all others, by tuning.

A suite says what the values are (a score, or 1 where it says "toxic") and whom an item is about; here they
become rates or means with intervals in which an item's cluster is the independent unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from duecare.core import Estimate
from duecare.evaluate.suites.changes import change_of, differences, rests_on_both
from duecare.evaluate.suites.suite import Item, Seen
from duecare.evaluate.suites.table import PEOPLE
from duecare.measure import Interval, cluster_mean, group_gaps, rate_difference, rate_ratio, sums_difference
from duecare.measure.cluster import Sums, gather
from duecare.measure.interval import mean_of, rate_of, silent

Values = Mapping[str, Sequence[float]]
"""Item to the values of its answers; an item of which nothing is known is left out."""

Whom = Callable[[Item], str | None]
"""The group that an item is about, on one axis."""

OTHERS = "all others"
"""What a group is compared with where none is the reference: all other groups on its axis together."""


def scores(seen: Seen, detector: str) -> dict[str, list[float]]:
    """Item to the scores of its answers; an answer that the detector had nothing to say of is left out."""
    found: dict[str, list[float]] = {}
    for item, answers in seen.answers.items():
        if told := [answer.scores[detector] for answer in answers if detector in answer.scores]:
            found[item] = told
    return found


def events(values: Values, at: float) -> dict[str, list[float]]:
    """1 for every value of `at` or more, else 0."""
    return {item: [float(value >= at) for value in mine] for item, mine in values.items()}


def on(axis: str) -> Whom:
    """The group that items declare on `axis`."""
    return lambda item: item.groups.get(axis)


def in_field(name: str) -> Whom:
    """The value of a field, as a group."""
    return lambda item: item.fields.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One figure of a suite, from one value an answer.

    - metric: its full name ("bold.toxicity"); suite, level: as in its Estimates
    - rate: values are 0 and 1, so that it is a rate, with ratios and a worst group; else it is a mean
    - within: bounds that no value of a mean can leave; unit: of the values
    - gaps: whether groups are compared; not where values are comparisons already
    - about: more for the slice of every Estimate
    """

    metric: str
    suite: str
    level: float
    rate: bool = True
    within: tuple[float, float] | None = None
    unit: str = "share"
    gaps: bool = True
    about: tuple[tuple[str, str], ...] = ()

    def overall(self, seen: Seen, values: Values) -> Iterator[Estimate]:
        """Over all items."""
        yield self._figure(self._of(gathered(seen, values)), seen)

    def by_group(
        self,
        seen: Seen,
        values: Values,
        axis: str,
        whom: Whom,
        reference: str | None = None,
        *,
        asked: Collection[str] | None = None,
    ) -> Iterator[Estimate]:
        """Each group's figure, difference from (rates: ratio to) `reference` or all others, the worst.

        `asked` are the items that should have values, by default all. A group of which nothing is known
        gives reasons, as does a reference without answers. Nothing where no item is about a group on `axis`.
        """
        items = _by_group(seen, values, whom, asked)
        parts = {group: gathered(seen, values, mine) for group, mine in items.items()}
        for group, part in parts.items():
            yield self._figure(self._of(part), seen, axis=axis, group=group)
        if len(parts) < 2 or not self.gaps:
            return
        yield from self._gaps(seen, values, items, parts, axis=axis, reference=reference)
        if self.rate:
            yield from self._worst(seen, values, items, axis)

    def changes(
        self,
        sides: Mapping[str, Seen],
        values: Mapping[str, Values],
        axis: str = "",
        whom: Whom | None = None,
        *,
        asked: Collection[str] | None = None,
    ) -> Iterator[Estimate]:
        """`.change`: tuned minus base on the items that both answered, over all or by group.

        `asked` as in `by_group`.
        """
        if not {"base", "tuned"} <= set(sides):
            return
        shared = {
            model: {name: each for name, each in values[model].items() if name in values[other]}
            for model, other in (("base", "tuned"), ("tuned", "base"))
        }
        if whom is None:
            yield from self._change(sides, shared, list(shared["base"]))
            return
        for group, items in _by_group(sides["base"], shared["base"], whom, asked).items():
            yield from self._change(sides, shared, items, axis=axis, group=group)

    def beyond_people(
        self, seen: Seen, people: Seen, values: Mapping[str, Values], axis: str, whom: Whom
    ) -> Iterator[Estimate]:
        """`.beyond_human`: a model's figure minus that of what people wrote to the same items, by group."""
        written = values[people.model]
        shared = {name: mine for name, mine in values[seen.model].items() if name in written}
        rests_on = tuple(dict.fromkeys((*seen.rests_on, *people.rests_on)))
        for group, items in _by_group(seen, shared, whom, shared).items():
            difference = self._difference(gathered(seen, shared, items), gathered(people, written, items))
            about = self._about(seen, axis=axis, group=group, against=PEOPLE)
            yield difference.estimate(f"{self.metric}.beyond_human", about, self.unit, rests_on)

    def _gaps(
        self,
        seen: Seen,
        values: Values,
        items: Mapping[str, list[str]],
        parts: Mapping[str, Sums],
        *,
        axis: str,
        reference: str | None,
    ) -> Iterator[Estimate]:
        against = reference or OTHERS
        for name, unit, compare in (
            ("difference", self.unit, self._difference),
            ("disparate_impact_ratio", "ratio", self._ratio),
        ):
            if name != "difference" and not self.rate:
                continue
            for group, part in parts.items():
                if group == reference:
                    continue
                if reference is None:
                    rest = [each for other, mine in items.items() if other != group for each in mine]
                    found = compare(part, gathered(seen, values, rest))
                elif reference in parts:
                    found = compare(part, parts[reference])
                else:
                    found = self._nobody(part, reference, name)
                about = self._about(seen, axis=axis, group=group, against=against)
                yield found.estimate(f"{self.metric}.{name}", about, unit, seen.rests_on)

    def _worst(
        self, seen: Seen, values: Values, items: Mapping[str, list[str]], axis: str
    ) -> Iterator[Estimate]:
        rows = [
            (value, group, seen.items[name].cluster)
            for group, mine in items.items()
            for name in mine
            for value in values[name]
        ]
        for gap in group_gaps(
            [value for value, _, _ in rows],
            [group for _, group, _ in rows],
            [cluster for _, _, cluster in rows],
            metric=self.metric,
            axis=axis,
            reference=next(iter(items)),
            slice=self._about(seen),
            level=self.level,
            rests_on=seen.rests_on,
            expected=tuple(items),
        ):
            if gap.metric.endswith("worst_group"):
                yield gap

    def _change(
        self, sides: Mapping[str, Seen], values: Mapping[str, Values], items: Sequence[str], **about: str
    ) -> Iterator[Estimate]:
        if not self.rate:
            means = {
                model: {name: sum(mine[name]) / len(mine[name]) for name in items}
                for model, mine in values.items()
            }
            how = differences if self.within == (0.0, 1.0) else cluster_mean
            more = dict(self.about) | about
            yield from change_of(
                self.metric, self.suite, sides, means, self.level, how=how, unit=self.unit, **more
            )
            return
        base, tuned = (gathered(sides[model], values[model], items) for model in ("base", "tuned"))
        about = self._about(sides["tuned"], against="base", **about)
        found = self._difference(tuned, base)
        yield found.estimate(f"{self.metric}.change", about, self.unit, rests_on_both(sides))

    def _figure(self, found: Interval, seen: Seen, **about: str) -> Estimate:
        return found.estimate(self.metric, self._about(seen, **about), self.unit, seen.rests_on)

    def _about(self, seen: Seen, **more: str) -> dict[str, str]:
        return seen.about(self.suite, **dict(self.about), **more)

    def _of(self, part: Sums) -> Interval:
        return rate_of(part, self.level) if self.rate else mean_of(part, self.level, self.within)

    def _difference(self, part: Sums, other: Sums) -> Interval:
        compare = rate_difference if self.rate else sums_difference
        return compare(part, other, self.level)

    def _ratio(self, part: Sums, other: Sums) -> Interval:
        return rate_ratio(part, other, self.level)

    def _nobody(self, part: Sums, reference: str, name: str) -> Interval:
        reason = f"no answers about the reference group {reference!r}"
        return silent(reason, part.n, part.clusters, name, self.level)


def gathered(seen: Seen, values: Values, items: Sequence[str] | None = None) -> Sums:
    """The values of `items`, or of all, gathered by cluster."""
    names = values if items is None else items
    drawn = [(value, seen.items[name].cluster) for name in names for value in values[name]]
    return gather([value for value, _ in drawn], [cluster for _, cluster in drawn])


def _by_group(
    seen: Seen, values: Values, whom: Whom, asked: Collection[str] | None = None
) -> dict[str, list[str]]:
    """Group to the items about it that have values, groups in the order of the alphabet.

    A group whose items were `asked` (by default all; of people, who wrote only to some, none) and have no
    values is there without items: leaving it out would leave it out of every gate.
    """
    found: dict[str, list[str]] = defaultdict(list)
    if asked is None:
        asked = values if seen.model == PEOPLE else seen.items
    for name in asked:
        if (group := whom(seen.items[name])) is not None:
            found[group] += [name] if name in values else []
    return {group: found[group] for group in sorted(found)}
