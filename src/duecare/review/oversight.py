"""What the ethical reviewer watches: guideline, flags, recusal, exposure, panels; how people judge.

`agreement` and `raters` hand the labels to `duecare.measure`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from duecare.core.step import Note
from duecare.review import schema
from duecare.review.decided import count_again, decide
from duecare.review.errors import DeniedError, GoneError, ReviewError
from duecare.review.notes import note_down
from duecare.review.person import Person, Role, held, require
from duecare.review.question import reason_of
from duecare.review.queue import free_place
from duecare.review.rounds import Round, guideline_in, round_in
from duecare.review.shown import arranged
from duecare.review.store import Store, fresh, stamp
from duecare.review.waive import Waiver, ask_waiver, second_waiver, waivers

__all__ = [
    "Exposure",
    "Flag",
    "Panel",
    "Waiver",
    "ask_waiver",
    "exposures",
    "flags",
    "panel",
    "recuse",
    "revise",
    "second_waiver",
    "waivers",
]

LEAST_PANEL = 2
"""A panel of fewer people is not shown: it would point at a person."""
_items, _given, _decided = schema.items, schema.assignments, schema.decisions


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """One item that somebody passed on to the ethical reviewer; who, by pseudonym."""

    decision: str
    time: str
    person: str
    item: str
    reason: str
    texts: Mapping[str, Any]
    blurred: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """How much disturbing text a person judged: in the last 24 hours and in all, and the limit a day."""

    person: str
    today: int
    in_all: int
    a_day: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Who judged a round, by what people said about themselves.

    `people` counts everybody who answered, `stated` those who said something on the axis. `groups` maps an
    axis to the number of people of each value; values of fewer than two people are put together as "fewer
    than 2". `missing` lists, by axis, groups that the round's rows speak of and no rater stated.
    """

    people: int
    stated: Mapping[str, int]
    groups: Mapping[str, Mapping[str, int]]
    missing: Mapping[str, Sequence[str]]


def revise(store: Store, round: str, person: Person, text: str, why: str) -> int:
    """Give a round a new version of its guideline; labels made before keep the old number. The new number."""
    why, text = reason_of(why, "why"), text.replace("\x00", "")
    if not text.strip() or len(text) > 100_000:
        raise ReviewError("expected a guideline of at most 100,000 characters", field="text")
    with store.begin() as connection:
        table = schema.rounds
        lock = sa.select(table.c.id).where(sa.or_(table.c.id == round, table.c.name == round))
        connection.execute(lock.with_for_update(key_share=True))  # one revision at a time
        found = _open(round_in(connection, round))
        who = held(connection, person)
        require(who, Role.ETHICS, Role.OWNER)
        before = guideline_in(connection, found.id)
        if before.text == text:
            raise ReviewError("this is the guideline that holds already", field="text")
        version = before.version + 1
        connection.execute(
            sa.insert(schema.guidelines).values(
                round=found.id, version=version, text=text, why=why, by=who.id, time=store.stamp()
            )
        )
        from duecare.ledger.digest import value_digest

        note = Note(
            topic="guideline",
            text=f"Round {found.name}: version {version} of the guideline holds from now on.",
            data={"round": found.id, "version": str(version), "digest": value_digest(text), "by": who.id},
        )
        note_down(store, connection, note)
        return version


def recuse(
    store: Store,
    by: Person,
    person: str,
    round: str,
    reason: str,
    *,
    item: str | None = None,
    stratum: str | None = None,
) -> int:
    """Keep a person from an item or a stratum of a round; how many labels of theirs do not count any more.

    People recuse themselves; the ethical reviewer recuses anybody. What they labelled there is needed anew,
    from others; their labels stay as history.
    """
    reason = reason_of(reason)
    if (item is None) == (stratum is None):
        raise ReviewError("expected an item or a stratum", field="item")
    what = {"person": person, "item": item, "stratum": stratum, "reason": reason}
    with store.begin() as connection:
        found = _open(round_in(connection, round, hold=True))
        who = held(connection, by)
        if who.id != person:
            require(who, Role.ETHICS)
            _hold(connection, person)
        where = _items.c.id == item if item is not None else _items.c.stratum == stratum
        if (
            connection.execute(sa.select(_items.c.id).where(_items.c.round == found.id, where)).first()
            is None
        ):
            raise GoneError("the round has no such item or stratum")
        kept = {"id": fresh("x-"), "round": found.id, "by": who.id, "time": store.stamp()}
        connection.execute(sa.insert(schema.recusals).values(what | kept))
        return _taken_out(store, connection, found, person, where, reason)


