"""The data card: every answer measured, declared or missing, and none of the three in another's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from duecare.core import Estimate, StudyError, exact, unknown
from duecare.core.about import ABOUT
from duecare.curate import Read
from duecare.report import words
from duecare.report.card import literal
from duecare.report.curation import STEPS, about_topic, sources
from duecare.report.datasheet import (
    DECLARED,
    MEASURED,
    MISSING,
    Source,
    _told,
    answers,
    data_card,
    sources_of,
)
from duecare.report.gather import Figure
from duecare.report.named import HEADING, digests
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


class Measured:
    """A stage that has only figures."""

    def __init__(self, *figures: Estimate, kind: str = "decontaminate") -> None:
        self.kind, self.files = kind, {}  # no tables: only figures are asked of it
        self.figures = [Figure(f"f{n}", 7, kind, each) for n, each in enumerate(figures)]
        self.entry = type("Entry", (), {"index": 7, "settings": {"similarity": 0.8}})


def told(seen, question: str, *figures: Estimate, kind: str = "decontaminate") -> str:
    source = Source("chats", {}, (Measured(*figures, kind=kind),))
    return by_question(seen, source)[question].said


def found(count: int, name: str) -> Estimate:
    return exact("curate.contaminated", count, 90, {"source": "chats", "in": "prompt", "set": name}, "rows")


def test_many_counts_of_nothing_do_not_hide_the_one_that_is_something(seen):
    question = "Does it hold what a model is evaluated on?"
    empty = [found(0, f"set {n}") for n in range(14)]
    assert told(seen, question, *empty) == "none: 14 counts of 0"
    assert told(seen, question, *empty, found(3, "bbq")) == "in prompt, set bbq: 3; none in the other 14"
    assert told(seen, question, *empty[:2]) == "in prompt, set set 0: 0; in prompt, set set 1: 0"


def outcome(name: str, low: float, high: float) -> Estimate:
    about = {"source": "chats", "axis": "age", "group": "old", "outcome": name}
    return Estimate(
        metric="audit.outcome.ratio", value=1.1, low=low, high=high, n=90, method="Koopman", slice=about
    )


def test_the_best_known_outcome_is_told_first_and_topics_are_no_treatment(seen):
    rare, common = outcome("solved: never", 0.01, 90), outcome("solved: yes", 0.9, 1.3)
    topic = outcome("topic: loans", 0.9, 1.2)
    assert about_topic(topic)
    assert not about_topic(common)
    said = told(seen, "How were the people in it treated?", rare, topic, common, kind="audit")
    assert said.index("solved: yes") < said.index("solved: never")
    assert "loans" not in said


def test_a_split_says_how_many_rows_lie_on_each_side(seen):
    parts = [
        exact(f"curate.split.{side}", count, 90, {"source": "chats"}, "rows")
        for side, count in (("train", 80), ("held_out", 10))
    ]
    said = told(seen, "Step split", *parts, kind="split")
    assert said == "80 train, 10 held out; similarity = 0.8"
    assert told(seen, "Which parts of it are held out?", *parts) == "rows for training: 80; rows held out: 10"


def test_every_step_on_rows_that_a_study_may_name_is_on_the_page():
    from duecare.cli.steps import KINDS

    assert set(STEPS) == {kind.name for kind in KINDS if kind.section in ("data", "curate")}


def test_the_page_shows_both_sides_of_a_split(made):
    story = view(made("whole"), 0).story
    stage = next(each for each in story.stages if each.job == "split:chats")
    parts = [
        Figure(f"9.{n}", 9, stage.job, exact(f"curate.split.{side}", count, 90, {"source": "chats"}, "rows"))
        for n, (side, count) in enumerate((("train", 80), ("held_out", 10)))
    ]
    stages = [replace(each, figures=tuple(parts)) if each is stage else each for each in story.stages]
    (chats, *_) = sources(replace(story, stages=tuple(stages)), 0)
    (split,) = (step for step in chats.steps if step.name == "split")
    assert [(said, figure.estimate.value) for said, figure in split.counts] == [
        ("for training", 80),
        ("held out", 10),
    ]
    assert split.before == split.after > 0


def test_topics_are_not_called_outcomes(made):
    story = view(made("whole"), 0).story
    stage = next(each for each in story.stages if each.job == "audit:chats")
    figure = Figure("2.0", 2, stage.job, outcome("topic: loans", 0.9, 1.2))
    stages = [replace(each, figures=(figure,)) if each is stage else each for each in story.stages]
    (chats, *_) = sources(replace(story, stages=tuple(stages)), 0)
    assert [plot.title for plot in chats.further] == [
        "What it is about, against the rest, by age, topic: loans"
    ]


def test_a_figure_that_could_not_be_taken_says_why(seen):
    """Control: with its value, the same figure has an interval instead."""
    figure = next(
        figure for stage in seen.story.stages for figure in stage.figures if figure.estimate.low is not None
    )
    known = _told(figure)
    lost = replace(
        figure,
        estimate=unknown(figure.estimate.metric, "one row alone", 1, figure.estimate.slice, "mean"),
    )
    assert _told(lost).endswith("not known (one row alone)")
    assert "not known" not in known


def test_the_card_names_who_declares_and_the_hash_of_every_entry(seen):
    card = data_card(seen)
    assert "in the name of Maria Okafor, head of customer care" in card
    table = card[card.index(HEADING) :]
    leaves = digests(seen)
    named = {index for source in sources_of(seen) for each in answers(seen, source) for index in each.entries}
    assert named
    assert all(f"| {index} | {leaves[index]} |" in table for index in named)
    assert f"| {max(named) + 1} |" not in table  # control: an entry that no answer names
