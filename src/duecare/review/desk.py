"""An annotator's desk: the next item, an answer, a skip, a flag, and taking the last one back.

Each call is one transaction. When it returns, what was decided is on the disk; when it raises, nothing was
changed. A request that is sent twice is answered twice and counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from duecare.core.errors import DuecareError
from duecare.core.wire import encode
from duecare.review import schema
from duecare.review.decided import count_again, decide
from duecare.review.errors import GoneError, ReviewError
from duecare.review.person import Person, Role, held, require
from duecare.review.question import checked, comment_of, reason_of, seconds_of
from duecare.review.queue import free_place, give, give_back, held_by, kept_from, take_place, turned_away
from duecare.review.rounds import Round, guideline_in, round_in
from duecare.review.shown import Rest, Shown, arranged, by_part, digest_of, mapped, unmapped
from duecare.review.store import Store, stamp

__all__ = ["Past", "Rest", "Shown", "flag", "history", "next_item", "save_draft", "skip", "submit", "undo"]

_items, _given, _decided, _drafts = schema.items, schema.assignments, schema.decisions, schema.drafts


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """One decision of a person, as they saw it; `undoable` where `undo` would take it back now."""

    decision: str
    time: str
    item: str
    kind: str
    answers: Mapping[str, Any]
    comment: str
    guideline: int
    texts: Mapping[str, Any]
    blurred: bool
    withdrawn: bool
    undoable: bool


def next_item(store: Store, person: Person, round: str) -> Shown | Rest | None:
    """What the person has before them, else the next item; a Rest where there is none now, None at the end.

    Raises GoneError where the round is unknown or closed, DeniedError for who is no annotator.
    """
    with store.read() as connection:
        found = round_in(connection, round)
    give_back(store, found.id, person.id)
    with store.begin() as connection:
        _expect_open(round_in(connection, found.id, hold=True))
        who = held(connection, person)
        require(who, Role.ANNOTATOR)
        given = held_by(connection, who.id, found.id)
        if given is not None:
            _renew(store, connection, found, given["id"])
        else:
            fresh_one = give(store, connection, found, who)
            if not isinstance(fresh_one, dict):
                return fresh_one
            given = fresh_one
        return _shown(connection, found, given)


def submit(  # noqa: PLR0917  # in the order of a form
    store: Store,
    person: Person,
    assignment: str,
    answers: Mapping[str, Any],
    comment: str = "",
    seconds: float | None = None,
) -> str:
    """Keep the answers to an item; the id of the decision. Once this returns they are on the disk.

    `answers` as in `question.checked`, sides as the person saw them. The same answers sent again are no
    error, and give the same id. Raises ReviewError with a `field` where an answer is wrong, GoneError where
    the item is not theirs any more (its lease ran out and others took it, it was answered otherwise, the
    round closed).
    """
    with store.begin() as connection:
        desk = _Desk(store, connection, person, assignment)
        found = checked(desk.round.questions, answers, by_part(desk.texts))
        kept = mapped(desk.round.questions, found, desk.given["left"])
        comment = comment_of(comment)
        if desk.given["state"] == "answered":
            before = desk.decision()
            if before["answers"] == kept and before["comment"] == comment:
                return str(before["id"])
            raise GoneError("this item was answered already: take the answer back to change it")
        desk.hold()
        decision = desk.decide("label", answers=kept, comment=comment, seconds=seconds_of(seconds))
        desk.leave("answered", decision)
        return decision


def skip(store: Store, person: Person, assignment: str, reason: str) -> str:
    """Leave an item to others, with a reason; the person does not get it again. The id of the decision."""
    reason = reason_of(reason)
    with store.begin() as connection:
        desk = _Desk(store, connection, person, assignment)
        if desk.given["state"] == "skipped":
            return str(desk.given["decision"])
        desk.hold()
        decision = desk.decide("skip", comment=reason)
        desk.leave("skipped", decision)
        free_place(connection, desk.given["item"], desk.given["turn"])
        return decision


def flag(store: Store, person: Person, assignment: str, reason: str) -> str:
    """Tell the ethical reviewer of an item; it stays before the person, who answers or skips it then."""
    reason = reason_of(reason)
    with store.begin() as connection:
        desk = _Desk(store, connection, person, assignment)
        same = sa.select(_decided.c.id).where(
            _decided.c.assignment == assignment, _decided.c.kind == "flag", _decided.c.comment == reason
        )
        if (before := connection.execute(same).scalar()) is not None:
            return str(before)
        if desk.given["state"] != "answered":
            desk.hold()
        return desk.decide("flag", comment=reason)


def undo(store: Store, person: Person) -> Shown | None:
    """Take the last answer, skip or flag back, if it is within the round's limit; what is before them then.

    None where there is nothing to take back. Raises GoneError where a skipped item went to others.
    """
    with store.begin() as connection:
        who = held(connection, person)
        last = _last(store, connection, who.id)
        if last is None:
            return None
        desk = _Desk(store, connection, who, last["assignment"])
        if turned_away(store, connection, desk.round, who):  # or one answer after another could be tried
            raise GoneError("the first items stay as they were judged: talk to whoever runs the review")
        if last["kind"] == "skip" and not desk.taken():
            raise GoneError("this item is not for this person any more")
        desk.decide("withdrawn", replaces=last["id"])
        if last["kind"] != "flag":
            desk.leave("given", None)
        given = desk.again()
        return _shown(connection, desk.round, given)


def save_draft(
    store: Store, person: Person, assignment: str, answers: Mapping[str, Any], comment: str = ""
) -> None:
    """Keep what was typed so far, and hold the item for longer. Answers are looked at when they are
    submitted.
    """
    with store.begin() as connection:
        desk = _Desk(store, connection, person, assignment)
        desk.hold()
        names = {question.name for question in desk.round.questions}
        kept = {name: value for name, value in answers.items() if name in names}
        if len(repr(kept)) > 200_000:
            raise ReviewError("a draft is too long")
        try:
            encode(kept)
        except (DuecareError, UnicodeEncodeError, TypeError, RecursionError):
            raise ReviewError("a draft holds what cannot be kept") from None
        connection.execute(sa.delete(_drafts).where(_drafts.c.assignment == assignment))
        connection.execute(
            sa.insert(_drafts).values(
                assignment=assignment, answers=kept, comment=comment_of(comment), time=store.stamp()
            )
        )


def history(store: Store, person: Person, round: str, limit: int = 50) -> list[Past]:
    """The person's own answers, skips and flags in a round, the newest first."""
    with store.read() as connection:
        found = round_in(connection, round)
        query = (
            sa.select(_decided, _items.c.shown, _given.c.left)
            .join(_items, _items.c.id == _decided.c.item)
            .join(_given, _given.c.id == _decided.c.assignment)
            .where(_decided.c.person == person.id, _decided.c.round == found.id)
            .order_by(_decided.c.number.desc())
        )
        rows = [dict(row) for row in connection.execute(query.limit(limit)).mappings()]
        last = _last(store, connection, person.id)
    gone = {row["replaces"] for row in rows if row["kind"] == "withdrawn"}
    return [
        Past(
            decision=row["id"],
            time=row["time"],
            item=row["item"],
            kind=row["kind"],
            answers=unmapped(found.questions, row["answers"], row["left"]),
            comment=row["comment"],
            guideline=row["guideline"],
            texts=arranged(row["shown"], row["left"]),
            blurred=row["disturbing"],
            withdrawn=row["id"] in gone,
            undoable=last is not None and last["id"] == row["id"],
        )
        for row in rows
        if row["kind"] in ("label", "skip", "flag")
    ]


