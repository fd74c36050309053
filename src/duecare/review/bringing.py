"""Labels that were made elsewhere, taken into a round as decisions of people who cannot log in here.

A label counts like one of ours: the item must still need somebody, nobody judges an item twice, answers are
checked as if they came from a form. Whoever made it becomes a pseudonym; the name they had elsewhere is not
kept.
"""

from __future__ import annotations

import csv
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from duecare.core.errors import DataError
from duecare.review import schema
from duecare.review.decided import count_again, decide
from duecare.review.errors import GoneError, ReviewError
from duecare.review.question import Question, checked
from duecare.review.queue import take_place
from duecare.review.rounds import Round, guideline_in, round_in
from duecare.review.shown import arranged, by_part, digest_of, mapped, unmapped
from duecare.review.store import Store, fresh

_items, _given = schema.items, schema.assignments
_MOST_BYTES = 512 * 1024 * 1024
_UNLIKE = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError),
    *(OverflowError, RecursionError, csv.Error, pa.ArrowException),
)
"""What a reader raises where a file is not what it takes it for."""
_READ = ("item", "row", "person", "question", "value", "reason")
"""The columns of `labels.parquet` that a label is made of."""


@dataclass(slots=True)
class Brought:
    """One person's answers to one item, by the item's id or its row; choices by "a" and "b"."""

    item: str
    person: str
    answers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What came of it: labels taken in, people behind them, and how many were refused for which reason."""

    labels: int
    people: int
    refused: Mapping[str, int]


def read_labels(path: Path, questions: Sequence[Question]) -> list[Brought]:
    """The labels in a CSV or Parquet table of ours, or in JSON of Label Studio or Argilla. Raises DataError
    for anything else.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path.name}: expected at most {_MOST_BYTES // 2**20} MiB")
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return list(_merged(_of_csv(csv.DictReader(file), questions)))
        if path.suffix == ".parquet":
            rows = pq.read_table(path, columns=[*_READ]).to_pylist()
            told = (
                {name: "" if value is None else str(value) for name, value in row.items()} for row in rows
            )
            return list(_merged(_of_csv(told, questions)))
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise DataError(f"{path.name}: expected a list of tasks or records")
        reader = _of_label_studio if any("annotations" in each for each in found) else _of_argilla
        return list(_merged(reader(found)))
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror})") from error
    except _UNLIKE as error:
        raise DataError(f"{path.name} is not as expected of labels ({type(error).__name__})") from error


def bring_in(store: Store, round: str, labels: Sequence[Brought]) -> Taken:
    """Take labels into an open round, all in one transaction."""
    with store.begin() as connection:
        found = round_in(connection, round, hold=True)
        if found.state != "open":
            raise GoneError("this round is closed")
        taking = _Taking(store, connection, found)
        for label in labels:
            try:
                taking.take(label)
            except ReviewError as error:
                taking.refused[str(error)] += 1
        return Taken(labels=taking.labels, people=len(taking.people), refused=dict(taking.refused))


