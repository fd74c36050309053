"""The rows of a source as training has them: a table, of which single rows are read when asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core import DataError, Example
from duecare.core.table import EXAMPLES, examples, expect, group_column, texts
from duecare.memorise.placed import source_read
from duecare.memorise.records_rows import HELD_OUT, TRAIN, ranked
from duecare.vault import opened, stored

CANARY = "canary:"
"""How rows are called that hold a canary: made-up values, which the step `canaries` asks for."""
READ = "read.parquet"
"""What a training step leaves of the rows that it drew, where canaries lie among them."""
POLICIES = ("grpo", "ppo")
"""Training steps of which no row's answer is learned."""
_TOGETHER = 2048


def read_table(folder: Path, name: str) -> pa.Table:
    """Rows of `name`.parquet in an artifact, sealed or not.

    Raises LedgerError where the secret is gone, DataError where there is no such table of rows.
    """
    path = stored(folder, f"{name}.parquet")
    if not path.is_file():
        raise DataError(f"memorise.records: expected {name}.parquet in what a study curated")
    with opened(path) as raw:
        try:
            rows = pq.read_table(raw)
        except pa.ArrowException as error:
            raise DataError(f"{name}.parquet: expected a whole Parquet file") from error
    expect(rows, EXAMPLES, path.name)
    return rows


def read_rows(folder: Path, name: str, only: Iterable[str]) -> dict[str, Example]:
    """The rows called `only` of `name`.parquet in an artifact, by name; raises as `read_table`."""
    rows = read_table(folder, name)
    wanted = pa.array(sorted(set(only)), pa.string())
    return {row.row: row for row in examples(rows.filter(pc.is_in(rows["row"], wanted)))}


@dataclass(frozen=True, slots=True)
class Met:
    """The training rows of a source that are known to have been drawn; None where that is not on record.

    `silent` are the jobs that keep no record of what they drew, or a secret one.
    """

    rows: frozenset[str] | None = None
    silent: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """What of it limits the figures, in words; empty where nothing does."""
        parts = list[str]()
        policies = [name for name in self.silent if name.partition(":")[0] in POLICIES]
        if self.rows is None:
            who = f" ({', '.join(self.silent)})" if self.silent else ""
            parts.append(
                f"Which training rows were drawn is not on record{who}: all of them count as read, and those"
                " that were not make the shares smaller."
            )
        if policies:
            also = "" if self.rows is None else "; rows that it alone drew are left out"
            parts.append(
                f"{', '.join(policies)}: a policy learns from answers of its own, not of rows{also}."
            )
        return " ".join(parts)


def read_met(trained: Mapping[str, Path], source: str) -> Met:
    """The rows of `source` that some of these training steps (folder by job) drew, and who says nothing.

    A step that read another source says nothing of these rows. Policies leave no record, nor does a step that
    read no canaries; of a private one it is secret.
    """
    tables, silent = [], []
    for job, folder in trained.items():
        if not (folder / READ).is_file():
            silent.append(job)
        elif source_read(folder) == source:
            tables.append(pq.read_table(folder / READ))
            silent += [job] if tables[-1]["draws"].null_count else []
    if not tables or any(table["draws"].null_count for table in tables):
        return Met(None, tuple(silent))
    drawn = (table.filter(pc.greater(table["draws"], 0))["row"].to_pylist() for table in tables)
    return Met(frozenset(name for names in drawn for name in names), tuple(silent))


@dataclass(frozen=True, slots=True)
class Rows:
    """Training and held-out rows that count, by side of the split."""

    tables: Mapping[str, pa.Table]
    _where: dict[str, tuple[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for side, rows in self.tables.items():
            self._where.update((name, (side, at)) for at, name in enumerate(rows["row"].to_pylist()))

    @staticmethod
    def read(folder: Path, met: frozenset[str] | None) -> Rows:
        """Those of a split; canaries, which are nobody's record, and rows without weight are left out.

        Where it is known which training rows were ever drawn, `met`, those that were not count on no side.
        """
        tables = {}
        for side in (TRAIN, HELD_OUT):
            rows = read_table(folder, side)
            counts = pc.and_(
                pc.greater(rows["weight"], 0), pc.invert(pc.starts_with(rows["row"], pattern=CANARY))
            )
            if met is not None and side == TRAIN:
                counts = pc.and_(counts, pc.is_in(rows["row"], pa.array(sorted(met), pa.string())))
            tables[side] = rows.filter(counts).combine_chunks()
        return Rows(tables)

    def __contains__(self, row: object) -> bool:
        return row in self._where

    def side(self, row: str) -> str:
        """On which side of the split a row is."""
        return self._where[row][0]

    def trained_on(self, row: str) -> bool:
        """Whether it is a training row."""
        return row in self and self.side(row) == TRAIN

    @property
    def trained(self) -> int:
        """How many training rows there are."""
        return int(self.tables[TRAIN].num_rows)

    def example(self, row: str) -> Example:
        """The row of this name."""
        side, at = self._where[row]
        return examples(self.tables[side].slice(at, 1))[0]

    def drawn(self, side: str, seed: int) -> Iterator[Example]:
        """The rows of a side in an order that their names and `seed` give."""
        names: list[str] = self.tables[side]["row"].to_pylist()
        yield from (self.example(names[at]) for at in ranked(names, seed))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The training rows (EXAMPLES), some at a time."""
        yield from self.tables[TRAIN].to_batches(max_chunksize=_TOGETHER)

    def texts(self) -> Iterator[list[str]]:
        """Every text of the training rows, some rows at a time."""
        for batch in self.batches():
            yield texts(batch).column("text").to_pylist()

    def groups(self, rows: Sequence[str]) -> dict[str, dict[str, str]]:
        """The declared groups of some rows, by name: axis -> value."""
        return {
            row: {group.axis: group.value for group in self.example(row).groups}
            for row in dict.fromkeys(rows)
            if row in self
        }

    def sizes(self) -> dict[tuple[str, str], int]:
        """Training rows of each axis and group that they declare."""
        rows = self.tables[TRAIN]
        axes = set(pc.struct_field(pc.list_flatten(rows["groups"]), "axis").to_pylist())
        found: Counter[tuple[str, str]] = Counter()
        for axis in sorted(axes):
            found.update((axis, value) for value in group_column(rows, axis).drop_null().to_pylist())
        return dict(found)
