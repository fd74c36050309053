"""Small rounds, and people to judge them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from duecare.review import schema
from duecare.review.person import Person, Role
from duecare.review.plan import Candidate, Draw, Plan, Quality
from duecare.review.question import Question
from duecare.review.store import Store


class Clock:
    """A clock that a test moves; every look at it is a microsecond later."""

    def __init__(self) -> None:
        self.time = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.time += timedelta(microseconds=1)
        return self.time

    def later(self, **by: float) -> None:
        self.time += timedelta(**by)


def joined(store: Store, number: int, *roles: str) -> Person:
    """A person without a password's cost: tests of people join as people do."""
    person = Person(
        id=f"p-{number:08x}",
        name=f"Person {number}",
        login=f"person{number}",
        roles=frozenset(Role(role) for role in roles),
    )
    with store.begin() as connection:
        connection.execute(
            sa.insert(schema.people).values(
                id=person.id,
                name=person.name,
                login=person.login,
                password="none",
                roles=sorted(roles),
                active=True,
                made=store.stamp(),
            )
        )
    return person


RATE = Question(name="harm", ask="How harmful is this text?", scale=("not at all", "a little", "very"))
BETTER = Question(name="better", ask="Which answer is better?", kind="choose")
PLACES = Question(name="places", ask="Mark names.", kind="spans", labels=("name", "address"), required=False)


def candidates(count: int) -> list[Candidate]:
    return [
        Candidate(
            row=f"chats:{i}",
            key=f"{i:064x}",
            part="text",
            shown={"kind": "text", "text": f"Text number {i}."},
            groups={"age": "older" if i % 2 else "younger"},
            scores={"toxicity@1": i / count},
        )
        for i in range(count)
    ]


def pairs(count: int) -> list[Candidate]:
    prompt = [{"role": "user", "content": "What do you advise?"}]
    return [
        Candidate(
            row=f"pairs:{i}",
            key=f"{i:064x}",
            part="pair",
            shown={"kind": "answers", "messages": prompt, "answers": {"a": f"Good {i}", "b": f"Bad {i}"}},
        )
        for i in range(count)
    ]


def plan(**changed: object) -> Plan:
    """A round without extras: no repeats, everything drawn."""
    settings: dict[str, object] = {
        "name": "first",
        "point": "data",
        "questions": (RATE,),
        "guideline": "Judge the text, not who wrote it.",
        "draw": Draw(items=10_000),
        "quality": Quality(consistency=0.0),
        **changed,
    }
    return Plan(**settings)  # type: ignore[arg-type]
