"""Reasons that differ only in a number or in another row's name are one reason in the report."""

from __future__ import annotations

import pyarrow as pa

from duecare.core.table import CHANGES
from duecare.report.cases import reasons_of
from duecare.report.gather import Stage


def test_details_of_one_row_are_left_out_and_the_rest_is_counted(monkeypatch):
    said = [
        "scored 0.83, the limit is 0.5",
        "scored 0.91, the limit is 0.5",
        "same content as chats:7",
        "same content as chats:9",
        "near-duplicate of chats:7 (similarity 0.87)",
        "near-duplicate of pairs:12 (similarity 0.95)",
        "its answer holds item 0123456789ab of bbq",
        "its answer holds item ba9876543210 of bbq",
        "its prompt holds item ba9876543210 of bbq",
    ]
    changes = [
        {"row": f"a:{place}", "key": "k", "step": "s", "action": "dropped", "reason": reason}
        for place, reason in enumerate(said)
    ]
    tables = {"changes.parquet": pa.Table.from_pylist(changes, schema=CHANGES)}
    monkeypatch.setattr("duecare.report.cases.rows", lambda stage, name: tables.get(name))
    assert [(each.reason, each.rows) for each in reasons_of(Stage.__new__(Stage))] == [
        ("its answer holds an item of bbq", 2),
        ("near-duplicate of another row", 2),
        ("same content as another row", 2),
        ("scored at or above the limit of 0.5", 2),
        ("its prompt holds an item of bbq", 1),
    ]
