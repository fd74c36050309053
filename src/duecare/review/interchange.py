"""A round for other programs: CSV, the JSON of Label Studio, the records of Argilla.

In CSV a cell that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq

from duecare.review import export
from duecare.review.gathered import Gathered, Label, gather
from duecare.review.question import Question
from duecare.review.shown import by_part
from duecare.review.store import Store

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_as(store: Store, round: str, out: Path, form: str) -> list[Path]:
    """Write a round into the folder `out` in one of FORMS; the files."""
    out.mkdir(parents=True, exist_ok=True)
    return FORMS[form](store, round, out)


def _parquet(store: Store, round: str, out: Path) -> list[Path]:
    return [out / name for name in export.write(store, round, out).values()]


def _csv(store: Store, round: str, out: Path) -> list[Path]:
    """The tables of an export, one file each; lists as axis=value."""
    with TemporaryDirectory() as scratch:  # an export in Parquet that lies in `out` stays as it is
        files = export.write(store, round, Path(scratch))
        made = [_as_csv(Path(scratch) / name, out) for name in files.values() if name.endswith(".parquet")]
        about = shutil.copyfile(Path(scratch) / files["round"], out / files["round"])
    return [*made, about]


def _as_csv(path: Path, out: Path) -> Path:
    table = pq.read_table(path)
    made = out / f"{path.stem}.csv"
    with made.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.schema.names)
        for batch in table.to_batches(max_chunksize=8192):
            writer.writerows([_cell(value) for value in row.values()] for row in batch.to_pylist())
    return made


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = ";".join(f"{each['axis']}={each['value']}" for each in value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _label_studio(store: Store, round: str, out: Path) -> list[Path]:
    """Tasks with annotations (https://labelstud.io/guide/export, "raw JSON format of completed tasks")."""
    found = gather(store, round)
    numbers: dict[str, int] = {}

    def annotation(label: Label) -> dict[str, Any]:
        person = label.decision["person"]
        return {
            "id": label.decision["id"],
            "completed_by": numbers.setdefault(person, len(numbers) + 1),
            "created_at": label.decision["time"],
            "lead_time": label.decision["seconds"],
            "result": [
                result
                for question in found.round.questions
                for result in _results(question, label.decision["answers"].get(question.name))
            ],
        }

    tasks = [
        {
            "id": item["id"],
            "data": _flat(item["shown"]),
            "meta": {name: item[name] for name in ("row", "key", "part", "stratum", "probability")},
            "annotations": [annotation(label) for label in labels],
        }
        for item, labels in _tasks(found)
    ]
    path = out / "label-studio.json"
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), "utf-8")
    return [path]


def _results(question: Question, answer: Any) -> list[dict[str, Any]]:
    if answer is None:
        return []
    named = {"from_name": question.name, "to_name": "text"}
    if question.kind == "rate":
        return [{**named, "type": "rating", "value": {"rating": answer}}]
    if question.kind == "choose":
        return [{**named, "type": "choices", "value": {"choices": [answer]}}]
    if question.kind == "comment":
        return [{**named, "type": "textarea", "value": {"text": [answer]}}]
    return [
        {
            "from_name": question.name,
            "to_name": span["part"],
            "type": "labels",
            "value": {"start": span["start"], "end": span["end"], "labels": [span["label"]]},
        }
        for span in answer
    ]


def _argilla(store: Store, round: str, out: Path) -> list[Path]:
    """Records with responses, as `Dataset.records.to_json` of Argilla 2 writes them."""
    found = gather(store, round)
    records = [
        {
            "id": item["id"],
            "fields": {name: str(value) for name, value in _flat(item["shown"]).items()},
            "metadata": {"row": item["row"], "key": item["key"], "stratum": item["stratum"]},
            "suggestions": {},
            "responses": {
                question.name: [
                    {"user_id": label.decision["person"], "value": _argilla_value(question, answer)}
                    for label in labels
                    if (answer := label.decision["answers"].get(question.name)) is not None
                ]
                for question in found.round.questions
            },
            "vectors": {},
        }
        for item, labels in _tasks(found)
    ]
    path = out / "argilla.json"
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1), "utf-8")
    return [path]


def _argilla_value(question: Question, answer: Any) -> Any:
    if question.kind == "spans":
        return [{name: span[name] for name in ("start", "end", "label", "part")} for span in answer]
    return answer


def _tasks(found: Gathered) -> Iterable[tuple[Mapping[str, Any], list[Label]]]:
    """Drawn items with their labels; checks, twins and repeats are no tasks for others."""
    labels: dict[str, list[Label]] = {}
    for label in found.labels():
        if label.given["turn"] == 0:
            labels.setdefault(label.item["id"], []).append(label)
    for item in found.items:
        if item["purpose"] == "item":
            yield item, labels.get(item["id"], [])


def _flat(shown: Mapping[str, Any]) -> dict[str, str]:
    """Every text by the part that spans name."""
    return by_part(shown) | dict(shown.get("answers", {}))


FORMS: Mapping[str, Callable[[Store, str, Path], list[Path]]] = {
    "parquet": _parquet,
    "csv": _csv,
    "label-studio": _label_studio,
    "argilla": _argilla,
}
