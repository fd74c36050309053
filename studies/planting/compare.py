"""What curation found, held against the generator's own list.

Toxic, stereotyped, duplicate and malformed items are counted by row: found is a row that the step dropped,
flagged, changed or set aside. Personal data is counted by place: a planted place is found where the spans of
the step cover it wholly, and a span is right where it touches a planted place. Only rows that reached a step
count for it (an earlier step may have dropped one). "Look-alikes" is how many of the harmless remarks written
to resemble that kind were taken for it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from duecare.vault import opened, stored

STEPS = {"toxic": "toxicity", "duplicate": "duplicates", "stereotype": "stereotypes", "personal": "personal"}
SOURCES = ("chats", "pairs")

Items = Sequence[Mapping[str, Any]]
Place = tuple[str, str]  # row, part


@dataclass(frozen=True, slots=True)
class Tally:
    """How one kind fared: of `planted` items `hit` were found; of `found` ones `right` were planted."""

    kind: str
    planted: int
    hit: int
    found: int
    right: int
    alike: int = 0
    taken: int = 0

    @property
    def recall(self) -> float | None:
        """Found share of what was planted; None where nothing was."""
        return self.hit / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        """Planted share of what was found; None where nothing was."""
        return self.right / self.found if self.found else None


def read_list(data: Path, name: str) -> list[dict[str, Any]]:
    """`planted` or `lookalikes` of a folder of demonstration data."""
    return [json.loads(line) for line in (data / f"{name}.jsonl").read_text("utf-8").split("\n") if line]


def artifact(run: Path, job: str) -> Path | None:
    """The newest folder of a job in a finished run, or None where the study has no such step."""
    found = sorted(
        (run / "artifacts").glob(f"{job.replace(':', '-')}-????????"), key=lambda at: at.stat().st_mtime
    )
    return found[-1] if found else None


def tallies(run: Path, data: Path) -> list[Tally]:
    """One Tally a kind, and for personal data and toxicity one a type ("personal: email")."""
    planted, alike = read_list(data, "planted"), read_list(data, "lookalikes")
    found = [_malformed(run, planted)]
    for kind, step in STEPS.items():
        changes, reached = _changes(run, step)
        own = [item for item in planted if item["kind"] == kind and item["row"] in reached]
        near = [item for item in alike if item["type"] == kind and item["row"] in reached]
        found += (
            _by_place(kind, own, near, changes) if kind == "personal" else _by_row(kind, own, near, changes)
        )
    return found


def _malformed(run: Path, planted: Items) -> Tally:
    own = {item["row"] for item in planted if item["kind"] == "malformed"}
    found = set()
    for source in SOURCES:
        if folder := artifact(run, f"read:{source}"):
            aside = pq.read_table(folder / "set_aside.parquet", columns=["position"]).column("position")
            found |= {f"{source}:{position}" for position in aside.to_pylist()}
    return Tally("malformed", len(own), len(own & found), len(found), len(own & found))


def _changes(run: Path, step: str) -> tuple[list[dict[str, Any]], set[str]]:
    """Rows of the step's changes over all sources, and the rows that reached it."""
    changes: list[dict[str, Any]] = []
    reached: set[str] = set()
    for source in SOURCES:
        if folder := artifact(run, f"{step}:{source}"):
            table: pa.Table = pq.read_table(folder / "changes.parquet")
            changes += table.to_pylist()
            for name in ("kept", "dropped"):
                if (path := stored(folder, f"{name}.parquet")).exists():
                    with opened(path) as file:  # rows lie sealed until personal data is out of them
                        reached |= set(pq.read_table(file, columns=["row"]).column("row").to_pylist())
    return changes, reached


def _by_row(kind: str, planted: Items, alike: Items, changes: Items) -> Iterator[Tally]:
    found, own = {change["row"] for change in changes}, {item["row"] for item in planted}
    near = {item["row"] for item in alike} - own
    yield Tally(kind, len(own), len(own & found), len(found), len(own & found), len(near), len(near & found))
    for name in sorted({item["type"] for item in planted}):
        rows = {item["row"] for item in planted if item["type"] == name}
        yield Tally(f"{kind}: {name}", len(rows), len(rows & found), 0, 0)


def _by_place(kind: str, planted: Items, alike: Items, changes: Items) -> Iterator[Tally]:
    spans: dict[Place, list[tuple[int, int]]] = defaultdict(list)
    for change in changes:
        if change["start"] is not None:
            spans[change["row"], change["part"]].append((change["start"], change["end"]))
    own: dict[Place, list[tuple[int, int]]] = defaultdict(list)
    for item in planted:
        own[item["row"], item["part"]].append((item["start"], item["end"]))
    right = sum(_touches(span, own[place]) for place, found in spans.items() for span in found)
    taken = sum(_touches((item["start"], item["end"]), spans[item["row"], item["part"]]) for item in alike)
    hits = [_covered((item["start"], item["end"]), spans[item["row"], item["part"]]) for item in planted]
    count = sum(len(found) for found in spans.values())
    yield Tally(kind, len(planted), sum(hits), count, right, len(alike), taken)
    for name in sorted({item["type"] for item in planted}):
        of_type = [hit for hit, item in zip(hits, planted, strict=True) if item["type"] == name]
        yield Tally(f"{kind}: {name}", len(of_type), sum(of_type), 0, 0)


def _touches(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _covered(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    """Whether every code point of `span` lies in one of `others`."""
    at = span[0]
    for start, end in sorted(others):
        if start <= at < end:
            at = end
    return at >= span[1]


def shown(found: Sequence[Tally]) -> str:
    """The tallies as a table in Markdown."""
    names = ("kind", "planted", "found again", "recall", "precision", "look-alikes taken for it")
    rows = [
        (
            tally.kind,
            str(tally.planted),
            str(tally.hit),
            _share(tally.recall),
            _share(tally.precision),
            f"{tally.taken} of {tally.alike}" if tally.alike else "",
        )
        for tally in found
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in (names, ("---",) * len(names), *rows))


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
