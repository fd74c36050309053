"""Mentions of a column by the compiled kernel are those found word by word."""

from __future__ import annotations

import random
import sys
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecare.detect import mentions
from duecare.detect.identity import PERSONS, SELF, Identity, by_first_word, people, terms
from duecare.detect.kernel import standing
from duecare.detect.spans import Span

needs_kernel = pytest.mark.skipif(not standing().used, reason="the kernels are not in use")

_SAID = [phrase for term in terms() for phrase in (*term.mentions, *term.guarded)]
_WORDS = [*_SAID, *map(str.upper, _SAID), *sorted(people()), *sorted(SELF), *sorted(PERSONS)]
_ODD = [
    *(
        "and",
        "and_",
        "or",
        "But",
        "so-so",
        "72-year-old",
        "a 19 years old",
        "3 yearſ-old",
        "١٢ year old",
        "İ",
        "ſ",
    ),
    *(
        "blac\u212a",
        "\u212aorean",
        "e\u0301",
        "👩\u200d🦰",
        "😀",
        "שלום",
        "مرحبا",
        "中文",
        "々",
        "ﬁ",
        "\u200b",
        "\u202e",
    ),
    *("’", "'", "-", "_", "--", "\n", ". ", "; ", ", ", "/", " & ", "\x00", "\u2028", "\xa0", "!", "?"),
]
_BETWEEN = [" ", " ", " ", " ", "", "-", "’", "'", ", ", "/", "\xa0", "_", ". "]
texts = st.lists(st.tuples(st.sampled_from(_WORDS + _ODD), st.sampled_from(_BETWEEN)), max_size=9).map(
    lambda pieces: "".join(word + mark for word, mark in pieces)
)


def found(column: pa.Array) -> list[list[Span]]:
    """Spans of each text of a column, from the columns of `mentions_in`."""
    made = mentions.mentions_in(column)
    listed: list[list[Span]] = [[] for _ in range(len(column))]
    names = mentions.labels()
    for text, *place, label in zip(
        *(each.tolist() for each in (made.text, made.start, made.end, made.label)),
        strict=True,
    ):
        listed[text].append(Span(*place, names[label]))
    return listed


@given(st.lists(texts, max_size=6))
def test_the_column_gives_what_the_words_give(rows: list[str]) -> None:
    assert found(pa.array(rows, pa.string())) == [Identity().mentions(text) for text in rows]


@given(st.lists(st.text(max_size=30), max_size=6))
def test_any_text_at_all(rows: list[str]) -> None:
    rows = [text.encode("utf-8", "ignore").decode() for text in rows]
    assert found(pa.array(rows, pa.string())) == [Identity().mentions(text) for text in rows]


def test_many_texts_with_and_without_the_kernel(monkeypatch) -> None:
    draw = random.Random(1)
    rows = [
        "".join(draw.choice(_WORDS + _ODD) + draw.choice(_BETWEEN) for _ in range(draw.randint(0, 12)))
        for _ in range(3000)
    ]
    column = pa.array(rows, pa.string())
    compiled = found(column)
    assert sum(map(len, compiled)) > 3000
    monkeypatch.setenv("DUECARE_KERNEL", "off")
    assert found(column) == compiled
    assert found(column.slice(700, 900)) == compiled[700:1600]
    assert found(pa.array([], pa.string())) == []


@needs_kernel
def test_every_code_point_is_read_as_python_reads_it() -> None:
    """Beside a word, inside one, and between a guarded word and one for people."""
    points = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
    alnum = "".join(points[: mentions._PLANES])
    assert not any(point.isalnum() for point in points[mentions._PLANES - 0x800 :])
    odd = [
        point
        for point in points
        if point.isspace() or unicodedata.category(point) in ("Cc", "Cf", "Zl") or point.lower().isascii()
    ]
    odd += random.Random(0).sample(points, 1000)
    assert len(alnum) > 200_000
    rows = [f"a woman{point} men, the black{point}people; I am gay{point}and so" for point in odd]
    assert found(pa.array(rows, pa.string())) == [Identity().mentions(text) for text in rows]


def test_every_word_known_is_ascii_and_of_capitals_only_one_beyond_becomes_it() -> None:
    """What the kernel takes for granted."""
    words = {word for each in by_first_word().values() for said, _, _ in each for word in said}
    words |= (
        people() | PERSONS | {word for word in SELF if "’" not in word}
    )  # words are read with a plain "'"
    assert all(word.isascii() and len(word) < 32 for word in words)
    beyond = [chr(point) for point in range(0x80, sys.maxunicode + 1) if chr(point).lower().isascii()]
    assert beyond == ["\u212a"]


def test_ten_megabytes_in_one_cell() -> None:
    piece = "She said that é 😀 the black people, a 70-year-old; "
    cell = piece * (10_000_000 // len(piece.encode()))
    (spans,) = found(pa.array([cell], pa.string()))
    one = Identity().mentions(piece)
    assert len(one) == 3
    assert spans == [
        span._replace(start=span.start + shift, end=span.end + shift)
        for shift in range(0, len(cell), len(piece))
        for span in one
    ]


@needs_kernel
def test_the_comparison_can_fail(monkeypatch) -> None:
    known = mentions._vocabulary()
    wrong = mentions._Vocabulary(known.pool, known.starts, known.flags * 0, known.entries, known.first)
    monkeypatch.setattr(mentions, "_vocabulary", lambda: wrong)
    said = "the black people and an old man"
    assert found(pa.array([said])) != [Identity().mentions(said)]
