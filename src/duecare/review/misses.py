"""How much of what people mark a redaction had missed, by where a name comes from.

People mark every place of personal data in a sample of texts *before* redaction; the redaction's own places
are known (CHANGES of `personal`). A place that enough people marked and no replaced place touches was missed.
Finders of names are known to miss names of some origins more often (Mishra, He and Belli 2020, "Assessing
demographic bias in named entity recognition"), so the rate is told by origin, each with its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from duecare.core import DataError, Estimate
from duecare.measure.bound import proportion_bounds
from duecare.measure.interval import LEVEL, Interval, silent
from duecare.measure.rectify import effective_counts
from duecare.review.returned import Export

METRIC = "curate.personal.missed"
UNKNOWN = "unknown"
Origin = Callable[[str], str | None]
"""The origin of a name, by some list of names; None where the list does not know it."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A place that people agree on: code points [start, end) of the text `part` of `row`."""

    row: str
    part: str
    start: int
    end: int
    label: str
    weight: float
    item: str


def marked_places(export: Export, question: str | None = None, agree: float = 0.5) -> list[Marked]:
    """Places that at least the share `agree` of an item's judges marked; overlapping marks are one place.

    The place's bounds are those of the widest mark, its label the most frequent.
    """
    asked = export.question(question, "spans")["name"]
    if not 0 < agree <= 1:
        raise DataError(f"agree={agree}: expected a share above 0, at most 1")
    judges: dict[tuple[str, str], set[str]] = {}
    for row in export.judged.to_pylist():
        if row["question"] == asked and row["purpose"] == "item" and row["turn"] == 0:
            judges.setdefault((row["item"], row["row"]), set()).add(row["person"])
    marks: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in export.spans.to_pylist():
        if row["question"] == asked and row["purpose"] == "item" and row["turn"] == 0:
            marks.setdefault((row["item"], row["row"], row["part"]), []).append(row)
    found = []
    for (item, row, part), seen in sorted(marks.items()):
        for group in _overlapping(seen):
            people = {each["person"] for each in group}
            if len(people) >= agree * len(judges.get((item, row), people)):
                start, end = min(each["start"] for each in group), max(each["end"] for each in group)
                labels = [each["label"] for each in group]
                label = max(sorted(set(labels)), key=labels.count)
                found.append(Marked(row, part, start, end, label, group[0]["weight"] or 1.0, item))
    return found


def missed_rates(
    export: Export,
    places: pa.Table,
    texts: pa.Table,
    *,
    origin: Origin | None = None,
    labels: tuple[str, ...] = (),
    question: str | None = None,
    agree: float = 0.5,
    slice: Mapping[str, str] | None = None,
    level: float = LEVEL,
) -> list[Estimate]:
    """`curate.personal.missed` over all marked places, by label, and by origin of names; `n` counts places.

    `places` (CHANGES, or any table with row, part, start, end) are what was replaced, `texts` (TEXTS) what
    people saw, before redaction; all in code points of these. `origin` looks a marked name up; `labels`
    are those whose places are names (none: all). Rows are the clusters, sampling weights count.
    """
    held = _replaced(places)
    said = {(row["row"], row["part"]): row["text"] for row in texts.to_pylist()}
    marked = marked_places(export, question, agree)
    if marked and not any((each.row, each.part) in said for each in marked):
        raise DataError(f"texts: none of the {len(marked)} marked places lies in one of them")
    missed = [
        _missed(each, held.get((each.row, each.part), []), said.get((each.row, each.part))) for each in marked
    ]
    about = dict(slice or {})
    whence = None
    if origin is not None:
        names = (not labels or each.label in labels for each in marked)
        whence = [
            _origin(origin, said, each) if name else "" for each, name in zip(marked, names, strict=True)
        ]
    return [
        _rate([marked[i] for i in chosen], [missed[i] for i in chosen], level).estimate(
            METRIC, about | where, "share", (f"people/{export.name}@{export.guideline}",)
        )
        for where, chosen in _parts(marked, whence)
    ]


def _replaced(places: pa.Table) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Start and end of what was replaced, by row and part."""
    held: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in places.select(["row", "part", "start", "end"]).to_pylist():
        if row["start"] is not None:
            held.setdefault((row["row"], row["part"]), []).append((row["start"], row["end"]))
    return held


def _parts(marked: list[Marked], whence: list[str] | None) -> Iterator[tuple[dict[str, str], list[int]]]:
    """All marked places, of each label, of each origin: what to call them, which they are."""
    labels = [each.label for each in marked]
    yield {}, list(range(len(marked)))
    for label in sorted(set(labels)):
        yield {"label": label}, _where(labels, label)
    for group in sorted(set(whence or ()) - {""}):
        yield {"axis": "name_origin", "group": group}, _where(whence or [], group)


def _rate(marked: list[Marked], missed: list[bool], level: float) -> Interval:
    """Share missed, rows as clusters, weighed by the chance of having been drawn."""
    method = "clustered proportion, weighed by the chance of being drawn (effective n)"
    if not marked:
        return silent("people marked no such place", 0, 0, method, level)
    rows = np.unique([each.row for each in marked], return_inverse=True)[1]
    units = int(rows.max()) + 1
    if units == 1:
        return silent("all marked places stand in one row", len(marked), 1, method, level)
    outcome = np.array(missed, dtype=float)
    weights = np.array([each.weight for each in marked])
    k, n = effective_counts(outcome, weights, rows, level)
    value = float((outcome * weights).sum() / weights.sum())
    low, high = (float(bound) for bound in proportion_bounds(k, n, level))
    return Interval(value, min(low, value), max(high, value), len(marked), units, method, level)


def _overlapping(marks: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Marks of one text, those that overlap together."""
    group: list[dict[str, Any]] = []
    for mark in sorted(marks, key=lambda each: (each["start"], each["end"])):
        if group and mark["start"] >= max(each["end"] for each in group):
            yield group
            group = []
        group.append(mark)
    if group:
        yield group


def _missed(marked: Marked, held: list[tuple[int, int]], text: str | None) -> bool:
    """Whether a letter or digit of the place stayed readable; what parts two names tells nothing."""
    return any(
        not any(start <= place < end for start, end in held)
        for place in range(marked.start, marked.end)
        if text is None or text[place : place + 1].isalnum()
    )


def _origin(origin: Origin, texts: Mapping[tuple[str, str], str], marked: Marked) -> str:
    text = texts.get((marked.row, marked.part))
    return UNKNOWN if text is None else origin(text[marked.start : marked.end]) or UNKNOWN


def _where(values: list[str], wanted: str) -> list[int]:
    return [place for place, value in enumerate(values) if value == wanted]
