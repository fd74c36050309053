"""The store of review: one SQLite file, or a PostgreSQL database of one's own.

An answer that was acknowledged is on the disk: SQLite runs in WAL mode with synchronous FULL, PostgreSQL with
synchronous_commit on. A transaction that writes is begun as such (`BEGIN IMMEDIATE`), so it never fails half
way for a reader that wanted to write.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from duecare.review import schema
from duecare.review.errors import BusyError, ReviewError, StoreError

Clock = Callable[[], datetime]
_WAIT_MS = 30_000
_LOCK = 0x64756563617265
"""Advisory lock under which PostgreSQL's schema is brought up to date ("duecare" in ASCII)."""


def _now() -> datetime:
    return datetime.now(UTC)


def stamp(time: datetime) -> str:
    """A time as it is stored: UTC, microseconds, of one width, so that its order is that of the text."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(stamped: str) -> datetime:
    """The time of a stamp."""
    return datetime.strptime(stamped, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def fresh(prefix: str = "") -> str:
    """A new id: 64 random bits, which nobody can guess and no order shows."""
    return prefix + secrets.token_hex(8)


class Store:
    """An open store. Use `Store.open`; close it, or use it as a context manager."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self._writer = threading.Lock() if engine.dialect.name == "sqlite" else None

    @classmethod
    def open(cls, place: str | Path, *, clock: Clock = _now) -> Self:
        """Open the SQLite file at a path, or the database at a URL (`postgresql+psycopg://...`).

        What is not there is made, an older schema is brought up to date. Raises StoreError where the store
        cannot be reached, is not one, or was written by a newer version.
        """
        store = cls(_engine(place), clock)
        try:
            with store.begin() as connection:
                if store.postgres:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                _migrate(connection)
        except (SQLAlchemyError, BusyError) as error:
            store.close()
            cause = error.__cause__ if isinstance(error, BusyError) else error
            raise StoreError(f"the store cannot be opened ({type(cause).__name__})") from error
        except BaseException:
            store.close()
            raise
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection. What was acknowledged is on the disk already."""
        self._engine.dispose()

    @property
    def postgres(self) -> bool:
        """Whether rows are locked one by one (PostgreSQL), not the whole file (SQLite)."""
        return self._engine.dialect.name == "postgresql"

    def now(self) -> datetime:
        """The time, by the clock that the store was opened with."""
        return self._clock()

    def stamp(self, **later: float) -> str:
        """The time now, or later by `minutes=`, `days=`..., as it is stored."""
        return stamp(self._clock() + timedelta(**later))

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction that may write: all of it is on the disk when the block ends, or nothing.

        Raises BusyError where the database cannot be reached or gave way: what was asked may be asked again.
        """
        if self._writer is None:
            with self._reached("BEGIN") as connection:
                yield connection
            return
        with self._writer, self._reached("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with self._reached("BEGIN") as connection:
            yield connection

    @contextmanager
    def _reached(self, how: str) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                connection.info["begin"] = how
                with connection.begin():
                    yield connection
        except (DataError, UnicodeEncodeError):  # a NUL, or half of a surrogate pair
            raise ReviewError("what was sent holds characters that cannot be kept") from None
        except (OperationalError, PoolTimeout) as error:
            raise BusyError("the store cannot be reached just now; nothing was lost: try again") from error
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            raise BusyError("the store went away; nothing was lost: try again") from error


def _engine(place: str | Path) -> sa.Engine:
    if isinstance(place, str) and "://" in place:
        try:
            url = sa.make_url(place)
        except (ArgumentError, ValueError):  # what they say may hold the password
            raise StoreError("the store's address is no URL: expected postgresql://... or a path") from None
        if url.get_backend_name() == "postgresql":
            return sa.create_engine(
                url.set(drivername="postgresql+psycopg"),
                pool_size=16,
                max_overflow=16,
                pool_pre_ping=True,
                hide_parameters=True,  # an error goes to a log, where no answer and nobody's name belongs
                isolation_level="READ COMMITTED",  # rows are locked one by one, whatever the server's default
                connect_args={"options": "-c synchronous_commit=on -c timezone=UTC"},
            )
        if url.get_backend_name() != "sqlite":
            raise StoreError(f"a store on {url.get_backend_name()}: expected sqlite or postgresql")
        place = url.database or ""
    path = Path(place)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # texts and hashes, for this account alone
    except OSError as error:
        raise StoreError(f"the store cannot be opened ({error.strerror})") from error
    engine = sa.create_engine(
        f"sqlite:///{path}",
        pool_size=16,
        max_overflow=16,
        hide_parameters=True,
        connect_args={"timeout": _WAIT_MS / 1000},
    )
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun here, not by the driver
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_WAIT_MS}",
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.info.get("begin", "BEGIN"))


def _migrate(connection: sa.Connection) -> None:
    known = sa.inspect(connection).has_table("alembic_version")
    if (
        known
        and connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == schema.HEAD
    ):
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "duecare.review:migrations")
    config.set_main_option("path_separator", "os")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError("the store's schema is not known here: it was written by a newer duecare") from error
