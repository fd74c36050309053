"""The store: what is on the disk, its schema brought up to date, and who may open it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from duecare.review import schema
from duecare.review.errors import StoreError
from duecare.review.store import Store, moment, stamp


def config(connection: sa.Connection) -> Config:
    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", "duecare.review:migrations")
    made.set_main_option("path_separator", "os")
    return made


def engine_of(place: str) -> sa.Engine:
    return sa.create_engine(place if "://" in place else f"sqlite:///{place}")


@pytest.fixture
def old(request: pytest.FixtureRequest, place: str) -> str:
    """A place that never held a store."""
    if "://" not in place:
        return place
    name = f"old{abs(hash(request.node.name)) % 10**8}"
    return str(request.getfixturevalue("cluster").url(name))


def test_the_schema_that_is_read_is_the_last_revision(store: Store) -> None:
    with store.read() as connection:
        assert ScriptDirectory.from_config(config(connection)).get_heads() == [schema.HEAD]


def test_revisions_make_the_tables_that_are_read(store: Store) -> None:
    """What alembic would still change: nothing."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, schema.metadata) == []


def _old_rows(made: str) -> dict[str, dict[str, object]]:
    """One row of each table that labels hang on, as the first revision knew them."""
    text = dict.fromkeys(("run", "source", "source_digest", "digest"), "")
    no = dict.fromkeys(("disturbing", "disputed", "settled"), False)
    return {
        "people": {"id": "p-1", "name": "Ada", "login": "ada", "password": "x", "roles": '["annotator"]',
                   "active": True, "made": made},
        "rounds": {"id": "r-1", "name": "first", "point": "data", **text, "made": made, "overlap": 2,
                   "questions": "[]", "settings": "{}", "state": "open"},
        "items": {"id": "i-1", "round": "r-1", "row": "a:1", "key": "k", "part": "text", "position": 1,
                  "purpose": "item", "stratum": "", "shown": "{}", "hidden": "{}", "needed": 1, "done": 1,
                  **no},
        "decisions": {"id": "d-1", "round": "r-1", "time": made, "person": "p-1", "number": 1, "item": "i-1",
                      "kind": "label", "guideline": 1, "answers": '{"harm":2}', "comment": "",
                      "shown_digest": "", "disturbing": False},
    }  # fmt: skip


def test_an_older_store_is_brought_up_to_date_with_its_data(old: str) -> None:
    engine = engine_of(old)
    with engine.begin() as connection:
        command.upgrade(config(connection), "r0001")
        made = "2026-01-02T03:04:05.000006Z"
        for table, row in _old_rows(made).items():
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)
    engine.dispose()
    for _ in range(2):  # a second opening changes nothing
        with Store.open(old) as store, store.read() as connection:
            (row,) = connection.execute(sa.select(schema.decisions)).mappings().all()
            assert (row["answers"], row["person"], row["time"]) == ({"harm": 2}, "p-1", made)
            version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            assert version == schema.HEAD


def test_a_newer_store_is_refused(store: Store, place: str) -> None:
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'r9999'"))
    try:
        with pytest.raises(StoreError, match="newer duecare"):
            Store.open(place)
    finally:
        with store.begin() as connection:
            connection.execute(
                sa.text("UPDATE alembic_version SET version_num = :head"), {"head": schema.HEAD}
            )


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.sqlite").write_text("no database, but long enough to be taken for one" * 20)
    with pytest.raises(StoreError):
        Store.open(tmp_path / "text.sqlite")
    with pytest.raises(StoreError):
        Store.open("mysql://somewhere/else")
    with pytest.raises(StoreError):
        Store.open("postgresql://nobody@127.0.0.1:1/nowhere?connect_timeout=1")


def test_sqlite_waits_for_the_disk(tmp_path: Path) -> None:
    with Store.open(tmp_path / "review.sqlite") as store, store.begin() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_block_that_fails_changes_nothing(store: Store) -> None:
    attempt = sa.insert(schema.attempts).values(id="1", login="a", place="b", time=store.stamp())

    def fail() -> None:
        with store.begin() as connection:
            connection.execute(attempt)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.read() as connection:
        assert connection.execute(sa.select(schema.attempts)).all() == []


def test_stamps_sort_as_times_do() -> None:
    times = [moment("2026-01-02T03:04:05.000006Z"), moment("2026-01-02T03:04:05.900000Z")]
    assert [stamp(time) for time in times] == sorted(stamp(time) for time in times)


def test_a_study_needs_neither_web_framework_nor_sql() -> None:
    program = (
        "import sys; import duecare.review.waiting, duecare.cli.reading, duecare.review.draw; "
        "sys.exit(bool({'sqlalchemy', 'starlette', 'alembic', 'jax'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert importlib.util.find_spec("sqlalchemy")


def test_an_error_of_the_database_names_nobody(store: Store) -> None:
    person = {
        "id": "p-1",
        "name": "Marigold Quux",
        "login": "m",
        "password": "-",
        "roles": [],
        "active": True,
        "made": "2026",
    }
    with store.begin() as connection:
        connection.execute(sa.insert(schema.people).values(person))
    with pytest.raises(sa.exc.IntegrityError) as caught, store.begin() as connection:
        connection.execute(sa.insert(schema.people).values(person))
    assert "Marigold" not in str(caught.value)
    # Control: an engine as SQLAlchemy makes it says what was to be written.
    engine = sa.create_engine("sqlite://")
    schema.metadata.create_all(engine)
    with pytest.raises(sa.exc.IntegrityError) as told, engine.begin() as connection:
        connection.execute(sa.insert(schema.people), [person, person])
    assert "Marigold" in str(told.value)
