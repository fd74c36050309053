"""Texts of sealed rows: shown where the study's secret is, left out where it is not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq

from duecare.core import Example
from duecare.core.table import table
from duecare.report.texts import of_rows, rows
from duecare.vault import destroy, home, writing


def sealed_stage(folder: Path) -> Any:
    row = Example(row="a:0", key="0" * 64, source="a", kind="text", text="a text that lies sealed")
    path = folder / "kept.parquet.sealed"
    with writing(path, "study") as file:
        pq.write_table(table([row]), file)
    return SimpleNamespace(files={path.name: path})


def test_the_secret_opens_them(tmp_path: Path) -> None:
    stage = sealed_stage(tmp_path)
    assert of_rows(stage, "kept.parquet", ["a:0"]) == {("a:0", "text"): "a text that lies sealed"}
    found = rows(stage, "kept.parquet")
    assert found is not None
    assert found.num_rows == 1


def test_without_it_they_are_left_out(tmp_path: Path) -> None:
    stage = sealed_stage(tmp_path)
    assert destroy(home(), "study")
    assert of_rows(stage, "kept.parquet", ["a:0"]) == {}
    assert rows(stage, "kept.parquet") is None
