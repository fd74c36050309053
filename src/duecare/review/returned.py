"""What a round's export gives back to a run: the labels of people as Scores, read without any store.

An export is a folder of tables (`tables.py`) and `round.json`; a run takes it in as it takes in any file, and
so does an auditor: nothing here needs a database or the web.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import DataError
from duecare.core.table import SCORES, expect
from duecare.measure import Ratings
from duecare.review import tables

FORMAT = "duecare.review.v1"
SCHEMAS = {
    "labels": tables.LABELS,
    "spans": tables.LABEL_SPANS,
    "judged": tables.JUDGED,
    "settled": tables.SETTLED,
    "soft": tables.SOFT,
}


@dataclass(frozen=True, slots=True)
class Export:
    """A round's export. `about` is `round.json`: settings, questions, guidelines, counts."""

    labels: pa.Table
    spans: pa.Table
    judged: pa.Table
    settled: pa.Table
    soft: pa.Table
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The round's name."""
        return str(self.about["name"])

    @property
    def guideline(self) -> int:
        """The newest version of the guideline."""
        return max(int(each["version"]) for each in self.about["guidelines"])

    def questions(self, *kinds: str) -> list[str]:
        """Names of the questions of these kinds, in order."""
        return [each["name"] for each in self.about["questions"] if each["kind"] in kinds]

    def question(self, name: str | None, *kinds: str) -> Mapping[str, Any]:
        """The question `name`, or the only one of these kinds; a DataError where there is none such."""
        fitting = [each for each in self.about["questions"] if each["kind"] in kinds]
        found = [each for each in fitting if name is None or each["name"] == name]
        if len(found) != 1:
            known = ", ".join(each["name"] for each in fitting) or "none"
            asked = "a question" if name is None else f"question={name!r}"
            raise DataError(f"review: {asked} of the kind {' or '.join(kinds)}: expected one of {known}")
        asked_for: Mapping[str, Any] = found[0]
        return asked_for

    def instrument(self, question: str) -> str:
        """How the people of this round are called as an instrument: "people/<round>@<guideline>"."""
        several = len(self.questions("rate", "choose")) > 1
        return f"people/{self.name}{'/' + question if several else ''}@{self.guideline}"


def read(folder: str | Path) -> Export:
    """The export in `folder`; a DataError where it is none, or a table is not as declared."""
    place = Path(folder)
    path = place / "round.json"
    if not path.is_file():
        raise DataError(f"{place.name}: has no round.json, expected the export of a review round")
    try:
        about = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise DataError(f"round.json: {error}") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise DataError(f"round.json: its format is not {FORMAT}")
    found = {}
    for name, schema in SCHEMAS.items():
        file = place / f"{name}.parquet"
        if not file.is_file():
            raise DataError(f"{file.name} is missing: expected the export of a review round")
        found[name] = pq.read_table(file)
        expect(found[name], schema, name)
    return Export(about=about, **found)


def people_scores(export: Export, question: str | None = None) -> pa.Table:
    """What counts for each item as Scores of one instrument, values from 0 to 1 (schema SCORES).

    A step of an ordered scale of K is (step - 1) / (K - 1); of two categories the second one is 1; a choice
    is 1 where the first answer is better. Items that nobody settled have no value, with the reason. Three
    categories or more have no order, and a DataError says so.
    """
    asked = export.question(question, "rate", "choose")
    instrument, rows = export.instrument(asked["name"]), []
    for row in export.settled.to_pylist():
        if row["question"] == asked["name"]:
            value = row["value"]
            rows.append(
                {name: row[name] for name in ("row", "key", "part", "reason")}
                | {"instrument": instrument, "value": None if value is None else graded(asked, value)}
            )
    return pa.Table.from_pylist(rows, schema=SCORES)


def graded(question: Mapping[str, Any], value: float) -> float:
    """An answer of the export on a scale from 0 to 1."""
    if question["kind"] == "choose":
        return value
    steps = len(question["scale"])
    if steps > 2 and not question.get("ordered", True):
        raise DataError(f"question {question['name']}: {steps} categories have no order, expected a scale")
    return (value - 1) / (steps - 1)


def ratings_of(export: Export, question: str | None = None) -> Ratings:
    """First labels of drawn items, one a person: the input of agreement and of models of raters."""
    asked = export.question(question, "rate", "choose")
    rows = [
        row
        for row in export.labels.to_pylist()
        if row["question"] == asked["name"] and row["purpose"] == "item" and row["turn"] == 0
    ]
    steps = range(1, len(asked["scale"]) + 1) if asked["kind"] == "rate" else (0.0, 0.5, 1.0)
    return Ratings.of(
        [row["item"] for row in rows],
        [row["person"] for row in rows],
        [row["value"] for row in rows],
        categories=[float(step) for step in steps],
    )
