"""Influence in a study file: what it becomes, and what is refused with which line."""

from __future__ import annotations

import pytest
from sound import SOUND, read

from duecare.core import StudyError
from duecare.train import Influence


def test_a_study_says_which_gap_is_traced(folder):
    text = SOUND.replace(
        "steps: 4}", "steps: 4, influence: {axis: religion, slices: [mentions], validate: true}}"
    )
    assert read(folder, text).train[0].influence == Influence(
        axis="religion", slices=("mentions",), validate=True
    )


@pytest.mark.parametrize(
    ("influence", "where", "expected"),
    [
        ("{of: loss_gap, axis: gendre}", "train.0.sft.influence.axis", 'did you mean "gender"?'),
        ("{of: margin_gap}", "train.0.sft.influence.of", "twins_gap or loss_gap for sft"),
        ("{seeds: 2}", "train.0.sft.influence.seeds", "fewer tell no spread"),
        ("{slice: groups}", "train.0.sft.influence.slice", 'did you mean "slices"?'),
    ],
)
def test_what_is_wrong_is_told_with_its_line(folder, influence, where, expected):
    with pytest.raises(StudyError) as caught:
        read(folder, SOUND.replace("steps: 4}", f"steps: 4, influence: {influence}}}")).check()
    (problem,) = caught.value.problems
    assert (problem.line, problem.where) == (13, where)
    assert expected in problem.expected
