"""Questions as forms: what is entered becomes the answer that the store takes, or is said to be wrong."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from duecare.review.errors import ReviewError
from duecare.review.pages import questions as forms
from duecare.review.pages.visit import MOST_FIELDS, Form, FormError
from duecare.review.question import Question, checked
from duecare.review.shown import by_part

TONE = Question(name="tone", ask="How kind is it?", kind="rate", scale=("harsh", "plain", "kind"))
NAMES = Question(name="names", ask="Mark names", kind="spans", labels=("person", "place"))
NOTE = Question(name="note", ask="Why?", kind="comment", required=False)
BETTER = Question(name="better", ask="Which is better?", kind="choose")
TEXTS = {"kind": "text", "text": "Ana met Ana in Łódź. 👩‍🔬 Ana left."}
PAIR = {
    "kind": "answers",
    "messages": [{"role": "user", "content": "Who?"}],
    "left": "Ana",
    "right": "Nobody",
}


def entered(*fields: tuple[str, str]) -> Form:
    return Form.read(urlencode(fields).encode())


def row(**cells: str) -> list[tuple[str, str]]:
    whole = {"words": "", "label": "person", "part": "text", "start": "", "end": ""} | cells
    return [(f"q.names.{name}", value) for name, value in whole.items()]


def spans(*rows: list[tuple[str, str]]) -> list[dict[str, object]]:
    typed = forms.typed([NAMES], entered(*[cell for one in rows for cell in one]))
    given = forms.answers([NAMES], typed, TEXTS)
    return checked([NAMES], given, by_part(TEXTS))["names"]  # type: ignore[no-any-return]


def test_words_that_stand_once_are_found() -> None:
    (span,) = spans(row(words=" Łódź ", label="place"))
    assert span == {"part": "text", "start": 15, "end": 19, "label": "place"}


def test_offsets_count_code_points() -> None:
    (span,) = spans(row(words="👩‍🔬"))
    assert TEXTS["text"][span["start"] : span["end"]] == "👩‍🔬"  # type: ignore[misc]
    assert span["end"] - span["start"] == 3  # type: ignore[operator]


def test_words_that_stand_often_need_a_place() -> None:
    with pytest.raises(ReviewError, match="3 times") as wrong:
        spans(row(words="Ana"))
    assert wrong.value.field == "names"
    assert spans(row(words="Ana", start="8", end="11"))[0]["start"] == 8


@pytest.mark.parametrize(
    "cells",
    [
        {"words": "Eve"},
        {"start": "3", "end": "2"},
        {"start": "0", "end": "999"},
        {"start": "-1", "end": "2"},
        {"start": "0"},
        {"start": "٣", "end": "٤"},
        {"words": "Eve", "start": "0", "end": "3"},
        {"words": "Ana", "part": "left"},
    ],
)
def test_a_mark_that_is_nowhere_is_refused(cells: dict[str, str]) -> None:
    with pytest.raises(ReviewError) as wrong:
        spans(row(**cells))
    assert wrong.value.field == "names"


def test_empty_rows_are_no_marks_and_uneven_ones_no_form() -> None:
    assert spans(row(), row()) == []
    with pytest.raises(FormError):
        spans(row(words="Ana"), [("q.names.words", "more")])


def test_a_draft_comes_back_as_it_was_typed() -> None:
    questions = [TONE, NAMES, NOTE]
    form = entered(("q.tone", "2"), *row(words="Ana"), ("q.note", "two\r\nlines"))
    draft = forms.typed(questions, form)
    values = forms.values(questions, draft)
    assert values["q.tone"] == "2"
    assert values["q.note"] == "two\nlines"
    assert [one["words"] for one in values["q.names.rows"]] == ["Ana", ""], "and one row is free"


def test_an_answer_taken_back_stands_in_the_form_again() -> None:
    values = forms.values(
        [TONE, NAMES], {"tone": 2, "names": [{"part": "text", "start": 0, "end": 3, "label": "person"}]}
    )
    assert values["q.tone"] == "2"
    assert values["q.names.rows"][0] == {
        "words": "",
        "label": "person",
        "part": "text",
        "start": "0",
        "end": "3",
    }


def test_two_answers_lie_side_by_side_under_their_turns() -> None:
    turns, sides = forms.laid(PAIR)
    assert [one["label"] for one in turns["texts"]] == ["Person, turn 1"]
    assert [(one["part"], one["text"]) for one in sides["texts"]] == [("left", "Ana"), ("right", "Nobody")]
    assert sides["beside"]
    (alone,) = forms.laid(TEXTS)
    assert not alone["beside"]


def test_answers_are_read_back_in_words() -> None:
    span = {"part": "text", "start": 15, "end": 19, "label": "place"}
    told = forms.read_back([TONE, NAMES, BETTER, NOTE], {"tone": 3, "names": [span], "better": "tie"}, TEXTS)
    assert [one["text"] for one in told] == ["kind", "", "Both are as good", "no answer"]
    assert told[1]["marks"] == [{"label": "place", "words": "Łódź"}]


@pytest.mark.parametrize(
    "body", [b"\xff=1", b"no form at all", b"a=%ff", b"&".join([b"a=1"] * (MOST_FIELDS + 1))]
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(FormError):
        Form.read(body)


def test_a_form_may_be_empty_and_a_password_keeps_its_spaces() -> None:
    assert Form.read(b"").get("a") == ""
    form = entered(("password", "  four words "), ("a", " x "))
    assert form.raw("password") == "  four words "
    assert form.get("a") == "x"
    with pytest.raises(ReviewError, match="may have"):
        form.text("password", "a password", 3)
    with pytest.raises(ReviewError, match="fill in"):
        form.text("b", "something", 3)
