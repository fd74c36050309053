"""Personal values that people marked in a closed round of review, as its export tells them.

An export is a folder of tables (docs/review-results.md); people stand there by pseudonym.
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
from duecare.measure.marked import agreed
from duecare.memorise.records_rows import Place

FORMAT = "duecare.review.v1"
WHERE = "memorise.records.round"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What people said of a sample of rows.

    `source_digest` is that of the artifact whose rows they saw, `judged` the sampling weight of every row
    that somebody looked at, `marked` the places that enough of them agree on.
    """

    name: str
    guideline: int
    source_digest: str
    judged: Mapping[str, float]
    marked: tuple[Place, ...]

    @property
    def instrument(self) -> str:
        """How the people of this round are called."""
        return f"people/{self.name}@{self.guideline}"


def read_review(folder: Path, agree: float) -> Reviewed:
    """The marked places of the export in `folder` whose one question asked for spans.

    A place counts as `measure.marked.agreed` says. Raises DataError where it is no such export.
    """
    about = _about(folder)
    asked = [each["name"] for each in about["questions"] if each["kind"] == "spans"]
    if len(asked) != 1:
        raise DataError(f"{WHERE}: the round asked {len(asked)} questions for places: expected one")
    judged, spans = (_first(folder, name, asked[0]) for name in ("judged", "spans"))
    places = (
        Place(each.row, each.part, each.start, each.end, each.label) for each in agreed(judged, spans, agree)
    )
    return Reviewed(
        name=str(about["name"]),
        guideline=max(int(each["version"]) for each in about["guidelines"]),
        source_digest=str(about["source_digest"]),
        judged={row["row"]: float(row["weight"] or 1.0) for row in judged},
        marked=tuple(places),
    )


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = msgspec.json.decode((folder / "round.json").read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(f"{WHERE}: expected the export of a closed round of review") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise DataError(f"{WHERE}: round.json is not of the format {FORMAT}")
    return about


def _first(folder: Path, name: str, question: str) -> list[dict[str, Any]]:
    """First judgements of drawn items, of one question."""
    try:
        rows = pq.read_table(folder / f"{name}.parquet").to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{WHERE}: {name}.parquet cannot be read: expected a closed round") from error
    return [
        row for row in rows if row["question"] == question and row["purpose"] == "item" and row["turn"] == 0
    ]
