"""What the step `words` leaves as tables, written and read again; its figures follow from them. No JAX."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import DataError, Estimate, Finding
from duecare.core.table import expect
from duecare.explain.asked import Item
from duecare.explain.attribution import Attribution
from duecare.explain.spans import Word
from duecare.explain.table import ATTRIBUTIONS, CHECKS, EXPLAINED
from duecare.explain.words_figures import Check, Row, figures, rulings

if TYPE_CHECKING:
    from duecare.explain.words import Words


def write(rows: Sequence[Row], checks: Sequence[Check], out: Path) -> dict[str, str]:
    """Write all tables into `out`; name -> file name."""
    tables = {
        "explained": ([row.explained() for row in rows], EXPLAINED),
        "attributions": ([line for row in rows for line in row.attributions()], ATTRIBUTIONS),
        "checks": ([check.checks() for check in checks], CHECKS),
    }
    files = {}
    for name, (lines, schema) in tables.items():
        files[name] = f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(lines, schema=schema), out / files[name], compression="zstd")
    return files


def read(step: Words, folder: Path) -> tuple[list[Row], list[Check]]:
    """What `write` wrote; DataError for tables that are missing or do not fit."""
    rows = _rows(step, _table(folder, "explained", EXPLAINED), _table(folder, "attributions", ATTRIBUTIONS))
    rests_on = {row.model: row.rests_on for row in rows}
    tests = ("residual", "likeness", "deletion", "insertion", "leading")
    return rows, [
        Check(
            model=record["model"],
            item=Item(record["item"], record["cluster"], "", ""),
            rests_on=rests_on.get(record["model"], ()),
            **{name: record[name] for name in tests},
        )
        for record in _table(folder, "checks", CHECKS)
    ]


def again(settings: Mapping[str, Any], folder: Path) -> tuple[list[Estimate], list[Finding]]:
    """Figures and findings of an artifact that was made with these settings; no model is asked."""
    from duecare.explain.words import Words

    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    step = Words(**given)
    found = figures(step, *read(step, folder))
    return found, rulings(step, found)


def _table(folder: Path, name: str, schema: pa.Schema) -> list[dict[str, Any]]:
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise DataError(f"{name}.parquet is missing")
    found = pq.read_table(path)
    expect(found, schema, name)
    records: list[dict[str, Any]] = found.to_pylist()
    return records


def _rows(step: Words, whole: list[dict[str, Any]], words: list[dict[str, Any]]) -> list[Row]:
    by_item: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for word in words:
        by_item[word["model"], word["item"]].append(word)
    return [_row(step, row, by_item[row["model"], row["item"]]) for row in whole]


def _row(step: Words, row: dict[str, Any], words: list[dict[str, Any]]) -> Row:
    names = ("item", "cluster", "prompt", "answer", "axis", "group", "manner", "other")
    found = Attribution(
        step.method,
        tuple(Word(word["part"], word["start"], word["end"]) for word in words),
        np.array([word["score"] for word in words], np.float64),
        *(row[name] for name in ("between", "value", "baseline", "tokens")),
    )
    identity = tuple(word["identity"] for word in words)
    return Row(
        row["model"], Item(**{name: row[name] for name in names}), found, identity, tuple(row["rests_on"])
    )
