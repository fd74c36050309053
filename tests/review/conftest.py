"""The same tests on both databases: `store` is an empty one, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the review extra is not installed")

import review_postgres
from review_rounds import joined

from duecare.review.person import Person
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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def cluster() -> Iterator[review_postgres.Cluster]:
    if reason := review_postgres.missing():
        pytest.skip(reason)
    running = review_postgres.Cluster()
    yield running
    running.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store may be made."""
    if request.param == "sqlite":
        return str(tmp_path / "review.sqlite")
    url = str(request.getfixturevalue("cluster").url("review"))
    review_postgres.emptied(url)
    return url


@pytest.fixture
def store(place: str, clock: Clock) -> Iterator[Store]:
    with Store.open(place, clock=clock) as opened:
        yield opened


@pytest.fixture
def join(store: Store) -> Callable[..., Person]:
    """Somebody new, with the roles given."""
    numbers = itertools.count(1)
    return lambda *roles: joined(store, next(numbers), *(roles or ("annotator",)))
