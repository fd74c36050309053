"""What a study says of the system as a whole: recorded as it stands, and refused where nobody asks for it."""

from __future__ import annotations

import pytest
from sound import SOUND, read

from duecare.cli.study import Study
from duecare.core import StudyError
from duecare.core.about import SYSTEM


def with_about(said: str) -> str:
    text = SOUND.replace('owner: "me"', f'owner: "me", about: {said}')
    assert text != SOUND
    return text


def test_answers_are_recorded(folder):
    study = read(folder, with_about("{users: clerks, not_for: loans}"))
    assert study.settings()["study"]["about"] == {"not_for": "loans", "users": "clerks"}


def test_a_study_without_answers_is_recorded_as_before(folder):
    assert read(folder, SOUND).settings()["study"] == {"name": "try", "purpose": "answers", "owner": "me"}


def test_an_answer_that_nobody_asks_for_is_refused_with_its_line(folder):
    with pytest.raises(StudyError) as caught:
        read(folder, with_about("{user: clerks, hardware: any}"))
    (problem,) = caught.value.problems
    assert (problem.where, problem.value, problem.line) == ("study.about.user", "'clerks'", 1)
    assert problem.expected == f"answers to {', '.join(SYSTEM)}"


def test_so_it_is_where_the_study_is_built_in_python():
    said = [each.where for each in Study(name="x", about={"colour": "blue"}).problems()]
    assert "study.about.colour" in said
    assert not [each for each in Study(name="x", about={"users": "us"}).problems() if "about" in each.where]
