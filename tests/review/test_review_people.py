"""Invitations, passwords, sessions, and what people say about themselves."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from review_rounds import Clock

from duecare.review import password as passwords
from duecare.review import people, schema, sessions
from duecare.review.errors import BusyError, DeniedError, GoneError, ReviewError
from duecare.review.person import Person, Role
from duecare.review.store import Store

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id at its least: what it costs is not what is tested here."""
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "_PASSES", 1)
    passwords._nobody.cache_clear()


def joined(store: Store, login: str, role: str = "annotator", by: Person | None = None) -> Person:
    return people.join(store, people.invite(store, role, by), login, login.title(), PASSWORD)


def test_an_invitation_is_good_once_and_not_forever(store: Store, clock: Clock) -> None:
    token = people.invite(store, "annotator", None, days=1)
    assert people.invitation(store, token) is Role.ANNOTATOR
    person = people.join(store, token, "Ada", "Ada L.", PASSWORD)
    assert (person.login, person.roles) == ("ada", frozenset({Role.ANNOTATOR}))
    with pytest.raises(GoneError):
        people.join(store, token, "eve", "Eve", PASSWORD)
    late = people.invite(store, "ethics", None, days=1)
    clock.later(days=2)
    with pytest.raises(GoneError):
        people.join(store, late, "eve", "Eve", PASSWORD)


def test_a_taken_login_keeps_the_invitation_good(store: Store) -> None:
    joined(store, "ada")
    token = people.invite(store, "annotator", None)
    with pytest.raises(ReviewError) as error:
        people.join(store, token, "ADA", "Another", PASSWORD)
    assert error.value.field == "login"
    people.join(store, token, "another", "Another", PASSWORD)


def test_only_owners_invite_and_nobody_changes_their_own_rights(store: Store) -> None:
    owner, other = joined(store, "owner", "owner"), joined(store, "other")
    with pytest.raises(DeniedError):
        people.invite(store, "owner", other)
    with pytest.raises(DeniedError):
        people.give_roles(store, owner, owner.id, frozenset(Role))
    people.give_roles(store, owner, other.id, frozenset({Role.ANNOTATOR, Role.ETHICS}))
    assert {person.login: person.has(Role.ETHICS) for person in people.everybody(store)} == {
        "owner": False,
        "other": True,
    }
    forged = Person(id=other.id, name="", login="", roles=frozenset({Role.OWNER}))
    with pytest.raises(DeniedError):  # rights are those of the store, not of what a session remembers
        people.invite(store, "owner", forged)


def test_passwords_are_kept_as_argon2id_and_tokens_as_digests(store: Store) -> None:
    joined(store, "ada")
    token = people.log_in(store, "ada", PASSWORD, "127.0.0.1")[1]
    with store.read() as connection:
        kept = connection.execute(sa.select(schema.people.c.password)).scalar_one()
        hashes = connection.execute(sa.select(schema.sessions.c.hash)).scalars().all()
    assert kept.startswith("$argon2id$v=19$")
    assert PASSWORD not in kept
    assert token not in hashes


@pytest.mark.parametrize("password", ["short", "a" * 20, "x" * 201])
def test_weak_passwords_are_refused(store: Store, password: str) -> None:
    with pytest.raises(ReviewError) as error:
        people.join(store, people.invite(store, "annotator", None), "ada", "Ada", password)
    assert error.value.field == "password"


def test_sessions_end(store: Store, clock: Clock) -> None:
    person = joined(store, "ada")
    _, token = people.log_in(store, " ADA ", PASSWORD, "here")
    session = people.person_of(store, token)
    assert session is not None
    assert session.person == person
    assert people.person_of(store, token + "x") is None
    for _ in range(3):
        clock.later(minutes=50)
        assert people.person_of(store, token) is not None  # used: not idle
    clock.later(minutes=61)
    assert people.person_of(store, token) is None
    _, token = people.log_in(store, "ada", PASSWORD, "here")
    for _ in range(15):
        clock.later(minutes=50)
        ended = people.person_of(store, token) is None
    assert ended
    _, token = people.log_in(store, "ada", PASSWORD, "here")
    people.log_out(store, token)
    assert people.person_of(store, token) is None


