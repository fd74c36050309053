"""A person's own part of a round: how much they judged, and how much of it was disturbing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from duecare.review import schema
from duecare.review.person import Person
from duecare.review.store import Store, stamp


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What somebody judged in a round, and the disturbing texts of the last 24 hours in all rounds."""

    judged: int
    disturbing_today: int


def share(store: Store, person: Person, round: str) -> Share:
    """The part of `person` in a round; of nobody else."""
    given, decided = schema.assignments, schema.decisions
    judged = sa.select(sa.func.count()).where(
        given.c.person == person.id, given.c.round == round, given.c.state == "answered"
    )
    since = stamp(store.now() - timedelta(days=1))
    today = sa.select(sa.func.count()).where(
        decided.c.person == person.id,
        decided.c.disturbing,
        decided.c.kind.in_(("label", "skip")),
        decided.c.time > since,
    )
    with store.read() as connection:
        return Share(
            judged=connection.execute(judged).scalar_one(),
            disturbing_today=connection.execute(today).scalar_one(),
        )
