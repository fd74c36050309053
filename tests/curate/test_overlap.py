from __future__ import annotations

import random

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources_on_disk import made_artifact, unheard

from duecare.core import Example, Group, Message, StudyError
from duecare.core.table import EXAMPLES, examples, table
from duecare.curate import flow
from duecare.curate.overlap import Duplicates, contents, firsts, folded


def text(place, said, **more):
    return Example(row=f"data:{place}", key=f"{place:064x}", source="data", kind="text", text=said, **more)


def chat(place, *turns):
    messages = tuple(Message(role=role, content=content) for role, content in turns)
    return Example(row=f"data:{place}", key=f"{place:064x}", source="data", kind="chat", messages=messages)


def preference(place, prompt, chosen, rejected):
    messages = (Message(role="user", content=prompt),)
    return Example(
        row=f"data:{place}",
        key="k",
        source="data",
        kind="preference",
        messages=messages,
        chosen=chosen,
        rejected=rejected,
    )


class Run:
    def __init__(self, rows, folder, similarity=1.0):
        inputs = made_artifact(rows, folder / "in")
        self.out = folder / "out"
        self.out.mkdir()
        outcome = Duplicates(similarity=similarity).run(inputs, self.out, unheard)
        self.kept, self.dropped = (
            [row.row for row in examples(pq.read_table(self.out / f"{stem}.parquet"))]
            for stem in ("kept", "dropped")
        )
        self.changes = pq.read_table(self.out / "changes.parquet").to_pylist()
        self.counts = {each.metric: each.value for each in outcome.estimates if "group" not in each.slice}


ALIKE = [
    ("Where is my card?", "where is my  CARD?"),
    ("a\tb\n", " a b"),
    ("\N{LATIN SMALL LIGATURE FI}ne", "fine"),
    ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"),
    ("STRASSE", "stra\N{LATIN SMALL LETTER SHARP S}e"),
    ("\N{FULLWIDTH DIGIT ONE}", "1"),
    ("a\N{NO-BREAK SPACE}b", "a b"),
]
DIFFERENT = [("ab", "a b"), ("a", "b"), ("cafe", "café"), ("1", "l"), ("no!", "no"), ("שלום", "םולש")]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_makes_no_difference_is_dropped_and_the_first_kept(one, other, tmp_path):
    run = Run([text(4, "else"), text(7, one), text(8, other), text(9, one)], tmp_path)
    assert run.kept == ["data:4", "data:7"]
    assert run.dropped == ["data:8", "data:9"]
    assert [(each["row"], each["reason"]) for each in run.changes] == [
        ("data:8", "same content as data:7"),
        ("data:9", "same content as data:7"),
    ]
    assert {(each["step"], each["action"]) for each in run.changes} == {("duplicates", "dropped")}
    assert run.counts["curate.rows.in"] == 4
    assert run.counts["curate.rows.dropped"] == 2


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_the_control_different_content_stays(one, other, tmp_path):
    assert Run([text(0, one), text(1, other)], tmp_path).dropped == []


def test_roles_borders_and_kinds_are_part_of_content(tmp_path):
    rows = [
        chat(0, ("user", "a"), ("assistant", "b")),
        chat(1, ("assistant", "a"), ("user", "b")),
        chat(2, ("user", "a"), ("assistant", "b"), ("user", "c")),
        chat(3, ("user", "a b"), ("assistant", "c")),
        chat(4, ("user", "a"), ("assistant", "b c")),
        chat(5, ("assistant", "a")),
        text(6, "a"),
        preference(7, "a", "b", "c"),
        preference(8, "a", "c", "b"),
        preference(9, "a", "b", "C"),
        chat(10, ("user", "A"), ("assistant", " b")),
    ]
    run = Run(rows, tmp_path)
    assert run.dropped == ["data:9", "data:10"]
    assert [each["reason"] for each in run.changes] == ["same content as data:7", "same content as data:0"]


def test_columns_beside_the_content_make_no_difference(tmp_path):
    groups = (Group(axis="age", value="older"),)
    assert Run([text(0, "a"), text(1, "a", groups=groups, weight=2.0)], tmp_path).dropped == ["data:1"]


@pytest.mark.parametrize("size", [1, 3, 2048])
def test_batches_make_no_difference(size, tmp_path, monkeypatch):
    monkeypatch.setattr(flow, "BATCH", size)
    chance = random.Random(3)
    rows = [text(place, str(chance.randrange(40))) for place in range(120)]
    run, first = Run(rows, tmp_path), {}
    for row in rows:
        first.setdefault(row.text, row.row)
    assert run.kept == list(first.values())
    where = {row.row: row.text for row in rows}
    assert [each["reason"] for each in run.changes] == [
        f"same content as {first[where[row]]}" for row in run.dropped
    ]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    rows = [text(place, str(place % 7)) for place in range(50)]
    one, other = Run(rows, tmp_path / "1"), Run(rows, tmp_path / "2")
    for stem in ("kept", "dropped", "changes"):
        assert (one.out / f"{stem}.parquet").read_bytes() == (other.out / f"{stem}.parquet").read_bytes()


