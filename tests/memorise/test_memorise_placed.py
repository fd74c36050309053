"""Rows as training read them: which belong together, and what is told of them. Needs no JAX."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duecare.core import Artifact, DataError, Example
from duecare.core.example import Field
from duecare.core.table import table
from duecare.memorise.placed import canaries_of, promise_of, rows_of

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


def step_of(folder, name, lost, *, draws=1, taught=True, source="notes", claim=None):
    """What a training step leaves that read one canary, and with `claim` (epsilon, unit) kept a promise."""
    path = folder / name
    path.mkdir()
    line = {
        "source": source,
        "canary": "1",
        "place": "text",
        "secret": "bcdfghjklm",
        "repeats": 1,
        "tossed": True,
        "placed": True,
        "tokens": [1, 2, 3],
        "start": 1,
        "end": 3,
        "taught": taught,
        "draws": draws,
        "lost": lost,
    }
    pq.write_table(pa.Table.from_pylist([line]), path / "canaries.parquet")
    if claim is not None:
        told = {"epsilon": claim[0], "delta": "1e-05", "unit": claim[1]}
        (path / "privacy.json").write_text(json.dumps({"claim": told, "total": {"epsilon": 99.0}}))
    return {f"trained:{name}": Artifact(name, path, name)}


@pytest.mark.parametrize(
    ("first", "second", "lost"),
    [(None, "cut", None), ("cut", None, None), ("cut", "never drawn", "cut"), (None, None, None)],
)
def test_a_canary_is_lost_where_every_step_lost_it(tmp_path, first, second, lost):
    (one,) = canaries_of(step_of(tmp_path, "sft", first) | step_of(tmp_path, "distill", second, draws=2), "")
    assert (one.lost, one.draws) == (lost, 3)


def test_a_secret_that_is_not_taught_is_lost_and_one_that_nobody_read_is_refused(tmp_path):
    inputs = step_of(tmp_path, "sft", None, taught=False)
    (one,) = canaries_of(inputs, "notes")
    assert one.lost == "masked"
    with pytest.raises(DataError, match="none handed any over"):
        canaries_of(inputs, "chats")


def test_promises_of_all_steps_that_read_a_source_add_up(tmp_path):
    """Each step's own, and not its total, which holds those before it already."""
    first = step_of(tmp_path, "sft", None, claim=(1.0, "person"))
    inputs = first | step_of(tmp_path, "sft:2", None, claim=(2.0, "person"))
    both = promise_of(inputs, "notes")
    assert (both.epsilon, both.unit, both.jobs) == (3.0, "person", ("sft", "sft:2"))
    assert both.delta == pytest.approx(2e-5)
    mixed = promise_of(first | step_of(tmp_path, "rows", None, claim=(2.0, "example")), "notes")
    assert mixed.unit == "example"
    others = step_of(tmp_path, "others", None, source="chats")
    assert promise_of(first | others, "notes").epsilon == 1.0
    assert promise_of(first | step_of(tmp_path, "open", None), "notes") is None
    assert promise_of(first, "chats") is None