def test_log_in_is_limited_by_name_and_by_address(store: Store, clock: Clock) -> None:
    joined(store, "ada")
    for number in range(sessions.PER_LOGIN):
        with pytest.raises(DeniedError):
            people.log_in(store, "ada", "wrong password", f"address {number}")
    with pytest.raises(BusyError):
        people.log_in(store, "ada", PASSWORD, "another address")
    clock.later(minutes=16)
    people.log_in(store, "ada", PASSWORD, "another address")
    for number in range(sessions.PER_PLACE):
        with pytest.raises(DeniedError):
            people.log_in(store, f"guess{number}", "wrong password", "one address")
    with pytest.raises(BusyError):
        people.log_in(store, "ada", PASSWORD, "one address")


def test_an_unknown_login_costs_the_same_work(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    joined(store, "ada")
    looked: list[str] = []
    real = passwords.Argon2id

    class Watched:
        def __new__(cls, **settings: object) -> object:  # type: ignore[misc]  # stands in for the real one
            return real(**settings)  # type: ignore[arg-type]

        @staticmethod
        def verify_phc_encoded(password: bytes, phc: str) -> None:
            looked.append(phc.rsplit("$", 2)[0])
            real.verify_phc_encoded(password, phc)

    monkeypatch.setattr(passwords, "Argon2id", Watched)
    for login in ("ada", "nobody"):
        with pytest.raises(DeniedError) as error:
            people.log_in(store, login, "wrong password", "here")
        assert str(error.value) == "log-in name or password is wrong"
    assert len(looked) == 2
    assert looked[0] == looked[1]  # the same parameters, so the same work


def test_a_new_password_ends_every_session(store: Store) -> None:
    person = joined(store, "ada")
    _, first = people.log_in(store, "ada", PASSWORD, "here")
    with pytest.raises(DeniedError):
        people.change_password(store, person, "wrong password", "another good one")
    fresh = people.change_password(store, person, PASSWORD, "another good one")
    assert people.person_of(store, first) is None
    assert people.person_of(store, fresh) is not None
    with pytest.raises(DeniedError):
        people.log_in(store, "ada", PASSWORD, "here")


def test_who_is_deactivated_is_out_at_once(store: Store) -> None:
    owner, other = joined(store, "owner", "owner"), joined(store, "other")
    _, token = people.log_in(store, "other", PASSWORD, "here")
    people.deactivate(store, owner, other.id)
    assert people.person_of(store, token) is None
    with pytest.raises(DeniedError):
        people.log_in(store, "other", PASSWORD, "here")
    with pytest.raises(GoneError):
        people.state_attributes(store, other, {"age": "older"})


def test_who_somebody_was_can_be_erased_and_what_they_decided_stays(store: Store) -> None:
    from review_rounds import candidates, plan

    from duecare.review import desk
    from duecare.review.rounds import open_round, progress

    owner, other = joined(store, "owner", "owner"), joined(store, "rare-name")
    people.state_attributes(store, other, {"age": "a-rare-value"})
    opened = open_round(store, candidates(1), plan(overlap=1))
    shown = desk.next_item(store, other, opened.id)
    assert isinstance(shown, desk.Shown)
    desk.submit(store, other, shown.assignment, {"harm": 1})
    with pytest.raises(DeniedError):
        people.forget(store, other, owner.id)
    people.forget(store, owner, other.id)
    with store.read() as connection:
        rows = [connection.execute(sa.select(table)).all() for table in schema.metadata.sorted_tables]
    assert not [word for word in ("rare-name", "Rare-Name", "a-rare-value") if word in str(rows)]
    assert progress(store, opened.id).labels == 1
    with pytest.raises(DeniedError):
        people.log_in(store, "rare-name", PASSWORD, "here")


def test_attributes_are_apart_and_can_be_deleted(store: Store, place: str) -> None:
    person = joined(store, "ada")
    people.state_attributes(store, person, {"age": "a-rare-value", "dialect": " "})
    assert people.attributes_of(store, person) == {"age": "a-rare-value"}
    people.forget_attributes(store, person)
    assert people.attributes_of(store, person) == {}
    assert people.everybody(store) == [person]


def test_deleted_attributes_leave_no_trace_in_the_file(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    with Store.open(folder / "review.sqlite") as store:
        person = joined(store, "ada")
        people.state_attributes(store, person, {"age": "a-rare-value"})
        people.forget_attributes(store, person)
    assert not [path for path in folder.iterdir() if b"a-rare-value" in path.read_bytes()]
