"""What every curation step shares: rows in by batches, rows out with their reasons, counts as Estimates.

An operator is a pure function of a batch; this carries it over a file with bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core import Artifact, Artifacts, DataError, Estimate, Outcome, Progress, Tell, exact
from duecare.core.table import CHANGES, EXAMPLES, expect
from duecare.curate.mention import mentions, removed_by_mention
from duecare.vault import SUFFIX, opened, sealed_with, stored, writing

BATCH = 2048
"""Rows worked on at once: enough to be columnar, little enough to stay small in memory."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """What an operator made of one batch of EXAMPLES.

    `changes` (CHANGES) holds the reasons; `more` further tables by file stem ("scores", "spans").
    """

    kept: pa.RecordBatch
    dropped: pa.RecordBatch
    changes: pa.RecordBatch
    more: Mapping[str, pa.RecordBatch] = field(default_factory=dict)

    def tables(self) -> dict[str, pa.RecordBatch]:
        """All of it by file stem."""
        return {"kept": self.kept, "dropped": self.dropped, "changes": self.changes, **self.more}


Operator = Callable[[pa.RecordBatch], Sifted]


def batches(artifact: Artifact, name: str = "kept.parquet") -> Iterator[pa.RecordBatch]:
    """The rows of an artifact as batches of EXAMPLES, sealed or not."""
    with opened(stored(artifact.path, name)) as raw, pq.ParquetFile(raw) as file:
        for batch in file.iter_batches(batch_size=BATCH):
            rows = batch.cast(EXAMPLES)
            expect(rows, EXAMPLES, name)
            yield rows


def count_rows(artifact: Artifact, name: str = "kept.parquet") -> int:
    """How many rows an artifact holds."""
    with opened(stored(artifact.path, name)) as raw:
        return int(pq.read_metadata(raw).num_rows)


def sealing(artifact: Artifact) -> str | None:
    """The name of the secret with which the rows of an artifact are sealed; None for plain ones."""
    return sealed_with(stored(artifact.path, "kept.parquet"))


def unsealed(artifact: Artifact) -> Artifact:
    """The artifact, whose rows may lie open; a DataError where they are sealed, as redaction has not been."""
    if sealing(artifact) is not None:
        raise DataError(f"rows of {artifact.job} are sealed; expected the step personal before they lie open")
    return artifact


def file_name(stem: str, schema: pa.Schema, seal: str | None) -> str:
    """What the file of a table is called: tables that hold texts of rows are sealed where `seal` is given."""
    return f"{stem}.parquet{SUFFIX if seal and schema is EXAMPLES else ''}"


@contextmanager
def table_writer(out: Path, stem: str, schema: pa.Schema, seal: str | None) -> Iterator[pq.ParquetWriter]:
    """A writer of batches of `schema` to the file `file_name` in `out`.

    Rows that may hold personal data are sealed from the first byte on: in plain they never reach the disk.
    """
    name = file_name(stem, schema, seal)
    with (
        writing(out / name, seal if name.endswith(SUFFIX) else None) as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        yield writer


def changes(rows: list[dict[str, object]]) -> pa.RecordBatch:
    """Reasons as a batch of CHANGES; absent fields are null."""
    return pa.RecordBatch.from_pylist(rows, schema=CHANGES)


def split_rows(batch: pa.RecordBatch, drop: pa.BooleanArray) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """`batch` without and with the rows where `drop` is true."""
    return batch.filter(pc.invert(drop)), batch.filter(drop)


def sift(
    inputs: Artifacts,
    out: Path,
    tell: Tell,
    operator: Operator,
    *,
    more: Mapping[str, pa.Schema] | None = None,
    plain: bool = False,
) -> Outcome:
    """Carry `operator` over the input "examples"; write kept, dropped, changes and `more`.

    Every input row ends in exactly one of kept and dropped; rows that a step adds are kept. Counts are told
    as Estimates, and so is the share removed of each declared group and, where any row was removed, of the
    rows that name a group in their texts (`curate.mention`), each with its interval. Rows that came sealed
    are written sealed with the same secret, unless `plain` says that the operator made them fit to lie open.
    """
    schemas = {"kept": EXAMPLES, "dropped": EXAMPLES, "changes": CHANGES, **(more or {})}
    tally = _Tally()
    seal = None if plain else sealing(inputs["examples"])
    total, done = count_rows(inputs["examples"]), 0
    with ExitStack() as stack:
        writers = {
            stem: stack.enter_context(table_writer(out, stem, schema, seal))
            for stem, schema in schemas.items()
        }
        for batch in batches(inputs["examples"]):
            made = operator(batch)
            tally.add(batch, made)
            for stem, rows in made.tables().items():
                writers[stem].write_batch(rows)
            done += len(batch)
            tell(Progress(done, total, "row"))
    source = inputs["examples"].job.partition(":")[2]
    files = {stem: file_name(stem, schema, seal) for stem, schema in schemas.items()}
    estimates = tally.estimates(source)
    return Outcome(files=files, estimates=(*estimates, *_by_mention(inputs["examples"], out, tally, source)))


def _by_mention(read: Artifact, out: Path, tally: _Tally, source: str) -> Iterator[Estimate]:
    """Whose mention went: only where rows went, for the texts are read once more."""
    if tally.rows["dropped"]:
        seen = mentions(batches(read))
        removed = mentions(batches(Artifact(read.job, out, read.digest), "dropped.parquet"))
        yield from removed_by_mention(seen, removed, tally.rows["in"], tally.rows["dropped"], source)


class _Tally:
    """Counts while rows go by."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.seen: Counter[tuple[str, str]] = Counter()
        self.removed: Counter[tuple[str, str]] = Counter()
        self.touched: dict[str, set[str]] = {"changed": set(), "flagged": set(), "added": set()}

    def add(self, batch: pa.RecordBatch, made: Sifted) -> None:
        self.rows["in"] += len(batch)
        self.rows["kept"] += len(made.kept)
        self.rows["dropped"] += len(made.dropped)
        for what, names in self.touched.items():
            hit = made.changes.filter(pc.equal(made.changes.column("action"), what))
            names.update(hit.column("row").to_pylist())
        self.seen += memberships(batch)
        self.removed += memberships(made.dropped)

    def estimates(self, source: str) -> Iterator[Estimate]:
        from duecare.measure import proportion  # brings scipy, which a study check does without

        counts = {**self.rows, **{what: len(names) for what, names in self.touched.items()}}
        total = self.rows["in"]
        for what in ("in", "kept", "dropped", "changed", "flagged", "added"):
            yield exact(f"curate.rows.{what}", counts.get(what, 0), total, {"source": source}, "rows")
        for (axis, group), seen in sorted(self.seen.items()):
            place = {"source": source, "axis": axis, "group": group}
            yield proportion(self.removed[axis, group], seen).estimate("curate.removed.share", place)


def memberships(batch: pa.RecordBatch) -> Counter[tuple[str, str]]:
    """How many rows declare each (axis, group)."""
    flat = pc.list_flatten(batch.column("groups"))
    counted = pa.table({"axis": flat.field("axis"), "group": flat.field("value")}).group_by(["axis", "group"])
    return Counter(
        {
            (each["axis"], each["group"]): each["count_all"]
            for each in counted.aggregate([([], "count_all")]).to_pylist()
        }
    )
