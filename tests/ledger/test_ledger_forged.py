"""Statements that cannot stand: foreign keys, moved and replayed signatures, others' roles, garbage."""

from __future__ import annotations

import dataclasses
import random
import shutil
from datetime import UTC, datetime, timedelta
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
    people,
    put,
    say,
    start,
    work,
)
from small_run import OTHER_KEY, open_run, rewrite

from duecare.core import FAIL, LedgerError, Note
from duecare.core.wire import encode
from duecare.ledger import value_digest
from duecare.ledger.duties import missing
from duecare.ledger.log import read_log
from duecare.ledger.outside.entries import read_entries
from duecare.ledger.outside.people import book_of, lacking, subject_now
from duecare.ledger.people import Person, Rules
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
    with pytest.raises(LedgerError, match="begins as something else"):
        KEYS["ada"].sign_note((STATEMENT + encode(said)).decode())
    signed = sign_statement(said, KEYS["ada"])
    assert signed.is_signed
    for change in ({"about": "release"}, {"of": 1}, {"size": 1}, {"text": "x"}, {"role": "owner"}):
        text = encode(msgspec.structs.replace(said, **change)).decode()
        assert not Signed(statement=text, key=signed.key, signature=signed.signature).is_signed


def test_garbage_in_a_statement_is_a_finding_not_a_crash(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("changed", "stands"),
    [
        ({}, True),  # the control
        ({"text": "x" * 2000}, True),
        ({"text": "x" * 2001}, False),
        ({"text": ["It rhymes."]}, False),
        ({"of": True}, False),
        ({"of": 1.0}, False),
        ({"expires": 7}, False),
        ({"more": "x"}, False),
        ({"subject": None}, False),
        ({"of": ...}, False),  # left out
    ],
)
def test_both_verifiers_ask_for_the_same_form(tmp_path: Path, changed: dict[str, Any], stands: bool) -> None:
    run = make(tmp_path / "run")
    say(run, "people", "li")
    said = msgspec.to_builtins(draft(run, "incident", "kim", about="low", text="It rhymes.")) | changed
    text = encode({name: value for name, value in said.items() if value is not ...})
    signature = KEYS["kim"].sign_statement(text).hex()
    data = {"statement": text.decode(), "key": KEYS["kim"].public, "signature": signature}
    with open_run(run) as recorder:
        reported = "kim (deployer) reports an incident (low)."
        recorder.append("signed", note=Note(topic="incident", text=reported, data=data))
    assert (of_people(run)["signature"][0][0] != FAIL) is stands
    assert ("Incidents are open" in outsider(run, tmp_path)[1]) is stands


def test_a_list_that_was_edited_afterwards_is_found(tmp_path: Path) -> None:
    """Whoever records the run puts a friend on the list that the owner signed, and signs the head anew."""
    run = approve_all(make(tmp_path / "run"))
    eve = Person(roles=("approver",), key=OTHER_KEY.public)

    def edit(records: list[dict[str, Any]]) -> None:
        records[0]["settings"] |= msgspec.to_builtins(listing(eve=eve).plain())
        records[0]["settings_digest"] = value_digest(records[0]["settings"])

    rewrite(run, edit)
    assert "signed for another state" in faults(run)
    assert outsider(run, tmp_path)[0] == 1
    assert any("no owner has signed" in each for each in missing(known(run), NOW))


SORTS: dict[str, tuple[str, dict[str, Any]]] = {
    "people": ("li", {}),
    "data": ("noor", {"about": "data"}),
    "training": ("ada", {"about": "training"}),
    "evaluation": ("rei", {"about": "evaluation"}),
    "release": ("ada", {"about": "release"}),
    "own": ("dana", {"about": "training"}),
    "waive": ("wren", {}),
    "second": ("li", {}),
    "late": ("ada", {"expires": "2031-01-01T00:00:00+00:00"}),
    "incident": ("kim", {"about": "low", "text": "It rhymes."}),
    "vague": ("kim", {"about": "odd", "text": "It rhymes."}),
    "released": ("kim", {}),
    "entry": ("rei", {"of": 1}),
}
ACTS = {
    **dict.fromkeys(("data", "training", "evaluation", "release", "own"), "approve"),
    **dict.fromkeys(("waive", "second", "late"), "waive"),
    **dict.fromkeys(("incident", "vague"), "incident"),
    "released": "release",
}


