"""A round's export: a folder of tables that a run takes in. People stand there by pseudonym.

`labels.parquet`, `spans.parquet`, `judged.parquet` (who looked for spans), `decisions.parquet` (all, also
what was taken back), `settled.parquet`, `soft.parquet`, `round.json`. One store gives the same bytes again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core.wire import encode, plain
from duecare.review import tables
from duecare.review.gathered import Gathered, Label, gather
from duecare.review.oversight import LEAST_PANEL
from duecare.review.question import Question
from duecare.review.store import Store

FILES = {
    "labels": "labels.parquet",
    "spans": "spans.parquet",
    "judged": "judged.parquet",
    "decisions": "decisions.parquet",
    "settled": "settled.parquet",
    "soft": "soft.parquet",
    "round": "round.json",
}
_BETTER = {"a": 1.0, "b": 0.0, "tie": 0.5}
_SIDES = {"pairs": {"a": "chosen", "b": "rejected"}, "reward": {"a": "chosen", "b": "rejected"}}


def write(store: Store, round: str, out: Path) -> dict[str, str]:
    """Write a round's export into the folder `out`; the files by name, relative to it."""
    found = gather(store, round)
    out.mkdir(parents=True, exist_ok=True)
    labels = list(found.labels())
    made = {
        "labels": (_labels(found, labels), tables.LABELS),
        "spans": (_spans(found, labels), tables.LABEL_SPANS),
        "judged": (_judged(found, labels), tables.JUDGED),
        "decisions": (_decisions(found), tables.DECISIONS),
        "settled": (_settled(found, labels), tables.SETTLED),
        "soft": (_soft(found, labels), tables.SOFT),
    }
    for name, (rows, schema) in made.items():
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), out / FILES[name])
    (out / FILES["round"]).write_bytes(encode(_about(found, labels)) + b"\n")
    return dict(FILES)


def value_of(question: Question, answer: Any) -> tuple[float | None, str | None]:
    """An answer as the value of a Score, or the reason why it has none."""
    if answer is None:
        return None, "not answered"
    if question.kind == "rate":
        return float(answer), None
    return (_BETTER[answer], None) if answer in _BETTER else (None, "neither")


def _address(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("row", "key", "part")}


def _drawn(item: Mapping[str, Any]) -> dict[str, Any]:
    chance = item["probability"]
    return {"probability": chance, "weight": None if chance is None else 1 / chance}


def _scored(found: Gathered) -> tuple[Question, ...]:
    return tuple(each for each in found.round.questions if each.kind in ("rate", "choose"))


def _labels(found: Gathered, labels: Iterable[Label]) -> Iterator[dict[str, Any]]:
    current = found.guidelines[-1]["version"]
    for label in labels:
        item, decision = label.item, label.decision
        groups = item["hidden"].get("groups", {})
        known = item["hidden"].get("expected", {})
        for question in _scored(found):
            answer = decision["answers"].get(question.name)
            value, reason = value_of(question, answer)
            yield {
                **_address(item),
                **_drawn(item),
                "instrument": f"person:{decision['person']}",
                "value": value,
                "reason": reason,
                "round": found.round.id,
                "item": item["id"],
                "purpose": item["purpose"],
                "person": decision["person"],
                "question": question.name,
                "kind": question.kind,
                "guideline": decision["guideline"],
                "current_guideline": decision["guideline"] == current,
                "turn": label.given["turn"],
                "stratum": item["stratum"],
                "seconds": decision["seconds"],
                "groups": [{"axis": axis, "value": group} for axis, group in sorted(groups.items())],
                "pair_id": item["hidden"].get("pair_id"),
                "expected": answer in known[question.name] if question.name in known else None,
                "decision": decision["id"],
                "time": decision["time"],
            }


def _spans(found: Gathered, labels: Iterable[Label]) -> Iterator[dict[str, Any]]:
    for question, label in _span_answers(found, labels):
        item, decision = label.item, label.decision
        for span in decision["answers"].get(question.name, ()):
            yield {
                **_address(item),
                **_drawn(item),
                "part": _part(found, item, span["part"]),
                "instrument": f"person:{decision['person']}",
                "start": span["start"],
                "end": span["end"],
                "label": span["label"],
                "value": 1.0,
                "round": found.round.id,
                "item": item["id"],
                "purpose": item["purpose"],
                "person": decision["person"],
                "question": question.name,
                "guideline": decision["guideline"],
                "turn": label.given["turn"],
                "decision": decision["id"],
            }


def _judged(found: Gathered, labels: Iterable[Label]) -> Iterator[dict[str, Any]]:
    for question, label in _span_answers(found, labels):
        yield {
            **_address(label.item),
            **_drawn(label.item),
            "round": found.round.id,
            "item": label.item["id"],
            "purpose": label.item["purpose"],
            "person": label.decision["person"],
            "question": question.name,
            "turn": label.given["turn"],
            "marked": len(label.decision["answers"].get(question.name, ())),
        }


