"""What every curation step shares: rows in by batches, rows out with their reasons, counts as Estimates.

An operator is a function of a batch; this carries it over a file with bounded memory. One that is pure comes
as `Work` (`curate.partition`): batches are then worked on wherever the engine says, a row on which it raises
is set apart, and a killed run goes on after the last finished batch. One that carries something from batch to
batch (which rows went before, weights of all rows) comes as a plain function, and is called here, in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core import (
    INSUFFICIENT,
    Artifact,
    Artifacts,
    DataError,
    Estimate,
    Finding,
    Outcome,
    Progress,
    Tell,
    exact,
)
from duecare.core.table import CHANGES, EXAMPLES, expect
from duecare.curate.engine import Finished, carried, room_for
from duecare.curate.mention import Mentions, Named, mentions, removed_by_mention
from duecare.curate.partition import Made, Tables, Work, no_search_for_cycles
from duecare.vault import SUFFIX, opened, sealed_with, stored, writing
from duecare.vault.sealed import DATA_KEYS

BATCH = 2048
"""Rows worked on at once: enough to be columnar, little enough to stay small in memory."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """What an operator made of one batch of EXAMPLES.

    `changes` (CHANGES) holds the reasons; `more` further tables by file stem ("scores", "spans"). Rows that
    nothing was made of are in none of them, but in `failed` (by position, with the type of an error).
    """

    kept: pa.RecordBatch
    dropped: pa.RecordBatch
    changes: pa.RecordBatch
    more: Mapping[str, pa.RecordBatch] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)

    def tables(self) -> dict[str, pa.RecordBatch]:
        """All of it by file stem."""
        return {"kept": self.kept, "dropped": self.dropped, "changes": self.changes, **self.more}


Operator = Callable[[pa.RecordBatch], Sifted]


def batches(artifact: Artifact, name: str = "kept.parquet") -> Iterator[pa.RecordBatch]:
    """The rows of an artifact as batches of EXAMPLES, sealed or not."""
    # Read ahead, what was read would be kept until the end: all of the file.
    with opened(stored(artifact.path, name)) as raw, pq.ParquetFile(raw, pre_buffer=False) as file:
        yield from _examples(file.iter_batches(batch_size=BATCH), name)


def chosen(artifact: Artifact, wanted: np.ndarray) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
    """The rows of an artifact that are `wanted`, bool [rows], and their positions, int64, by batches.

    Groups of rows without such a one are not read.
    """
    if not wanted.any():
        return
    name, start = "kept.parquet", 0
    with opened(stored(artifact.path, name)) as raw, pq.ParquetFile(raw, pre_buffer=False) as file:
        for number in range(file.num_row_groups):
            end = start + file.metadata.row_group(number).num_rows
            found = (
                file.iter_batches(batch_size=BATCH, row_groups=[number]) if wanted[start:end].any() else ()
            )
            for rows in _examples(found, name):
                here = np.flatnonzero(wanted[start : start + len(rows)])
                yield start + here, rows.take(pa.array(here))
                start += len(rows)
            start = end


def _examples(found: Iterable[pa.RecordBatch], name: str) -> Iterator[pa.RecordBatch]:
    for batch in found:
        rows = batch if batch.schema.equals(EXAMPLES, check_metadata=False) else batch.cast(EXAMPLES)
        expect(rows, EXAMPLES, name)
        yield rows


def count_rows(artifact: Artifact, name: str = "kept.parquet") -> int:
    """How many rows an artifact holds."""
    with opened(stored(artifact.path, name)) as raw:
        return int(pq.read_metadata(raw).num_rows)


def sealing(artifact: Artifact) -> str | None:
    """The name of the secret with which the rows of an artifact are sealed; None for plain ones."""
    return sealed_with(stored(artifact.path, "kept.parquet"))


def sealing_onward(artifact: Artifact) -> str | None:
    """As `sealing`, for the rows that curation hands on to training.

    A DataError where they are sealed until redaction has been, and it has not; under a data key, which the
    study's storage asks for, they stay sealed.
    """
    seal = sealing(artifact)
    if seal is not None and not seal.startswith(DATA_KEYS):
        raise DataError(f"rows of {artifact.job} are sealed; expected the step personal before they lie open")
    return seal


def file_name(stem: str, schema: pa.Schema, seal: str | None) -> str:
    """What the file of a table is called: tables that hold texts of rows are sealed where `seal` is given."""
    return f"{stem}.parquet{SUFFIX if seal and schema is EXAMPLES else ''}"


@contextmanager
def table_writer(out: Path, stem: str, schema: pa.Schema, seal: str | None) -> Iterator[pq.ParquetWriter]:
    """A writer of batches of `schema` to the file `file_name` in `out`.

    Rows that may hold personal data are sealed from the first byte on: in plain they never reach the disk.
    """
    name = file_name(stem, schema, seal)
    sealed = name.endswith(SUFFIX)
    how: dict[str, object] = {"compression": "lz4" if sealed else "zstd"}
    if schema is EXAMPLES:
        how |= {"use_dictionary": _REPEATED, "write_statistics": False}
    with (
        writing(out / name, seal if sealed else None) as file,
        pq.ParquetWriter(file, schema, **how) as writer,
    ):
        yield writer


_REPEATED = [
    "source",
    "kind",
    "messages.list.element.role",
    *(
        f"{column}.list.element.{name}"
        for column in ("groups", "fields")
        for name in ("axis", "name", "value")
    ),
]
"""Columns of EXAMPLES whose values come again and again: to look for repeated texts takes a fifth of the time
of writing, and finds none. Sealed rows are read again by the next step; those in plain are to be small."""


def changes(rows: list[dict[str, object]]) -> pa.RecordBatch:
    """Reasons as a batch of CHANGES; absent fields are null."""
    return pa.RecordBatch.from_pylist(rows, schema=CHANGES)


def split_rows(batch: pa.RecordBatch, drop: pa.BooleanArray) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """`batch` without and with the rows where `drop` is true."""
    return batch.filter(pc.invert(drop)), batch.filter(drop)


_ALWAYS: Mapping[str, pa.Schema] = {"kept": EXAMPLES, "dropped": EXAMPLES, "changes": CHANGES}


def sift(
    inputs: Artifacts,
    out: Path,
    tell: Tell,
    operator: Operator | Work,
    *,
    more: Mapping[str, pa.Schema] | None = None,
    plain: bool = False,
    seen: Callable[[Tables], None] = lambda _: None,
    then: Callable[[pa.RecordBatch, Made], Made] = lambda _, made: made,
    whose: Whose | None = None,
    name: str = "",
) -> Outcome:
    """Carry `operator` over the input "examples"; write kept, dropped, changes and `more`.

    Every input row ends in exactly one of kept and dropped. Told are counts and, with intervals, the share
    removed of each declared group and of each that texts name, if any row went. Rows that came sealed are
    written so, unless `plain` says that the operator made those kept fit to lie open. `seen` is shown the
    tables of a batch; `then` makes them, in order, where not the operator does; `name` is the step's.
    """
    read, tally, whose = inputs["examples"], _Tally(), whose or Whose()
    total, seal = count_rows(read), sealing(read)
    name = name or (out.name if callable(operator) else operator.name)
    files = _Files(out, {**_ALWAYS, **(more or {})}, seal, plain)
    finished = None if callable(operator) or total <= BATCH else Finished(out, operator, read, seal)
    with room_for(name, out), files.writing() as write:
        for batch, found in _made(operator, batches(read), finished):
            with no_search_for_cycles():
                made = then(batch, found)
                tables = _set_apart(batch, made, name) if made.failed else made.tables
                tally.add(batch, tables, len(made.failed))
                whose.add(batch, tables["dropped"])
                seen(tables)
                write(tables)
            tell(Progress(tally.rows["in"], total, "row"))
    source = read.job.partition(":")[2]
    told = (*tally.estimates(source), *whose.estimates(read, tally, source))
    if finished is not None:
        finished.clear()
    return Outcome(files=files.names(), estimates=told, findings=tuple(tally.findings(source, name)))


@dataclass(slots=True)
class _Files:
    """The tables that a step leaves in `out`, by stem; `seal` and `plain` as in `sift`."""

    out: Path
    schemas: Mapping[str, pa.Schema]
    seal: str | None
    plain: bool
    dropped: bool = False

    @contextmanager
    def writing(self) -> Iterator[Callable[[Tables], None]]:
        """A function that writes what was made of the next batch."""
        with ExitStack() as stack:
            writers = {
                stem: stack.enter_context(table_writer(self.out, stem, schema, self._seal(stem)))
                for stem, schema in self.schemas.items()
            }

            def write(tables: Tables) -> None:
                self.dropped = self.dropped or len(tables["dropped"]) > 0
                for stem in writers.keys() & tables.keys():
                    writers[stem].write_batch(tables[stem])

            yield write
        if self.plain and self.seal is not None and not self.dropped:
            self._open_empty()

    def names(self) -> dict[str, str]:
        """Stem -> name of its file."""
        sealed = {stem: self._seal(stem) for stem in self.schemas}
        if self.plain and not self.dropped:
            sealed["dropped"] = None
        return {stem: file_name(stem, schema, sealed[stem]) for stem, schema in self.schemas.items()}

    def _seal(self, stem: str) -> str | None:
        return None if self.plain and stem == "kept" else self.seal

    def _open_empty(self) -> None:
        """Where no row was dropped and those kept lie open, no secret is needed to read either."""
        (self.out / file_name("dropped", EXAMPLES, self.seal)).unlink()
        with table_writer(self.out, "dropped", EXAMPLES, None):
            pass


def _made(
    operator: Operator | Work, rows: Iterable[pa.RecordBatch], finished: Finished | None
) -> Iterator[tuple[pa.RecordBatch, Made]]:
    if callable(operator):
        for batch in rows:
            with no_search_for_cycles():
                sifted = operator(batch)
            yield batch, Made(sifted.tables(), sifted.failed)
        return
    yield from carried(operator, rows, finished)


def _set_apart(batch: pa.RecordBatch, made: Made, step: str) -> Tables:
    """What was made, with the rows that raised among those dropped; of an error its type alone is told."""
    lost = sorted(made.failed)
    reasons: list[dict[str, object]] = [
        {
            "row": batch.column("row")[place].as_py(),
            "key": batch.column("key")[place].as_py(),
            "step": step,
            "action": "set aside",
            "reason": made.failed[place],
        }
        for place in lost
    ]
    more = {"dropped": batch.take(pa.array(lost, pa.int64())), "changes": changes(reasons)}
    if made.tables:
        more = {stem: pa.concat_batches([made.tables[stem], rows]) for stem, rows in more.items()}
    return {"kept": batch.slice(0, 0), **made.tables, **more}


@dataclass(slots=True)
class Whose:
    """Whose mention goes: counted from the first row on that is dropped; those before it are read again, but
    not where rows are known to be `going` from the start. `named` is given where others ask, too."""

    named: Named = field(default_factory=Named)
    going: bool = False
    before: int = 0
    seen: Mentions = field(default_factory=Counter)
    removed: Mentions = field(default_factory=Counter)

    def add(self, batch: pa.RecordBatch, dropped: pa.RecordBatch) -> None:
        self.going = self.going or len(dropped) > 0
        if not self.going:
            self.before += 1
            return
        self.seen += mentions([batch], self.named)
        self.removed += mentions([dropped])

    def estimates(self, read: Artifact, tally: _Tally, source: str) -> Iterator[Estimate]:
        if self.going:
            seen = self.seen + mentions(islice(batches(read), self.before))
            yield from removed_by_mention(seen, self.removed, tally.rows["in"], tally.rows["dropped"], source)


_TOUCHED = ("changed", "flagged", "added")


class _Tally:
    """Counts while rows go by."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.seen: Counter[tuple[str, str]] = Counter()
        self.removed: Counter[tuple[str, str]] = Counter()
        self.touched = Counter[str]()

    def add(self, batch: pa.RecordBatch, tables: Tables, failed: int) -> None:
        self.rows["in"] += len(batch)
        self.rows["kept"] += len(tables["kept"])
        self.rows["dropped"] += len(tables["dropped"])
        self.rows["set_aside"] += failed
        for what in _TOUCHED:  # a row's reasons all come with its batch: no name has to be remembered
            hit = tables["changes"].filter(pc.equal(tables["changes"].column("action"), what))
            self.touched[what] += pc.count_distinct(hit.column("row")).as_py()
        self.seen += memberships(batch)
        self.removed += memberships(tables["dropped"])

    def estimates(self, source: str) -> Iterator[Estimate]:
        from duecare.measure import proportion  # brings scipy, which a study check does without

        counts, total = {**self.rows, **self.touched}, self.rows["in"]
        aside = ("set_aside",) if self.rows["set_aside"] else ()
        for what in ("in", "kept", "dropped", *_TOUCHED, *aside):
            yield exact(f"curate.rows.{what}", counts.get(what, 0), total, {"source": source}, "rows")
        for (axis, group), seen in sorted(self.seen.items()):
            place = {"source": source, "axis": axis, "group": group}
            yield proportion(self.removed[axis, group], seen).estimate("curate.removed.share", place)

    def findings(self, source: str, step: str) -> Iterator[Finding]:
        if lost := self.rows["set_aside"]:
            yield Finding(
                name=f"curate.{step}.set_aside",
                verdict=INSUFFICIENT,
                limit="every row can be worked on",
                detail=f"{source}: {step} raised an error on {lost:,} of {self.rows['in']:,} rows; "
                "they went to dropped.",
                next="Look at these rows (changes.parquet, action set aside), or at the detector.",
            )


def memberships(batch: pa.RecordBatch) -> Counter[tuple[str, str]]:
    """How many rows declare each (axis, group)."""
    flat = pc.list_flatten(batch.column("groups"))
    if not len(flat):
        return Counter()  # to set up a count costs a millisecond, for most data in vain
    counted = pa.table({"axis": flat.field("axis"), "group": flat.field("value")}).group_by(["axis", "group"])
    return Counter(
        {
            (each["axis"], each["group"]): each["count_all"]
            for each in counted.aggregate([([], "count_all")]).to_pylist()
        }
    )
