"""Small sources in every format, and what reading makes of them."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import Artifact
from duecare.core.table import examples, expect
from duecare.core.table import table as examples_table
from duecare.curate.source import SET_ASIDE

PACKED = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
}


def unheard(_):
    """Nobody listens."""


def as_csv(rows, delimiter=","):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_lines(rows):
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def written(path: Path, rows):
    """`rows` (dicts with the same keys) in the format that the name of `path` says."""
    name = path.name
    for ending in PACKED:
        name = name.removesuffix(ending)
    if name.endswith((".parquet", ".arrow")):
        table = pa.Table.from_pylist(rows)
        if name.endswith(".parquet"):
            pq.write_table(table, path)
        else:
            stream = "stream" in name
            with pa.OSFile(str(path), "wb") as sink:
                new = pa.ipc.new_stream if stream else pa.ipc.new_file
                with new(sink, table.schema) as writer:
                    writer.write_table(table)
        return path
    data = {
        ".csv": lambda: as_csv(rows),
        ".tsv": lambda: as_csv(rows, "\t"),
        ".json": lambda: json.dumps(rows).encode(),
        ".jsonl": lambda: as_lines(rows),
        ".ndjson": lambda: as_lines(rows),
    }[Path(name).suffix]()
    path.write_bytes(PACKED[path.suffix](data) if path.suffix in PACKED else data)
    return path


class Reading:
    """A `Read` step that has run: its artifact, Examples, records set aside, changes and counts."""

    def __init__(self, step, out: Path):
        out.mkdir(exist_ok=True, parents=True)
        self.outcome = step.run({}, out, unheard)
        self.artifact = Artifact(job=f"read:{step.name}", path=out, digest="")
        self.kept = examples(pq.read_table(out / "kept.parquet"))
        aside = pq.read_table(out / "set_aside.parquet")
        expect(aside, SET_ASIDE, "set_aside")
        self.aside = aside.to_pylist()
        self.changes = pq.read_table(out / "changes.parquet").to_pylist()
        self.counts = {
            each.metric.removeprefix("curate.rows."): each.value for each in self.outcome.estimates
        }

    @property
    def positions(self):
        """Positions of kept rows, and of records set aside."""
        return [int(row.row.rpartition(":")[2]) for row in self.kept], [
            each["position"] for each in self.aside
        ]


def made_artifact(rows, folder: Path, source="data"):
    """An artifact that holds these Examples."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(examples_table(rows), folder / "kept.parquet", compression="zstd")
    return {"examples": Artifact(job=f"read:{source}", path=folder, digest="")}
