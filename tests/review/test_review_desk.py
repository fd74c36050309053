"""An annotator's desk, one person at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from review_rounds import BETTER, PLACES, RATE, Clock, candidates, pairs, plan

from duecare.review import desk, schema
from duecare.review.desk import Rest, Shown
from duecare.review.errors import DeniedError, GoneError, ReviewError
from duecare.review.person import Person
from duecare.review.plan import Care, Check, Draw, Quality
from duecare.review.question import Question
from duecare.review.rounds import close_round, open_round, progress
from duecare.review.store import Store

Join = Callable[..., Person]


def given(store: Store, person: Person, round: str) -> Shown:
    found = desk.next_item(store, person, round)
    assert isinstance(found, Shown), found
    return found


def answer(store: Store, person: Person, round: str, value: int = 1) -> Shown:
    shown = given(store, person, round)
    desk.submit(store, person, shown.assignment, {"harm": value})
    return shown


def test_a_round_is_judged_to_its_end(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(4), plan(overlap=2))
    first, second, third = join(), join(), join()
    seen = {
        person.id: [answer(store, person, opened.id).item for _ in range(4)] for person in (first, second)
    }
    assert all(len(set(items)) == 4 for items in seen.values())
    for person in (first, second, third):
        assert desk.next_item(store, person, opened.id) is None
    found = progress(store, opened.id)
    assert (found.labels, found.planned, found.complete, found.with_people) == (8, 8, 4, 0)


def test_the_same_item_comes_back_until_it_is_answered(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(4), plan())
    person = join()
    assert given(store, person, opened.id).assignment == given(store, person, opened.id).assignment


def test_nothing_hidden_is_shown(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(4), plan())
    shown = given(store, join(), opened.id)
    assert set(shown.texts) == {"kind", "text"}
    open_to_groups = open_round(store, candidates(4), plan(name="second", blind=False))
    assert set(given(store, join(), open_to_groups.id).texts) == {"kind", "text", "groups"}


def test_a_submit_sent_twice_counts_once(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(2), plan(overlap=1))
    person = join()
    shown = given(store, person, opened.id)
    once = desk.submit(store, person, shown.assignment, {"harm": 2}, "unsure", 3.5)
    assert desk.submit(store, person, shown.assignment, {"harm": "2"}, "unsure", 9.0) == once
    with pytest.raises(GoneError):
        desk.submit(store, person, shown.assignment, {"harm": 3}, "unsure")
    assert progress(store, opened.id).labels == 1


@pytest.mark.parametrize(
    ("answers", "field"),
    [({}, "harm"), ({"harm": 4}, "harm"), ({"harm": True}, "harm"), ({"harm": 1, "other": 1}, "other")],
)
def test_a_wrong_answer_names_its_question(
    store: Store, join: Join, answers: dict[str, object], field: str
) -> None:
    opened = open_round(store, candidates(2), plan())
    person = join()
    with pytest.raises(ReviewError) as error:
        desk.submit(store, person, given(store, person, opened.id).assignment, answers)
    assert error.value.field == field
    assert progress(store, opened.id).labels == 0


def test_a_huge_comment_is_refused_and_nothing_is_lost(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(2), plan())
    person = join()
    shown = given(store, person, opened.id)
    with pytest.raises(ReviewError) as error:
        desk.submit(store, person, shown.assignment, {"harm": 1}, "x" * 50_000_000)
    assert error.value.field == "comment"
    desk.submit(store, person, shown.assignment, {"harm": 1})


def test_sides_are_drawn_and_choices_mapped_back(store: Store, join: Join) -> None:
    opened = open_round(store, pairs(40), plan(point="pairs", questions=(BETTER,), overlap=1))
    person = join()
    left = []
    for _ in range(40):
        shown = given(store, person, opened.id)
        good_left = shown.texts["left"].startswith("Good")
        left.append(good_left)
        desk.submit(store, person, shown.assignment, {"better": "left" if good_left else "right"})
    assert 5 < sum(left) < 35
    past = desk.history(store, person, opened.id)
    assert {each.answers["better"] for each in past} == {"left", "right"}
    with store.read() as connection:
        kept = connection.exec_driver_sql("SELECT answers FROM decisions").scalars().all()
    assert set(kept) == {'{"better":"a"}'}


def test_spans_lie_in_the_text(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(2), plan(questions=(PLACES,)))
    person = join()
    shown = given(store, person, opened.id)
    length = len(shown.texts["text"])
    span = {"part": "text", "start": 0, "end": length, "label": "name"}
    for wrong in (
        {"end": length + 1},
        {"start": -1},
        {"label": "other"},
        {"part": "left"},
        {"start": length},
    ):
        with pytest.raises(ReviewError):
            desk.submit(store, person, shown.assignment, {"places": [span | wrong]})
    desk.submit(store, person, shown.assignment, {"places": [span, span]})
    assert desk.history(store, person, opened.id)[0].answers == {"places": [span]}


def test_undo_takes_the_last_answer_back_within_its_limit(store: Store, join: Join, clock: Clock) -> None:
    opened = open_round(store, candidates(3), plan(overlap=1))
    person = join()
    shown = answer(store, person, opened.id, 1)
    assert progress(store, opened.id).labels == 1
    back = desk.undo(store, person)
    assert back is not None
    assert back.assignment == shown.assignment
    assert progress(store, opened.id).labels == 0
    desk.submit(store, person, shown.assignment, {"harm": 3})
    clock.later(minutes=11)
    assert desk.undo(store, person) is None
    kinds = [(each.kind, each.withdrawn) for each in desk.history(store, person, opened.id)]
    assert kinds == [("label", False), ("label", True)]


def test_undo_of_a_skip_takes_the_place_again_or_says_who_has_it(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(1), plan(overlap=1))
    first, second = join(), join()
    shown = given(store, first, opened.id)
    desk.skip(store, first, shown.assignment, "I cannot read this")
    assert desk.next_item(store, first, opened.id) is None
    assert desk.undo(store, first) is not None
    assert desk.next_item(store, second, opened.id) == Rest(
        reason="waiting", until=given(store, first, opened.id).lease
    )
    desk.skip(store, first, shown.assignment, "still not")
    given(store, second, opened.id)
    with pytest.raises(GoneError):
        desk.undo(store, first)


def test_a_lease_that_runs_out_returns_the_item(store: Store, join: Join, clock: Clock) -> None:
    opened = open_round(store, candidates(1), plan(overlap=1, lease_minutes=5))
    first, second = join(), join()
    late = given(store, first, opened.id)
    clock.later(minutes=6)
    theirs = given(store, second, opened.id)
    assert theirs.item == late.item
    with pytest.raises(GoneError):
        desk.submit(store, first, late.assignment, {"harm": 1})
    desk.skip(store, second, theirs.assignment, "not mine")
    desk.submit(store, first, late.assignment, {"harm": 1})  # nobody has it: their answer is taken after all
    assert progress(store, opened.id).labels == 1


def test_drafts_are_kept_and_hold_the_item(store: Store, join: Join, clock: Clock) -> None:
    opened = open_round(store, candidates(2), plan(overlap=1, lease_minutes=5))
    first, second = join(), join()
    shown = given(store, first, opened.id)
    clock.later(minutes=4)
    desk.save_draft(store, first, shown.assignment, {"harm": 2, "stray": 1}, "because")
    clock.later(minutes=4)
    assert given(store, second, opened.id).item != shown.item
    again = given(store, first, opened.id)
    assert (again.draft, again.draft_comment) == ({"harm": 2}, "because")


def test_another_persons_assignment_is_not_theirs(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(2), plan())
    first, second = join(), join()
    shown = given(store, first, opened.id)
    for act in (desk.skip, desk.flag):
        with pytest.raises(GoneError):
            act(store, second, shown.assignment, "mine")
    with pytest.raises(GoneError):
        desk.submit(store, second, shown.assignment, {"harm": 1})
    with pytest.raises(DeniedError):
        desk.next_item(store, join("ethics"), opened.id)


def test_a_flag_leaves_the_item_before_the_person(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(2), plan())
    person = join()
    shown = given(store, person, opened.id)
    assert desk.flag(store, person, shown.assignment, "a threat") == desk.flag(
        store, person, shown.assignment, "a threat"
    )
    again = given(store, person, opened.id)
    assert again.assignment == shown.assignment
    assert again.flagged
    assert progress(store, opened.id).flags == 1


def test_a_closed_round_takes_nothing(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(2), plan())
    person = join()
    shown = given(store, person, opened.id)
    close_round(store, opened.id)
    with pytest.raises(GoneError):
        desk.submit(store, person, shown.assignment, {"harm": 1})
    with pytest.raises(GoneError):
        desk.next_item(store, person, opened.id)


def _checks(purpose: str, count: int) -> tuple[Check, ...]:
    return tuple(
        Check(text=f"Check {i}", expected={"harm": (3,)}, purpose=purpose)  # type: ignore[arg-type]
        for i in range(count)
    )


@pytest.mark.parametrize(("value", "passes"), [(3, True), (1, False)])
def test_qualification_comes_first_and_counts(store: Store, join: Join, value: int, passes: bool) -> None:
    opened = open_round(store, candidates(5), plan(checks=_checks("qualification", 3)))
    person = join()
    for _ in range(3):
        assert answer(store, person, opened.id, value).texts["text"].startswith("Check")
    after = desk.next_item(store, person, opened.id)
    assert isinstance(after, Shown) if passes else after == Rest(reason="qualification", until=None)
    assert progress(store, opened.id).labels == 0


def test_nobody_qualifies_by_skipping(store: Store, join: Join) -> None:
    opened = open_round(store, candidates(5), plan(checks=_checks("qualification", 2)))
    person = join()
    for _ in range(2):
        desk.skip(store, person, given(store, person, opened.id).assignment, "no")
    assert desk.next_item(store, person, opened.id) == Rest(reason="qualification", until=None)


def test_attention_checks_and_repeats_come_between(store: Store, join: Join) -> None:
    quality = Quality(attention_every=5, consistency=0.2, apart=3)
    opened = open_round(store, candidates(30), plan(checks=_checks("attention", 2), quality=quality))
    person = join()
    texts = [answer(store, person, opened.id).texts["text"] for _ in range(20)]
    assert next(place for place, text in enumerate(texts) if text.startswith("Check")) in range(1, 7)
    again = [place for place, text in enumerate(texts) if text in texts[:place]]
    assert 2 <= len(again) <= 4
    assert all(place - texts.index(texts[place]) > 3 for place in again)
    checks = sum(text.startswith("Check") for text in texts)
    assert progress(store, opened.id).labels == len(texts) - checks - len(again)


def test_twins_of_a_pair_come_far_apart_and_in_an_order_of_ones_own(store: Store, join: Join) -> None:
    from dataclasses import replace

    rows = [
        replace(each, pair_id=f"pair {place // 2}", groups={"gender": "women" if place % 2 else "men"})
        for place, each in enumerate(candidates(12))
    ]
    quality = Quality(twins_every=1, consistency=0)
    opened = open_round(store, rows, plan(twins=4, quality=quality))
    orders = []
    for person in (join(), join()):
        twins: list[str] = []
        for _ in range(20):
            shown = answer(store, person, opened.id)
            with store.read() as connection:
                query = sa.select(schema.items.c.purpose, schema.items.c.hidden)
                purpose, hidden = connection.execute(query.where(schema.items.c.id == shown.item)).one()
            twins += [hidden["pair_id"]] if purpose == "twin" else []
        assert len(twins) == 8
        assert len(set(twins[:4])) == 4  # one of every pair before the other of any
        assert set(twins[:4]) == set(twins[4:])
        orders.append(twins)
    assert orders[0] != orders[1]


def test_disturbing_text_has_a_limit_and_breaks(store: Store, join: Join, clock: Clock) -> None:
    from dataclasses import replace

    rows = [replace(each, disturbing=True) for each in candidates(9)] + candidates(1)
    care = Care(a_day=5, stretch=3, break_minutes=10)
    opened = open_round(store, rows, plan(care=care, draw=Draw(items=100)))
    person = join()
    seen = []
    for _ in range(4):
        found = desk.next_item(store, person, opened.id)
        if isinstance(found, Rest):
            break
        seen.append(answer(store, person, opened.id).blurred)
    assert sum(seen) == 3
    while isinstance(found := desk.next_item(store, person, opened.id), Shown):
        assert not found.blurred
        answer(store, person, opened.id)
    assert isinstance(found, Rest)
    assert found.reason == "break"
    clock.later(minutes=11)
    assert [answer(store, person, opened.id).blurred for _ in range(2)] == [True, True]
    found = desk.next_item(store, person, opened.id)
    assert isinstance(found, Rest)
    assert found.reason == "limit"
    clock.later(hours=24)
    assert given(store, person, opened.id).blurred


@pytest.mark.parametrize("broken", ["\x00", "\ud800", "a\x00b"])
def test_characters_that_cannot_be_kept_are_refused_or_left_out(
    store: Store, join: Join, broken: str
) -> None:
    from duecare.review import people

    comment = Question(name="why", ask="Why?", kind="comment")
    opened = open_round(store, candidates(3), plan(questions=(RATE, comment)))
    person = join()
    shown = given(store, person, opened.id)

    def tried(act: Callable[[], object]) -> None:
        try:
            act()
        except ReviewError:
            return

    tried(lambda: desk.submit(store, person, broken, {"harm": 1}))
    tried(lambda: desk.submit(store, person, shown.assignment, {broken: 1}))
    tried(lambda: desk.save_draft(store, person, shown.assignment, {"why": broken, "harm": float("nan")}))
    tried(lambda: desk.next_item(store, person, broken))
    tried(lambda: people.log_in(store, broken, broken, broken))
    tried(lambda: people.join(store, broken, "ada", broken, broken * 9 + "abcdefgh"))
    tried(lambda: people.state_attributes(store, person, {broken: broken}))
    tried(
        lambda: desk.submit(store, person, shown.assignment, {"harm": 1, "why": f"because {broken}"}, broken)
    )
    assert people.person_of(store, broken) is None
    if progress(store, opened.id).labels == 0:
        desk.submit(store, person, shown.assignment, {"harm": 1, "why": "because"})
    assert progress(store, opened.id).labels == 1
