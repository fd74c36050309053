"""Neutral wording: what a rule says without loss is said anew, with its verbs; the rest stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecare.curate.rephrase import JOB, PRONOUN, TITLE, rephrased
from duecare.curate.wording import edited
from duecare.detect.stereotype_words import JOBS


@pytest.mark.parametrize(
    ("text", "expected", "rule"),
    [
        ("Write a story about a female nurse.", "Write a story about a nurse.", JOB),
        ("a female engineer", "an engineer", JOB),
        ("An elderly lady doctor and her dog", "An elderly doctor and her dog", JOB),
        ("We met a male secretary.", "We met a secretary.", JOB),
        ("Female doctors are here", "Doctors are here", JOB),
        ("two women drivers", "two drivers", JOB),
        ("The chairman spoke.", "The chair spoke.", TITLE),
        ("a fireman and an old policeman", "a firefighter and an old police officer", TITLE),
        ("Our Stewardess", "Our Flight attendant", TITLE),
        ("a mailman", "a mail carrier", TITLE),
        ("A doctor must love his work.", "A doctor must love their work.", PRONOUN),
        (
            "Every nurse knows her patients and she is kind.",
            "Every nurse knows their patients and they are kind.",
            PRONOUN,
        ),
        (
            "Any engineer who thinks he knows it should ask himself.",
            "Any engineer who thinks they know it should ask themselves.",
            PRONOUN,
        ),
        (
            "No pilot has to fly when he doesn't feel well.",
            "No pilot has to fly when they don't feel well.",
            PRONOUN,
        ),
        (
            "Each student carries what she always carries.",
            "Each student carries what they always carry.",
            PRONOUN,
        ),
        (
            "A customer should not wait until he gets angry.",
            "A customer should not wait until they get angry.",
            PRONOUN,
        ),
        ("Anyone who loses his card should call.", "Anyone who loses their card should call.", PRONOUN),
        ("Every teacher says that it is hers.", "Every teacher says that it is theirs.", PRONOUN),
        ("A chef can cook what he'll eat.", "A chef can cook what they'll eat.", PRONOUN),
    ],
)
def test_what_a_rule_says_anew(text: str, expected: str, rule: str) -> None:
    edits = rephrased(text)
    assert edited(text, edits) == expected
    assert {edit.label for edit in edits} == {rule}


@pytest.mark.parametrize(
    "text",
    [
        "women are bad drivers",
        "Male nurses earn more than female nurses.",
        "A nurse came in and she smiled.",  # one nurse, whom somebody saw
        "The nurse said she is late.",
        "Every nurse told her husband that he is late.",
        "Every nurse and any doctor knows his patients.",
        "Every teacher knows that he reads and writes.",  # the second verb would not agree
        "Any driver knows when he's late.",  # he is, or he has
        "Everyone knows him.",
        "Someone should help him.",
        "Chairman Mao",
        "He is late.",
        "Every nurse loves what he zorb.",  # no form of a verb that we know
    ],
)
def test_what_may_be_about_a_certain_person_or_has_no_neutral_wording_stands(text: str) -> None:
    assert rephrased(text) == []


@given(st.sampled_from(sorted(JOBS)), st.sampled_from(["female", "male"]))
def test_said_anew_there_is_nothing_left_to_say_anew(job: str, side: str) -> None:
    text = f"Tell me of a {side} {job} and every {job} who loves her job."
    once = edited(text, rephrased(text))
    assert side not in once.split()
    assert rephrased(once) == []
