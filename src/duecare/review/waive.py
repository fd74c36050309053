"""Waivers: a failed gate is let pass by two different people, one of them the ethical reviewer, for a while.

Whoever asks says why and until when; somebody else seconds it. What both signed is noted for the ledger in
the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from duecare.core.step import Note
from duecare.review import schema
from duecare.review.errors import DeniedError, GoneError, ReviewError
from duecare.review.notes import note_down, untold, was_told
from duecare.review.person import Person, Role, held, require
from duecare.review.question import comment_of
from duecare.review.store import Store, fresh, moment, stamp

__all__ = ["TOPIC", "Waiver", "ask_waiver", "note_of", "second_waiver", "untold", "waivers", "was_told"]

LONGEST_DAYS = 365
TOPIC = "waiver"
COMMAND_LINE = "the command line"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_table = schema.waivers


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiver:
    """One request to let a failed gate pass; complete where `seconded_by` is there, good until `expires`."""

    id: str
    gate: str
    finding: str
    asked_by: str
    asked: str
    reason: str
    expires: str
    seconded_by: str | None
    seconded: str | None

    def holds(self, now: datetime) -> bool:
        """Whether two people signed it and it has not run out."""
        return self.seconded_by is not None and moment(self.expires) > now


def ask_waiver(  # noqa: PLR0917  # in the order of a form
    store: Store, person: Person, gate: str, finding: str, reason: str, days: float
) -> Waiver:
    """Ask for a waiver of the gate `gate`, whose Finding has the SHA-256 `finding`, for so many days.

    Owners, adjudicators and ethical reviewers may ask. It does nothing until somebody else seconds it.
    """
    reason = comment_of(reason, "reason")
    if len(reason) < 10:
        raise ReviewError("expected a reason that others can follow", field="reason")
    if not 0 < days <= LONGEST_DAYS:
        raise ReviewError(f"a waiver runs out after at most {LONGEST_DAYS} days", field="days")
    if not gate.strip() or len(gate) > 300 or not gate.isprintable():
        raise ReviewError("expected the name of a gate", field="gate")
    if not _DIGEST.fullmatch(finding):
        raise ReviewError("expected the SHA-256 of a finding, in hex", field="finding")
    values = {
        "id": fresh("w-"),
        "gate": gate.strip(),
        "finding": finding,
        "asked_by": person.id,
        "asked": store.stamp(),
        "reason": reason,
        "expires": stamp(store.now() + timedelta(days=days)),
        "seconded_by": None,
        "seconded": None,
    }
    with store.begin() as connection:
        require(held(connection, person), Role.OWNER, Role.ADJUDICATOR, Role.ETHICS)
        connection.execute(sa.insert(_table).values(values))
    return Waiver(**values)  # type: ignore[arg-type]  # texts or None, as above


def second_waiver(store: Store, person: Person, waiver: str) -> Waiver:
    """Turn the second key. Never whoever asked; one of the two is an ethical reviewer.

    Raises DeniedError for the wrong person, GoneError where it is unknown, ran out or is complete.
    """
    with store.begin() as connection:
        who = held(connection, person)
        require(who, Role.OWNER, Role.ADJUDICATOR, Role.ETHICS)
        query = sa.select(_table).where(_table.c.id == waiver).with_for_update(key_share=True)
        row = connection.execute(query).mappings().first()
        if row is None or moment(row["expires"]) <= store.now():
            raise GoneError("there is no such waiver, or it ran out")
        if row["asked_by"] == who.id:
            raise DeniedError("nobody seconds their own waiver")
        if row["seconded_by"] is not None:
            raise GoneError("this waiver is complete already")
        asker = (
            connection.execute(sa.select(schema.people).where(schema.people.c.id == row["asked_by"]))
            .mappings()
            .one()
        )
        if Role.ETHICS not in asker["roles"] and not who.has(Role.ETHICS):
            raise DeniedError("one of the two people is an ethical reviewer")
        if not asker["active"]:
            raise GoneError("whoever asked for it takes part no more: ask anew")
        values = {"seconded_by": who.id, "seconded": store.stamp()}
        connection.execute(sa.update(_table).where(_table.c.id == waiver).values(values))
        found = Waiver(**{**row, **values})
        note_down(store, connection, note_of(found, _invited(connection, found)))
        return found


def waivers(store: Store) -> list[Waiver]:
    """Every waiver, the newest first."""
    with store.read() as connection:
        found = connection.execute(sa.select(_table).order_by(_table.c.asked.desc())).mappings()
        return [Waiver(**dict(row)) for row in found]


def _invited(connection: sa.Connection, waiver: Waiver) -> dict[str, str | None]:
    people = schema.people
    query = sa.select(people.c.id, people.c.invited_by)
    signed = connection.execute(query.where(people.c.id.in_((waiver.asked_by, waiver.seconded_by))))
    return {row.id: row.invited_by for row in signed}


def note_of(waiver: Waiver, invited: Mapping[str, str | None] | None = None) -> Note:
    """What the ledger hears of a complete waiver: both people, by pseudonym, the reason and the end.

    `invited` says who let each of them in (None: the command line). No store knows whether two accounts are
    two people; whoever reads the ledger sees where one of them made the other.
    """
    return Note(
        topic=TOPIC,
        text=f"The gate {waiver.gate} is waived until {waiver.expires} by two people: {waiver.reason}",
        data={
            "waiver": waiver.id,
            "gate": waiver.gate,
            "reason": waiver.reason,
            "finding": waiver.finding,
            "asked_by": waiver.asked_by,
            "asked": waiver.asked,
            "asker_invited_by": (invited or {}).get(waiver.asked_by) or COMMAND_LINE,
            "seconded_by": waiver.seconded_by or "",
            "seconder_invited_by": (invited or {}).get(waiver.seconded_by or "") or COMMAND_LINE,
            "seconded": waiver.seconded or "",
            "expires": waiver.expires,
        },
    )
