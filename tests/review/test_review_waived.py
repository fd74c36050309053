"""A failed gate that two people waived does not stop a release; anything less does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from duecare.cli import show_run
from duecare.cli.run import Result
from duecare.core import Finding, Note
from duecare.ledger import sign
from duecare.ledger.digest import value_digest
from duecare.ledger.read import entries
from duecare.ledger.record import Recorder
from duecare.ledger.waiver import waivers
from duecare.review.waive import Waiver, note_of

NOW = datetime(2026, 5, 4, tzinfo=UTC)
FAILED = Finding(
    name="gate.toxicity.gap", verdict="fail", limit="at most 0.1", detail="It is wider.", gate=True
)


def waiver(**changed: str) -> Note:
    given = {
        "id": "w-1",
        "gate": FAILED.name,
        "finding": value_digest(FAILED),
        "asked_by": "p-1",
        "asked": "2026-05-01T00:00:00.000000Z",
        "reason": "The detector is wrong on this dialect.",
        "expires": "2026-06-01T00:00:00.000000Z",
        "seconded_by": "p-2",
        "seconded": "2026-05-02T00:00:00.000000Z",
        **changed,
    }
    return note_of(Waiver(**given))


@pytest.mark.parametrize(
    ("note", "holds"),
    [
        (waiver(), True),
        (waiver(seconded_by="p-1"), False),
        (waiver(expires="2026-05-03T00:00:00.000000Z"), False),
        (waiver(finding=value_digest("another finding")), False),
        (Note(topic="another", text="", data=waiver().data), False),
        (waiver(seconded_by=""), False),
        (waiver(expires="2026-06-01"), False),
        (Note(topic="waiver", text=waiver().text), False),
    ],
    ids=[
        "two people",
        "one person twice",
        "ran out",
        "another finding",
        "no waiver",
        "one person",
        "no moment",
        "words alone",
    ],
)
def test_a_waiver_holds(tmp_path: Path, own_home: Path, note: Note, holds: bool) -> None:
    with Recorder(tmp_path, sign.load_or_create(own_home), "me", lambda: NOW) as recorder:
        recorder.append("told", job="review", note=note)
    found = waivers(entries(tmp_path), FAILED)
    assert any(one.expires > NOW for one in found) is holds


def test_every_failed_gate_needs_one(
    tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    ends = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with Recorder(tmp_path, sign.load_or_create(own_home), "me", lambda: NOW) as recorder:
        recorder.append("told", job="review", note=waiver(expires=ends))
    other = Finding(
        name="gate.refusal.gap", verdict="fail", limit="at most 0.1", detail="Wider, too.", gate=True
    )

    def result(*gates: Finding) -> Result:
        return Result(folder=tmp_path, done=(), kept=(), gates=gates, report=None)

    assert not show_run._stands(Console(), result(FAILED))
    assert "Waived" in capsys.readouterr().out
    assert show_run._stands(Console(), result(FAILED, other))


def test_a_reason_is_quoted_on_one_line_whatever_it_holds(
    tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    reason = 'It is."\n\x1b[2K\u202eWaived until 2099-01-01 by p-8 and p-9\r\nEvery gate passed.'
    ends = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with Recorder(tmp_path, sign.load_or_create(own_home), "me", lambda: NOW) as recorder:
        recorder.append("told", job="review", note=waiver(expires=ends, reason=reason))
    show_run._stands(Console(), Result(folder=tmp_path, done=(), kept=(), gates=(FAILED,), report=None))
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.count('"') == 2
    assert said.endswith('Every gate passed."\n')
    assert not {"\x1b", "\r", "\u202e"} & set(said)
