"""Decisions: appended, never changed. What counts now is named by the assignment; the rest is history."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from duecare.review import schema
from duecare.review.store import Store, fresh


def decide(store: Store, connection: sa.Connection, **fields: Any) -> str:
    """Append one decision of a person who is held by this transaction; its id."""
    table = schema.decisions
    last = sa.select(sa.func.coalesce(sa.func.max(table.c.number), 0)).where(
        table.c.person == fields["person"]
    )
    values = {
        "id": fresh("d-"),
        "time": store.stamp(),
        "number": connection.execute(last).scalar_one() + 1,
        "assignment": None,
        "answers": {},
        "comment": "",
        "seconds": None,
        "shown_digest": "",
        "disturbing": False,
        "replaces": None,
    }
    connection.execute(sa.insert(table).values(values | fields))
    return str(values["id"])


def labels_of(connection: sa.Connection, item: str) -> list[dict[str, Any]]:
    """The labels of an item that count: one a person (repeats are left out), in the order of their time."""
    given, decided = schema.assignments, schema.decisions
    query = (
        sa.select(decided)
        .join(given, given.c.decision == decided.c.id)
        .where(given.c.item == item, given.c.state == "answered", given.c.turn == 0)
        .order_by(decided.c.time, decided.c.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def differ(labels: list[dict[str, Any]]) -> bool:
    """Whether people answered a question differently. Comments are no answers."""
    return len(labels) > 1 and any(label["answers"] != labels[0]["answers"] for label in labels[1:])


def count_again(connection: sa.Connection, item: str, comments: frozenset[str]) -> None:
    """Set `done` and `disputed` of an item from the labels that count; questions in `comments` aside."""
    lock = sa.select(schema.items.c.id).where(schema.items.c.id == item).with_for_update(key_share=True)
    connection.execute(lock).one()  # before the labels are read: two who answer at once would each count one
    found = labels_of(connection, item)
    for label in found:
        label["answers"] = {name: value for name, value in label["answers"].items() if name not in comments}
    table = schema.items
    connection.execute(
        sa.update(table).where(table.c.id == item).values(done=len(found), disputed=differ(found))
    )
