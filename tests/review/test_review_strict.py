"""What somebody might try who wants more than their part, and what two at once might do to each other."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from review_rounds import BETTER, candidates, joined, pairs, plan

from duecare.review import adjudicate, desk, oversight, people, queue, schema
from duecare.review.desk import Rest, Shown
from duecare.review.errors import GoneError, ReviewError, StoreError
from duecare.review.person import Person
from duecare.review.plan import Check, Quality
from duecare.review.rounds import open_round, progress
from duecare.review.store import Store

Join = Callable[..., Person]


def given(store: Store, person: Person, round: str) -> Shown:
    found = desk.next_item(store, person, round)
    assert isinstance(found, Shown)
    return found


def stratum_of(store: Store, item: str) -> str:
    with store.read() as connection:
        query = sa.select(schema.items.c.stratum).where(schema.items.c.id == item)
        return str(connection.execute(query).scalar_one())


# --- recusal ------------------------------------------------------------------------------------


def test_an_item_that_went_back_is_not_answered_by_somebody_recused_from_it(
    store: Store, join: Join, clock: Callable[..., object]
) -> None:
    opened = open_round(store, candidates(3), plan(overlap=1))
    person, other, ethics = join(), join(), join("ethics")
    shown = given(store, person, opened.id)
    clock.later(minutes=31)  # type: ignore[attr-defined]
    queue.give_back(store, opened.id, other.id)  # the lease ran out: the item went back
    oversight.recuse(store, ethics, person.id, opened.id, "knows them", item=shown.item)
    with pytest.raises(GoneError):
        desk.submit(store, person, shown.assignment, {"harm": 1})
    with pytest.raises(GoneError):
        desk.save_draft(store, person, shown.assignment, {"harm": 1})
    assert progress(store, opened.id).labels == 0


def test_a_skipped_item_is_not_taken_back_by_somebody_recused_from_it(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(3), plan(overlap=1))
    person, ethics = join(), join("ethics")
    shown = given(store, person, opened.id)
    desk.skip(store, person, shown.assignment, "knows them")
    stratum = stratum_of(store, shown.item)
    oversight.recuse(store, ethics, person.id, opened.id, "knows them", stratum=stratum)
    with pytest.raises(GoneError):
        desk.undo(store, person)
    with store.read() as connection:
        needed = connection.execute(
            sa.select(schema.items.c.needed).where(schema.items.c.id == shown.item)
        ).scalar_one()
    assert needed == 1


def test_labels_of_somebody_locked_out_can_be_taken_out(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(2), plan(overlap=1))
    person, owner, ethics = join(), join("owner"), join("ethics")
    shown = given(store, person, opened.id)
    desk.submit(store, person, shown.assignment, {"harm": 1})
    people.deactivate(store, owner, person.id)
    assert oversight.recuse(store, ethics, person.id, opened.id, "made at random", item=shown.item) == 1
    assert progress(store, opened.id).labels == 0


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_recusal_frees_a_place_once_although_its_lease_ends_meanwhile(
    place: str, store: Store, clock: Callable[..., object]
) -> None:
    opened = open_round(store, candidates(1), plan(overlap=1))
    person, ethics = joined(store, 1, "annotator"), joined(store, 2, "ethics")
    shown = given(store, person, opened.id)
    clock.later(minutes=31)  # type: ignore[attr-defined]

    def lease_ends(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if (
            statement.startswith("UPDATE assignments")
            and threading.current_thread() is threading.main_thread()
        ):
            other = threading.Thread(target=queue.give_back, args=(store, opened.id, ethics.id))
            other.start()
            other.join(10)

    sa.event.listen(store._engine, "before_cursor_execute", lease_ends)
    oversight.recuse(store, ethics, person.id, opened.id, "knows them", item=shown.item)
    sa.event.remove(store._engine, "before_cursor_execute", lease_ends)
    with store.read() as connection:
        assert connection.execute(sa.select(schema.items.c.needed)).scalar_one() == 1


def _meanwhile(store: Store, statement: str, act: Callable[[], object]) -> Callable[[], None]:
    """`act` begins in another thread before the first such statement of this one; a call ends it."""
    other = threading.Thread(target=act)

    def before(_conn: object, _cursor: object, said: str, *_: object) -> None:
        if said.startswith(statement) and threading.current_thread() is threading.main_thread():
            other.start()
            other.join(1)

    sa.event.listen(store._engine, "before_cursor_execute", before)

    def end() -> None:
        sa.event.remove(store._engine, "before_cursor_execute", before)
        other.join(10)

    return end


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_two_who_answer_one_item_at_once_are_both_counted(place: str, store: Store, join: Join) -> None:
    opened = open_round(store, candidates(1), plan(overlap=2))
    first, second = join(), join()
    shown = [given(store, person, opened.id).assignment for person in (first, second)]
    end = _meanwhile(
        store, "UPDATE items SET done", lambda: desk.submit(store, second, shown[1], {"harm": 3})
    )
    desk.submit(store, first, shown[0], {"harm": 1})
    end()
    assert (progress(store, opened.id).labels, progress(store, opened.id).disputed) == (2, 1)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_a_round_is_not_closed_while_an_answer_is_being_kept(
    place: str, store: Store, join: Join, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    from duecare.review import export
    from duecare.review.rounds import close_round

    opened = open_round(store, candidates(1), plan(overlap=1))
    person = join()

    def close() -> None:
        close_round(store, opened.id)
        export.write(store, opened.id, tmp_path)

    end = _meanwhile(store, "INSERT INTO decisions", close)
    decision = desk.submit(store, person, given(store, person, opened.id).assignment, {"harm": 1})
    end()
    assert pq.read_table(tmp_path / "labels.parquet").column("decision").to_pylist() == [decision]


# --- blindness ----------------------------------------------------------------------------------


def test_checks_and_twins_are_no_disputes(store: Store, join: Join) -> None:
    rows = [
        replace(each, pair_id="pair", groups={"gender": "women" if number else "men"})
        for number, each in enumerate(candidates(2))
    ]
    check = Check(text="Choose: very.", expected={"harm": (3,)}, purpose="attention")
    quality = Quality(attention_every=1, twins_every=1, consistency=0)
    opened = open_round(store, rows, plan(overlap=2, twins=1, checks=(check,), quality=quality))
    adjudicator = join("adjudicator")
    for value in (1, 2):
        person = join()
        while isinstance(shown := desk.next_item(store, person, opened.id), Shown):
            desk.submit(store, person, shown.assignment, {"harm": value})
    found = adjudicate.disputed(store, opened.id)
    with store.read() as connection:
        purposes = dict(connection.execute(sa.select(schema.items.c.id, schema.items.c.purpose)).all())
    assert [purposes[each.item] for each in found] == ["item", "item"]
    special = next(item for item, purpose in purposes.items() if purpose == "attention")
    with pytest.raises(GoneError):
        adjudicate.settle(store, adjudicator, special, {"harm": 1}, "because")


def test_labels_are_not_shown_before_all_of_them_are_there(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(1), plan(overlap=2))
    person = join()
    shown = given(store, person, opened.id)
    desk.submit(store, person, shown.assignment, {"harm": 1})
    with pytest.raises(GoneError):  # an adjudicator who annotates, too, would see what others said
        adjudicate.dispute(store, shown.item)


def test_an_adjudicator_cannot_tell_who_came_first(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(1), plan(overlap=7))
    comments = {}
    for number in range(7):
        person = join()
        shown = given(store, person, opened.id)
        said = {"harm": 1 + number % 2}, f"number {number}"
        comments[desk.submit(store, person, shown.assignment, *said)] = said[1]
    found = [side.comment for side in adjudicate.dispute(store, shown.item).labels]
    assert found == [comments[decision] for decision in sorted(comments)]  # ids are random


def test_an_adjudicator_cannot_tell_the_better_answer_by_its_side(store: Store, join: Join) -> None:
    opened = open_round(store, pairs(24), plan(point="pairs", questions=(BETTER,), overlap=2))
    adjudicator = join("adjudicator")
    for side in ("left", "right"):
        person = join()
        while isinstance(shown := desk.next_item(store, person, opened.id), Shown):
            good = "left" if shown.texts["left"].startswith("Good") else "right"
            choice = good if side == "left" else {"left": "right", "right": "left"}[good]
            desk.submit(store, person, shown.assignment, {"better": choice})
    sides = set()
    for each in adjudicate.disputed(store, opened.id):
        found = adjudicate.dispute(store, each.item)
        good = "left" if found.texts["left"].startswith("Good") else "right"
        assert sorted(side.answers["better"] for side in found.labels) == ["left", "right"]
        adjudicate.settle(store, adjudicator, each.item, {"better": good}, "It answers.")
        assert adjudicate.dispute(store, each.item).settled == {"better": good}
        sides.add(good)
    assert sides == {"left", "right"}
    with store.read() as connection:
        query = sa.select(schema.decisions.c.answers).where(schema.decisions.c.kind == "settled")
        kept = [answers["better"] for answers in connection.execute(query).scalars()]
    assert kept == ["a"] * 24


def test_who_settled_an_item_is_not_given_it(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(1), plan(overlap=2))
    both, ethics = join("annotator", "adjudicator"), join("ethics")
    raters = [join(), join()]
    for value, person in enumerate(raters, start=1):
        desk.submit(store, person, given(store, person, opened.id).assignment, {"harm": value})
    (found,) = adjudicate.disputed(store, opened.id)
    adjudicate.settle(store, both, found.item, {"harm": 1}, "It is a quotation.")
    oversight.recuse(store, ethics, raters[0].id, opened.id, "knows them", item=found.item)
    assert desk.next_item(store, both, opened.id) is None
    assert given(store, join(), opened.id).item == found.item  # control


def test_who_failed_qualification_does_not_try_again_by_taking_back(store: Store, join: Join) -> None:
    check = Check(text="Choose: very.", expected={"harm": (3,)})
    opened = open_round(store, candidates(2), plan(checks=(check,)))
    person = join()
    desk.submit(store, person, given(store, person, opened.id).assignment, {"harm": 1})
    assert desk.next_item(store, person, opened.id) == Rest(reason="qualification", until=None)
    with pytest.raises(GoneError):
        desk.undo(store, person)
    assert desk.next_item(store, person, opened.id) == Rest(reason="qualification", until=None)


def test_a_check_looks_like_the_items_between_which_it_stands(store: Store, join: Join) -> None:
    checks = (
        Check(text="Yes.", prompt="Say yes.", expected={"harm": (1,)}),
        Check(text="Yes.", other="No.", prompt="Say yes.", expected={"harm": (1,)}),
    )
    opened = open_round(store, candidates(1), plan(checks=checks))
    person = join()
    kinds = {}
    for _ in checks:
        shown = given(store, person, opened.id)
        kinds[shown.texts["kind"]] = shown.texts
        desk.submit(store, person, shown.assignment, {"harm": 1})
    assert [turn["content"] for turn in kinds["chat"]["messages"]] == ["Say yes.", "Yes."]
    assert {kinds["answers"]["left"], kinds["answers"]["right"]} == {"Yes.", "No."}


def test_attention_checks_come_at_places_that_nobody_can_count_out(store: Store, join: Join) -> None:
    checks = tuple(
        Check(text=f"Check {number}", expected={"harm": (3,)}, purpose="attention") for number in range(3)
    )
    quality = Quality(attention_every=8, consistency=0)
    opened = open_round(store, candidates(24), plan(overlap=9, checks=checks, quality=quality))
    places = []
    for _ in range(4):
        person, texts = join(), []
        while isinstance(shown := desk.next_item(store, person, opened.id), Shown):
            texts.append(shown.texts["text"])
            desk.submit(store, person, shown.assignment, {"harm": 1})
        own = [place for place, text in enumerate(texts) if text.startswith("Check")]
        assert len(own) == 3
        items = [place - number for number, place in enumerate(own)]  # plain items before each
        assert all(8 * number < items[number] <= 8 * (number + 1) for number in range(3))
        places.append(tuple(items))
    assert len(set(places)) > 1
    assert len({place % 8 for each in places for place in each}) > 1


# --- the store ----------------------------------------------------------------------------------


def test_nobody_else_on_the_machine_reads_the_store(tmp_path: Path) -> None:
    path = tmp_path / "review.sqlite"
    with Store.open(path) as store:
        joined(store, 1, "owner")
        for each in tmp_path.iterdir():
            assert stat.S_IMODE(each.stat().st_mode) & 0o077 == 0, each.name


@pytest.mark.parametrize("url", ["postgresql://ada:s3cret@here:port/db", "postgresql://ada:s3cret@", "://"])
def test_a_place_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StoreError) as error:
        Store.open(url)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_nothing_is_free_for_a_moment_is_not_the_end(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(1), plan(overlap=1))
    person = join()
    with store.begin() as connection:
        connection.execute(sa.select(schema.items.c.id).with_for_update())
        assert isinstance(desk.next_item(store, person, opened.id), Rest)
    assert isinstance(desk.next_item(store, person, opened.id), Shown)


def test_many_guesses_at_once_are_counted_one_by_one(store: Store, join: Join) -> None:
    from duecare.review import sessions

    outcomes: list[str] = []
    start = threading.Barrier(24)

    def guess() -> None:
        start.wait()
        try:
            sessions._noted(store, "ada", "10.0.0.1")
            outcomes.append("counted")
        except ReviewError:
            outcomes.append("refused")

    threads = [threading.Thread(target=guess) for _ in range(24)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert outcomes.count("counted") == sessions.PER_LOGIN


def test_addresses_of_one_visitor_are_counted_as_one(store: Store) -> None:
    from duecare.review import sessions
    from duecare.review.errors import BusyError

    for number in range(sessions.PER_PLACE):
        sessions._noted(store, f"somebody{number}", f"2001:db8:1:2::{number:x}")
    with pytest.raises(BusyError):
        sessions._noted(store, "one more", "2001:db8:1:2:ffff::1")
    sessions._noted(store, "one more", "2001:db8:1:3::1")  # a neighbour
    assert sessions._network("::ffff:10.0.0.1") == sessions._network("10.0.0.1")
    assert sessions._network("unknown") == "unknown"


def test_an_invitation_that_is_none_costs_no_hash(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from duecare.review import password

    def never(_password: str) -> str:
        raise AssertionError("hashed for nobody")

    monkeypatch.setattr(password, "hashed", never)
    with pytest.raises(GoneError):
        people.join(store, "guessed", "ada", "Ada", "a long password")


# --- two accounts of one person -----------------------------------------------------------------


def test_the_ledger_hears_who_let_the_signers_of_a_waiver_in(store: Store, join: Join) -> None:
    from duecare.review import notes

    owner = people.join(store, people.invite(store, "owner", None), "ada", "Ada", "a long password")
    second = people.join(store, people.invite(store, "ethics", owner), "eve", "Eve", "another long one")
    asked = oversight.ask_waiver(store, owner, "gate", "ab" * 32, "a reason to follow", 3)
    oversight.second_waiver(store, second, asked.id)
    ((_, note),) = notes.untold(store)
    assert note.data["seconder_invited_by"] == owner.id
    assert note.data["asker_invited_by"] == "the command line"
