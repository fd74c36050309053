"""Counterfactual copies of rows: the same row about the other group, beside the one it was made from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from duecare.core.table import EXAMPLES, texts
from duecare.curate import swap_groups
from duecare.curate.rows import PARENT, Content
from duecare.curate.swap import FIXED, Pair, Twin, twin
from duecare.curate.texts import owners
from duecare.curate.wording import Refusal
from duecare.vault import row_key

_COLUMN = {
    "gender": re.compile(r"(?:^|_|\b)(?:gender|sex)(?:$|_|\b)", re.I),
    "religion": re.compile(r"religio", re.I),
    "nationality": re.compile(r"national|country|citizen", re.I),
    "age": re.compile(r"(?:^|_|\b)age(?:$|_|\b)", re.I),
}
_VALUES = {
    "gender": (("women", "men"), ("woman", "man"), ("female", "male"), ("f", "m"), ("girls", "boys")),
    "age": (("young", "older"), ("young", "old"), ("younger", "older")),
}  # fmt: skip


class Twinning:
    """Makes the copies of the rows of a batch, or says why there is none.

    `axes` are those on which groups trade places; `key` is the study's secret, for the keys of the copies.
    """

    def __init__(self, axes: tuple[str, ...], key: bytes) -> None:
        self._axes, self._key = axes, key
        self.refused: Counter[str] = Counter()

    def copies(
        self, batch: pa.RecordBatch, wanted: Mapping[str, set[int]]
    ) -> tuple[pa.RecordBatch, list[dict[str, object]]]:
        """`batch` with copies after their originals, and the CHANGES; `wanted` has the rows of each axis."""
        rows = batch.to_pylist()
        parts, contents = _by_row(batch)
        made: list[dict[str, Any]] = []
        reasons: list[dict[str, object]] = []
        for place, row in enumerate(rows):
            made.append(row)
            for axis in self._axes:
                if place not in wanted[axis]:
                    continue
                copy, said = self._copy(row, parts[place], contents[place], axis)
                reasons += said
                made += [copy] if copy else []
        return pa.RecordBatch.from_pylist(made, schema=EXAMPLES), reasons

    def _copy(
        self, row: dict[str, Any], parts: list[str], said: list[str], axis: str
    ) -> tuple[dict[str, Any] | None, list[dict[str, object]]]:
        pair = pair_of(row["row"], said, axis)
        if isinstance(pair, Refusal):
            return None, self._left(row, parts, pair, axis)
        found = twin(said, axis, pair) if pair else None
        if found is None or pair is None:
            return None, []
        if isinstance(found, Refusal):
            return None, self._left(row, parts, found, axis)
        groups = _swapped_groups(row["groups"], axis, pair)
        if groups is None:
            return None, self._left(row, parts, Refusal("a declared group has no counterpart", 0, 0), axis)
        name = _named(row["row"], axis, pair, found)
        copy = self._row(row, name, dict(zip(parts, found.texts, strict=True)), groups)
        return copy, [*_told(copy, parts, found, axis)]

    def _left(
        self, row: dict[str, Any], parts: list[str], refusal: Refusal, axis: str
    ) -> list[dict[str, object]]:
        """The one line that says why a row has no copy."""
        self.refused[refusal.reason] += 1
        line: dict[str, object] = {
            "row": row["row"], "key": row["key"], "step": "stereotypes", "action": "flagged", "label": axis,
            "reason": f"no copy for {axis}: {refusal.reason}",
        }  # fmt: skip
        if refusal.end:
            line |= {"part": parts[refusal.text], "start": refusal.start, "end": refusal.end}
        return [line]

    def _row(
        self, row: dict[str, Any], name: str, fresh: dict[str, str], groups: list[dict[str, str]]
    ) -> dict[str, Any]:
        turns = [
            {**turn, "content": fresh[f"messages.{place}"]} for place, turn in enumerate(row["messages"])
        ]
        whole = {part: fresh.get(part) for part in ("text", "chosen", "rejected")}
        said = tuple((turn["role"], turn["content"]) for turn in turns)
        content = Content(row["kind"], whole["text"], said, whole["chosen"], whole["rejected"])
        fields = descended(row)
        return {
            **row, **whole, "row": name, "key": row_key(self._key, content.canonical()), "messages": turns,
            "groups": groups, "fields": fields,
        }  # fmt: skip


def descended(row: dict[str, Any]) -> list[dict[str, str]]:
    """The kept columns of a copy of `row`; its parent is the row that a source gave, of a copy's copy too."""
    root = row["row"].partition("~")[0]
    return [*(each for each in row["fields"] if each["name"] != PARENT), {"name": PARENT, "value": root}]


