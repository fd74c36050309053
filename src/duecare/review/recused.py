"""Who is kept from what, and the strata of a round that somebody can be kept from."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from duecare.review import schema
from duecare.review.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Recusal:
    """One person kept from one item or one stratum, by pseudonym, and why."""

    person: str
    item: str | None
    stratum: str | None
    reason: str
    by: str
    time: str


def recusals(store: Store, round: str) -> list[Recusal]:
    """Recusals of a round, the newest first."""
    table = schema.recusals
    names = ("person", "item", "stratum", "reason", "by", "time")
    query = sa.select(*(table.c[name] for name in names)).where(table.c.round == round)
    with store.read() as connection:
        found = connection.execute(query.order_by(table.c.time.desc())).mappings()
        return [Recusal(**dict(row)) for row in found]


def strata(store: Store, round: str) -> list[str]:
    """The strata from which a round was drawn."""
    table = schema.items
    query = sa.select(table.c.stratum).where(table.c.round == round, table.c.stratum != "").distinct()
    with store.read() as connection:
        return sorted(connection.execute(query).scalars())
