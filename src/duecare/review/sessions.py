"""Logging in and staying so: attempts are counted before a password is looked at, tokens are kept as
digests."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from duecare.review import password as passwords
from duecare.review import schema
from duecare.review.errors import BusyError, DeniedError, ReviewError
from duecare.review.person import Person, person_in
from duecare.review.store import Store, fresh, moment, stamp

HOURS, IDLE_MINUTES = 12, 60
"""A session ends after so many hours, and after so many minutes in which nothing was asked."""
WINDOW_MINUTES, PER_LOGIN, PER_PLACE = 15, 8, 30
"""Attempts that fail within the window, for one log-in name and from one address, before there are no
more."""
_LOCK = 0x6C6F67696E
"""Advisory lock under which PostgreSQL counts attempts ("login" in ASCII)."""
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Somebody who is logged in; `csrf` is the secret that their forms must carry."""

    person: Person
    csrf: str
    expires: str


def digest(token: str) -> str:
    """What is kept of a token. Tokens are long and random, so a plain SHA-256 is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def log_in(store: Store, login: str, password: str, where: str) -> tuple[Person, str]:
    """The person and a session token. `where` is the address that asks.

    Raises DeniedError (one sentence, whether log-in or password is wrong) and BusyError after too many
    attempts. An unknown log-in name takes as long as a known one.
    """
    attempt = _noted(store, login, where)
    table = schema.people
    with store.read() as connection:
        query = sa.select(table).where(table.c.login == _spelled(login), table.c.active)
        row = connection.execute(query).mappings().first()
    if not passwords.matches(password, row["password"] if row else None) or row is None:
        raise DeniedError("log-in name or password is wrong", field="password")
    person = person_in(dict(row))
    with store.begin() as connection:
        connection.execute(sa.delete(schema.attempts).where(schema.attempts.c.login == attempt))
        return person, _opened(store, connection, person)


def person_of(store: Store, token: str) -> Session | None:
    """Whose session a token is; None where it is unknown, ran out, or its person takes part no more."""
    kept, people = schema.sessions, schema.people
    query = sa.select(kept, people).join(people, people.c.id == kept.c.person)
    query = query.where(kept.c.hash == digest(token), people.c.active)
    with store.read() as connection:
        row = connection.execute(query.with_only_columns(kept, people.c.name, people.c.login, people.c.roles))
        found = row.mappings().first()
    now = store.now()
    if found is None or moment(found["expires"]) <= now:
        return None
    idle = now - moment(found["seen"])
    if idle >= timedelta(minutes=IDLE_MINUTES):
        return None
    if idle >= _SEEN_EVERY:
        with store.begin() as connection:
            connection.execute(sa.update(kept).where(kept.c.hash == found["hash"]).values(seen=store.stamp()))
    person = person_in({**found, "id": found["person"]})
    return Session(person=person, csrf=found["csrf"], expires=found["expires"])


def log_out(store: Store, token: str) -> None:
    """End a session."""
    with store.begin() as connection:
        connection.execute(sa.delete(schema.sessions).where(schema.sessions.c.hash == digest(token)))


def change_password(store: Store, person: Person, old: str, new: str) -> str:
    """Set a new password; every session of the person ends, and the token of a new one is returned."""
    table = schema.people
    attempt = _noted(store, person.login, f"change of password {person.id}")
    with store.read() as connection:
        row = connection.execute(sa.select(table.c.password).where(table.c.id == person.id)).first()
    if not passwords.matches(old, row[0] if row else None):
        raise DeniedError("the password is wrong", field="old")
    try:
        phc = passwords.hashed(passwords.accepted(new, person.login))
    except ReviewError as error:
        raise ReviewError(str(error), field="new") from None
    with store.begin() as connection:
        connection.execute(sa.update(table).where(table.c.id == person.id).values(password=phc))
        connection.execute(sa.delete(schema.sessions).where(schema.sessions.c.person == person.id))
        connection.execute(sa.delete(schema.attempts).where(schema.attempts.c.login == attempt))
        return _opened(store, connection, person)


def _spelled(login: str) -> str:
    return login.strip().casefold()


def _network(where: str) -> str:
    """What one visitor has of addresses: one of IPv4, but 2**64 of IPv6."""
    try:
        address = ipaddress.ip_address(where)
    except ValueError:
        return where
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))


def _opened(store: Store, connection: sa.Connection, person: Person) -> str:
    """A new session's token. Sessions that ran out are cleared away on the occasion."""
    token = secrets.token_urlsafe(32)
    kept = schema.sessions
    connection.execute(sa.delete(kept).where(kept.c.expires <= store.stamp()))
    connection.execute(
        sa.insert(kept).values(
            hash=digest(token),
            person=person.id,
            csrf=secrets.token_urlsafe(32),
            made=store.stamp(),
            expires=store.stamp(hours=HOURS),
            seen=store.stamp(),
        )
    )
    return token


def _noted(store: Store, login: str, where: str) -> str:
    """Count an attempt as failed before it is looked at, so that many at once are counted, too."""
    table = schema.attempts
    who, place = digest(f"login {_spelled(login)}"), digest(f"place {_network(where)}")
    since = stamp(store.now() - timedelta(minutes=WINDOW_MINUTES))
    with store.begin() as connection:
        if store.postgres:  # one at a time: of many at once each would count those that are through already
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        connection.execute(sa.delete(table).where(table.c.time < since))
        counted = sa.select(
            sa.func.count().filter(table.c.login == who), sa.func.count().filter(table.c.place == place)
        ).select_from(table)
        mine, here = connection.execute(counted).one()
        if mine >= PER_LOGIN or here >= PER_PLACE:
            raise BusyError("too many attempts: wait a quarter of an hour", after=WINDOW_MINUTES * 60)
        connection.execute(sa.insert(table).values(id=fresh(), login=who, place=place, time=store.stamp()))
    return who
