"""The export of a round as simulated people leave it: the same tables and settings, without a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core.wire import encode
from duecare.review import tables

SCALE = ("no", "yes")


def question(name: str, kind: str, scale: Sequence[str] = (), labels: Sequence[str] = ()) -> dict[str, Any]:
    return {"name": name, "ask": f"{name}?", "kind": kind, "scale": list(scale), "ordered": True,
            "labels": list(labels), "required": True, "help": ""}  # fmt: skip


def written(
    folder: Path,
    questions: Sequence[Mapping[str, Any]],
    said: Sequence[Mapping[str, Any]] = (),
    panels: Mapping[str, str] | None = None,
    spans: Sequence[Mapping[str, Any]] = (),
    judged: Sequence[Mapping[str, Any]] = (),
    *,
    name: str = "first",
) -> Path:
    """Write an export. `said`: row, part, person, question, value, probability of each label, once a person.

    Panels of the axis "origin" are those of `panels`; what counts is what more than half of the labels say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    labels = [_label(place, each, name) for place, each in enumerate(said)]
    by_item: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in labels:
        by_item.setdefault((each["item"], each["question"]), []).append(each)
    made = {
        "labels": (labels, tables.LABELS),
        "settled": ([_settled(each) for each in by_item.values()], tables.SETTLED),
        "soft": ([row for each in by_item.values() for row in _soft(each, panels or {})], tables.SOFT),
        "spans": ([_span(each, name) for each in spans], tables.LABEL_SPANS),
        "judged": ([_judged(each, name) for each in judged], tables.JUDGED),
    }
    for stem, (rows, schema) in made.items():
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{stem}.parquet")
    about = {
        "format": "duecare.review.v1", "round": "r-1", "name": name, "point": "data", "run": "", "source": "",
        "source_digest": "", "overlap": 3, "questions": list(questions), "settings": {}, "counts": {},
        "guidelines": [{"version": 1, "text": "be fair", "by": "p-0", "time": "", "why": ""}],
    }  # fmt: skip
    (folder / "round.json").write_bytes(encode(about))
    return folder


def _label(place: int, each: Mapping[str, Any], name: str) -> dict[str, Any]:
    chance = each.get("probability", 1.0)
    return {
        "row": each["row"], "key": "", "part": each.get("part", "text"), "item": f"i-{each['row']}",
        "instrument": f"person:{each['person']}", "value": each["value"],
        "reason": None if each["value"] is not None else "neither", "round": name, "purpose": "item",
        "person": each["person"], "question": each["question"], "kind": "rate", "guideline": 1,
        "current_guideline": True, "turn": 0, "stratum": "", "probability": chance, "weight": 1 / chance,
        "seconds": 1.0, "groups": [], "pair_id": None, "expected": None, "decision": f"d-{place}", "time": "",
    }  # fmt: skip


def _settled(labels: list[dict[str, Any]]) -> dict[str, Any]:
    (value, count), *_ = Counter(each["value"] for each in labels).most_common()
    counts = count * 2 > len(labels) and value is not None
    names = ("row", "key", "part", "round", "item", "question", "probability", "weight")
    return {name: labels[0][name] for name in names} | {
        "instrument": "people:majority", "value": value if counts else None,
        "reason": None if counts else "no majority", "by": "majority", "labels": len(labels), "why": "",
    }  # fmt: skip


def _soft(labels: list[dict[str, Any]], panels: Mapping[str, str]) -> list[dict[str, Any]]:
    known = [each for each in labels if each["value"] is not None]
    names = [
        ("all", "all"),
        *sorted({("origin", panels[p]) for p in (x["person"] for x in known) if p in panels}),
    ]
    rows = []
    for axis, panel in names:
        mine = [x["value"] for x in known if axis == "all" or panels.get(x["person"]) == panel]
        rows += [
            {name: labels[0][name] for name in ("round", "item", "row", "key", "part", "question")}
            | {"axis": axis, "panel": panel, "value": value, "share": count / len(mine), "labels": len(mine)}
            for value, count in sorted(Counter(mine).items())
        ]
    return rows


def _span(each: Mapping[str, Any], name: str) -> dict[str, Any]:
    chance = each.get("probability", 1.0)
    return {
        "row": each["row"], "key": "", "part": "text", "instrument": f"person:{each['person']}",
        "start": each["start"], "end": each["end"], "label": each.get("label", "NAME"), "value": 1.0,
        "round": name, "item": f"i-{each['row']}", "purpose": "item", "person": each["person"],
        "question": each["question"], "guideline": 1, "turn": 0, "probability": chance, "weight": 1 / chance,
        "decision": "d",
    }  # fmt: skip


def _judged(each: Mapping[str, Any], name: str) -> dict[str, Any]:
    chance = each.get("probability", 1.0)
    return {
        "row": each["row"], "key": "", "part": "text", "round": name, "item": f"i-{each['row']}",
        "purpose": "item", "person": each["person"], "question": each["question"], "turn": 0,
        "probability": chance, "weight": 1 / chance, "marked": each["marked"],
    }  # fmt: skip
