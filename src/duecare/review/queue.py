"""Which item a person is given next.

An item has `needed` places left; giving it takes one in the same transaction that notes the assignment. On
SQLite there is one writer at a time; on PostgreSQL the row is locked, and rows that others hold are skipped.
A person's own row is locked first, so nobody is given two items at once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from duecare.review import schema
from duecare.review.person import Person, Role
from duecare.review.rounds import Round
from duecare.review.shown import Rest
from duecare.review.store import Store, fresh, moment, stamp

_items, _given, _recused, _decided = schema.items, schema.assignments, schema.recusals, schema.decisions


def give_back(store: Store, round: str, person: str) -> None:
    """Return what others hold beyond its lease: the places are free again."""
    late = sa.and_(
        _given.c.round == round,
        _given.c.state == "given",
        _given.c.lease < store.stamp(),
        _given.c.person != person,
    )
    with store.read() as connection:
        if connection.execute(sa.select(_given.c.id).where(late).limit(1)).first() is None:
            return
    with store.begin() as connection:
        query = sa.select(_given.c.id, _given.c.item, _given.c.turn).where(late)
        found = connection.execute(
            query.order_by(_given.c.item).limit(200).with_for_update(skip_locked=True, key_share=True)
        ).all()
        for row in found:
            connection.execute(sa.update(_given).where(_given.c.id == row.id).values(state="returned"))
            free_place(connection, row.item, row.turn)


def free_place(connection: sa.Connection, item: str, turn: int) -> None:
    """One more person is needed for an item; repeats, checks and twins take no place."""
    if turn == 0:
        connection.execute(
            sa.update(_items)
            .where(_items.c.id == item, _items.c.purpose == "item")
            .values(needed=_items.c.needed + 1)
        )


def take_place(connection: sa.Connection, item: str, turn: int) -> bool:
    """Take a place of an item again; False where there is none left."""
    counted = _items.c.purpose == "item"
    query = (
        sa.select(_items.c.purpose, _items.c.needed)
        .where(_items.c.id == item)
        .with_for_update(key_share=True)
    )
    purpose, needed = connection.execute(query).one()
    if turn or purpose != "item":
        return True
    if needed < 1:
        return False
    connection.execute(sa.update(_items).where(_items.c.id == item, counted).values(needed=needed - 1))
    return True


def kept_from(connection: sa.Connection, person: str, item: str) -> bool:
    """Whether the person is recused from the item, by itself or with its stratum."""
    same = sa.or_(_recused.c.item == _items.c.id, _recused.c.stratum == _items.c.stratum)
    query = (
        sa.select(_recused.c.id)
        .join(_items, sa.and_(_items.c.round == _recused.c.round, same))
        .where(_items.c.id == item, _recused.c.person == person)
    )
    return connection.execute(query.limit(1)).first() is not None


def held_by(connection: sa.Connection, person: str, round: str) -> dict[str, Any] | None:
    """What the person has before them: the assignment given last."""
    query = (
        sa.select(_given)
        .where(_given.c.person == person, _given.c.round == round, _given.c.state == "given")
        .order_by(_given.c.given.desc())
        .limit(1)
        .with_for_update(key_share=True)  # or its lease ends, and others get it, while it is renewed
    )
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def give(
    store: Store, connection: sa.Connection, round: Round, person: Person
) -> dict[str, Any] | Rest | None:
    """A new assignment for a person who holds none, or why there is none."""
    return _Giving(store, connection, round, person).give()


def turned_away(store: Store, connection: sa.Connection, round: Round, person: Person) -> bool:
    """Whether the person judged every qualification item, and too few as expected."""
    if not round.settings.get("special", True):
        return False
    giving = _Giving(store, connection, round, person)
    return not giving.unseen("qualification") and not giving.qualified()


class _Giving:
    """One choice, within one transaction."""

    def __init__(self, store: Store, connection: sa.Connection, round: Round, person: Person) -> None:
        self._store, self._connection, self._round, self._person = store, connection, round, person
        self._quality, self._care = round.quality, round.care
        query = sa.select(_recused.c.id).where(_recused.c.round == round.id, _recused.c.person == person.id)
        self._recused = connection.execute(query.limit(1)).first() is not None

    def give(self) -> dict[str, Any] | Rest | None:
        special = self._round.settings.get("special", True)
        if special:
            fresh_ones = self.unseen("qualification")
            if fresh_ones:
                return self._assigned(fresh_ones[0])
            if not self.qualified():
                return Rest(reason="qualification", until=None)
        answered = self._answered(special)
        tally = answered.get("item", 0)
        rest = self._rest() if self._round.settings.get("disturbing", True) else None
        calm = rest is not None
        chosen = (
            (special and self._due("attention", answered, self._checks_due(tally), calm=calm))
            or (special and self._due("twin", answered, tally // self._quality.twins_every, calm=calm))
            or self._repeat(tally, calm=calm)
            or self._next(calm=calm)
            or (
                self._due("twin", answered, answered.get("twin", 0) + 1, calm=calm)
                if special and tally
                else None
            )
        )
        if chosen:
            return chosen
        if rest is not None and self._next(calm=False, look=True):
            return rest
        if self._store.postgres and self._next(calm=calm, look=True):  # somebody has its row locked just now
            return Rest(reason="waiting", until=self._store.stamp(seconds=2))
        return self._waiting()

    def unseen(self, purpose: str, *, calm: bool = False) -> list[str]:
        """Items of a purpose that this person has not judged, in the order in which they come."""
        query = sa.select(_items.c.id, _items.c.hidden, _items.c.position).where(
            _items.c.round == self._round.id, _items.c.purpose == purpose, *self._for_person()
        )
        found = self._connection.execute(query.where(~_items.c.disturbing) if calm else query).all()
        if purpose != "twin":
            return [row.id for row in sorted(found, key=lambda row: row.position)]
        return self._twins_apart({row.id: row.hidden.get("pair_id", "") for row in found})

    def _twins_apart(self, unseen: dict[str, str]) -> list[str]:
        """First one of every pair, in an order of the person's own, and only then the other of each."""

        def drawn(word: str) -> str:
            return hashlib.sha256(f"{self._person.id} {word}".encode()).hexdigest()

        query = sa.select(_items.c.id, _items.c.hidden).where(
            _items.c.round == self._round.id, _items.c.purpose == "twin"
        )
        pairs: dict[str, list[str]] = {}
        for row in self._connection.execute(query):
            pairs.setdefault(row.hidden.get("pair_id", ""), []).append(row.id)
        half = {
            each: place for members in pairs.values() for place, each in enumerate(sorted(members, key=drawn))
        }
        return sorted(unseen, key=lambda each: (half[each], drawn(unseen[each])))

    def qualified(self) -> bool:
        """Whether enough qualification items were answered as expected."""
        share = self._right("qualification")
        return share is None or share >= self._quality.qualify

    def _right(self, purpose: str) -> float | None:
        """The share of known answers that the person gave as expected; None where nothing was asked.

        What was skipped was not answered as expected: nobody passes by skipping.
        """
        query = (
            sa.select(_items.c.hidden, _decided.c.answers)
            .join(_given, _given.c.item == _items.c.id)
            .join(_decided, _decided.c.id == _given.c.decision)
            .where(
                _items.c.round == self._round.id,
                _items.c.purpose == purpose,
                _given.c.person == self._person.id,
                _given.c.state.in_(("answered", "skipped")),
            )
        )
        found = [as_expected(row.hidden, row.answers) for row in self._connection.execute(query)]
        return sum(found) / len(found) if found else None

    def _answered(self, special: bool) -> dict[str, int]:
        """How many items of each purpose the person has judged."""
        if not special:
            mine = sa.select(sa.func.count()).where(
                _given.c.person == self._person.id,
                _given.c.round == self._round.id,
                _given.c.state == "answered",
                _given.c.turn == 0,
            )
            return {"item": self._connection.execute(mine).scalar_one()}
        query = (
            sa.select(_items.c.purpose, sa.func.count())
            .join(_given, _given.c.item == _items.c.id)
            .where(
                _given.c.round == self._round.id,
                _given.c.person == self._person.id,
                _given.c.state == "answered",
                _given.c.turn == 0,
            )
            .group_by(_items.c.purpose)
        )
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def _rest(self) -> Rest | None:
        """Whether the person should see nothing disturbing now, and until when."""
        care, now = self._care, self._store.now()
        query = (
            sa.select(_decided.c.time)
            .where(
                _decided.c.person == self._person.id,
                _decided.c.disturbing,
                _decided.c.kind.in_(("label", "skip")),
                _decided.c.time > stamp(now - timedelta(days=1)),
            )
            .order_by(_decided.c.number.desc())
        )
        times = [moment(row[0]) for row in self._connection.execute(query)]
        if len(times) >= care.a_day:
            oldest = times[care.a_day - 1] if care.a_day else now
            return Rest(reason="limit", until=stamp(oldest + timedelta(days=1)))
        pause = timedelta(minutes=care.break_minutes)
        run = 0
        while run < len(times) and (run == 0 or times[run - 1] - times[run] < pause):
            run += 1
        end = times[0] + pause if run >= care.stretch else now
        return Rest(reason="break", until=stamp(end)) if end > now else None

    def _checks_due(self, tally: int) -> int:
        """How many attention checks are due: one somewhere in each stretch, at a place drawn a person."""
        stretches, into = divmod(tally, self._quality.attention_every)
        drawn = hashlib.sha256(f"{self._round.id} {self._person.id} {stretches}".encode()).digest()
        return stretches + (into > int.from_bytes(drawn[:8], "big") % self._quality.attention_every)

    def _due(self, purpose: str, answered: dict[str, int], due: int, *, calm: bool) -> dict[str, Any] | None:
        if answered.get(purpose, 0) >= due:
            return None
        unseen = self.unseen(purpose, calm=calm)
        return self._assigned(unseen[0]) if unseen else None

    def _repeat(self, tally: int, *, calm: bool) -> dict[str, Any] | None:
        """An item that the person judged long enough ago, once more, when one is due."""
        again = _given.alias("again")
        mine = sa.and_(_given.c.person == self._person.id, _given.c.round == self._round.id)
        repeats = sa.select(sa.func.count()).where(mine, _given.c.turn == 1)
        if int(self._quality.consistency * tally) <= self._connection.execute(repeats).scalar_one():
            return None
        recent = (
            sa.select(_given.c.id)
            .join(_decided, _decided.c.id == _given.c.decision)
            .where(mine, _given.c.state == "answered")
            .order_by(_decided.c.number.desc())
            .limit(self._quality.apart)
        )
        near = [row[0] for row in self._connection.execute(recent)]
        query = (
            sa.select(_given.c.id, _given.c.item)
            .join(_items, _items.c.id == _given.c.item)
            .where(
                mine,
                _given.c.turn == 0,
                _given.c.state == "answered",
                _items.c.purpose == "item",
                _given.c.id.not_in(near),
                ~sa.exists().where(
                    again.c.item == _given.c.item, again.c.person == self._person.id, again.c.turn == 1
                ),
            )
            .order_by(_given.c.id)  # ids are random: so is the choice
            .limit(1)
        )
        row = self._connection.execute(query.where(~_items.c.disturbing) if calm else query).first()
        return None if row is None else self._assigned(row.item, turn=1, repeat_of=row.id)

    def _next(self, *, calm: bool, look: bool = False) -> dict[str, Any] | None:
        """The next item with a place left; with `look` it is not taken.

        Looked for beyond the person's last one first: behind it lies what they have judged, which others
        still have to. What was returned there comes at the end.
        """
        query = sa.select(_items.c.id).where(
            _items.c.round == self._round.id, _items.c.needed > 0, *self._for_person()
        )
        query = query.where(~_items.c.disturbing) if calm else query
        query = query.order_by(_items.c.position).limit(1)
        if look:
            found = self._connection.execute(query).scalar()
            return None if found is None else {"item": found}
        query = query.with_for_update(skip_locked=True, key_share=True)
        beyond = query.where(_items.c.position > self._last_position())
        item = self._connection.execute(beyond).scalar() or self._connection.execute(query).scalar()
        if item is None:
            return None
        self._connection.execute(
            sa.update(_items).where(_items.c.id == item).values(needed=_items.c.needed - 1)
        )
        return self._assigned(item)

    def _last_position(self) -> int:
        """Where the person's last plain item lies in the round; 0 where there is none."""
        query = (
            sa.select(_items.c.position)
            .join(_decided, _decided.c.item == _items.c.id)
            .where(
                _decided.c.person == self._person.id,
                _decided.c.kind.in_(("label", "skip")),
                _items.c.round == self._round.id,
                _items.c.purpose == "item",
            )
            .order_by(_decided.c.number.desc())
            .limit(1)
        )
        return self._connection.execute(query).scalar() or 0

    def _for_person(self) -> tuple[sa.ColumnElement[bool], ...]:
        """Not judged, skipped or held by this person, and nothing they are recused from."""
        own = _given.alias("own")
        mine: sa.ColumnElement[bool] = sa.exists().where(
            own.c.item == _items.c.id,
            own.c.person == self._person.id,
            own.c.turn == 0,
            own.c.state != "returned",
        )
        if self._person.has(Role.ADJUDICATOR):  # who settled an item saw what others said of it
            settled = sa.exists().where(
                _decided.c.item == _items.c.id,
                _decided.c.person == self._person.id,
                _decided.c.kind == "settled",
            )
            mine = sa.or_(mine, settled)
        if not self._recused:
            return (~mine,)
        recused = sa.exists().where(
            _recused.c.round == self._round.id,
            _recused.c.person == self._person.id,
            sa.or_(_recused.c.item == _items.c.id, _recused.c.stratum == _items.c.stratum),
        )
        return ~mine, ~recused

    def _assigned(self, item: str, *, turn: int = 0, repeat_of: str | None = None) -> dict[str, Any]:
        """Note that the person has the item; a place that was returned before is used again."""
        lease = self._store.stamp(minutes=float(self._round.settings["lease_minutes"]))
        values: dict[str, Any] = {"given": self._store.stamp(), "lease": lease, "state": "given"}
        mine = sa.and_(_given.c.item == item, _given.c.person == self._person.id, _given.c.turn == turn)
        again = sa.update(_given).where(mine).values(values).returning(_given)
        if row := self._connection.execute(again).mappings().first():
            return dict(row)
        values |= {
            "id": fresh("a-"),
            "round": self._round.id,
            "item": item,
            "person": self._person.id,
            "turn": turn,
            "left": secrets.choice("ab"),
            "repeat_of": repeat_of,
            "decision": None,
        }
        self._connection.execute(sa.insert(_given).values(values))
        return values

    def _waiting(self) -> Rest | None:
        """Whether what is left is with others, who may give it back."""
        query = sa.select(sa.func.min(_given.c.lease)).where(
            _given.c.round == self._round.id, _given.c.state == "given", _given.c.turn == 0
        )
        others = query.join(_items, _items.c.id == _given.c.item).where(
            _items.c.purpose == "item", *self._for_person()
        )
        until = self._connection.execute(others.select_from(_given)).scalar()
        return None if until is None else Rest(reason="waiting", until=until)


def as_expected(hidden: Mapping[str, Any], answers: Mapping[str, Any]) -> bool:
    """Whether every known answer of a check was given."""
    return all(answers.get(question) in allowed for question, allowed in hidden.get("expected", {}).items())
