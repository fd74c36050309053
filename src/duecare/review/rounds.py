"""Rounds: opened with the items drawn for them, listed, watched and closed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from duecare.core.errors import DataError
from duecare.core.wire import plain
from duecare.review import schema
from duecare.review.draw import drawn
from duecare.review.errors import GoneError, ReviewError
from duecare.review.person import Person, Role, held, require
from duecare.review.plan import Candidate, Care, Plan, Quality
from duecare.review.question import Question
from duecare.review.shown import Guideline
from duecare.review.store import Store, fresh

_ENCODER = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One round as it stands. `digest` is that of its items; `state` "open" or "closed"."""

    id: str
    name: str
    point: str
    run: str
    source: str
    source_digest: str
    digest: str
    made: str
    overlap: int
    questions: tuple[Question, ...]
    settings: dict[str, Any]
    state: str
    closed: str | None

    @property
    def care(self) -> Care:
        """What protects the people who read disturbing text."""
        return msgspec.convert(self.settings["care"], Care)

    @property
    def quality(self) -> Quality:
        """How the round looks after the reliability of its labels."""
        return msgspec.convert(self.settings["quality"], Quality)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a round is: `labels` of `planned` are there, `complete` of `items` have all of theirs."""

    items: int
    planned: int
    labels: int
    complete: int
    with_people: int
    disputed: int
    settled: int
    flags: int
    people: int


def open_round(store: Store, rows: Sequence[Candidate], plan: Plan) -> Round:
    """Draw the items of a round from its candidates and open it; all in one transaction.

    Raises ReviewError where a round of this name is open, DataError where there is nothing to review.
    """
    round_id = fresh("r-")
    items = list(_items(round_id, rows, plan))
    with store.begin() as connection:
        values = {"id": round_id, "made": store.stamp(), **_values(plan, items, len(rows))}
        _step_aside(connection, plan.name)
        try:
            connection.execute(sa.insert(schema.rounds).values(values))
        except IntegrityError:
            raise ReviewError(f"a round named {plan.name} is open already", field="name") from None
        guideline = {"version": 1, "text": plan.guideline, "why": "the first version", "by": None}
        connection.execute(
            sa.insert(schema.guidelines).values(round=round_id, time=store.stamp(), **guideline)
        )
        _write(connection, items)
    return _round(values)


def _step_aside(connection: sa.Connection, name: str) -> None:
    """A closed round of this name takes a number: a study that waits for the name waits for the new one."""
    table = schema.rounds
    former = sa.select(table.c.id).where(table.c.name == name, table.c.state == "closed")
    if (found := connection.execute(former).scalar()) is None:
        return
    names = set(connection.execute(sa.select(table.c.name)).scalars())
    number = next(number for number in range(1, len(names) + 2) if f"{name}.{number}" not in names)
    connection.execute(sa.update(table).where(table.c.id == found).values(name=f"{name}.{number}"))


def _values(plan: Plan, items: Sequence[dict[str, Any]], candidates: int) -> dict[str, Any]:
    """What a round says of itself; its settings also say what its items spare the queue from looking for."""
    carried = ("blind", "lease_minutes", "undo_minutes", "twins", "draw", "care", "quality")
    drawn_ones = sum(item["purpose"] == "item" for item in items)
    found = {
        "candidates": candidates,
        "items": drawn_ones,
        "special": len(items) > drawn_ones,
        "disturbing": any(item["disturbing"] for item in items),
    }
    return {
        **{
            name: getattr(plan, name)
            for name in ("name", "point", "run", "source", "source_digest", "overlap")
        },
        "digest": items_digest(items),
        "questions": [plain(question) for question in plan.questions],
        "settings": {name: plain(getattr(plan, name)) for name in carried} | found,
        "state": "open",
        "closed": None,
    }


def items_digest(items: Sequence[dict[str, Any]]) -> str:
    """The digest of a round's items: what was drawn, why, with which chance, what is shown and hidden."""
    known = ("row", "key", "part", "position", "purpose", "stratum", "probability", "shown", "hidden")
    digest = hashlib.sha256()
    for item in items:
        digest.update(_ENCODER.encode([item[name] for name in known]) + b"\n")
    return digest.hexdigest()


def _write(connection: sa.Connection, items: Sequence[dict[str, Any]]) -> None:
    """Insert items whose JSON is written already: past the types of the columns, which would write each
    anew.
    """
    names = list(items[0])
    rows = [tuple(item.values()) for item in items]
    columns = ", ".join(f'"{name}"' for name in names)
    if connection.dialect.name == "postgresql":
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY items ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.close()
        return
    places = ", ".join("?" * len(names))
    insert = f"INSERT INTO items ({columns}) VALUES ({places})"  # noqa: S608  # names of our own columns
    connection.exec_driver_sql(insert, rows)


def rounds(store: Store) -> list[Round]:
    """Every round, the newest first."""
    with store.read() as connection:
        found = connection.execute(sa.select(schema.rounds).order_by(schema.rounds.c.made.desc())).mappings()
        return [_round(dict(row)) for row in found]


def round_of(store: Store, round: str) -> Round:
    """A round by id or name. Raises GoneError where there is none."""
    with store.read() as connection:
        return round_in(connection, round)


def round_in(connection: sa.Connection, round: str, *, hold: bool = False) -> Round:
    """As `round_of`, in a transaction that is under way; with `hold` nobody closes it before that ends.

    A transaction holds the round first, then a person, an assignment and items: in one order, so that none
    waits for another that waits for it.
    """
    table = schema.rounds
    query = sa.select(table).where(sa.or_(table.c.id == round, table.c.name == round))
    query = query.with_for_update(read=True) if hold else query
    row = connection.execute(query).mappings().first()
    if row is None:
        raise GoneError("there is no such round")
    return _round(dict(row))


