"""Statements that cannot stand: foreign keys, moved and replayed signatures, others' roles, garbage."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from answered_run import (
    FAILED_GATE,
    KEYS,
    NOW,
    approve_all,
    draft,
    faults,
    known,
    listing,
    make,
    of_people,
    outsider,
    put,
    say,
    start,
    work,
)
from small_run import OTHER_KEY, open_run, rewrite

from duecare.core import FAIL
from duecare.ledger.duties import missing
from duecare.ledger.sign import STATEMENT
from duecare.ledger.statement import Signed, sign_statement

# What must not count.


def _foreign(run: Path) -> None:
    put(run, draft(run, "approve", "ada", about="training"), OTHER_KEY)


def _named_key_only(run: Path) -> None:
    good = sign_statement(draft(run, "approve", "ada", about="training"), OTHER_KEY)
    with open_run(run) as recorder:
        forged = Signed(statement=good.statement, key=KEYS["ada"].public, signature=good.signature)
        recorder.append("signed", note=forged.note())


def _other_role(run: Path) -> None:
    put(run, draft(run, "approve", "ada", about="training", role="owner"))


def _role_without_right(run: Path) -> None:
    put(run, draft(run, "approve", "kim", about="training"))


def _nobody(run: Path) -> None:
    said = draft(run, "approve", "ada", about="training")
    put(run, msgspec.structs.replace(said, person="eve"), OTHER_KEY)


def _own_work(run: Path) -> None:
    put(run, draft(run, "approve", "dana", about="training"))


def _other_run(run: Path) -> None:
    put(run, msgspec.structs.replace(draft(run, "approve", "ada", about="training"), run="ab" * 16))


def _other_state(run: Path) -> None:
    put(run, msgspec.structs.replace(draft(run, "approve", "ada", about="training"), root="ab" * 32))


def _later_state(run: Path) -> None:
    put(run, msgspec.structs.replace(draft(run, "approve", "ada", about="training"), size=99))


def _twice(run: Path) -> None:
    said = draft(run, "approve", "ada", about="training")
    put(run, said)
    put(run, said)


def _other_entry(run: Path) -> None:
    said = draft(run, "entry", "dana", of=1)
    put(run, msgspec.structs.replace(said, of=2))


def _long_waiver(run: Path) -> None:
    put(run, draft(run, "waive", "wren", expires="2030-12-01T00:00:00+00:00"))


def _forward_dated(run: Path) -> None:
    later = {"time": "2030-06-01T00:00:00+00:00", "expires": "2030-07-01T00:00:00+00:00"}
    put(run, draft(run, "waive", "wren", **later))


def _answer_to_nothing(run: Path) -> None:
    put(run, draft(run, "answer", "li", of=1, text="It was nothing."))


def _note_says_more(run: Path) -> None:
    signed = sign_statement(draft(run, "approve", "ada", about="training"), KEYS["ada"])
    with open_run(run) as recorder:
        note = msgspec.structs.replace(signed.note(), text="ada (approver) approves the release.")
        recorder.append("signed", note=note)


@pytest.mark.parametrize(
    ("forge", "found"),
    [
        (_foreign, "which is not that of ada"),
        (_named_key_only, "the signature does not hold"),
        (_other_role, "ada is not owner on the list"),
        (_role_without_right, "deployer may not do that"),
        (_nobody, "'eve' is not on the list"),
        (_own_work, "nobody approves their own work"),
        (_other_run, f"signed for run {'ab' * 16}"),
        (_other_state, "signed for another state"),
        (_later_state, "signed for another state"),
        (_twice, "the very same statement"),
        (_other_entry, "the entry it is about is another one"),
        (_long_waiver, "at most 90 days"),
        (_forward_dated, "for a time after it was entered"),
        (_answer_to_nothing, "answers no open incident"),
        (_note_says_more, "its note says something else"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_stand_is_found_and_does_not_count(tmp_path: Path, forge: Any, found: str) -> None:
    run = make(tmp_path / "run", FAILED_GATE)
    say(run, "people", "li")
    assert not faults(run)  # the control
    before = missing(known(run), NOW)
    assert outsider(run, tmp_path)[0] == 2
    forge(run)
    assert found in faults(run)
    assert (outsider(run, tmp_path)[0] == 1) is (forge is not _note_says_more)  # it does not read notes
    after = missing(known(run), NOW)
    assert [each for each in before if "training" not in each or forge is not _twice] == [
        each for each in after if "training" not in each or forge is not _twice
    ]


def test_a_statement_of_another_run_with_the_same_id_does_not_count(tmp_path: Path) -> None:
    """Transplanted: signed rightly in one run, carried to its twin that says something else."""
    one, two = make(tmp_path / "one"), tmp_path / "two"
    with open_run(two, run_id="00ff" * 8) as recorder:
        start(recorder, listing())
        work(recorder, two, data=b"other rows")
    said = draft(one, "approve", "ada", about="training")
    put(two, said)
    assert "signed for another state" in faults(two)
    assert "signed for another state" in outsider(two, tmp_path)[1]
    put(one, said)
    assert not faults(one)


def test_a_statement_replayed_after_a_roll_back_is_found(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    older = Path(shutil.copytree(run, tmp_path / "older"))
    say(run, "people", "li")
    late = draft(run, "approve", "ada", about="training")
    put(run, late)
    put(older, late)  # the folder of before, with what was signed since
    assert "signed for another state" in faults(older)
    assert outsider(older, tmp_path)[0] == 1


def test_an_entry_moved_by_whoever_holds_the_recorders_key_is_found(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run"))

    def swap(records: list[dict[str, Any]]) -> None:
        records[1], records[2] = records[2], records[1]

    rewrite(run, swap)
    assert "signed for another state" in faults(run)


def test_signatures_of_other_things_cannot_pass_for_a_statement(tmp_path: Path) -> None:
    run = make(tmp_path / "run")
    said = draft(run, "approve", "ada", about="training")
    from duecare.core import LedgerError
    from duecare.core.wire import encode

    with pytest.raises(LedgerError, match="begins as something else"):
        KEYS["ada"].sign_note((STATEMENT + encode(said)).decode())
    signed = sign_statement(said, KEYS["ada"])
    assert signed.is_signed
    for change in ({"about": "release"}, {"of": 1}, {"size": 1}, {"text": "x"}, {"role": "owner"}):
        text = encode(msgspec.structs.replace(said, **change)).decode()
        assert not Signed(statement=text, key=signed.key, signature=signed.signature).is_signed


def test_garbage_in_a_statement_is_a_finding_not_a_crash(tmp_path: Path) -> None:
    from duecare.core import Note

    run = make(tmp_path / "run")
    data = sign_statement(draft(run, "approve", "ada", about="training"), KEYS["ada"]).note().data
    for broken in (
        {},
        {**data, "statement": "{}"},
        {**data, "statement": data["statement"] + " "},
        {**data, "key": "zz"},
        {**data, "signature": data["signature"].upper()},
        {**data, "more": "x"},
    ):
        with open_run(run) as recorder:
            recorder.append("signed", note=Note(topic="approve", text="ada", data=broken))
    assert len([detail for verdict, detail in of_people(run)["signature"] if verdict == FAIL]) == 6