def pair_of(row: str, said: list[str], axis: str) -> Pair | Refusal | None:
    """The groups that trade places in a row: two sides where the axis has two, else the one that it names
    with another, chosen by the row's name so that all the others get their part."""
    if axis in FIXED:
        return FIXED[axis]
    named = swap_groups.named(said, axis)
    if not named:
        return None
    if len(named) > 1 or named == ["other"]:
        return Refusal(
            "several groups are named" if len(named) > 1 else "a group without a list of words", 0, 0
        )
    mine = swap_groups.groups(axis)[named[0]]
    others = [group for group in swap_groups.groups(axis) if group != named[0]]
    drawn = int.from_bytes(blake2b(f"{axis}\0{row}".encode(), digest_size=8).digest(), "big")
    return mine["group"], others[drawn % len(others)]


def _named(row: str, axis: str, pair: Pair, found: Twin) -> str:
    """ "a:3~gender:women>men", with "<>" where both sides are named."""
    if len(found.sides) > 1:
        return f"{row}~{axis}:{pair[0]}<>{pair[1]}"
    (side,) = found.sides
    return f"{row}~{axis}:{side}>{pair[1] if side == pair[0] else pair[0]}"


def _swapped_groups(groups: list[dict[str, str]], axis: str, pair: Pair) -> list[dict[str, str]] | None:
    """The declared groups of the copy; None where one on this axis has no counterpart."""
    made = []
    for each in groups:
        if not _COLUMN[axis].search(each["axis"]):
            made.append(each)
            continue
        other = _counterpart(each["value"], axis, pair)
        if other is None:
            return None
        made.append({**each, "value": other})
    return made


def _counterpart(value: str, axis: str, pair: Pair) -> str | None:
    if axis in _VALUES:
        listed = [*_VALUES[axis]]
    else:
        one, other = (swap_groups.groups(axis)[group] for group in pair)
        listed = [(one[form], other[form]) for form in swap_groups.FORMS if form in one and form in other]
    for one_value, other_value in listed:
        for mine, theirs in ((one_value, other_value), (other_value, one_value)):
            if value.casefold() == mine.casefold():
                return (
                    theirs.upper() if value.isupper() else theirs.capitalize() if value.istitle() else theirs
                )
    return None


def _told(copy: dict[str, Any], parts: list[str], found: Twin, axis: str) -> Iterator[dict[str, object]]:
    """One line for the copy, and one for each word that was exchanged."""
    base = {"row": copy["row"], "key": copy["key"], "step": "stereotypes", "action": "added"}
    for part, edits in zip(parts, found.edits, strict=True):
        for edit in edits:
            label = f"{axis}:{edit.label}" if edit.label else axis
            yield {
                **base, "part": part, "start": edit.start, "end": edit.end, "label": label,
                "reason": "counterfactual copy: a word exchanged for its counterpart",
            }  # fmt: skip


def _by_row(batch: pa.RecordBatch) -> tuple[list[list[str]], list[list[str]]]:
    """Each row's parts, and what stands in them."""
    flat = texts(batch)
    parts: list[list[str]] = [[] for _ in range(len(batch))]
    said: list[list[str]] = [[] for _ in range(len(batch))]
    for owner, part, text in zip(
        owners(batch).tolist(), flat.column("part").to_pylist(), flat.column("text").to_pylist(), strict=True
    ):
        parts[owner].append(part)
        said[owner].append(text)
    return parts, said
