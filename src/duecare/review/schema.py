"""The tables of the store. Every id is random, every time is UTC in ISO 8601 with microseconds.

`decisions` is append-only: triggers refuse to change or delete a row. `attributes` stands apart from
`people`, and may be deleted. What the annotator must not know stands in `items.hidden`.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from duecare.core.wire import encode

HEAD = "r0003"
"""The revision of the schema that this code reads and writes."""


class Json(TypeDecorator[Any]):
    """A value as canonical JSON text, the same on every database."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        """To the database."""
        return None if value is None else encode(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        """From the database."""
        return None if value is None else msgspec.json.decode(value)


metadata = sa.MetaData()

rounds = sa.Table(
    "rounds",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("point", sa.Text, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("source_digest", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("made", sa.Text, nullable=False),
    sa.Column("overlap", sa.Integer, nullable=False),
    sa.Column("questions", Json, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("closed", sa.Text),
)

guidelines = sa.Table(
    "guidelines",
    metadata,
    sa.Column("round", sa.Text, sa.ForeignKey("rounds.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("by", sa.Text),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("round", sa.Text, sa.ForeignKey("rounds.id"), nullable=False),
    sa.Column("row", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("part", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("stratum", sa.Text, nullable=False),
    sa.Column("probability", sa.Float),
    sa.Column("shown", Json, nullable=False),
    sa.Column("hidden", Json, nullable=False),
    sa.Column("disturbing", sa.Boolean, nullable=False),
    sa.Column("needed", sa.Integer, nullable=False),
    sa.Column("done", sa.Integer, nullable=False),
    sa.Column("disputed", sa.Boolean, nullable=False),
    sa.Column("settled", sa.Boolean, nullable=False),
    sa.UniqueConstraint("round", "position"),
)
_open = sa.text("needed > 0")
sa.Index("items_open", items.c.round, items.c.position, sqlite_where=_open, postgresql_where=_open)
sa.Index("items_row", items.c.round, items.c.row)
_special = sa.text("purpose <> 'item'")
sa.Index("items_special", items.c.round, items.c.purpose, sqlite_where=_special, postgresql_where=_special)
_disputed = sa.text("disputed")
sa.Index("items_disputed", items.c.round, sqlite_where=_disputed, postgresql_where=_disputed)

people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("login", sa.Text, nullable=False, unique=True),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("roles", Json, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("made", sa.Text, nullable=False),
    sa.Column("invited_by", sa.Text),
)
"""`invited_by` is the owner whose invitation was taken up; null for one of the command line."""

attributes = sa.Table(
    "attributes",
    metadata,
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), primary_key=True),
    sa.Column("axis", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("consented", sa.Text, nullable=False),
)

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("by", sa.Text),
    sa.Column("made", sa.Text, nullable=False),
    sa.Column("expires", sa.Text, nullable=False),
    sa.Column("used", sa.Text),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True),
    sa.Column("csrf", sa.Text, nullable=False),
    sa.Column("made", sa.Text, nullable=False),
    sa.Column("expires", sa.Text, nullable=False),
    sa.Column("seen", sa.Text, nullable=False),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("login", sa.Text, nullable=False, index=True),
    sa.Column("place", sa.Text, nullable=False, index=True),
    sa.Column("time", sa.Text, nullable=False, index=True),
)
"""Attempts to log in that did not succeed (yet); log-in and address as digests."""

assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("round", sa.Text, sa.ForeignKey("rounds.id"), nullable=False),
    sa.Column("item", sa.Text, sa.ForeignKey("items.id"), nullable=False),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("given", sa.Text, nullable=False),
    sa.Column("lease", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("left", sa.Text, nullable=False),
    sa.Column("repeat_of", sa.Text),
    sa.Column("decision", sa.Text),
    sa.UniqueConstraint("item", "person", "turn"),
)
"""`turn` 0 is the first time a person sees an item, 1 the repeat; `left` is "a" or "b"; `decision` the one
that counts now.
"""
sa.Index("assignments_person", assignments.c.person, assignments.c.round, assignments.c.state)
_given = sa.text("state = 'given'")
sa.Index(
    "assignments_lease",
    assignments.c.round,
    assignments.c.lease,
    sqlite_where=_given,
    postgresql_where=_given,
)

drafts = sa.Table(
    "drafts",
    metadata,
    sa.Column("assignment", sa.Text, sa.ForeignKey("assignments.id"), primary_key=True),
    sa.Column("answers", Json, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("time", sa.Text, nullable=False),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("round", sa.Text, sa.ForeignKey("rounds.id"), nullable=False),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("item", sa.Text, sa.ForeignKey("items.id"), nullable=False, index=True),
    sa.Column("assignment", sa.Text, sa.ForeignKey("assignments.id")),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("guideline", sa.Integer, nullable=False),
    sa.Column("answers", Json, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float),
    sa.Column("shown_digest", sa.Text, nullable=False),
    sa.Column("disturbing", sa.Boolean, nullable=False),
    sa.Column("replaces", sa.Text),
    sa.UniqueConstraint("person", "number"),
)
sa.Index("decisions_round", decisions.c.round, decisions.c.kind)

recusals = sa.Table(
    "recusals",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("round", sa.Text, sa.ForeignKey("rounds.id"), nullable=False),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("item", sa.Text, sa.ForeignKey("items.id")),
    sa.Column("stratum", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("time", sa.Text, nullable=False),
)
sa.Index("recusals_person", recusals.c.person, recusals.c.round)

waivers = sa.Table(
    "waivers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("finding", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("asked", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("expires", sa.Text, nullable=False),
    sa.Column("seconded_by", sa.Text, sa.ForeignKey("people.id")),
    sa.Column("seconded", sa.Text),
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("told", sa.Text),
)
"""What the ledger must hear; `told` is when it did. Written in the transaction of what it tells."""
