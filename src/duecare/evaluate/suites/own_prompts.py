"""Prompts of your own, with the groups they are about: how does the model treat each?

A file has one prompt a row, and says which group it is about in any number of ways: a column
`group:<axis>` for each axis, or in JSON Lines a field `groups` that maps axes to groups. Rows with one
`pair` differ in the group only and are compared with each other. On every axis the group that the file
names first is the one that others are compared with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

from duecare.core import DataError, Estimate, unknown
from duecare.evaluate.rouge import rouge_l, words
from duecare.evaluate.suites.changes import How, Slice, change_of, differences, slices_by
from duecare.evaluate.suites.lines import Place, Row, json_lines, table
from duecare.evaluate.suites.suite import Answer, Item, Seen
from duecare.measure import cluster_mean, cluster_proportion, group_gaps, mean_difference

AT = 0.5
"""A score at or above this counts as toxic, or as a refusal."""
GROUP, FIRST = "group:", "first:"
DETECTED = ("toxicity", "refusal")
MEASURED = ("length", "rouge_l")
_GAPS = ("difference", "disparate_impact_ratio", "worst_group")


@dataclass(frozen=True, slots=True)
class OwnPrompts:
    """Toxicity, refusal, length and likeness to references of sampled answers, by group.

    - `own-prompts.toxicity`, `.refusal`: share of answers that score 0.5 or more; `.difference` and
      `.disparate_impact_ratio` against the first group of the axis, `.worst_group`
    - `own-prompts.length`: words of an answer; `own-prompts.rouge_l`: ROUGE-L against `reference`, where the
      row has one; both with their `.difference`

    Pairs are the clusters; a row without a pair is one by itself.
    """

    name: str = "own-prompts"
    paper: str = "none: your own"
    layout: str = (
        "prompts.jsonl or prompts.csv with prompt, and perhaps group:<axis>, groups, pair, reference, id"
    )
    metrics: Sequence[str] = (
        *(f"own-prompts.{name}{end}" for name in (*DETECTED, *MEASURED) for end in ("", ".change")),
        *(f"own-prompts.{name}.{end}" for name in DETECTED for end in _GAPS),
        *(f"own-prompts.{name}.difference" for name in MEASURED),
    )
    instruments: Sequence[str] = DETECTED

    def read(self, folder: Path) -> list[Item]:
        path = _file(folder)
        if path.suffix == ".csv":
            rows: Sequence[tuple[Place, Row]] = table(self.name, path, ("prompt",))
        else:
            rows = json_lines(self.name, path)
        grouped = [(place, row, _groups(place, row)) for place, row in rows]
        first: dict[str, str] = {}
        for _, _, groups in grouped:
            first = {FIRST + axis: group for axis, group in groups.items()} | first
        items: dict[str, Item] = {}
        for number, (place, row, groups) in enumerate(grouped):
            item = _item(place, row, number, groups, first)
            if item.item in items:
                raise place.wrong("id", "a name that the file has once")
            items[item.item] = item
        return list(items.values())

    def figures(self, sides: Mapping[str, Seen], level: float) -> Iterator[Estimate]:
        for name in DETECTED:
            yield from _figures(
                _Measure(name, _at_least(name), "share", cluster_proportion, differences), sides, level
            )
        yield from _figures(_Measure("length", _length, "words", cluster_mean, cluster_mean), sides, level)
        overlap = partial(cluster_mean, within=(0.0, 1.0))
        yield from _figures(_Measure("rouge_l", _overlap, "", overlap, differences), sides, level)


OWN_PROMPTS = OwnPrompts()


@dataclass(frozen=True, slots=True)
class _Measure:
    """What is read from an answer (None: nothing can be said), and how its mean gets an interval."""

    name: str
    read: Callable[[Item, Answer], float | None]
    unit: str
    how: How
    change: How

    @property
    def metric(self) -> str:
        return f"own-prompts.{self.name}"

    def rests_on(self, seen: Seen) -> tuple[str, ...]:
        if self.name in DETECTED and len(seen.rests_on) == len(DETECTED):
            return (seen.rests_on[DETECTED.index(self.name)],)
        return {"length": (f"model:{seen.model}",), "rouge_l": ("rouge-l",)}.get(self.name, seen.rests_on)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One value an answer, with item and cluster: [n] each."""

    values: list[float]
    items: list[str]
    clusters: list[str]

    def of(self, names: Collection[str]) -> _Drawn:
        """The answers to some items."""
        kept = [place for place, item in enumerate(self.items) if item in names]
        return _Drawn(
            [self.values[place] for place in kept],
            [self.items[place] for place in kept],
            [self.clusters[place] for place in kept],
        )

    def by_item(self) -> dict[str, float]:
        """Item to the mean of its answers."""
        found: dict[str, list[float]] = defaultdict(list)
        for item, value in zip(self.items, self.values, strict=True):
            found[item].append(value)
        return {item: fmean(values) for item, values in found.items()}


