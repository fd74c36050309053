"""From choices between two answers to preference pairs, in which each panel may count alike.

Disagreement is kept: an item on which people differ becomes a pair in both directions, each with the weight
of those who chose it, so that a model of preferences learns the share and not the winner. With an `axis`,
labels are weighed so that each panel (people who state one attribute alike) counts alike over the round and,
as far as that allows, on each item (`measure.panels.panel_weights`). Panels come from the soft labels
of the export, which name no person and leave out panels of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from duecare.core import DataError
from duecare.core.table import ANSWERS, EXAMPLES
from duecare.core.wire import encode
from duecare.measure import panel_weights
from duecare.review.returned import Export
from duecare.vault import row_key

Disagreement = Literal["keep", "net"]
ALL = "all"
FIELDS = ("round", "item", "question", "guideline", "labels", "share", "balanced", "axis")
"""What is kept with a pair, as "review.<name>": `share` of the labels for its chosen answer, `balanced` the
same with each panel counting alike."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The two answers that people compared: the row they come from, the prompt's turns, `a` and `b`."""

    row: Mapping[str, Any]
    messages: list[dict[str, str]]
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class _Told:
    """Where a pair comes from."""

    round: str
    item: str
    question: str
    guideline: int
    axis: str

    def fields(self, seen: Chosen, place: int) -> dict[str, str]:
        """Provenance of the pair that prefers `a` (place 0) or `b` (1), by the names of FIELDS."""
        total = sum(seen.counts)
        return {
            "round": self.round,
            "item": self.item,
            "question": self.question,
            "guideline": str(self.guideline),
            "labels": f"{total:g}",
            "share": f"{seen.counts[place] / total:.4f}",
            "balanced": f"{seen.weights[place] / sum(seen.weights):.4f}",
            "axis": self.axis,
        }


@dataclass(frozen=True, slots=True)
class Chosen:
    """Labels of one item: weight for `a` and for `b`, and plain counts of the same."""

    weights: tuple[float, float]
    counts: tuple[float, float]


def sides_of(rows: pa.Table) -> dict[str, Sides]:
    """The two answers by row: of preference rows (EXAMPLES), or of base and tuned model (ANSWERS).

    Answers of two models belong together where prompt and sample are the same; both their rows find them.
    """
    if rows.schema.equals(ANSWERS, check_metadata=False):
        return dict(_of_answers(rows))
    if not rows.schema.equals(EXAMPLES, check_metadata=False):
        raise DataError("rows: expected examples, or the answers of an evaluation")
    return {
        row["row"]: Sides(row, row["messages"], row["chosen"], row["rejected"])
        for row in rows.to_pylist()
        if row["kind"] == "preference"
    }


def preference_pairs(
    export: Export,
    rows: pa.Table,
    secret: bytes,
    *,
    question: str | None = None,
    axis: str | None = None,
    disagreement: Disagreement = "keep",
) -> pa.Table:
    """The choices of a round as preference rows (EXAMPLES), with provenance and weights; by row.

    `rows` are what the round was made of. `disagreement="net"` keeps the stronger direction only, with the
    difference of the weights. `secret` makes the keys of pairs whose answers trade places. A DataError where
    the round compared nothing, nobody states the axis, or its rows are others.
    """
    if disagreement not in ("keep", "net"):
        raise DataError(f"disagreement={disagreement!r}: expected keep or net")
    asked = export.question(question, "choose")["name"]
    sides, made = sides_of(rows), []
    labels = chosen_by(export, asked, axis)
    for (item, row), seen in sorted(labels.items()):
        if row in sides:
            told = _Told(export.name, item, asked, export.guideline, axis or "")
            made += list(_directed(told, sides[row], seen, secret, net=disagreement == "net"))
    if labels and not made:
        raise DataError(f"review: none of {len(labels)} compared items is among the rows given")
    return pa.Table.from_pylist(sorted(made, key=lambda each: each["row"]), schema=EXAMPLES)


def chosen_by(export: Export, question: str, axis: str | None = None) -> dict[tuple[str, str], Chosen]:
    """Weights and counts of the labels by (item, row); ties count half for each answer."""
    panels: list[str | None] = []
    items: list[tuple[str, str]] = []
    values: list[float] = []
    for item, panel, value, count in _cells(export, question, axis):
        panels += [panel] * count
        items += [item] * count
        values += [value] * count
    if axis is not None and values and not any(panel is not None for panel in panels):
        raise DataError(f"axis={axis!r}: no panel of two people or more states it in this round")
    weights = panel_weights(panels, items)
    found: dict[tuple[str, str], Chosen] = {}
    for item, value, weight in zip(items, values, weights.tolist(), strict=True):
        old = found.get(item, Chosen((0.0, 0.0), (0.0, 0.0)))
        found[item] = Chosen(
            (old.weights[0] + weight * value, old.weights[1] + weight * (1 - value)),
            (old.counts[0] + value, old.counts[1] + 1 - value),
        )
    return found