class _Desk:
    """One person's assignment in one transaction."""

    def __init__(self, store: Store, connection: sa.Connection, person: Person, assignment: str) -> None:
        self._store, self._connection = store, connection
        query = sa.select(_given).where(_given.c.id == assignment, _given.c.person == person.id)
        row = connection.execute(query).mappings().first()
        if row is None:
            raise GoneError("there is no such item before this person")
        self.round = _expect_open(round_in(connection, row["round"], hold=True))
        self.person = held(connection, person)
        require(self.person, Role.ANNOTATOR)
        self.given = dict(connection.execute(query.with_for_update(key_share=True)).mappings().one())
        item = sa.select(_items.c.shown, _items.c.disturbing).where(_items.c.id == self.given["item"])
        self.shown, self.disturbing = connection.execute(item).one()
        self.texts = arranged(self.shown, self.given["left"])

    def decision(self) -> dict[str, Any]:
        """The decision that counts."""
        query = sa.select(_decided).where(_decided.c.id == self.given["decision"])
        return dict(self._connection.execute(query).mappings().one())

    def hold(self) -> None:
        """Keep the item for the person, or take it again if its lease ran out and nobody else has it."""
        state = self.given["state"]
        if state == "returned" and self.taken():
            state = "given"
        if state != "given":
            raise GoneError("this item is not before this person any more")
        _renew(self._store, self._connection, self.round, self.given["id"])

    def taken(self) -> bool:
        """Take the place in the item again; False where it is gone, or the person is recused by now."""
        item = self.given["item"]
        if kept_from(self._connection, self.person.id, item):
            return False
        return take_place(self._connection, item, self.given["turn"])

    def decide(self, kind: str, **fields: Any) -> str:
        """Append a decision on the item, with what was shown."""
        version = guideline_in(self._connection, self.round.id).version
        return decide(
            self._store,
            self._connection,
            round=self.round.id,
            person=self.person.id,
            item=self.given["item"],
            assignment=self.given["id"],
            kind=kind,
            guideline=version,
            shown_digest=digest_of(self.texts, self.round.questions, version),
            disturbing=self.disturbing,
            **fields,
        )

    def leave(self, state: str, decision: str | None) -> None:
        """Set the assignment's state, and count the item's labels again."""
        values = {"state": state, "decision": decision}
        if state == "given":
            minutes = float(self.round.settings["lease_minutes"])
            values |= {"given": self._store.stamp(), "lease": self._store.stamp(minutes=minutes)}
        else:
            self._connection.execute(sa.delete(_drafts).where(_drafts.c.assignment == self.given["id"]))
        self._connection.execute(sa.update(_given).where(_given.c.id == self.given["id"]).values(values))
        comments = frozenset(each.name for each in self.round.questions if each.kind == "comment")
        count_again(self._connection, self.given["item"], comments)

    def again(self) -> dict[str, Any]:
        """The assignment as it is now."""
        query = sa.select(_given).where(_given.c.id == self.given["id"])
        return dict(self._connection.execute(query).mappings().one())