def test_no_rows_at_all(tmp_path):
    assert Run([], tmp_path).kept == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_firsts_are_those_of_a_plain_loop(pairs):
    digest = np.array(pairs, dtype="<u8").reshape(-1, 2)
    seen: dict[tuple[int, int], int] = {}
    assert firsts(digest).tolist() == [seen.setdefault(pair, place) for place, pair in enumerate(pairs)]


@given(st.text())
def test_folding_twice_is_folding_once_and_case_and_space_are_gone(said):
    once = folded(said)
    assert folded(once) == once
    assert folded(f"  {said}\n") == once


def _plainly(row):
    """What a row says, put together by a loop."""
    parts = [row.kind, row.text, row.chosen, row.rejected]
    parts += [each for turn in row.messages for each in (turn.role, turn.content)]
    plain = [None if part is None else folded(part).encode() for part in parts]
    return b"".join(b"-" if part is None else b"%d:%b" % (len(part), part) for part in plain)


_SAID = st.text(st.sampled_from("aB :-0\t\n\r\x0b\x0c\x1c\x1f\x85éſİ\u2003\u3000ﬁ𝒜"), max_size=9)


@given(st.lists(st.tuples(st.sampled_from(["text", "chat", "both"]), _SAID, _SAID), max_size=6))
def test_contents_of_columns_are_those_of_a_plain_loop(said):
    rows = [
        text(place, one)
        if kind == "text"
        else chat(place, ("user", one), ("assistant", other))
        if kind == "chat"
        else preference(place, one, other, f"{one} {other}x")
        for place, (kind, one, other) in enumerate(said)
        if one and other
    ]
    batch = table(rows).combine_chunks()
    found = [each for part in batch.to_batches() for each in contents(part)]
    assert found == [_plainly(row) for row in rows]
    if len(rows) > 1:
        assert contents(batch.to_batches()[0].slice(1)) == found[1:]


def test_every_row_has_content_of_its_own_form():
    batch = table([text(0, "A  b"), chat(1, ("user", "A  b"))]).combine_chunks().to_batches()[0]
    assert batch.schema.equals(EXAMPLES)
    assert len(set(contents(batch))) == 2


LONG = " ".join(f"word{number} of a long answer" for number in range(40))


def test_near_duplicates_go_with_their_similarity_and_name_a_row_that_stays(tmp_path):
    near = LONG.replace("word7 ", "other ")
    rows = [
        chat(0, ("user", "How do I close my account?"), ("assistant", LONG)),
        text(1, "Where is the card that I ordered last week?"),
        chat(2, ("user", "How do I close my account?"), ("assistant", near)),
        chat(3, ("user", "how do i close my ACCOUNT?"), ("assistant", near)),  # as data:2, which goes
        text(4, "Where is the card that I ordered last weeks?"),
        text(5, "Where is the money that I sent last week?"),
        text(6, "?!"),
        text(7, " ?!"),
        text(8, "!?"),
    ]
    run = Run(rows, tmp_path, 0.8)
    assert run.kept == ["data:0", "data:1", "data:5", "data:6", "data:8"]
    told = {each["row"]: (each["reason"], each["value"]) for each in run.changes}
    similarity = told["data:2"][1]
    assert 0.8 < similarity < 1
    assert told["data:2"][0] == f"near-duplicate of data:0 (similarity {similarity:.2f})"
    assert told["data:3"] == told["data:2"]
    assert told["data:4"][0].startswith("near-duplicate of data:1 (similarity 0.9")
    assert told["data:7"] == ("same content as data:6", None)
    assert {path.stem for path in run.out.iterdir()} == {"kept", "dropped", "changes"}
    exact = Run(rows, tmp_path / "exact")
    assert exact.dropped == ["data:3", "data:7"]  # control: without near duplicates the others stay


def test_pairs_whose_answers_are_swapped_are_not_near_duplicates(tmp_path):
    one, other = LONG, LONG.replace("word", "number").replace("long", "short")
    rows = [preference(0, "a", one, other), preference(1, "a", other, one), preference(2, "a!", one, other)]
    run = Run(rows, tmp_path, 0.5)
    assert run.dropped == ["data:2"]


@pytest.mark.parametrize("size", [1, 7, 2048])
def test_neither_batches_nor_the_compiled_library_change_near_duplicates(size, tmp_path, monkeypatch):
    chance = random.Random(5)
    rows = []
    for place in range(60):
        words = [f"w{chance.randrange(50)}" for _ in range(chance.choice([12, 70, 120]))]
        for copy in range(3):
            rows.append(text(3 * place + copy, " ".join(words)))
            words[chance.randrange(len(words))] = "other"
    chance.shuffle(rows)
    first = Run(rows, tmp_path / "first", 0.7)
    assert 40 < len(first.dropped) < 120
    monkeypatch.setattr(flow, "BATCH", size)
    monkeypatch.setenv("DUECARE_KERNEL", "off")
    again = Run(rows, tmp_path / "again", 0.7)
    assert again.changes == first.changes
    assert again.kept == first.kept


@pytest.mark.parametrize("similarity", [0, -0.5, 1.01, "0.8", float("nan")])
def test_similarities_that_mean_nothing_are_refused(similarity):
    with pytest.raises(StudyError, match=r"duplicates\.similarity"):
        Duplicates(similarity=similarity)
