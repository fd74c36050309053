"""Adjudication: where people judged one item differently, somebody who did not settles it, with a reason.

Labels stay as they are: a settled answer is a decision of its own, and exports carry both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from duecare.review import schema
from duecare.review.decided import decide, labels_of
from duecare.review.errors import DeniedError, GoneError
from duecare.review.person import Person, Role, held, require
from duecare.review.question import Question, checked, reason_of
from duecare.review.rounds import Round, guideline_in, round_in
from duecare.review.shown import Guideline, arranged, by_part, digest_of, mapped, unmapped
from duecare.review.store import Store

_items, _decided, _given = schema.items, schema.decisions, schema.assignments


@dataclass(frozen=True, kw_only=True, slots=True)
class Disputed:
    """One item whose labels differ; `settled` where somebody did."""

    item: str
    stratum: str
    labels: int
    settled: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One label of a dispute; `who` is "A", "B", ...: adjudicators do not learn who it was."""

    who: str
    answers: Mapping[str, Any]
    comment: str
    guideline: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispute:
    """An item with its labels side by side, choices and spans by "left" and "right" as `texts` shows them."""

    item: str
    round: str
    texts: Mapping[str, Any]
    blurred: bool
    questions: Sequence[Question]
    guideline: Guideline
    labels: Sequence[Side]
    settled: Mapping[str, Any] | None
    reason: str


def disputed(store: Store, round: str, *, unsettled: bool = False, limit: int = 500) -> list[Disputed]:
    """Items of a round with all their labels, where these differ: what waits first, each in drawn order."""
    with store.read() as connection:
        found = round_in(connection, round)
        query = sa.select(_items).where(
            _items.c.round == found.id,
            _items.c.purpose == "item",
            _items.c.disputed,
            _items.c.done >= found.overlap,
        )
        if unsettled:
            query = query.where(~_items.c.settled)
        rows = connection.execute(query.order_by(_items.c.settled, _items.c.position).limit(limit)).mappings()
        return [
            Disputed(item=row["id"], stratum=row["stratum"], labels=row["done"], settled=bool(row["settled"]))
            for row in rows
        ]


def dispute(store: Store, item: str) -> Dispute:
    """The labels of an item side by side, people as A, B, C.

    Raises GoneError where there is no such item, or others still judge it: they might see this.
    """
    with store.read() as connection:
        row = connection.execute(sa.select(_items).where(_items.c.id == item)).mappings().first()
        if row is None:
            raise GoneError("there is no such item")
        found, left = round_in(connection, row["round"]), _left_of(item)
        _expect_judged(row, found)
        labels = labels_of(connection, item)
        last = _settled_in(connection, item)
        return Dispute(
            item=item,
            round=found.id,
            texts=arranged(row["shown"], left),
            blurred=row["disturbing"],
            questions=found.questions,
            guideline=guideline_in(connection, found.id),
            labels=[
                Side(
                    who=_letters(place),
                    answers=unmapped(found.questions, label["answers"], left),
                    comment=label["comment"],
                    guideline=label["guideline"],
                )
                # in the order of random ids: who came first tells who it was
                for place, label in enumerate(sorted(labels, key=lambda each: each["id"]))
            ],
            settled=unmapped(found.questions, last["answers"], left) if last else None,
            reason=last["comment"] if last else "",
        )


def settle(store: Store, person: Person, item: str, answers: Mapping[str, Any], reason: str) -> str:
    """Say what counts for an item, and why; the id of the decision. A later one replaces it.

    Raises DeniedError for who is no adjudicator or labelled the item, ReviewError for a wrong answer or no
    reason, GoneError where the item has not got all its labels or its round is closed.
    """
    reason = reason_of(reason)
    with store.begin() as connection:
        mine = sa.select(_items.c.round).where(_items.c.id == item)
        if (name := connection.execute(mine).scalar()) is None:
            raise GoneError("there is no such item")
        found = round_in(connection, name, hold=True)
        who = held(connection, person)
        require(who, Role.ADJUDICATOR)
        query = sa.select(_items).where(_items.c.id == item).with_for_update(key_share=True)
        row = connection.execute(query).mappings().one()
        if found.state != "open":
            raise GoneError("this round is closed")
        _expect_judged(row, found)
        _expect_no_label(connection, item, who.id)
        left = _left_of(item)
        texts = arranged(row["shown"], left)
        kept = mapped(found.questions, checked(found.questions, answers, by_part(texts)), left)
        last, version = _settled_in(connection, item), guideline_in(connection, found.id).version
        decision = decide(
            store,
            connection,
            round=found.id,
            person=who.id,
            item=item,
            kind="settled",
            guideline=version,
            answers=kept,
            comment=reason,
            shown_digest=digest_of(texts, found.questions, version),
            disturbing=row["disturbing"],
            replaces=last["id"] if last else None,
        )
        connection.execute(sa.update(_items).where(_items.c.id == item).values(settled=True))
        return decision


def _left_of(item: str) -> str:
    """Which answer of a pair an adjudicator sees left: by the item's random id, so that no side is better."""
    return "ab"[hashlib.sha256(item.encode()).digest()[0] & 1]


def _expect_judged(row: sa.RowMapping, round: Round) -> None:
    """Checks and twins are nobody's to settle, and what is not judged by all is nobody's to look at."""
    if row["purpose"] != "item" or row["done"] < round.overlap:
        raise GoneError("there is no such item that has all its labels")


def _expect_no_label(connection: sa.Connection, item: str, person: str) -> None:
    own = sa.select(_given.c.id).where(
        _given.c.item == item, _given.c.person == person, _given.c.state == "answered"
    )
    if connection.execute(own).first() is not None:
        raise DeniedError("who labelled an item does not settle it")


def _settled_in(connection: sa.Connection, item: str) -> dict[str, Any] | None:
    query = sa.select(_decided).where(_decided.c.item == item, _decided.c.kind == "settled")
    row = connection.execute(query.order_by(_decided.c.time.desc()).limit(1)).mappings().first()
    return dict(row) if row else None


def _letters(place: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
