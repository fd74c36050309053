"""Everything of a round that an export needs, read in one transaction and joined in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from duecare.review import schema
from duecare.review.rounds import Round, round_in
from duecare.review.store import Store


@dataclass(frozen=True, slots=True)
class Label:
    """One judgement that counts: the item, the assignment and the decision, as rows of the store."""

    item: Mapping[str, Any]
    given: Mapping[str, Any]
    decision: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """A round with all that was decided. `said` maps a person to what they said about themselves."""

    round: Round
    guidelines: list[dict[str, Any]]
    items: list[dict[str, Any]]
    given: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    said: dict[str, dict[str, str]]

    def labels(self) -> Iterator[Label]:
        """What counts, by the place of the item and the time of the answer; repeats are among it."""
        items = {item["id"]: item for item in self.items}
        decisions = {decision["id"]: decision for decision in self.decisions}
        found = [
            Label(items[given["item"]], given, decisions[given["decision"]])
            for given in self.given
            if given["state"] == "answered"
        ]
        yield from sorted(
            found, key=lambda each: (each.item["position"], each.decision["time"], each.decision["id"])
        )

    def settled(self) -> dict[str, dict[str, Any]]:
        """The adjudicator's decision that counts, by item."""
        return {each["item"]: each for each in self.decisions if each["kind"] == "settled"}


def gather(store: Store, round: str) -> Gathered:
    """Read a round whole."""
    with store.read() as connection:
        found = round_in(connection, round)

        def all_of(table: sa.Table, *order: sa.ColumnElement[Any]) -> list[dict[str, Any]]:
            query = sa.select(table).where(table.c.round == found.id).order_by(*order)
            return [dict(row) for row in connection.execute(query).mappings()]

        decided = schema.decisions
        said: dict[str, dict[str, str]] = {}
        for row in connection.execute(sa.select(schema.attributes)):
            said.setdefault(row.person, {})[row.axis] = row.value
        return Gathered(
            round=found,
            guidelines=all_of(schema.guidelines, schema.guidelines.c.version),
            items=all_of(schema.items, schema.items.c.position),
            given=all_of(schema.assignments, schema.assignments.c.id),
            decisions=all_of(decided, decided.c.time, decided.c.person, decided.c.number),
            said=said,
        )