def close_round(store: Store, round: str, by: Person | None = None) -> Round:
    """Close a round: what is with people returns, no answer is taken any more. `by` None: the command
    line.
    """
    table, given = schema.rounds, schema.assignments
    with store.begin() as connection:
        if by is not None:
            require(held(connection, by), Role.OWNER)
        found = round_in(connection, round)
        connection.execute(
            sa.update(table)
            .where(table.c.id == found.id, table.c.state == "open")
            .values(state="closed", closed=store.stamp())
        )
        connection.execute(
            sa.update(given)
            .where(given.c.round == found.id, given.c.state == "given")
            .values(state="returned")
        )
        return round_in(connection, found.id)


def guideline_in(connection: sa.Connection, round: str) -> Guideline:
    """The guideline that holds now."""
    table = schema.guidelines
    query = sa.select(table).where(table.c.round == round).order_by(table.c.version.desc()).limit(1)
    row = connection.execute(query).mappings().one()
    return Guideline(version=row["version"], text=row["text"], why=row["why"], time=row["time"])


def guidelines(store: Store, round: str) -> list[Guideline]:
    """Every version of a round's guideline, the newest first."""
    table = schema.guidelines
    query = sa.select(table).where(table.c.round == round).order_by(table.c.version.desc())
    with store.read() as connection:
        return [
            Guideline(version=row["version"], text=row["text"], why=row["why"], time=row["time"])
            for row in connection.execute(query).mappings()
        ]


def progress(store: Store, round: str) -> Progress:
    """How far a round is."""
    items, given, decided = schema.items, schema.assignments, schema.decisions
    with store.read() as connection:
        found = round_in(connection, round)
        mine = items.c.round == found.id
        counts = sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(items.c.done), 0),
            sa.func.count().filter(items.c.done >= found.overlap),
            sa.func.count().filter(items.c.disputed, ~items.c.settled),
            sa.func.count().filter(items.c.settled),
        ).where(mine, items.c.purpose == "item")
        total, labels, complete, disputed, settled = connection.execute(counts).one()
        with_people = sa.select(sa.func.count()).where(given.c.round == found.id, given.c.state == "given")
        flags = sa.select(sa.func.count()).where(decided.c.round == found.id, decided.c.kind == "flag")
        people = sa.select(sa.func.count(sa.distinct(given.c.person))).where(
            given.c.round == found.id, given.c.state == "answered"
        )
        return Progress(
            items=total,
            planned=total * found.overlap,
            labels=labels,
            complete=complete,
            with_people=connection.execute(with_people).scalar_one(),
            disputed=disputed,
            settled=settled,
            flags=connection.execute(flags).scalar_one(),
            people=connection.execute(people).scalar_one(),
        )


def _round(row: dict[str, Any]) -> Round:
    questions = tuple(msgspec.convert(question, Question) for question in row["questions"])
    return Round(**{**row, "questions": questions})


def _items(round_id: str, rows: Sequence[Candidate], plan: Plan) -> Iterator[dict[str, Any]]:
    place = 0
    for each in drawn(rows, plan.draw):
        candidate = rows[each.index]
        place += 1
        yield _item(round_id, candidate, plan, place, "item") | {
            "stratum": each.stratum,
            "probability": each.probability,
            "needed": plan.overlap,
        }
    for candidate in _twins(rows, plan):
        place += 1
        yield _item(round_id, candidate, plan, place, "twin")
    for number, check in enumerate(plan.checks):
        place += 1
        given = Candidate(
            row=f"check:{number}",
            key="",
            part="text",
            shown=check.shown,
            hidden={"expected": plain(check.expected)},
        )
        yield _item(round_id, given, plan, place, check.purpose)


def _item(round_id: str, candidate: Candidate, plan: Plan, place: int, purpose: str) -> dict[str, Any]:
    shown, groups = dict(candidate.shown), dict(candidate.groups)
    if groups and not plan.blind:
        shown["groups"] = groups
    hidden = {**candidate.hidden, "groups": groups, "scores": dict(candidate.scores)}
    if not all(map(math.isfinite, candidate.scores.values())):
        raise DataError(f"row {candidate.row}: a score is no finite number")
    if candidate.pair_id is not None:
        hidden["pair_id"] = candidate.pair_id
    return {
        "id": fresh("i-"),
        "round": round_id,
        "row": candidate.row,
        "key": candidate.key,
        "part": candidate.part,
        "position": place,
        "purpose": purpose,
        "stratum": "",
        "probability": None,
        "shown": _ENCODER.encode(shown).decode(),
        "hidden": _ENCODER.encode(hidden).decode(),
        "disturbing": candidate.disturbing,
        "needed": 0,
        "done": 0,
        "disputed": False,
        "settled": False,
    }


def _twins(rows: Sequence[Candidate], plan: Plan) -> list[Candidate]:
    """Pairs that differ in the group they name; `plan.twins` of them, at random."""
    pairs: dict[str, list[Candidate]] = {}
    for candidate in rows if plan.twins else ():
        if candidate.pair_id is not None:
            pairs.setdefault(candidate.pair_id, []).append(candidate)
    whole = [name for name, members in sorted(pairs.items()) if len(members) >= 2]
    chosen = np.random.default_rng(plan.draw.seed).permutation(len(whole))[: plan.twins]
    found = []
    for name in (whole[int(place)] for place in chosen):
        # Copies of one row differ from it in one group each, and from one another in two.
        found += sorted(pairs[name], key=lambda member: member.row != name)[:2]
    return found
