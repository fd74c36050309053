"""Rows as training read them: which belong together, and what is told of them. Needs no JAX."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duecare.core import Artifact, Example
from duecare.core.example import Field
from duecare.core.table import table
from duecare.memorise.placed import rows_of

PERSON = "ann.example@inbox.org"


def row(number, **fields):
    kept = tuple(Field(name=name, value=value) for name, value in fields.items())
    return Example(
        row=f"notes:{number}", key=f"{number:064x}", source="notes", kind="text", text="a", fields=kept
    )


@pytest.fixture
def inputs(tmp_path):
    """Six rows: two of one conversation, one and its twin, two that stand alone."""
    parts = {
        "train": [
            row(0, conversation_id=PERSON),
            row(1, conversation_id=PERSON),
            row(2),
            row(3, parent="notes:2"),
        ],
        "held_out": [row(4), row(5)],
    }
    for name, rows in parts.items():
        pq.write_table(table(rows), tmp_path / f"{name}.parquet")
    read = [
        {"row": each.row, "part": part, "draws": 1, "cut": False}
        for part, own in parts.items()
        for each in own
    ]
    model = tmp_path / "model"
    model.mkdir()
    pq.write_table(pa.Table.from_pylist(read), model / "read.parquet")
    pq.write_table(pa.table({"source": ["notes"]}), model / "canaries.parquet")
    return {"data:notes": Artifact("split:notes", tmp_path, "0"), "trained:sft": Artifact("sft", model, "1")}


def test_a_row_and_what_was_made_of_it_belong_together_and_others_do_not(inputs):
    clusters = {each.example.row: each.cluster for each in rows_of(inputs, "notes", 10, 0)}
    assert len(clusters) == 6
    assert clusters["notes:0"] == clusters["notes:1"]
    assert clusters["notes:2"] == clusters["notes:3"]
    assert len(set(clusters.values())) == 4


def test_what_is_told_of_a_row_holds_no_value_of_a_column(inputs):
    """A conversation may be called by a person's address: `members.parquet` names a row in its place."""
    told = [each.known for each in rows_of(inputs, "notes", 10, 0)]
    assert PERSON not in repr(told)
    assert {each.cluster for each in told} <= {each.row for each in told}
