"""What redaction missed by the origin of names: a closed round, replaced places, a list of names."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.markup import escape
from rich.table import Table

from duecare.cli.main import OK
from duecare.cli.reviewing import recording
from duecare.cli.show import console, run_folder
from duecare.core import DataError, Estimate
from duecare.core.table import CHANGES, EXAMPLES, texts
from duecare.ledger.entry import Entry
from duecare.ledger.read import entries
from duecare.report import words
from duecare.review.misses import Asked, missed_rates, origins, remaining_rates
from duecare.review.returned import Export, read
from duecare.vault import opened, stored

KEPT, CHANGED = "kept.parquet", "changes.parquet"


def show_missed(given: Path | None, name: str | None, names: Path, labels: tuple[str, ...]) -> int:
    """Work the rates out, show them, and enter them in the ledger: nothing but counts leaves the texts."""
    run = run_folder(given)
    done = {digest: (entry, path) for entry in entries(run) for path, digest in entry.outputs.items()}
    entry, folder = _round(list(done.values()), name)
    export = read(run / folder)
    found = rates(run, export, entry.inputs["reviewed"], done, Asked(origin=origins(names), labels=labels))
    with recording(run) as recorder:
        recorder.append("told", job=entry.job, step_key=entry.step_key, estimates=tuple(found))
    table = Table("places", "missed", "interval", "n", box=None)
    for each in found:
        of = each.slice.get("group") or each.slice.get("label") or "all"
        table.add_row(escape(of), words.value(each), each.reason or words.interval(each), f"{each.n:,}")
    console().print(table)
    return OK


def rates(
    run: Path, export: Export, reviewed: str, done: dict[str, tuple[Entry, str]], asked: Asked
) -> list[Estimate]:
    """`curate.personal.missed`, whether people saw the rows after redaction or before it.

    Texts from before are opened by the study's secret. Raises DataError where the rows were not redacted.
    """
    seen, folder = done[reviewed]
    rows = set(export.judged.column("row").to_pylist())
    kind, _, source = (seen.job or "").partition(":")
    if kind == "personal":
        before = run / done[seen.inputs["examples"]][1]
        places = _places(run / folder, rows)
        return remaining_rates(export, places, _texts(run / folder, rows), asked, _texts(before, rows))
    later = [(entry, path) for entry, path in done.values() if entry.job == f"personal:{source}"]
    if not later:
        raise DataError(f"round {export.name}: its rows ({seen.job}) went through no step personal")
    return missed_rates(export, _places(run / later[-1][1], rows), _texts(run / folder, rows), asked)


def _round(done: list[tuple[Entry, str]], name: str | None) -> tuple[Entry, str]:
    """The latest round that the run took in, or the one of this name."""
    rounds = [
        (entry, path)
        for entry, path in done
        if (entry.job or "").startswith("review:") and name in (None, (entry.job or "").partition(":")[2])
    ]
    if not rounds:
        raise DataError(f"no closed round{' ' + name if name else ''} is in this run: close it first")
    return rounds[-1]


def _places(folder: Path, rows: set[str]) -> pa.Table:
    """What redaction replaced in these rows."""
    changes = _table(folder, CHANGED, CHANGES, rows)
    return changes.filter(
        pc.and_(pc.equal(changes["step"], "personal"), pc.equal(changes["action"], "changed"))
    )


def _texts(folder: Path, rows: set[str]) -> pa.Table:
    """Every text of these rows (TEXTS)."""
    kept = _table(folder, KEPT, EXAMPLES, rows).combine_chunks()
    return pa.Table.from_batches([texts(batch) for batch in kept.to_batches()])


def _table(folder: Path, name: str, schema: pa.Schema, rows: set[str]) -> pa.Table:
    with opened(stored(folder, name)) as raw:
        found = pq.read_table(raw).select(schema.names).cast(schema)
    return found.filter(pc.is_in(found["row"], pa.array(sorted(rows), pa.string())))
