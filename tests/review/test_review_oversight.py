"""Adjudication, recusal, revisions, panels and waivers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from review_rounds import BETTER, Clock, candidates, pairs, plan
from sqlalchemy.exc import DBAPIError

from duecare.review import adjudicate, desk, notes, oversight, people, waive
from duecare.review.desk import Shown
from duecare.review.errors import DeniedError, GoneError, ReviewError
from duecare.review.person import Person
from duecare.review.rounds import open_round, progress
from duecare.review.store import Store

Join = Callable[..., Person]
FINDING = "ab" * 32


def judge(store: Store, person: Person, round: str, value: Callable[[Shown], object]) -> None:
    """Everything that a person gets."""
    while isinstance(shown := desk.next_item(store, person, round), Shown):
        name = shown.questions[0].name
        desk.submit(store, person, shown.assignment, {name: value(shown)})


def test_disagreement_is_settled_by_somebody_else_and_kept(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(3), plan(overlap=2))
    first, second, adjudicator = join(), join("annotator", "adjudicator"), join("adjudicator")
    judge(store, first, opened.id, lambda shown: 1)
    assert adjudicate.disputed(store, opened.id) == []  # not all labels are there
    judge(store, second, opened.id, lambda shown: 3 if "1" in shown.texts["text"] else 1)
    (found,) = adjudicate.disputed(store, opened.id)
    sides = adjudicate.dispute(store, found.item)
    assert sorted(side.answers["harm"] for side in sides.labels) == [1, 3]
    assert [side.who for side in sides.labels] == ["A", "B"]
    for wrong in (first, second):
        with pytest.raises(DeniedError):
            adjudicate.settle(store, wrong, found.item, {"harm": 2}, "I say so")
    with pytest.raises(ReviewError):
        adjudicate.settle(store, adjudicator, found.item, {"harm": 2}, " ")
    adjudicate.settle(store, adjudicator, found.item, {"harm": 2}, "It is a quotation.")
    adjudicate.settle(store, adjudicator, found.item, {"harm": 1}, "On second thoughts.")
    assert adjudicate.disputed(store, opened.id, unsettled=True) == []
    after = adjudicate.dispute(store, found.item)
    assert (after.settled, after.reason, len(after.labels)) == ({"harm": 1}, "On second thoughts.", 2)
    assert progress(store, opened.id).settled == 1


def test_what_waits_comes_before_what_is_settled(store: Store, join: Join) -> None:
    """A page shows so many disputes: those that are done must not push the others off it."""
    opened = open_round(store, candidates(3), plan(overlap=2))
    for value in (1, 3):
        judge(store, join(), opened.id, lambda shown, value=value: value)
    first, second, third = adjudicate.disputed(store, opened.id)
    adjudicate.settle(store, join("adjudicator"), first.item, {"harm": 2}, "It is a quotation.")
    found = [each.item for each in adjudicate.disputed(store, opened.id, limit=2)]
    assert found == [second.item, third.item]


def test_choices_are_compared_by_answer_not_by_side(store: Store, join: Join) -> None:
    opened = open_round(store, pairs(12), plan(point="pairs", questions=(BETTER,), overlap=2))

    def good(shown: Shown) -> str:
        return "left" if shown.texts["left"].startswith("Good") else "right"

    for person in (join(), join()):
        judge(store, person, opened.id, good)
    assert adjudicate.disputed(store, opened.id) == []
    left = open_round(store, pairs(12), plan(name="left", point="pairs", questions=(BETTER,), overlap=2))
    for person in (join(), join()):
        judge(store, person, left.id, lambda shown: "left")
    assert adjudicate.disputed(store, left.id)  # control: who always answers left disagrees


def test_decisions_cannot_be_changed_or_deleted(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(1), plan())
    judge(store, join(), opened.id, lambda shown: 1)
    for statement in ("UPDATE decisions SET answers = '{}'", "DELETE FROM decisions"):
        with pytest.raises(DBAPIError), store.begin() as connection:
            connection.execute(sa.text(statement))
    assert progress(store, opened.id).labels == 1


def test_a_recused_persons_labels_are_needed_anew(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(4), plan(overlap=1))
    first, second, ethics = join(), join(), join("ethics")
    judge(store, first, opened.id, lambda shown: 1)
    item = desk.history(store, first, opened.id)[0].item
    with pytest.raises(DeniedError):
        oversight.recuse(store, second, first.id, opened.id, "biased", item=item)
    assert oversight.recuse(store, ethics, first.id, opened.id, "knows the author", item=item) == 1
    assert progress(store, opened.id).labels == 3
    assert desk.next_item(store, first, opened.id) is None
    shown = desk.next_item(store, second, opened.id)
    assert isinstance(shown, Shown)
    assert shown.item == item
    desk.submit(store, second, shown.assignment, {"harm": 2})
    assert progress(store, opened.id).labels == 4
    assert desk.undo(store, first) is not None  # an earlier answer; the recused one cannot come back
    assert desk.history(store, first, opened.id)[0].item == item


def test_people_recuse_themselves_from_a_stratum(store: Store, join: Join) -> None:
    from duecare.review.plan import Draw

    drawing = Draw(items=100, cover=("age",), uncertain=0, disagreeing=0, margin=0)
    opened = open_round(store, candidates(8), plan(overlap=1, draw=drawing))
    person = join()
    with pytest.raises(GoneError):
        oversight.recuse(store, person, person.id, opened.id, "mine", stratum="nothing like it")
    oversight.recuse(store, person, person.id, opened.id, "my own age", stratum="chance|age=older")
    seen: list[int] = []
    judge(store, person, opened.id, lambda shown: seen.append(int(shown.texts["text"][12:-1])) or 1)
    assert sorted(seen) == [0, 2, 4, 6]


def test_a_revision_marks_what_was_labelled_before(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(2), plan(overlap=1))
    person, ethics = join(), join("ethics")
    with pytest.raises(DeniedError):
        oversight.revise(store, opened.id, person, "Judge better.", "because")
    shown = desk.next_item(store, person, opened.id)
    assert isinstance(shown, Shown)
    desk.submit(store, person, shown.assignment, {"harm": 1})
    assert oversight.revise(store, opened.id, ethics, "Judge slowly.", "people hurried") == 2
    shown = desk.next_item(store, person, opened.id)
    assert isinstance(shown, Shown)
    assert (shown.guideline.version, shown.guideline.text) == (2, "Judge slowly.")
    desk.submit(store, person, shown.assignment, {"harm": 1})
    assert [each.guideline for each in desk.history(store, person, opened.id)] == [2, 1]
    ((_, note),) = notes.untold(store)
    assert (note.topic, note.data["version"]) == ("guideline", "2")


def test_panels_show_no_single_person(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(4), plan(overlap=3))
    raters = [join() for _ in range(3)]
    for person, age in zip(raters, ("younger", "younger", "older"), strict=True):
        people.state_attributes(store, person, {"age": age})
        judge(store, person, opened.id, lambda shown: 1)
    people.state_attributes(store, join(), {"age": "other"})  # judged nothing: no part of the panel
    found = oversight.panel(store, opened.id)
    assert (found.people, found.stated) == (3, {"age": 3})
    assert found.groups == {"age": {"younger": 2, "fewer than 2": 1}}
    assert found.missing == {"age": ["older"]}


def test_a_waiver_needs_two_people_one_of_them_ethics(store: Store, join: Join, clock: Clock) -> None:
    owner, other, ethics = join("owner"), join("owner"), join("ethics", "owner")
    ask = ("gate.toxicity", FINDING, "The detector is wrong on this dialect.", 30.0)
    with pytest.raises(DeniedError):
        oversight.ask_waiver(store, join(), *ask)
    asked = oversight.ask_waiver(store, owner, *ask)
    for wrong in (owner, other, join("annotator")):
        with pytest.raises(DeniedError):
            oversight.second_waiver(store, wrong, asked.id)
    assert notes.untold(store) == []
    found = oversight.second_waiver(store, ethics, asked.id)
    assert found.holds(clock())
    clock.later(days=31)
    assert not found.holds(clock())
    ((name, note),) = notes.untold(store)
    assert (note.topic, note.data["finding"]) == (waive.TOPIC, FINDING)
    assert {note.data["asked_by"], note.data["seconded_by"]} == {owner.id, ethics.id}
    notes.was_told(store, name)
    assert notes.untold(store) == []
    own = oversight.ask_waiver(store, ethics, *ask)
    with pytest.raises(DeniedError):  # ethics alone is one person, too
        oversight.second_waiver(store, ethics, own.id)
    oversight.second_waiver(store, other, own.id)
    late = oversight.ask_waiver(store, owner, *ask)
    clock.later(days=31)
    with pytest.raises(GoneError):
        oversight.second_waiver(store, ethics, late.id)


@pytest.mark.parametrize(
    ("gate", "finding", "reason", "days", "field"),
    [
        ("", FINDING, "a good long reason", 3, "gate"),
        ("g", "x", "a good long reason", 3, "finding"),
        ("g", FINDING, "short", 3, "reason"),
        ("g", FINDING, "a good long reason", 0, "days"),
        ("g", FINDING, "a good long reason", 4000, "days"),
    ],
)
def test_a_waiver_says_what_why_and_until_when(
    store: Store, join: Join, gate: str, finding: str, reason: str, days: float, field: str
) -> None:
    with pytest.raises(ReviewError) as error:
        oversight.ask_waiver(store, join("owner"), gate, finding, reason, days)
    assert error.value.field == field


def test_exposure_and_flags_are_seen(store: Store, join: Join) -> None:
    from dataclasses import replace

    opened = open_round(store, [replace(each, disturbing=True) for each in candidates(3)], plan())
    person = join()
    shown = desk.next_item(store, person, opened.id)
    assert isinstance(shown, Shown)
    desk.flag(store, person, shown.assignment, "a threat")
    judge(store, person, opened.id, lambda shown: 1)
    (found,) = oversight.exposures(store, opened.id)
    assert (found.person, found.today, found.in_all) == (person.id, 3, 3)
    (flag,) = oversight.flags(store, opened.id)
    assert (flag.item, flag.reason, flag.blurred) == (shown.item, "a threat", True)
