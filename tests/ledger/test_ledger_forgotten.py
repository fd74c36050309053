"""What was forgotten, as read from a ledger: begun and done are one request, and nonsense is none."""

from __future__ import annotations

from dataclasses import replace

from duecare.core import Note
from duecare.ledger.entry import Entry
from duecare.ledger.forgotten import (
    BEGUN,
    DONE,
    SUBJECT,
    Forgotten,
    concerns,
    forgotten,
    inspect_forgotten,
    note_data,
)

ONE = Forgotten(
    entry=3,
    request="0f" * 8,
    why=SUBJECT,
    time="2026-01-02T03:04:05+00:00",
    sources=("chats",),
    keys={"data.s.chats": "ab" * 8},
    sealed=("artifacts/read-chats-1a2b3c4d",),
    open=("artifacts/personal-chats-1a2b3c4d",),
    models=("artifacts/sft-1a2b3c4d",),
    results=("artifacts/evaluate-1a2b3c4d",),
    terms=("cd" * 16,),
    files=("ef" * 32,),
    done=False,
)


def entry(topic: str, index: int = 3, happened: str = "told", data: dict[str, str] | None = None) -> Entry:
    said = note_data(ONE) if data is None else data
    note = Note(topic=topic, text="", data=said)
    return Entry(
        index=index, happened=happened, run="0" * 8, actor="a", time=ONE.time, previous="0" * 64, note=note
    )


def test_it_is_read_as_it_was_written_and_done_follows_begun() -> None:
    assert forgotten([entry(BEGUN)]) == (ONE,)
    assert forgotten([entry(BEGUN), entry(DONE, 4)]) == (replace(ONE, entry=4, done=True),)
    assert ONE.touched == (*ONE.sealed, *ONE.open, *ONE.models, *ONE.results)


def test_what_is_no_such_note_is_none() -> None:
    broken = note_data(ONE) | {"keys": "[1]"}
    short = {name: value for name, value in note_data(ONE).items() if name != "models"}
    strange = [
        entry(BEGUN, happened="report"),
        entry("waiver"),
        entry(DONE, data=broken),
        entry(DONE, data=short),
    ]
    assert forgotten(strange) == ()
    assert [concerns(each) for each in strange] == [True, False, True, True]


def test_verification_says_what_was_forgotten_and_what_was_interrupted() -> None:
    (held,) = inspect_forgotten([entry(BEGUN), entry(DONE, 4)])
    assert held.verdict == "pass"
    assert "sft-1a2b3c4d learned from them and would need to be trained again" in held.detail
    assert "lie open in personal-chats-1a2b3c4d" in held.detail
    (open_one,) = inspect_forgotten([entry(BEGUN)])
    assert open_one.verdict == "insufficient evidence"
    assert "--resume" in (open_one.next or "")
    assert inspect_forgotten([entry("waiver")]) == []
