"""Where a study lists people, only what they sign with their keys lets a policy start."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import test_start
from test_people_commands import Team
from toys import CALLS

from duecare.cli import reviewing
from duecare.cli.run import StepError
from duecare.ledger import entries

GATE = "reward.audit.accuracy"
REASON = "The reward is looked at again every week."
fresh = test_start.fresh


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    return Team(tmp_path, monkeypatch)


def go(team: Team) -> Any:
    team.at("home-dana")
    plan = test_start.plan("fail")
    plan = dataclasses.replace(plan, settings={**plan.settings, **team.listing.plain()})
    return test_start.go(team.folder / "toys", plan)


def test_a_waiver_of_the_application_starts_nothing_and_two_signatures_do(team: Team) -> None:
    with pytest.raises(StepError, match="`duecare waive`"):
        go(team)
    run = team.folder / "toys"
    test_start.waive(run, next(each for each in reviewing.failed(run)() if each.name == GATE))
    with pytest.raises(StepError, match=GATE):  # unsigned: pseudonyms that no key stands behind
        go(team)
    team.signs("wren", "waive", "toys", GATE, "--reason", REASON)
    with pytest.raises(StepError, match=GATE):  # one of two
        go(team)
    team.signs("ada", "waive", "toys", GATE, "--reason", REASON)
    team.signs("li", "approve", "toys", "people")
    assert "grpo" not in CALLS
    go(team)
    assert CALLS[-1] == "grpo"
    (note,) = [each.note for each in entries(run) if each.note and each.note.topic == "reward.start"]
    assert "by wren and ada" in note.text
