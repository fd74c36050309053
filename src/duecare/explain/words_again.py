"""The figures of the step `words` derived again from the tables that it left; no model is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import DataError, Estimate, Finding
from duecare.core.table import expect
from duecare.explain.asked import Item
from duecare.explain.attribution import Attribution
from duecare.explain.spans import Word
from duecare.explain.table import ATTRIBUTIONS, CHECKS, EXPLAINED
from duecare.explain.words import Words
from duecare.explain.words_figures import Check, Row, figures, rulings


def again(settings: Mapping[str, Any], folder: Path) -> tuple[list[Estimate], list[Finding]]:
    """Figures and findings of an artifact made with these settings; DataError for tables that do not fit."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    step = Words(**given)
    rows = _rows(step, _table(folder, "explained", EXPLAINED), _table(folder, "attributions", ATTRIBUTIONS))
    rests_on = {row.model: row.rests_on for row in rows}
    tests = ("residual", "likeness", "deletion", "insertion")
    checks = [
        Check(
            model=record["model"],
            item=Item(record["item"], record["cluster"], "", ""),
            rests_on=rests_on.get(record["model"], ()),
            **{name: record[name] for name in tests},
        )
        for record in _table(folder, "checks", CHECKS)
    ]
    found = figures(step, rows, checks)
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
    found = []
    for row in whole:
        mine = by_item[row["model"], row["item"]]
        item = Item(
            **{
                name: row[name] for name in ("item", "cluster", "prompt", "answer", "axis", "group", "manner")
            },
            other=row["other"],
        )
        explained = Attribution(
            step.method,
            tuple(Word(word["part"], word["start"], word["end"]) for word in mine),
            np.array([word["score"] for word in mine], np.float64),
            *(row[name] for name in ("between", "value", "baseline", "tokens")),
        )
        identity = tuple(word["identity"] for word in mine)
        found.append(Row(row["model"], item, explained, identity, tuple(row["rests_on"])))
    return found
