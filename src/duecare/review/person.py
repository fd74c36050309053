"""A person of the store, and what a role allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from duecare.review import schema
from duecare.review.errors import DeniedError, GoneError


class Role(StrEnum):
    """What somebody is here for; a person may have several roles."""

    ANNOTATOR = "annotator"
    ADJUDICATOR = "adjudicator"
    ETHICS = "ethics"
    OWNER = "owner"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody who takes part. `id` is the pseudonym; `name` and `login` never leave the store."""

    id: str
    name: str
    login: str
    roles: frozenset[Role]

    def has(self, *roles: Role) -> bool:
        """Whether one of these roles is theirs."""
        return not self.roles.isdisjoint(roles)


def person_in(row: Mapping[str, Any]) -> Person:
    """The person of a row of `people`."""
    return Person(
        id=row["id"],
        name=row["name"],
        login=row["login"],
        roles=frozenset(Role(role) for role in row["roles"]),
    )


def require(person: Person, *roles: Role) -> None:
    """Raise DeniedError unless one of the roles is theirs."""
    if not person.has(*roles):
        raise DeniedError(f"this is for the role {' or '.join(roles)}")


def held(connection: sa.Connection, person: Person) -> Person:
    """The person as they are now, locked until the transaction ends: what one person does happens in a row.

    Raises GoneError where they do not take part any more. Rights are looked at here, not in a session's copy.
    """
    table = schema.people
    query = sa.select(table).where(table.c.id == person.id, table.c.active).with_for_update(key_share=True)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise GoneError("this person does not take part any more")
    return person_in(dict(row))
