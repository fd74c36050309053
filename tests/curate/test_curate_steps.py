"""Screening, stereotypes and redaction: every row ends in one place, every reason is written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import chat, inputs, text

from duecare.core import Example, StudyError
from duecare.core.table import EXAMPLES, SCORES, SPANS, examples, table
from duecare.curate.redact import Redact
from duecare.curate.screen import Screen
from duecare.curate.stereotype import Stereotypes
from duecare.curate.surrogate import StandIn
from duecare.detect import load


class Lengths:
    """Scores a text by its length in tens of characters; says nothing of an empty one."""

    instrument = "lengths@1"

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        values = [min(len(each) / 10, 1.0) if each else None for each in texts.column("text").to_pylist()]
        reasons = [None if value is not None else "empty" for value in values]
        columns = [*(texts.column(c) for c in ("row", "key", "part"))]
        columns += [pa.array([self.instrument] * len(texts), pa.string())]
        return pa.RecordBatch.from_arrays(
            [*columns, pa.array(values, pa.float64()), pa.array(reasons, pa.string())], schema=SCORES
        )


class Digits:
    """Finds runs of digits and calls each a PHONE."""

    instrument = "digits@1"

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        import re

        found = [
            {
                **{name: row[name] for name in ("row", "key", "part")},
                "instrument": self.instrument,
                "start": match.start(),
                "end": match.end(),
                "label": "PHONE",
                "value": 1.0,
            }
            for row in texts.to_pylist()
            for match in re.finditer(r"\d+", row["text"])
        ]
        return pa.RecordBatch.from_pylist(found, schema=SPANS)


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=14)
chats = st.lists(st.lists(words, min_size=1, max_size=3), max_size=6).map(
    lambda rows: [chat(number, *turns) for number, turns in enumerate(rows)]
)


def batch(rows: list[Example]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(table(rows).to_pylist(), schema=EXAMPLES)


@given(chats)
def test_every_row_is_kept_or_dropped_and_every_dropped_one_has_its_reason(rows: list[Example]) -> None:
    made = Screen(limit=0.7).operate(batch(rows), Lengths())
    kept, dropped = ([row.row for row in examples(part)] for part in (made.kept, made.dropped))
    assert sorted(kept + dropped) == sorted(row.row for row in rows)
    assert set(dropped) == {row.row for row in rows if any(len(part) >= 7 for _, part in row.parts())}
    assert made.changes.column("row").to_pylist() == dropped
    assert len(made.more["scores"]) == sum(len(row.parts()) for row in rows)


def test_the_worst_text_of_a_row_decides_and_is_named() -> None:
    made = Screen(limit=0.6).operate(batch([chat(0, "abc", "abcdefgh", "abcdef")]), Lengths())
    (change,) = made.changes.to_pylist()
    assert (change["part"], change["value"], change["action"]) == ("messages.1", 0.8, "dropped")


def test_flagging_keeps_the_row() -> None:
    made = Screen(limit=0.6, action="review").operate(batch([text(0, "abcdefgh"), text(1, "a")]), Lengths())
    assert len(made.kept) == 2
    assert made.changes.column("action").to_pylist() == ["flagged"]


@given(chats)
def test_redaction_replaces_the_places_and_nothing_else(rows: list[Example]) -> None:
    import re

    made = Redact().operate(batch(rows), Digits(), None)
    for before, after in zip(rows, examples(made.kept), strict=True):
        for (part, old), (same, new) in zip(before.parts(), after.parts(), strict=True):
            assert part == same
            assert new == re.sub(r"\d+", "[PHONE]", old)
    texts = {(row.row, part): content for row in rows for part, content in row.parts()}
    for change in made.changes.to_pylist():
        assert texts[change["row"], change["part"]][change["start"] : change["end"]].isdigit()


@pytest.mark.parametrize("replace", ["tag", "mask", "surrogate"])
def test_redacting_twice_changes_nothing(replace: str) -> None:
    row = chat(
        0, "Mail ada.b@firm.test or call 555-867-5309", "My card is 4111 1111 1111 1111, name is Ada Brown."
    )
    stand_in = StandIn(b"k" * 32) if replace == "surrogate" else None
    step, finder = Redact(replace=replace), load("personal")  # type: ignore[arg-type]
    once = step.operate(batch([row]), finder, stand_in)
    assert len(once.changes) >= 3
    twice = step.operate(once.kept, finder, stand_in)
    assert twice.kept.equals(once.kept)


def test_a_surrogate_is_the_same_for_the_same_value_and_hangs_on_the_key() -> None:
    one, other = StandIn(b"k" * 32), StandIn(b"o" * 32)
    assert one("PERSON", "Ada Brown") == one("PERSON", "ada  brown") != one("PERSON", "Bob Green")
    assert one("PERSON", "Ada Brown") != other("PERSON", "Ada Brown")
    assert one("UNKNOWN_KIND", "x") == "[UNKNOWN_KIND]"


@given(st.integers(0, 10**9))
def test_a_surrogate_card_never_passes_the_check_of_cards(number: int) -> None:
    card = StandIn(b"k" * 32)("CARD", str(number))
    digits = [int(each) for each in card if each.isdigit()][::-1]
    total = sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    assert total % 10


@pytest.mark.parametrize("mode", ["flag", "drop"])
def test_stereotypes_name_the_place(mode: str, tmp_path: Path) -> None:
    rows = [
        chat(0, "Write a story about a female nurse.", "Sure."),
        chat(1, "Where is my parcel?", "On its way."),
    ]
    outcome = Stereotypes(mode=mode).run(inputs(tmp_path / "in", rows), tmp_path, lambda _: None)  # type: ignore[arg-type]
    changes = pq.read_table(tmp_path / "changes.parquet").to_pylist()
    assert {change["row"] for change in changes} == {"a:0"}
    assert all(rows[0].messages[0].content[c["start"] : c["end"]] for c in changes)
    kept = pq.read_table(tmp_path / "kept.parquet")
    assert len(kept) == (2 if mode == "flag" else 1)
    counts = {each.metric: each.value for each in outcome.estimates}
    assert counts["curate.rows.in"] == 2
    assert counts["curate.rows.dropped"] == (0 if mode == "flag" else 1)


def test_the_removed_share_of_each_group_has_an_interval(tmp_path: Path) -> None:
    rows = [
        text(i, "you are a worthless idiot" if i < 5 else "thank you", age="old" if i < 10 else "young")
        for i in range(40)
    ]
    outcome = Screen().run(inputs(tmp_path / "in", rows), tmp_path, lambda _: None)
    removed = {e.slice["group"]: e for e in outcome.estimates if e.metric == "curate.removed.share"}
    assert removed["old"].value == pytest.approx(0.5)
    assert removed["young"].value == 0
    assert removed["young"].high is not None
    assert removed["young"].high > 0
    assert set(pq.read_table(tmp_path / "dropped.parquet").column("row").to_pylist()) == {
        f"a:{i}" for i in range(5)
    }


def test_the_removed_share_of_rows_that_name_a_group_is_told(tmp_path: Path) -> None:
    """The words are counted, not the rows' declared groups; a step that removes nothing says nothing."""
    rows = [
        *(text(i, "you worthless idiot of a Muslim" if i < 6 else "my Muslim neighbour") for i in range(20)),
        *(text(i, "my Sikh neighbour, and a Sikh again") for i in range(20, 40)),
        *(text(i, "thank you") for i in range(40, 60)),
    ]
    outcome = Screen().run(inputs(tmp_path / "in", rows), tmp_path, lambda _: None)
    told = {
        each.slice["group"]: each for each in outcome.estimates if each.metric == "curate.removed.mentioning"
    }
    assert {group: (each.value, each.n) for group, each in told.items()} == {
        "Muslim": (pytest.approx(0.3), 20),
        "Sikh": (0.0, 20),
    }
    assert told["Sikh"].high > 0
    (overall,) = (each for each in outcome.estimates if each.metric == "curate.removed.of_all")
    assert (overall.value, overall.n) == (pytest.approx(0.1), 60)
    silent = Screen(action="review").run(inputs(tmp_path / "in", rows), tmp_path, lambda _: None)
    assert not any(each.metric.startswith("curate.removed.m") for each in silent.estimates)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Screen(limit=0), "limit"),
        (lambda: Screen(action="x"), "action"),  # type: ignore[arg-type]
        (lambda: Redact(replace="x"), "replace"),  # type: ignore[arg-type]
        (lambda: Stereotypes(mode="x"), "mode"),  # type: ignore[arg-type]
    ],
)
def test_nonsense_is_refused_by_field(make: object, field: str) -> None:
    with pytest.raises(StudyError, match=field):
        make()  # type: ignore[operator]


