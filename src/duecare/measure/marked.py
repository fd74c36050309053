"""Places in texts that people agree on, from what each of them marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


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


def agreed(
    judged: Iterable[Mapping[str, Any]], spans: Iterable[Mapping[str, Any]], agree: float
) -> list[Marked]:
    """Places that at least the share `agree` (above 0, at most 1) of an item's judges marked.

    `judged` tells who judged which item ("item", "row", "person"), `spans` what they marked ("item", "row",
    "part", "start", "end", "label", "person", "weight"). Overlapping marks are one place: its bounds are
    those of the widest mark, its label the most frequent, of equals the first by alphabet.
    """
    judges: dict[tuple[str, str], set[str]] = {}
    for seen in judged:
        judges.setdefault((seen["item"], seen["row"]), set()).add(seen["person"])
    marks: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for mark in spans:
        marks.setdefault((mark["item"], mark["row"], mark["part"]), []).append(mark)
    return [
        _place(group)
        for (item, row, _), mine in sorted(marks.items(), key=lambda each: each[0])
        for group in _overlapping(mine)
        if len(people := {each["person"] for each in group}) >= agree * len(judges.get((item, row), people))
    ]


def _place(group: list[Mapping[str, Any]]) -> Marked:
    labels = [each["label"] for each in group]
    first = group[0]
    return Marked(
        row=first["row"],
        part=first["part"],
        start=min(each["start"] for each in group),
        end=max(each["end"] for each in group),
        label=max(sorted(set(labels)), key=labels.count),
        weight=first["weight"] or 1.0,
        item=first["item"],
    )


def _overlapping(marks: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Marks of one text, those that overlap together."""
    group: list[Mapping[str, Any]] = []
    for mark in sorted(marks, key=lambda each: (each["start"], each["end"])):
        if group and mark["start"] >= max(each["end"] for each in group):
            yield group
            group = []
        group.append(mark)
    if group:
        yield group
