"""The one person who reviews in a terminal: made once in a store, and without a password to log in with."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from duecare.review import schema
from duecare.review.person import Person, Role, person_in
from duecare.review.store import Store


def alone(store: Store, account: str) -> Person:
    """The annotator who works in the terminal of the account `account`; the same one each time."""
    login, table = f"terminal:{account}", schema.people
    with store.begin() as connection:
        row = connection.execute(sa.select(table).where(table.c.login == login)).mappings().first()
        if row is not None:
            return person_in(dict(row))
        values = {
            "id": f"p-{secrets.token_hex(4)}",
            "name": account,
            "login": login,
            "password": "",  # no hash: nobody logs in with it
            "roles": [Role.ANNOTATOR.value],
            "active": True,
            "made": store.stamp(),
        }
        connection.execute(sa.insert(table).values(values))
        return person_in(values)
