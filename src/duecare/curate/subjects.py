"""The keyed index of a source: built as it is read, asked when somebody wants to be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from duecare.core import Artifact, Artifacts, Outcome, Progress, Tell, exact
from duecare.core.table import texts
from duecare.curate.flow import batches, count_rows
from duecare.curate.surrogate import secret_name
from duecare.vault import home, secret
from duecare.vault.subjects import NAME, Block, digests, terms, write_blocks


def index_key(study: str) -> str:
    """The name of the key of a study's indexes: apart from those that open rows, for it outlives them."""
    return f"index.{secret_name(study)}"[:100]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subjects:
    """Write the index of all rows of a source, before any step changed or dropped one.

    - study: whose key it is built under; the command line fills it in
    """

    study: str = "study"

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write subjects.index; texts and kept columns are looked at, and nothing of them is written."""
        key, read = secret(home(), index_key(self.study)), inputs["examples"]
        total, told = count_rows(read), 0

        def blocks() -> Iterator[Block]:
            nonlocal told
            for rows in batches(read):
                found = set().union(*row_terms(rows).values())
                yield Block.of(told, len(rows), digests(key, sorted(found)))
                told += len(rows)
                tell(Progress(told, total, "row"))

        size = write_blocks(out / NAME, blocks())
        source = {"source": read.job.partition(":")[2]}
        return Outcome(
            files={"index": NAME},
            estimates=(exact("curate.subjects.bytes", size, total, source, "bytes"),),
        )


def row_terms(rows: pa.RecordBatch) -> dict[str, set[str]]:
    """The terms of each row of EXAMPLES, by its name: of its texts and of the columns kept with it."""
    found: dict[str, set[str]] = {name: set() for name in rows.column("row").to_pylist()}
    flat = texts(rows)
    for name, text in zip(flat.column("row").to_pylist(), flat.column("text").to_pylist(), strict=True):
        found[name] |= terms(text)
    kept = zip(rows.column("row").to_pylist(), rows.column("fields").to_pylist(), strict=True)
    for name, fields in kept:
        for field in fields:
            found[name] |= terms(str(field["value"]))
    return found


def rows_with(artifact: Artifact, wanted: set[str], name: str = "kept.parquet") -> Iterator[str]:
    """The names of the rows that have all of these terms, found by reading them."""
    for rows in batches(artifact, name):
        yield from (row for row, found in row_terms(rows).items() if wanted <= found)
