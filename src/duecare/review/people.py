"""Who takes part: invitations, roles, what people say about themselves.

A person's id is the pseudonym that exports carry ("p-" and random digits). Name, log-in and attributes never
leave the store.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from duecare.review import password as passwords
from duecare.review import schema
from duecare.review.errors import DeniedError, GoneError, ReviewError
from duecare.review.person import Person, Role, held, person_in, require
from duecare.review.sessions import Session, change_password, digest, log_in, log_out, person_of
from duecare.review.store import Store

__all__ = [
    "Person",
    "Role",
    "Session",
    "attributes_of",
    "change_password",
    "deactivate",
    "everybody",
    "forget",
    "forget_attributes",
    "give_roles",
    "invitation",
    "invite",
    "join",
    "log_in",
    "log_out",
    "person_of",
    "require",
    "state_attributes",
]

_LOGIN = re.compile(r"[a-z0-9._@+-]{3,80}")
_LONGEST_NAME = 80
_MOST_ATTRIBUTES = 20


def invite(store: Store, role: Role | str, by: Person | None, days: float = 7.0) -> str:
    """The token of an invitation to a role, good once. `by` is an owner, or None for the command line."""
    try:
        role = Role(role)
    except ValueError:
        raise ReviewError(f"a role is one of {', '.join(Role)}", field="role") from None
    if not 0 < days <= 90:
        raise ReviewError("an invitation is good for up to 90 days", field="days")
    token = secrets.token_urlsafe(32)
    with store.begin() as connection:
        if by is not None:
            require(held(connection, by), Role.OWNER)
        connection.execute(
            sa.insert(schema.invitations).values(
                hash=digest(token),
                role=role.value,
                by=by.id if by else None,
                made=store.stamp(),
                expires=store.stamp(days=days),
            )
        )
    return token


def invitation(store: Store, token: str) -> Role:
    """The role that an invitation is for; GoneError where it is unknown, used or ran out."""
    with store.read() as connection:
        row = connection.execute(sa.select(schema.invitations.c.role).where(*_good(store, token))).first()
    if row is None:
        raise GoneError("this invitation is not known, was used or ran out: ask for a new one")
    return Role(row[0])


def join(store: Store, token: str, login: str, name: str, password: str) -> Person:
    """Take an invitation up: the new person. The invitation is good for no second one."""
    login, name = login.strip().casefold(), name.strip()
    if not _LOGIN.fullmatch(login):
        raise ReviewError("a log-in name has 3 to 80 letters, digits or . _ @ + -", field="login")
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise ReviewError(f"a name has up to {_LONGEST_NAME} characters", field="name")
    phc = passwords.hashed(passwords.accepted(password, login))
    table = schema.invitations
    with store.begin() as connection:
        taken = (
            sa.update(table).where(*_good(store, token)).values(used=store.stamp()).returning(table.c.role)
        )
        row = connection.execute(taken).first()
        if row is None:
            raise GoneError("this invitation is not known, was used or ran out: ask for a new one")
        values = {
            "id": f"p-{secrets.token_hex(4)}",
            "name": name,
            "login": login,
            "password": phc,
            "roles": [row[0]],
            "active": True,
            "made": store.stamp(),
        }
        try:
            connection.execute(sa.insert(schema.people).values(values))
        except IntegrityError:
            raise ReviewError("this log-in name is taken", field="login") from None
    return person_in(values)


def _good(store: Store, token: str) -> tuple[sa.ColumnElement[bool], ...]:
    table = schema.invitations
    return table.c.hash == digest(token), table.c.used.is_(None), table.c.expires > store.stamp()


def everybody(store: Store) -> list[Person]:
    """Everybody who takes part, by the time they joined."""
    table = schema.people
    with store.read() as connection:
        found = connection.execute(sa.select(table).where(table.c.active).order_by(table.c.made)).mappings()
        return [person_in(dict(row)) for row in found]


def give_roles(store: Store, by: Person, person: str, roles: frozenset[Role]) -> None:
    """Set somebody's roles. Nobody changes their own, and at least one owner stays."""
    _change(store, by, person, {"roles": sorted(role.value for role in roles)})


def deactivate(store: Store, by: Person, person: str) -> None:
    """Somebody takes part no more: their sessions end; what they decided stays, under their pseudonym."""
    _change(store, by, person, {"active": False})


def forget(store: Store, by: Person, person: str) -> None:
    """Erase who somebody was: name, log-in, password and attributes. Their decisions stay under the
    pseudonym.
    """
    nobody = {"name": "", "login": f"gone:{secrets.token_hex(8)}", "password": "", "active": False}
    _change(store, by, person, nobody)


def _change(store: Store, by: Person, person: str, values: Mapping[str, Any]) -> None:
    table = schema.people
    if by.id == person:
        raise DeniedError("nobody changes their own rights: ask another owner")
    with store.begin() as connection:
        require(held(connection, by), Role.OWNER)
        changed = connection.execute(sa.update(table).where(table.c.id == person).values(values))
        if not changed.rowcount:
            raise GoneError("there is no such person")
        if not values.get("active", True):
            connection.execute(sa.delete(schema.sessions).where(schema.sessions.c.person == person))
        if "login" in values:
            connection.execute(sa.delete(schema.attributes).where(schema.attributes.c.person == person))


def state_attributes(store: Store, person: Person, attributes: Mapping[str, str]) -> None:
    """What a person says about themselves, of their own will: replaces what they said before."""
    found = {axis.strip(): value.strip() for axis, value in attributes.items() if value.strip()}
    if len(found) > _MOST_ATTRIBUTES or any(
        not axis or len(axis) > 40 or len(value) > 80 or not (axis + value).isprintable()
        for axis, value in found.items()
    ):
        raise ReviewError("attributes are short words, at most 20 of them", field="attributes")
    table = schema.attributes
    with store.begin() as connection:
        held(connection, person)
        connection.execute(sa.delete(table).where(table.c.person == person.id))
        if found:
            connection.execute(
                sa.insert(table),
                [
                    {"person": person.id, "axis": axis, "value": value, "consented": store.stamp()}
                    for axis, value in found.items()
                ],
            )


def forget_attributes(store: Store, person: Person) -> None:
    """Delete what a person said about themselves."""
    state_attributes(store, person, {})


def attributes_of(store: Store, person: Person) -> dict[str, str]:
    """What a person said about themselves; for that person's own page alone."""
    table = schema.attributes
    with store.read() as connection:
        found = connection.execute(sa.select(table.c.axis, table.c.value).where(table.c.person == person.id))
        return {row.axis: row.value for row in found}