def as_source(pairs: pa.Table) -> pa.Table:
    """Pairs as a source that `Read` takes: prompt, chosen, rejected, weight, provenance, group columns.

    In a study: `{source: pairs.parquet, kind: preference, weight: weight}`, with `keep` and `groups` at will.
    """
    axes = sorted({group["axis"] for row in pairs.column("groups").to_pylist() for group in row})
    told = [f"review.{name}" for name in FIELDS]
    rows = []
    for row in pairs.to_pylist():
        fields = {field["name"]: field["value"] for field in row["fields"]}
        groups = {group["axis"]: group["value"] for group in row["groups"]}
        rows.append(
            {"id": row["row"], "prompt": row["messages"]}
            | {name: row[name] for name in ("chosen", "rejected", "weight")}
            | {name: fields.get(name) for name in told}
            | {axis: groups.get(axis) for axis in axes}
        )
    schema = pa.schema(
        [
            pa.field("id", pa.string()),
            EXAMPLES.field("messages").with_name("prompt"),
            *(EXAMPLES.field(name) for name in ("chosen", "rejected", "weight")),
            *(pa.field(name, pa.string()) for name in [*told, *axes]),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def _cells(
    export: Export, question: str, axis: str | None
) -> Iterator[tuple[tuple[str, str], str | None, float, int]]:
    """Item and row, panel (None: no panel stated), value, and how many labels."""
    rest: dict[tuple[tuple[str, str], float], int] = {}
    stated: list[tuple[tuple[str, str], str | None, float, int]] = []
    for row in export.soft.to_pylist():
        if row["question"] != question or row["axis"] not in (ALL, axis):
            continue
        item, count = (row["item"], row["row"]), round(row["share"] * row["labels"])
        if row["axis"] == ALL:
            rest[item, row["value"]] = rest.get((item, row["value"]), 0) + count
        else:
            rest[item, row["value"]] = rest.get((item, row["value"]), 0) - count
            stated.append((item, row["panel"], row["value"], count))
    yield from stated
    yield from ((item, None, value, count) for (item, value), count in rest.items() if count > 0)


def _directed(
    told: _Told, sides: Sides, seen: Chosen, secret: bytes, *, net: bool
) -> Iterator[dict[str, Any]]:
    """The pair, in the directions that somebody chose; with `net` in the stronger one."""
    for place, own in enumerate(seen.weights):
        weight = own - seen.weights[1 - place] if net else own
        if weight <= 0:
            continue
        chosen, rejected = (sides.a, sides.b) if place == 0 else (sides.b, sides.a)
        if chosen == rejected:
            continue
        known = told.fields(seen, place)
        source = sides.row
        fields = [field for field in source.get("fields", ()) if not field["name"].startswith("review.")]
        yield {
            "row": source["row"] if place == 0 else f"{source['row']}:turned",
            "key": row_key(secret, _content(sides.messages, chosen, rejected)),
            "source": source.get("source", source.get("suite", "")),
            "kind": "preference",
            "text": None,
            "messages": sides.messages,
            "chosen": chosen,
            "rejected": rejected,
            "groups": source["groups"],
            "fields": [
                *fields,
                *({"name": f"review.{name}", "value": known[name]} for name in FIELDS if known[name]),
            ],
            "weight": weight,
        }


def _content(messages: list[dict[str, str]], chosen: str, rejected: str) -> bytes:
    """The bytes that the key of a preference row is made of, as when a source is read."""
    turns = [(turn["role"], turn["content"]) for turn in messages]
    return encode(["preference", None, turns, chosen, rejected])


def _of_answers(rows: pa.Table) -> Iterator[tuple[str, Sides]]:
    pairs: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in rows.to_pylist():
        pairs.setdefault((row["suite"], row["prompt_id"], row["sample"]), {})[row["model"]] = row
    for both in pairs.values():
        if {"base", "tuned"} <= both.keys():
            base, tuned = both["base"], both["tuned"]
            messages = [{"role": "user", "content": tuned["prompt"]}]
            for row in (base, tuned):
                yield row["row"], Sides(tuned, messages, base["answer"], tuned["answer"])
