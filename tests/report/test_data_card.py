"""The data card: every answer measured, declared or missing, and none of the three in another's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from duecare.core import StudyError
from duecare.core.about import ABOUT
from duecare.curate import Read
from duecare.report import words
from duecare.report.card import literal
from duecare.report.datasheet import DECLARED, MEASURED, MISSING, answers, data_card, sources_of
from duecare.report.view import view


@pytest.fixture(scope="module")
def seen(made: Callable[[str], Path]):
    return view(made("whole"), 0)


def by_question(seen, source):
    return {each.question: each for each in answers(seen, source)}


def test_every_source_has_every_question_once(seen):
    sources = sources_of(seen)
    assert [each.name for each in sources] == list(
        dict.fromkeys(s.source for s in seen.story.stages if s.source)
    )
    for source in sources:
        found = answers(seen, source)
        assert len({each.question for each in found}) == len(found)
        assert {question for _, question in ABOUT.values()} <= {each.question for each in found}
        assert {each.known for each in found} <= {MEASURED, DECLARED, MISSING}


def test_a_measured_answer_names_the_entry_and_says_its_figure(seen):
    (source, *_) = sources_of(seen)
    told = by_question(seen, source)["How many rows came in, were set aside, and are left?"]
    read = source.of("read")
    figure = next(each for each in read.figures if each.estimate.metric == "curate.rows.in")
    assert told.known == MEASURED
    assert read.entry.index in told.entries
    assert words.value(figure.estimate) in told.said
    assert literal(told.said) in data_card(seen)


def test_what_nobody_said_is_missing_and_tells_where_to_say_it(seen):
    (source, *_) = sources_of(seen)
    told = by_question(seen, source)
    licence, harm = told["Under which licence?"], told["Who could be harmed by it, and how?"]
    assert (licence.known, licence.said) == (MISSING, "not said (licence)")
    assert (harm.known, harm.said) == (MISSING, "not said (about: harm)")


def test_what_the_study_declares_is_declared_and_not_measured(seen):
    (source, *_) = sources_of(seen)
    source.settings["licence"] = "CC0-1.0"
    source.settings["about"] = {"harm": "those who | complain"}
    try:
        told = by_question(seen, source)
        assert (told["Under which licence?"].said, told["Under which licence?"].known) == (
            "CC0-1.0",
            DECLARED,
        )
        assert told["Who could be harmed by it, and how?"].standing == "declared in the study"
        assert r"those who \| complain" in data_card(seen)  # no end of a cell
    finally:
        del source.settings["licence"], source.settings["about"]


def test_every_figure_with_an_interval_has_it_beside_it(seen):
    for source in sources_of(seen):
        for each in answers(seen, source):
            if "share" in each.question or each.question in (
                "Who declares to be in it?",
                "Whom do its texts name?",
            ):
                assert each.known == MISSING or "[" in each.said


def test_a_step_that_did_not_run_is_not_measured(made):
    card = data_card(view(made("curate"), 0))
    assert "Does it look tampered with? | not measured in this run | missing" in card


def test_an_answer_to_no_question_is_refused():
    with pytest.raises(StudyError, match=r"read\.about"):
        Read(source="rows.csv", about={"colour": "blue"})
