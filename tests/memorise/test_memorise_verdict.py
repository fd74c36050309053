"""Verdicts in words: of which canaries they speak, with their source where several were read."""

from __future__ import annotations

import pytest

from duecare.core import FAIL, PASS
from duecare.measure import clopper_pearson
from duecare.memorise import MemoriseLimits
from duecare.memorise.figures import Look
from duecare.memorise.verdict import limit_findings

LIMITS = MemoriseLimits(exposure=None, tpr=None, regurgitated=0.1)


def look(hits: int, source: str, repeats: str = "1") -> Look:
    about = {"model": "sft", "source": source, "of": "canaries", "place": "answer", "repeats": repeats}
    return Look(
        "regurgitated", "memorise.regurgitated", lambda level: clopper_pearson(hits, 200, level), about
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([look(0, "chats"), look(150, "letters", "8")], "canaries in the answer of letters, placed 8 times:"),
        ([look(0, "chats"), look(150, "chats", "8")], "canaries in the answer, placed 8 times:"),
        ([look(150, "chats")], "canaries in the answer, placed once:"),
    ],
    ids=["two sources", "one source", "one figure"],
)
def test_of_several_sources_the_one_that_decides_is_named(given: list[Look], said: str) -> None:
    (found,) = limit_findings(given, LIMITS, 0.05)
    assert found.verdict == FAIL
    assert f"beyond the limit; {said}" in found.detail


def test_control_where_nothing_comes_back_the_limit_holds() -> None:
    (found,) = limit_findings([look(0, "chats"), look(0, "letters")], LIMITS, 0.05)
    assert found.verdict == PASS
    assert "canaries in the answer of " in found.detail