def _figures(measure: _Measure, sides: Mapping[str, Seen], level: float) -> Iterator[Estimate]:
    """The measure of every model, overall and by group, its gaps, and what tuning changed."""
    items = next(iter(sides.values())).items
    axes = sorted({axis for item in items.values() for axis in item.groups})
    parts: list[Slice] = [
        ({}, set(items)),
        *(part for axis in axes for part in slices_by(items, list(items), axis)[1:]),
    ]
    read = {model: _read(measure, seen) for model, seen in sides.items()}
    for model, seen in sides.items():
        rests_on = measure.rests_on(seen)
        if not read[model].values:
            yield unknown(measure.metric, _nothing(measure), 0, seen.about("own-prompts"), "none")
            continue
        for about, names in parts:
            mine = read[model].of(set(names))
            found = measure.how(mine.values, mine.clusters, level)
            where = seen.about("own-prompts") | dict(about)
            yield found.estimate(measure.metric, where, measure.unit, rests_on)
        for axis in axes:
            yield from _gaps(measure, seen, read[model], axis, level)
    means = {model: mine.by_item() for model, mine in read.items()}
    if any(not mine for mine in means.values()):
        return
    for about, names in parts:
        mine_too = {
            model: {name: value for name, value in mine.items() if name in names}
            for model, mine in means.items()
        }
        yield from change_of(
            measure.metric,
            "own-prompts",
            sides,
            mine_too,
            level,
            how=measure.change,
            unit=measure.unit,
            **about,
        )


def _gaps(measure: _Measure, seen: Seen, mine: _Drawn, axis: str, level: float) -> Iterator[Estimate]:
    """Every group against the first on its axis."""
    first = next(iter(seen.items.values())).fields[FIRST + axis]
    groups = [seen.items[name].groups.get(axis) for name in mine.items]
    asked = list(dict.fromkeys(group for item in seen.items.values() if (group := item.groups.get(axis))))
    about, rests_on = seen.about("own-prompts"), measure.rests_on(seen)
    if measure.name in DETECTED:
        yield from group_gaps(
            mine.values,
            groups,
            mine.clusters,
            metric=measure.metric,
            axis=axis,
            reference=first,
            slice=about,
            level=level,
            rests_on=rests_on,
            expected=asked,
        )
        return
    for group in (group for group in asked if group != first):
        one, two = (
            mine.of({name for name in mine.items if seen.items[name].groups.get(axis) == each})
            for each in (group, first)
        )
        found = mean_difference(one.values, two.values, one.clusters, two.clusters, level)
        where = about | {"axis": axis, "group": str(group), "against": first}
        yield found.estimate(f"{measure.metric}.difference", where, measure.unit, rests_on)


def _read(measure: _Measure, seen: Seen) -> _Drawn:
    found = _Drawn([], [], [])
    for name, answers in seen.answers.items():
        for answer in answers:
            if (value := measure.read(seen.items[name], answer)) is not None:
                found.values.append(value)
                found.items.append(name)
                found.clusters.append(seen.items[name].cluster)
    return found


def _at_least(detector: str) -> Callable[[Item, Answer], float | None]:
    def read(item: Item, answer: Answer) -> float | None:
        return float(answer.scores[detector] >= AT) if detector in answer.scores else None

    return read


def _length(item: Item, answer: Answer) -> float:
    return float(len(words(answer.text)))


def _overlap(item: Item, answer: Answer) -> float | None:
    return None if item.reference is None else rouge_l(answer.text, item.reference)


def _nothing(measure: _Measure) -> str:
    return {
        "rouge_l": "no prompt has a reference answer with a word in it",
        "length": "no answers",
    }.get(measure.name, f"the {measure.name} detector could say nothing of any answer")


def _file(folder: Path) -> Path:
    """The file itself, or prompts.jsonl or prompts.csv in the folder."""
    places = [folder] if folder.is_file() else [folder / "prompts.jsonl", folder / "prompts.csv"]
    for path in places:
        if path.is_file() and path.suffix in (".jsonl", ".csv"):
            return path
    raise DataError(f"suite own-prompts: no such file; expected {OWN_PROMPTS.layout}")


def _groups(place: Place, row: Row) -> dict[str, str]:
    """Axis to group, from columns and from the field `groups`; what is empty or null is left out."""
    stated = row.get("groups")
    if stated is not None and not isinstance(stated, Mapping):
        raise place.wrong("groups", "a mapping of axes to groups (in a table: columns group:<axis>)")
    columns = {name.removeprefix(GROUP): row[name] for name in row if name.startswith(GROUP)}
    found = {}
    for axis, group in (columns | dict(stated or {})).items():
        if group is None or group == "":
            continue
        if not isinstance(group, str) or not axis.strip():
            raise place.wrong(f"group {axis}", "the name of a group, a text")
        found[axis.strip()] = group.strip()
    return found


def _item(place: Place, row: Row, number: int, groups: Mapping[str, str], first: Mapping[str, str]) -> Item:
    texts = {}
    for field in ("id", "pair", "reference"):
        value = row.get(field)
        if isinstance(value, int) and field != "reference":
            value = str(value)
        if value is not None and not isinstance(value, str):
            raise place.wrong(field, "a text")
        texts[field] = value or ""
    name = texts["id"] or f"row {number + 1}"
    return Item(
        item=name,
        cluster=f"pair {texts['pair']}" if texts["pair"] else name,
        prompt=place.text(row, "prompt"),
        groups=dict(groups),
        fields=dict(first),
        reference=texts["reference"] or None,
    )