def _expect_open(round: Round) -> Round:
    if round.state != "open":
        raise GoneError("this round is closed")
    return round


def _renew(store: Store, connection: sa.Connection, round: Round, assignment: str) -> None:
    lease = store.stamp(minutes=float(round.settings["lease_minutes"]))
    connection.execute(sa.update(_given).where(_given.c.id == assignment).values(state="given", lease=lease))


def _last(store: Store, connection: sa.Connection, person: str) -> dict[str, Any] | None:
    """The person's last answer, skip or flag that stands, where its round still lets them take it back."""
    gone = _decided.alias("gone")
    query = (
        sa.select(_decided, schema.rounds.c.settings.label("settings"))
        .join(schema.rounds, schema.rounds.c.id == _decided.c.round)
        .where(
            _decided.c.person == person,
            _decided.c.kind.in_(("label", "skip", "flag")),
            schema.rounds.c.state == "open",
            ~sa.exists().where(gone.c.replaces == _decided.c.id, gone.c.kind.in_(("withdrawn", "recused"))),
        )
        .order_by(_decided.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    since = stamp(store.now() - timedelta(minutes=float(row["settings"]["undo_minutes"])))
    return dict(row) if row["time"] >= since else None


def _shown(connection: sa.Connection, round: Round, given: Mapping[str, Any]) -> Shown:
    query = sa.select(_items.c.shown, _items.c.disturbing).where(_items.c.id == given["item"])
    shown, disturbing = connection.execute(query).one()
    mine = sa.and_(_given.c.person == given["person"], _given.c.round == round.id)
    done = sa.select(sa.func.count()).where(mine, _given.c.state == "answered")
    draft = (
        connection.execute(sa.select(_drafts).where(_drafts.c.assignment == given["id"])).mappings().first()
    )
    flagged = sa.select(_decided.c.id).where(_decided.c.assignment == given["id"], _decided.c.kind == "flag")
    return Shown(
        assignment=given["id"],
        item=given["item"],
        round=round.id,
        texts=arranged(shown, given["left"]),
        questions=round.questions,
        guideline=guideline_in(connection, round.id),
        blurred=disturbing,
        position=connection.execute(done).scalar_one() + 1,
        of=int(round.settings["items"]),
        lease=given["lease"],
        draft=draft["answers"] if draft else {},
        draft_comment=draft["comment"] if draft else "",
        flagged=connection.execute(flagged.limit(1)).first() is not None,
    )
