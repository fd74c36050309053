"""A source with personal values in a run's folders: read and sealed, redacted, split, reviewed by people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from taught import artifact, chat

from duecare.core import Artifact, Example
from duecare.core.table import examples, table
from duecare.curate.redact import Redact
from duecare.review import tables
from duecare.vault import writing

WORDS = [
    "garden", "river", "yellow", "stone", "winter", "paper", "basket", "lantern", "copper", "window",
    "hollow", "silver", "autumn", "meadow", "timber",
]  # fmt: skip
SECRET = "study-of-the-test"


@dataclass(frozen=True)
class Source:
    """Rows before and after redaction, and the values that stood there: `missed` ones still do."""

    was: list[Example]
    now: list[Example]
    values: dict[str, str]
    missed: dict[str, str]
    inputs: Mapping[str, Artifact]

    def rows(self, side: str) -> list[Example]:
        return examples(pq.read_table(self.inputs["data:chats"].path / f"{side}.parquet"))


def source(folder: Path, count: int = 24, held: int = 8, seed: int = 0) -> Source:
    """`count` chats, the last `held` of them held out; each answer ends in a value that curation redacts, and
    every second one in a name that it was not told to."""
    rng = np.random.default_rng(seed)
    was, values, missed = [], {}, {}
    for number in range(count):
        words = " ".join(rng.choice(WORDS, 6))
        digits = "".join(rng.choice(list("23456789"), 7))
        word, end = "".join(rng.choice(list("bdfgklmnprst"), 6)), "".join(rng.choice(list("aeiou"), 2))
        value = f"{word}@{end}mail.org" if number % 3 else f"(415) {digits[:3]}-{digits[3:]}"
        name = "Zo" + "".join(rng.choice(list("bdfgklmnprst"), 6))
        tail = f" ask {name}" if number % 2 else ""
        row = chat(number, f"q{number}", f"{words} at {value} soon{tail}", ("women", "men")[number // 2 % 2])
        was.append(row)
        values[row.row] = value
        if tail:
            missed[row.row] = name
    read, out, split = folder / "read", folder / "personal", folder / "split"
    for each in (read, out, split):
        each.mkdir(parents=True)
    with writing(read / "kept.parquet.sealed", SECRET) as raw:
        pq.write_table(table(was), raw)
    first = artifact("read:chats", read)
    Redact(labels=("EMAIL", "PHONE")).run({"examples": first}, out, lambda _: None)
    now = examples(pq.read_table(out / "kept.parquet"))
    pq.write_table(table(now[: count - held]), split / "train.parquet")
    pq.write_table(table(now[count - held :]), split / "held_out.parquet")
    inputs = {
        "data:chats": artifact("split:chats", split),
        "curated:read:chats": first,
        "curated:personal:chats": artifact("personal:chats", out),
    }
    return Source(was, now, values, missed, inputs)


def review(folder: Path, rows: Sequence[Example], marks: Mapping[str, str], of: Artifact) -> Artifact:
    """A closed round in which two people judged `rows` and marked what `marks` says of each."""
    folder.mkdir(parents=True)
    judged, spans = [], []
    for number, row in enumerate(rows):
        text = row.messages[1].content
        own = {"round": "r", "item": f"i{number}", "row": row.row, "key": row.key, "purpose": "item"}
        for person in ("p1", "p2"):
            mine = {
                **own,
                "person": person,
                "question": "places",
                "turn": 0,
                "probability": 1.0,
                "weight": 1.0,
            }
            value = marks.get(row.row)
            judged.append({**mine, "part": "messages.1", "marked": int(value is not None)})
            if value is not None:
                start = text.index(value)
                place = {"start": start, "end": start + len(value), "label": "name", "value": 1.0}
                spans.append(
                    {**mine, **place, "part": "messages.1", "instrument": f"person:{person}", "guideline": 1,
                     "decision": f"d{number}{person}"}
                )  # fmt: skip
    pq.write_table(pa.Table.from_pylist(judged, schema=tables.JUDGED), folder / "judged.parquet")
    pq.write_table(pa.Table.from_pylist(spans, schema=tables.LABEL_SPANS), folder / "spans.parquet")
    about = {
        "format": "duecare.review.v1",
        "name": "r",
        "source_digest": of.digest,
        "questions": [{"name": "places", "kind": "spans"}],
        "guidelines": [{"version": 1}],
    }
    (folder / "round.json").write_text(json.dumps(about))
    return artifact("review:r", folder)
