"""What the ledger must hear: kept in the transaction of what it tells, and handed over when the ledger is
free."""

from __future__ import annotations

import sqlalchemy as sa

from duecare.core.step import Note
from duecare.review import schema
from duecare.review.store import Store, fresh


def note_down(store: Store, connection: sa.Connection, note: Note) -> None:
    """Keep a note for the ledger, in the transaction of what it tells."""
    connection.execute(
        sa.insert(schema.notes).values(
            id=fresh("n-"), time=store.stamp(), topic=note.topic, text=note.text, data=note.data, told=None
        )
    )


def untold(store: Store) -> list[tuple[str, Note]]:
    """Notes that the ledger has not heard, by id, the oldest first."""
    table = schema.notes
    query = sa.select(table).where(table.c.told.is_(None)).order_by(table.c.time)
    with store.read() as connection:
        return [
            (row["id"], Note(topic=row["topic"], text=row["text"], data=row["data"]))
            for row in connection.execute(query).mappings()
        ]


def was_told(store: Store, note: str) -> None:
    """The ledger has this note now."""
    table = schema.notes
    with store.begin() as connection:
        connection.execute(sa.update(table).where(table.c.id == note).values(told=store.stamp()))


def keep(store: Store, note: Note) -> None:
    """Keep a note that stands for itself, once: another of this topic that says the same is not kept."""
    table = schema.notes
    with store.begin() as connection:
        same = sa.select(table.c.data).where(table.c.topic == note.topic)
        if note.data not in connection.execute(same).scalars().all():
            note_down(store, connection, note)