def _taken_out(  # noqa: PLR0917  # called in one place, by recuse
    store: Store, connection: sa.Connection, round: Round, person: str, where: Any, reason: str
) -> int:
    query = (
        sa.select(_given)
        .join(_items, _items.c.id == _given.c.item)
        .where(_given.c.round == round.id, _given.c.person == person, where)
        .where(_given.c.state.in_(("given", "answered")))
        .order_by(_given.c.item)
        .with_for_update(of=_given, key_share=True)  # or a lease that ends now frees a place twice
    )
    comments = frozenset(each.name for each in round.questions if each.kind == "comment")
    gone = 0
    for row in [dict(each) for each in connection.execute(query).mappings()]:
        if row["state"] == "answered":
            gone += 1
            decide(
                store,
                connection,
                round=round.id,
                person=person,
                item=row["item"],
                assignment=row["id"],
                kind="recused",
                guideline=guideline_in(connection, round.id).version,
                comment=reason,
                replaces=row["decision"],
            )
        connection.execute(
            sa.update(_given).where(_given.c.id == row["id"]).values(state="recused", decision=None)
        )
        free_place(connection, row["item"], row["turn"])
        count_again(connection, row["item"], comments)
    return gone


def exposures(store: Store, round: str) -> list[Exposure]:
    """How much disturbing text each person of a round judged or skipped, in this store, the most first."""
    since = stamp(store.now() - timedelta(days=1))
    with store.read() as connection:
        found = round_in(connection, round)
        query = (
            sa.select(
                _decided.c.person,
                sa.func.count().filter(_decided.c.time > since).label("today"),
                sa.func.count().label("in_all"),
            )
            .where(_decided.c.disturbing, _decided.c.kind.in_(("label", "skip")))
            .group_by(_decided.c.person)
        )
        rows = [
            Exposure(person=row.person, today=row.today, in_all=row.in_all, a_day=found.care.a_day)
            for row in connection.execute(query)
        ]
    return sorted(rows, key=lambda each: (-each.today, -each.in_all, each.person))


def flags(store: Store, round: str) -> list[Flag]:
    """Items passed on to the ethical reviewer, the newest first; what was taken back is left out."""
    gone = _decided.alias("gone")
    with store.read() as connection:
        found = round_in(connection, round)
        query = (
            sa.select(_decided, _items.c.shown)
            .join(_items, _items.c.id == _decided.c.item)
            .where(_decided.c.round == found.id, _decided.c.kind == "flag")
            .where(~sa.exists().where(gone.c.replaces == _decided.c.id, gone.c.kind == "withdrawn"))
            .order_by(_decided.c.time.desc())
        )
        return [
            Flag(
                decision=row["id"],
                time=row["time"],
                person=row["person"],
                item=row["item"],
                reason=row["comment"],
                texts=arranged(row["shown"], "a"),
                blurred=row["disturbing"],
            )
            for row in connection.execute(query).mappings()
        ]


def panel(store: Store, round: str) -> Panel:
    """How diverse the people are who judged a round, and which views are missing."""
    said = schema.attributes
    with store.read() as connection:
        found = round_in(connection, round)
        raters = sa.select(_given.c.person).where(_given.c.round == found.id, _given.c.state == "answered")
        people = set(connection.execute(raters.distinct()).scalars())
        rows = connection.execute(sa.select(said).where(said.c.person.in_(raters))).all()
        spoken = _spoken_of(connection, found.id)
    counted: dict[str, Counter[str]] = {}
    for row in rows:
        counted.setdefault(row.axis, Counter())[row.value] += 1
    return Panel(
        people=len(people),
        stated={axis: sum(values.values()) for axis, values in sorted(counted.items())},
        groups={axis: _hidden(values) for axis, values in sorted(counted.items())},
        missing={
            axis: absent
            for axis, values in sorted(spoken.items())
            if (
                absent := sorted(
                    value for value in values if counted.get(axis, Counter())[value] < LEAST_PANEL
                )
            )
        },
    )


def _hidden(values: Counter[str]) -> dict[str, int]:
    shown = {value: count for value, count in sorted(values.items()) if count >= LEAST_PANEL}
    if rest := sum(count for count in values.values() if count < LEAST_PANEL):
        shown[f"fewer than {LEAST_PANEL}"] = rest
    return shown


def _spoken_of(connection: sa.Connection, round: str) -> dict[str, set[str]]:
    """The groups that the round's rows declare, by axis."""
    found: dict[str, set[str]] = {}
    for hidden in connection.execute(sa.select(_items.c.hidden).where(_items.c.round == round)).scalars():
        for axis, value in hidden.get("groups", {}).items():
            found.setdefault(axis, set()).add(value)
    return found


def _open(round: Round) -> Round:
    if round.state != "open":
        raise GoneError("this round is closed")
    return round


def _hold(connection: sa.Connection, person: str) -> None:
    """Lock a person as `held` does, also one who takes part no more: their labels can still be taken out."""
    query = sa.select(schema.people.c.id).where(schema.people.c.id == person)
    if connection.execute(query.with_for_update(key_share=True)).first() is None:
        raise DeniedError("there is no such person")