def _span_answers(found: Gathered, labels: Iterable[Label]) -> Iterator[tuple[Question, Label]]:
    asked = [each for each in found.round.questions if each.kind == "spans"]
    for label in labels:
        for question in asked:
            yield question, label


def _part(found: Gathered, item: Mapping[str, Any], part: str) -> str:
    """Where in the row a span lies: a text shown alone is the item's own part."""
    if part == "text":
        return str(item["part"])
    return _SIDES.get(found.round.point, {}).get(part, part)


def _decisions(found: Gathered) -> Iterator[dict[str, Any]]:
    for each in found.decisions:
        own = {
            name: each[name] for name in ("round", "item", "person", "number", "time", "kind", "guideline")
        }
        yield own | {
            "decision": each["id"],
            "answers": encode(each["answers"]).decode(),
            "comment": each["comment"],
            "seconds": each["seconds"],
            "shown_digest": each["shown_digest"],
            "replaces": each["replaces"],
        }


def _first(labels: Iterable[Label]) -> dict[str, list[Label]]:
    """The labels of drawn items by item, repeats aside."""
    found: dict[str, list[Label]] = {}
    for label in labels:
        if label.given["turn"] == 0 and label.item["purpose"] == "item":
            found.setdefault(label.item["id"], []).append(label)
    return found


def _settled(found: Gathered, labels: Iterable[Label]) -> Iterator[dict[str, Any]]:
    by_people, settled = _first(labels), found.settled()
    for item in found.items:
        mine = by_people.get(item["id"], [])
        if len(mine) < found.round.overlap:
            continue
        for question in _scored(found):
            given = [label.decision["answers"].get(question.name) for label in mine]
            if (decision := settled.get(item["id"])) is not None:
                value, reason = value_of(question, decision["answers"].get(question.name))
                by, why = decision["person"], decision["comment"]
            else:
                value, reason, by = _counted(question, given)
                why = ""
            yield {
                **_address(item),
                **_drawn(item),
                "instrument": f"people:{by if by in _BY else 'settled'}",
                "value": value,
                "reason": reason,
                "round": found.round.id,
                "item": item["id"],
                "question": question.name,
                "by": by,
                "labels": len(given),
                "why": why,
            }


_BY = ("agreed", "majority", "median")


def _counted(question: Question, given: list[Any]) -> tuple[float | None, str | None, str]:
    """What labels come to without an adjudicator: value, the reason where there is none, and how."""
    answers = Counter(given)
    if len(answers) == 1:
        return *value_of(question, given[0]), "agreed"
    if question.kind == "rate" and question.ordered:
        values = [float(each) for each in given if each is not None]
        return (median(values), None, "median") if values else (None, "not answered", "median")
    (top, count), *_ = answers.most_common()
    if count * 2 > len(given):
        return *value_of(question, top), "majority"
    return None, "no majority", "majority"


def _soft(found: Gathered, labels: Iterable[Label]) -> Iterator[dict[str, Any]]:
    by_people = _first(labels)
    people = {label.decision["person"] for mine in by_people.values() for label in mine}
    sizes = Counter(panel for person in people for panel in found.said.get(person, {}).items())
    shown = {each for each, size in sizes.items() if size >= LEAST_PANEL}
    for item in found.items:
        for question in _scored(found):
            panels: dict[tuple[str, str], list[float]] = {}
            for label in by_people.get(item["id"], []):
                value, _ = value_of(question, label.decision["answers"].get(question.name))
                if value is None:
                    continue
                own = set(found.said.get(label.decision["person"], {}).items()) & shown
                for each in [("all", "all"), *sorted(own)]:
                    panels.setdefault(each, []).append(value)
            for (axis, panel), values in sorted(panels.items()):
                for value, count in sorted(Counter(values).items()):
                    yield {
                        **_address(item),
                        "round": found.round.id,
                        "item": item["id"],
                        "question": question.name,
                        "axis": axis,
                        "panel": panel,
                        "value": value,
                        "share": count / len(values),
                        "labels": len(values),
                    }


def _about(found: Gathered, labels: list[Label]) -> dict[str, Any]:
    """What the round was: settings, digests, counts; nothing that a text could stand in but the guideline."""
    kept = found.round
    return {
        "format": "duecare.review.v1",
        "round": kept.id,
        "name": kept.name,
        "point": kept.point,
        "run": kept.run,
        "source": kept.source,
        "source_digest": kept.source_digest,
        "items_digest": kept.digest,
        "made": kept.made,
        "closed": kept.closed,
        "state": kept.state,
        "overlap": kept.overlap,
        "settings": kept.settings,
        "questions": [plain(question) for question in kept.questions],
        "guidelines": [
            {name: each[name] for name in ("version", "text", "by", "time", "why")}
            for each in found.guidelines
        ],
        "counts": {
            "items": sum(item["purpose"] == "item" for item in found.items),
            "labels": len(labels),
            "complete": sum(len(mine) >= kept.overlap for mine in _first(labels).values()),
            "decisions": len(found.decisions),
            "settled": len(found.settled()),
            "people": len({label.decision["person"] for label in labels}),
        },
    }
