"""Mentions found a column at a time are those found word by word."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from duecare.core.table import TEXTS
from duecare.detect import identity_scan
from duecare.detect.identity import Identity, terms

_PHRASES = [phrase for term in terms() for phrase in (*term.mentions, *term.guarded)]
_PIECES = [
    *_PHRASES,
    *(phrase.upper() for phrase in _PHRASES),
    *(
        "people",
        "men",
        "am",
        "being",
        "I",
        "who is",
        "72-year-old",
        "a 19 years old",
        "many",
        "here",
        "Éhe",
        "’s",
    ),
    *("😀", "’", "'", "-", "_", "--", "é", ". ", ", ", "\n", "and ", "x"),
]
texts = st.lists(
    st.tuples(st.sampled_from(_PIECES), st.sampled_from([" ", " ", "", "-", "’"])), max_size=8
).map(lambda pieces: "".join(a + b for a, b in pieces))


def found(column: pa.Array) -> list[list]:
    spans = identity_scan.mentions_of(column)
    return [sorted(spans.get(place, ())) for place in range(len(column))]


@given(st.lists(texts, max_size=6))
def test_the_column_gives_what_the_words_give(rows: list[str]) -> None:
    assert found(pa.array(rows, pa.string())) == [Identity().mentions(text) for text in rows]


@given(st.lists(st.text(max_size=30), max_size=6))
def test_any_text_at_all(rows: list[str]) -> None:
    rows = [text.encode("utf-8", "ignore").decode() for text in rows]
    assert found(pa.array(rows, pa.string())) == [Identity().mentions(text) for text in rows]


def test_a_part_of_a_column_and_no_column_at_all() -> None:
    whole = pa.array(["a woman", "many here", "é Sikh man", "old people"], pa.string())
    assert found(whole.slice(2, 2)) == [Identity().mentions("é Sikh man"), Identity().mentions("old people")]
    assert found(pa.array([], pa.string())) == []


def test_words_inside_words_are_no_mentions_and_the_check_can_fail(monkeypatch) -> None:
    rows = pa.array(["many here, the manager of a song", "the man"], pa.string())
    assert [len(each) for each in found(rows)] == [0, 1]
    monkeypatch.setattr(identity_scan, "_whole_words", dict)
    monkeypatch.setattr(identity_scan, "by_first_word", dict)
    assert [len(each) for each in found(rows)] == [0, 0]


def test_spans_of_a_batch_stand_in_order_and_name_the_place() -> None:
    rows = ["nothing", "é: her 70-year-old aunt, a Sikh", "he"]
    batch = pa.RecordBatch.from_pydict(
        {"row": ["a:0", "a:1", "a:2"], "key": ["k"] * 3, "part": ["text"] * 3, "text": rows}, schema=TEXTS
    )
    spans = Identity()(batch).to_pylist()
    said = dict(zip(batch["row"].to_pylist(), rows, strict=True))
    assert [(s["row"], said[s["row"]][s["start"] : s["end"]], s["label"]) for s in spans] == [
        ("a:1", "her", "gender:women"),
        ("a:1", "70-year-old", "age:older"),
        ("a:1", "aunt", "gender:women"),
        ("a:1", "Sikh", "religion:Sikh"),
        ("a:2", "he", "gender:men"),
    ]
    only = Identity(("age",))(batch)
    assert only["label"].to_pylist() == ["age:older"]
