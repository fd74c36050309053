"""Why a step touched rows, and a few of those rows to look at; from its tables, a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from duecare.report.gather import Stage, Story
from duecare.report.texts import Passage, of_rows, passages, rows

SHOWS_TEXTS = ("toxicity", "stereotypes", "duplicates")
"""The steps whose rows may be shown. Redaction is not among them: there are types and counts only."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rows were touched, and how many rows and places that concerned."""

    action: str
    reason: str
    label: str
    rows: int
    places: int


@dataclass(frozen=True, slots=True)
class Case:
    """One affected row: its name, why, and its text if it may be shown."""

    row: str
    reason: str
    action: str
    detail: str
    passage: Passage | None


def reasons_of(stage: Stage) -> list[Reason]:
    """Why the step touched rows, the most frequent first; from its table of changes and set-aside rows."""
    found = []
    changes = rows(stage, "changes.parquet")
    told = changes is not None and pc.any(pc.equal(changes.column("action"), "set aside")).as_py()
    for table in (changes, None if told else _aside_as_changes(stage)):
        if table is not None:
            counts = (
                _alike(table)
                .group_by(["action", "reason", "label"])
                .aggregate([("row", "count_distinct"), ("row", "count")])
            )
            found += [
                Reason(
                    record["action"],
                    record["reason"],
                    record["label"] or "",
                    record["row_count_distinct"],
                    record["row_count"],
                )
                for record in counts.to_pylist()
            ]
    return sorted(found, key=lambda item: (-item.rows, item.action, item.reason, item.label))


def _alike(table: pa.Table) -> pa.Table:
    """The same rows, with reasons that differ only in a score or in another row's name made one."""
    reason = table.column("reason")
    for pattern, instead in _DETAILS:
        reason = pc.replace_substring_regex(reason, pattern, instead)
    return table.set_column(table.schema.get_field_index("reason"), "reason", reason)


_DETAILS = (
    (r"scored [0-9.]+, the limit is", "scored at or above the limit of"),
    (r"same content as \S+", "same content as another row"),
    (r"near-duplicate of \S+ \(similarity [0-9.]+\)", "near-duplicate of another row"),
    (r"holds item [0-9a-f]+ of", "holds an item of"),
)


def _aside_as_changes(stage: Stage) -> pa.Table | None:
    aside = rows(stage, "set_aside.parquet")
    if aside is None:
        return None
    columns = {
        "row": aside.column("position"),
        "action": pa.array(["set aside"] * len(aside), pa.string()),
        "reason": aside.column("reason"),
        "label": pa.nulls(len(aside), pa.string()),
    }
    return pa.table(columns)


def cases_of(story: Story, stage: Stage, most: int) -> tuple[tuple[Case, ...], str]:
    """A few affected rows, the highest scores first; and why texts are missing, if they are."""
    if stage.kind == "read":
        return _set_aside(stage, most), ""
    changes = rows(stage, "changes.parquet")
    if changes is None or stage.kind not in SHOWS_TEXTS or most < 1:
        return (), ""
    chosen = _highest(changes, most)
    texts = _originals(story, stage, list(chosen))
    picked = [(group[0], *_text_of(row, group, texts)) for row, group in chosen.items()]
    shown = passages([text for _, text, _ in picked], [hits for _, _, hits in picked])
    withheld = "" if shown is not None else "Texts are withheld: the personal-data detector is not installed."
    cases = [
        Case(
            row=str(record["row"]),
            reason=str(record["reason"]),
            action=str(record["action"]),
            detail=_detail(record),
            passage=shown[place] if shown is not None and text else None,
        )
        for place, (record, text, _) in enumerate(picked)
    ]
    return tuple(cases), withheld


def _highest(changes: pa.Table, most: int) -> dict[str, list[dict[str, Any]]]:
    """The records of the `most` rows with the highest values, by row; equal ones in the table's order."""
    ranks = pa.table(
        {
            "value": pc.fill_null(changes.column("value"), float("-inf")),
            "place": pa.array(range(len(changes)), pa.int64()),
        }
    )
    order = pc.sort_indices(ranks, sort_keys=[("value", "descending"), ("place", "ascending")])
    ranked = changes.take(order)
    names: dict[str, None] = {}
    for row in ranked.column("row"):
        names[row.as_py()] = None
        if len(names) == most:
            break
    own = ranked.filter(pc.is_in(ranked.column("row"), pa.array(list(names), pa.string())))
    chosen: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for record in own.to_pylist():
        chosen[record["row"]].append(record)
    return chosen


def _detail(record: dict[str, Any]) -> str:
    parts = [str(record["label"])] if record["label"] else []
    value = record["value"]
    if isinstance(value, float) and record["instrument"]:
        parts.append(f"{record['instrument']} {value:.2f}")
    return ", ".join(parts)


def _text_of(
    row: str, group: Sequence[dict[str, Any]], texts: dict[tuple[str, str], str]
) -> tuple[str, list[tuple[int, int]]]:
    """The text that the reasons point at, and the places in it; the longest part where none is named."""
    part = next((str(record["part"]) for record in group if record["part"]), None)
    if part is not None and (row, part) in texts:
        hits = [
            (int(str(record["start"])), int(str(record["end"])))
            for record in group
            if record["part"] == part and record["start"] is not None and record["end"] is not None
        ]
        return texts[row, part], hits
    own = [text for (owner, _), text in texts.items() if owner == row]
    return max(own, key=len, default=""), []


def _originals(story: Story, stage: Stage, wanted: Sequence[str]) -> dict[tuple[str, str], str]:
    """The texts as the step met them: spans count code points of these."""
    before = next(
        (maker for digest in stage.entry.inputs.values() if (maker := story.maker(digest, stage.source))),
        None,
    )
    texts = of_rows(stage, "dropped.parquet", wanted)
    texts |= of_rows(before, "kept.parquet", wanted) if before else {}
    return texts


def _set_aside(stage: Stage, most: int) -> tuple[Case, ...]:
    aside = rows(stage, "set_aside.parquet")
    if aside is None:
        return ()
    return tuple(
        Case(
            row=f"line {record['line']}" if record["line"] is not None else f"position {record['position']}",
            reason=record["reason"],
            action="set aside",
            detail="",
            passage=None,
        )
        for record in aside.slice(0, most).to_pylist()
    )
