"""Snapshots in a study file: what they become, and what is refused with which line."""

from __future__ import annotations

import pytest
from sound import SOUND, read

from duecare.core import StudyError

FOLLOWED = "explain:\n  - layers: {snapshots: true}\n"


def test_a_study_keeps_states_on_the_way_and_follows_them(folder):
    study = read(folder, SOUND.replace("steps: 4}", "steps: 4, snapshots: 3}") + FOLLOWED)
    study.check()
    assert study.train[0].snapshots == 3
    assert study.explain[0].snapshots is True


@pytest.mark.parametrize("given", ["4", "-1", "some"])
def test_more_snapshots_than_steps_between_are_refused(folder, given):
    with pytest.raises(StudyError) as caught:
        read(folder, SOUND.replace("steps: 4}", f"steps: 4, snapshots: {given}}}")).check()
    (problem,) = caught.value.problems
    assert problem.where == "train.0.sft.snapshots"


def test_what_no_step_keeps_cannot_be_followed(folder):
    with pytest.raises(StudyError) as caught:
        read(folder, SOUND + FOLLOWED).check()
    (problem,) = caught.value.problems
    assert problem.where == "explain.0.layers.snapshots"
    assert "a training step that tunes with `snapshots`" in problem.expected
    assert problem.line == len((SOUND + FOLLOWED).splitlines())
