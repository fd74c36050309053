"""How much of what people mark a redaction had missed, by where a name comes from.

People mark personal data in a sample of texts. Where they saw the texts *after* redaction, all they mark was
missed, and the redaction's own places (CHANGES of `personal`) were not (`remaining_rates`). Where they saw
them *before*, a marked place was missed if some of it was not replaced (`missed_rates`). Both ways the figure
is the share of places that were missed. Finders of names are known to miss names of some origins more often
(Mishra, He and Belli 2020, "Assessing demographic bias in named entity recognition"), so the rate is told by
origin, each with its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from duecare.core import DataError, Estimate
from duecare.measure.bound import proportion_bounds
from duecare.measure.interval import LEVEL, Interval, silent
from duecare.measure.marked import Marked, agreed
from duecare.measure.rectify import effective_counts
from duecare.review.returned import Export

METRIC = "curate.personal.missed"
UNKNOWN = "unknown"
Origin = Callable[[str], str | None]
"""The origin of a name, by some list of names; None where the list does not know it."""


Spans = Mapping[tuple[str, str], list[tuple[int, int, str | None]]]
"""Start, end and label of places by row and part."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """How misses are counted.

    - question: which asked for spans; not needed where there is only one
    - agree: share of an item's judges who must mark a place
    - origin: where a name comes from (none: not told)
    - labels: whose places are names, as people and the redaction call them (none: all)
    - slice: what the figures are about
    """

    question: str | None = None
    agree: float = 0.5
    origin: Origin | None = None
    labels: tuple[str, ...] = ()
    slice: Mapping[str, str] = field(default_factory=dict)
    level: float = LEVEL

    def whence(self, label: str | None, name: str | None) -> str:
        """The origin of what stands at a place, "" where none is asked for."""
        if self.origin is None or (self.labels and label not in self.labels):
            return ""
        return UNKNOWN if name is None else self.origin(name) or UNKNOWN


@dataclass(frozen=True, slots=True)
class Place:
    """One place of personal data: whether it was missed, what it is, and where the name comes from."""

    row: str
    label: str
    whence: str
    weight: float
    missed: bool


def marked_places(export: Export, question: str | None = None, agree: float = 0.5) -> list[Marked]:
    """Places that at least the share `agree` of an item's judges marked; overlapping marks are one place.

    The place's bounds are those of the widest mark, its label the most frequent.
    """
    asked = export.question(question, "spans")["name"]
    if not 0 < agree <= 1:
        raise DataError(f"agree={agree}: expected a share above 0, at most 1")
    return agreed(_first(export.judged, asked), _first(export.spans, asked), agree)


def _first(rows: pa.Table, asked: str) -> list[dict[str, Any]]:
    """First judgements of drawn items, of one question."""
    return [
        row
        for row in rows.to_pylist()
        if row["question"] == asked and row["purpose"] == "item" and row["turn"] == 0
    ]


def missed_rates(
    export: Export, places: pa.Table, texts: pa.Table, asked: Asked | None = None
) -> list[Estimate]:
    """`curate.personal.missed` of texts that people saw *before* redaction; `n` counts places.

    `places` (CHANGES, or any table with row, part, start, end and label) are what was replaced, `texts`
    (TEXTS) what people saw; both in code points of the original. Over all places, by label, and by origin of
    names; rows are the clusters, sampling weights count.
    """
    how, held, said = asked or Asked(), _replaced(places), _texts(texts)
    marked = marked_places(export, how.question, how.agree)
    _expect_texts(marked, said)
    found = []
    for each in marked:
        at = each.row, each.part
        name = _cut(said, each.row, each.part, each.start, each.end)
        missed = _missed(each, held.get(at, []), said.get(at))
        found.append(Place(each.row, each.label, how.whence(each.label, name), each.weight, missed))
    return _figures(export, found, how)


def remaining_rates(
    export: Export,
    places: pa.Table,
    after: pa.Table,
    asked: Asked | None = None,
    before: pa.Table | None = None,
) -> list[Estimate]:
    """`curate.personal.missed` of texts that people saw *after* redaction; `n` counts places.

    What people marked in `after` (TEXTS) was missed; `places` (CHANGES of the redaction) in the rows that
    they judged were not. Origins of replaced names need the texts `before` (TEXTS, opened by the study's
    secret); without them no origin is told. What is replaced by mistake counts as found.
    """
    how, held, said = asked or Asked(), _replaced(places), _texts(after)
    if before is None:
        how = replace(how, origin=None)
    was = {} if before is None else _texts(before)
    marked = marked_places(export, how.question, how.agree)
    _expect_texts(marked, said)
    found = []
    for each in marked:
        name = _cut(said, each.row, each.part, each.start, each.end)
        whence = how.whence(each.label, name)
        found.append(Place(each.row, each.label, whence, each.weight, missed=True))
    weights = _judged(export, export.question(how.question, "spans")["name"])
    for (row, part), spans in held.items():
        for start, end, label in spans if row in weights else ():
            name = _cut(was, row, part, start, end)
            found.append(Place(row, label or "", how.whence(label, name), weights[row], missed=False))
    return _figures(export, found, how)


def origins(path: Path) -> Origin:
    """Where a name comes from, by a CSV file with the columns name and origin; any word of a name will do."""
    import csv

    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if not {"name", "origin"} <= set(rows.fieldnames or ()):
            raise DataError(f"{path.name}: expected the columns name and origin")
        known = {row["name"].strip().casefold(): row["origin"].strip() for row in rows}

    def origin(name: str) -> str | None:
        words = (word.strip(".,;:()'’\"").casefold() for word in name.split())
        return next((known[word] for word in words if known.get(word)), None)

    return origin


def _figures(export: Export, places: list[Place], how: Asked) -> list[Estimate]:
    """The rate over all places, of each label, of each origin."""
    parts: list[tuple[dict[str, str], list[Place]]] = [({}, places)]
    parts += [
        ({"label": label}, [each for each in places if each.label == label])
        for label in sorted({each.label for each in places})
    ]
    parts += [
        ({"axis": "name_origin", "group": group}, [each for each in places if each.whence == group])
        for group in sorted({each.whence for each in places} - {""})
    ]
    rests_on = (f"people/{export.name}@{export.guideline}",)
    return [
        _rate(chosen, how.level).estimate(METRIC, {**how.slice, **where}, "share", rests_on)
        for where, chosen in parts
    ]


def _rate(places: list[Place], level: float) -> Interval:
    """Share missed, rows as clusters, weighed by the chance of having been drawn."""
    method = "clustered proportion, weighed by the chance of being drawn (effective n)"
    if not places:
        return silent("no such place was found by anybody", 0, 0, method, level)
    rows = np.unique([each.row for each in places], return_inverse=True)[1]
    units = int(rows.max()) + 1
    if units == 1:
        return silent("all places stand in one row", len(places), 1, method, level)
    outcome = np.array([each.missed for each in places], dtype=float)
    weights = np.array([each.weight for each in places])
    k, n = effective_counts(outcome, weights, rows, level)
    value = float((outcome * weights).sum() / weights.sum())
    low, high = (float(bound) for bound in proportion_bounds(k, n, level))
    return Interval(value, min(low, value), max(high, value), len(places), units, method, level)


def _replaced(places: pa.Table) -> Spans:
    """What was replaced, by row and part."""
    held: dict[tuple[str, str], list[tuple[int, int, str | None]]] = {}
    for row in places.to_pylist():
        if row["start"] is not None:
            held.setdefault((row["row"], row["part"]), []).append(
                (row["start"], row["end"], row.get("label"))
            )
    return held


def _judged(export: Export, asked: str) -> dict[str, float]:
    """Sampling weights of the rows in which somebody looked for spans."""
    return {
        row["row"]: row["weight"] or 1.0
        for row in export.judged.to_pylist()
        if row["question"] == asked and row["purpose"] == "item" and row["turn"] == 0
    }


def _texts(texts: pa.Table) -> dict[tuple[str, str], str]:
    return {(row["row"], row["part"]): row["text"] for row in texts.to_pylist()}


def _cut(texts: Mapping[tuple[str, str], str], row: str, part: str, start: int, end: int) -> str | None:
    text = texts.get((row, part))
    return None if text is None else text[start:end]


def _expect_texts(marked: list[Marked], texts: Mapping[tuple[str, str], str]) -> None:
    if marked and not any((each.row, each.part) in texts for each in marked):
        raise DataError(f"texts: none of the {len(marked)} marked places lies in one of them")


def _missed(marked: Marked, held: list[tuple[int, int, str | None]], text: str | None) -> bool:
    """Whether a letter or digit of the place stayed readable; what parts two names tells nothing."""
    return any(
        not any(start <= place < end for start, end, _ in held)
        for place in range(marked.start, marked.end)
        if text is None or text[place : place + 1].isalnum()
    )