@pytest.mark.parametrize("seed", range(12))
def test_both_verifiers_agree_on_any_sequence_of_statements(tmp_path: Path, seed: int) -> None:
    """Rightly or wrongly signed, in any order, some changed after signing: the same entries are refused, and
    as many things are missing."""
    chance = random.Random(seed)
    run = make(tmp_path / "run", FAILED_GATE)
    for _ in range(10):
        sort = chance.choice([*SORTS, "answer"])
        name, said = SORTS.get(sort, ("li", {"of": chance.randrange(4, 14), "text": "Seen."}))
        statement = draft(run, ACTS.get(sort, sort), name, **said)
        if chance.random() < 0.2:
            changed = chance.choice(
                [{"run": "ab" * 8}, {"size": 2}, {"role": "ethics"}, {"subject": "00" * 32}]
            )
            statement = msgspec.structs.replace(statement, **changed)  # type: ignore[arg-type]
        put(run, statement, OTHER_KEY if chance.random() < 0.1 else None)
    ours = known(run)
    head, lines, _ = read_log(run / "ledger")
    read, problems = read_entries(lines, head.run)
    theirs = book_of(read, lines, list(ours.log), {"run": head.run, "key": head.key})
    assert not problems
    refused = {int(text.split()[1]) for text in theirs.wrong}
    assert refused == {index for index, _ in ours.faults}
    assert len(ours.said) == len(theirs.said)
    for day in (NOW, datetime(2030, 4, 1, tzinfo=UTC)):
        assert len(missing(ours, day)) == len(lacking(theirs, day))
    assert ours.subject("release") == subject_now(theirs, "release")[0]


def test_the_sequences_hold_and_break(tmp_path: Path) -> None:
    """Control of the test above: its statements are such that hold where they are left alone."""
    run = make(tmp_path / "run", FAILED_GATE)
    for sort in ("people", "data", "waive", "second", "incident", "entry", "release"):
        name, said = SORTS[sort]
        put(run, draft(run, ACTS.get(sort, sort), name, **said))
    assert not known(run).faults
    for sort in ("own", "late", "vague"):
        name, said = SORTS[sort]
        put(run, draft(run, ACTS[sort], name, **said))
    assert {index for index, _ in known(run).faults} == {12, 13, 14}


def test_a_list_signed_since_holds_for_what_was_said_before(tmp_path: Path) -> None:
    """Whoever turns out to have run the jobs approved nothing; who may not waive any more waives nothing."""
    run = make(tmp_path / "run", FAILED_GATE)
    say(run, "people", "li")
    for name in ("wren", "li"):
        say(run, "waive", name)
    for matter, name in (("data", "noor"), ("training", "ada"), ("evaluation", "rei"), ("release", "ada")):
        say(run, "approve", name, about=matter)
    assert not missing(known(run), NOW)  # the control
    before = people()
    listed = listing(
        Rules(waive=("owner", "approver")),
        dana=dataclasses.replace(before["dana"], records=""),
        ada=dataclasses.replace(before["ada"], records=before["dana"].records),
    )
    with open_run(run) as recorder:
        start(recorder, listed)
        work(recorder, run, FAILED_GATE)
    say(run, "people", "li")
    assert not faults(run)
    said = missing(known(run), NOW)
    assert any("training is not approved" in each for each in said)
    assert any("1 did" in each for each in said)
    head, lines, _ = read_log(run / "ledger")
    read, _ = read_entries(lines, head.run)
    theirs = book_of(read, lines, list(known(run).log), {"run": head.run, "key": head.key})
    assert len(lacking(theirs, NOW)) == len(said) == 3


def test_a_waiver_runs_out_for_outsiders_too(tmp_path: Path) -> None:
    run = approve_all(make(tmp_path / "run", FAILED_GATE))
    say(run, "waive", "wren")
    say(run, "waive", "li")
    head, lines, _ = read_log(run / "ledger")
    book = book_of(
        read_entries(lines, head.run)[0], lines, list(known(run).log), {"run": head.run, "key": head.key}
    )
    last = datetime(2030, 3, 1, tzinfo=UTC)
    assert not any("waive" in each for each in lacking(book, last - timedelta(seconds=1)))
    assert any("0 of 2 people waive it" in each for each in lacking(book, last))


@pytest.mark.parametrize("told", [False, True])
def test_a_verdict_that_is_entered_again_as_a_better_one_loses_its_approvals(
    tmp_path: Path, told: bool
) -> None:
    """Whoever records enters the very results again, and says that the gate passed."""
    run = approve_all(make(tmp_path / "run", FAILED_GATE))
    better = msgspec.structs.replace(FAILED_GATE, verdict="pass", detail="The gap is 0.")
    kept = ("job", "step", "step_key", "settings", "seed", "outputs", "software")
    with open_run(run) as recorder:
        before = [entry for entry in recorder.entries if entry.happened == "step.finished"]
        start(recorder, listing())
        for entry in before:
            findings = (better,) if entry.findings and not told else ()
            if entry.findings and told:
                recorder.append("told", job=entry.job, step_key=entry.step_key, findings=(better,))
            recorder.append(
                "step.finished", findings=findings, **{name: getattr(entry, name) for name in kept}
            )
        recorder.append("run.finished")
    lacking = missing(known(run), NOW)
    assert any("the evaluation is not approved" in each for each in lacking)
    assert any("the release is not approved" in each for each in lacking)
    assert "Nobody approved the evaluation, as it is, as reviewer." in outsider(run, tmp_path)[1]
