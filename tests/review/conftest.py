"""The same tests on both databases: `store` is an empty one, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the review extra is not installed")

import review_postgres
from review_rounds import Clock, joined

from duecare.review.person import Person
from duecare.review.store import Store


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
