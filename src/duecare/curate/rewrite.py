"""New wording for rows: by rules, or as people approved it; told by digests, never by the text.

A model may propose wordings, but none is taken that no person approved for that very text: the file names who
did and the digest of the text that was looked at. Curation itself calls no model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from duecare.core import DataError
from duecare.core.table import TEXTS, texts, with_texts
from duecare.curate.rephrase import rephrased
from duecare.curate.wording import edited
from duecare.vault import row_key

REWRITES = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("before", pa.string(), nullable=False),
        pa.field("after", pa.string()),
        pa.field("by", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""One text a row that holds a stereotype or was changed. `before` and `after` are HMACs of the text under the
study's secret; `after` is null where it stands as it was. `by` is "rules", who approved, or "" for nobody."""

RULES = "rules"


class Approved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a file of approved rewrites; `before` as it stands in rewrites.parquet."""

    row: str
    part: str
    before: str
    text: str
    approved_by: str
    reason: str


Key = tuple[str, str]
"""Row and part."""


def read_rewrites(path: Path) -> dict[Key, Approved]:
    """The approved rewrites of a file of JSON lines by row and part.

    DataError names every line that is none: no JSON, a key missing or unknown, nobody who approved, no
    reason, no text, or a second rewrite of the same text.
    """
    found: dict[Key, Approved] = {}
    wrong: list[str] = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"rewrites {path.name} cannot be read ({error.strerror})") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            each = msgspec.json.decode(line, type=Approved)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            wrong.append(f"line {number}: {_without_text(error)}")
            continue
        empty = [name for name in ("approved_by", "reason", "text") if not getattr(each, name).strip()]
        if empty:
            wrong.append(
                f"line {number}: {', '.join(empty)} is empty; a rewrite needs who approved it and why"
            )
        elif (each.row, each.part) in found:
            wrong.append(f"line {number}: a second rewrite of one text")
        found[each.row, each.part] = each
    if wrong:
        raise DataError(f"rewrites {path.name}: {'; '.join(wrong)}")
    return found


def _without_text(error: Exception) -> str:
    """What is wrong with a line, in words that hold none of it."""
    said = str(error)
    return said if isinstance(error, msgspec.ValidationError) else "not JSON"


@dataclass(slots=True)
class Rewriting:
    """Rewrites the texts of a batch; `unused` counts approved rewrites by what became of them."""

    key: bytes
    approved: Mapping[Key, Approved]
    applied: int = 0
    refused: int = 0

    def operate(
        self, batch: pa.RecordBatch
    ) -> tuple[pa.RecordBatch, list[dict[str, object]], list[dict[str, Any]]]:
        """The batch in its new wording, CHANGES, and REWRITES of the texts that changed."""
        flat = texts(batch)
        records = flat.to_pylist()
        changed: list[dict[str, object]] = []
        rewrites: list[dict[str, Any]] = []
        fresh: list[str] = []
        for record in records:
            new, by, reason, told = self._one(record)
            changed += told
            fresh.append(new)
            if new != record["text"]:
                address = {name: record[name] for name in ("row", "key", "part")}
                digests = {"before": self.digest(record["text"]), "after": self.digest(new)}
                rewrites.append({**address, **digests, "by": by, "reason": reason})
        if not rewrites:
            return batch, changed, []
        columns = [flat.column(name) for name in ("row", "key", "part")]
        new_texts = pa.RecordBatch.from_arrays([*columns, pa.array(fresh, pa.string())], schema=TEXTS)
        return with_texts(batch, new_texts), changed, rewrites

    def digest(self, text: str) -> str:
        """What a text is known by in the files of approvals."""
        return row_key(self.key, text.encode())

    def _one(self, record: dict[str, Any]) -> tuple[str, str, str, list[dict[str, object]]]:
        base = {name: record[name] for name in ("row", "key", "part")} | {"step": "stereotypes"}
        text = record["text"]
        given = self.approved.get((record["row"], record["part"]))
        if given is not None and given.before == self.digest(text):
            self.applied += 1
            reason = f"rewritten as {given.approved_by} approved"
            told = {**base, "action": "changed", "reason": reason, "start": 0, "end": len(text)}
            return given.text, given.approved_by, given.reason, [told]
        refused: list[dict[str, object]] = []
        if given is not None:
            self.refused += 1
            refused = [
                {
                    **base,
                    "action": "flagged",
                    "reason": "an approved rewrite is of another text than stands here",
                }
            ]
        edits = rephrased(text)
        rules = sorted({edit.label for edit in edits})
        told_edits = [*self._told(base, edits)]
        return edited(text, edits), RULES, ", ".join(rules), [*refused, *told_edits]

    @staticmethod
    def _told(base: dict[str, Any], edits: list[Any]) -> Iterator[dict[str, object]]:
        for edit in edits:
            yield {
                **base,
                "action": "changed",
                "reason": edit.label,
                "start": edit.start,
                "end": edit.end,
                "label": "gender",
            }