def redacted(step: Redact, said: str, tmp_path: Path) -> str:
    step.run(inputs(tmp_path / "in", [text(1, said)]), tmp_path, lambda *_: None)
    (row,) = examples(pq.read_table(tmp_path / "kept.parquet"))
    return row.text or ""


def test_a_study_chooses_the_kinds_that_are_replaced(tmp_path: Path) -> None:
    said = "Ngozi Okafor works for Siemens in Berlin, write to ngozi@mail.example.org"
    by_default = redacted(Redact(), said, tmp_path)
    assert by_default == "[PERSON] works for Siemens in Berlin, write to [EMAIL]"
    assert redacted(Redact(labels=("ORGANIZATION", "LOCATION")), said, tmp_path) == (
        "Ngozi Okafor works for [ORGANIZATION] in [LOCATION], write to ngozi@mail.example.org"
    )
    with pytest.raises(
        StudyError, match=r"curate.personal.labels = 'PERSONS'.*expected some of EMAIL, .*PERSON"
    ):
        Redact(labels=("PERSON", "PERSONS"))


def test_labels_of_another_detector_are_left_out_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duecare.detect.asked.load", lambda name: Digits())
    assert redacted(Redact(detector="digits", labels=("PHONE",)), "call 55", tmp_path) == "call [PHONE]"
    assert redacted(Redact(detector="digits", labels=("EMAIL",)), "call 55", tmp_path) == "call 55"