class _Taking:
    """One import, in one transaction."""

    def __init__(self, store: Store, connection: sa.Connection, round: Round) -> None:
        self._store, self._connection, self._round = store, connection, round
        self._version = guideline_in(connection, round.id).version
        self._comments = frozenset(each.name for each in round.questions if each.kind == "comment")
        self.labels, self.refused = 0, Counter[str]()
        self.people = set[str]()
        self._known = dict[str, str]()

    def take(self, label: Brought) -> None:
        item = self._item(label.item)
        texts = arranged(item["shown"], "a")
        sided = unmapped(self._round.questions, label.answers, "a")
        kept = mapped(self._round.questions, checked(self._round.questions, sided, by_part(texts)), "a")
        person = self._person(label.person)
        own = sa.select(_given.c.id).where(_given.c.item == item["id"], _given.c.person == person)
        if self._connection.execute(own).first() is not None:
            raise ReviewError("this person judged this item before")
        if not take_place(self._connection, item["id"], 0):
            raise ReviewError("the item has all the labels that were planned")
        given, now = fresh("a-"), self._store.stamp()
        self._connection.execute(
            sa.insert(_given).values(
                id=given, round=self._round.id, item=item["id"], person=person, turn=0, given=now, lease=now,
                state="given", left="a", repeat_of=None, decision=None,
            )
        )  # fmt: skip
        decision = decide(
            self._store, self._connection, round=self._round.id, person=person,
            item=item["id"], assignment=given, kind="label", guideline=self._version, answers=kept,
            shown_digest=digest_of(texts, self._round.questions, self._version),
            disturbing=item["disturbing"],
        )  # fmt: skip
        done = {"state": "answered", "decision": decision}
        self._connection.execute(sa.update(_given).where(_given.c.id == given).values(done))
        count_again(self._connection, item["id"], self._comments)
        self.labels += 1
        self.people.add(person)

    def _item(self, name: str) -> Mapping[str, Any]:
        query = sa.select(_items).where(
            _items.c.round == self._round.id,
            _items.c.purpose == "item",
            sa.or_(_items.c.id == name, _items.c.row == name),
        )
        rows = self._connection.execute(query.limit(2)).mappings().all()
        if len(rows) != 1:
            raise ReviewError("the round has no such item" if not rows else "several items have this row")
        return dict(rows[0])

    def _person(self, name: str) -> str:
        if name in self._known:
            return self._known[name]
        login = f"import:{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:24]}"
        table = schema.people
        known = self._connection.execute(sa.select(table.c.id).where(table.c.login == login)).scalar()
        if known is None:
            known = f"p-{secrets.token_hex(4)}"
            self._connection.execute(
                sa.insert(table).values(
                    id=known, name="somebody elsewhere", login=login, password="", roles=[], active=False,
                    made=self._store.stamp(),
                )
            )  # fmt: skip
        self._known[name] = known
        return known


def _merged(labels: Iterator[Brought]) -> Iterator[Brought]:
    """One label an item and person."""
    found: dict[tuple[str, str], Brought] = {}
    for label in labels:
        whole = found.setdefault((label.item, label.person), Brought(label.item, label.person))
        for name, value in label.answers.items():
            if isinstance(value, list) and name in whole.answers:
                whole.answers[name] = [*whole.answers[name], *value]
            else:
                whole.answers[name] = value
    yield from found.values()


_CHOSEN = {1.0: "a", 0.0: "b", 0.5: "tie"}


def _of_csv(rows: Iterator[dict[str, str]], questions: Sequence[Question]) -> Iterator[Brought]:
    kinds = {question.name: question.kind for question in questions}
    if "spans" in kinds.values():  # no mark would say that somebody looked and found nothing
        raise DataError("a CSV holds no marked places, which this round asks for: bring JSON")
    for row in rows:
        if row.get("turn") not in (None, "", "0"):  # a repeat: the first judgement counts
            continue
        name, value = row["question"], row["value"]
        answer: Any = value
        if kinds.get(name) == "rate":
            answer = _step(float(value)) if value else None
        elif kinds.get(name) == "choose":
            answer = _CHOSEN[float(value)] if value else row.get("reason") or None
        yield Brought(row.get("item") or row["row"], row["person"].removeprefix("'"), {name: answer})


def _step(value: float) -> int | float:
    """A step of a scale; what lies between two steps is nobody's answer, and is left to be refused."""
    return int(value) if value == int(value) else value


def _of_label_studio(tasks: list[dict[str, Any]]) -> Iterator[Brought]:
    for task in tasks:
        item = str(task.get("meta", {}).get("item") or task["id"])
        for made in task.get("annotations", ()):
            if made.get("was_cancelled"):
                continue
            by = made.get("completed_by")
            person = str(by["id"] if isinstance(by, dict) else by)
            for result in made["result"]:
                yield Brought(item, person, {result["from_name"]: _studio_value(result)})


def _studio_value(result: Mapping[str, Any]) -> Any:
    value = result["value"]
    if "rating" in value:
        return value["rating"]
    if "choices" in value:
        return value["choices"][0]
    if "text" in value and result["type"] == "textarea":
        return "\n".join(value["text"]) if isinstance(value["text"], list) else value["text"]
    span = {"start": value["start"], "end": value["end"], "label": value["labels"][0]}
    return [{"part": result["to_name"], **span}]


def _of_argilla(records: list[dict[str, Any]]) -> Iterator[Brought]:
    for record in records:
        for question, responses in record["responses"].items():
            for response in responses:
                value = response["value"]
                if isinstance(value, list):
                    value = [{"part": "text", **span} for span in value]
                yield Brought(str(record["id"]), str(response["user_id"]), {question: value})
