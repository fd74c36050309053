"""What is done to whole columns is what Python does to each text: words counted, marks brought near ASCII."""

from __future__ import annotations

import random
import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from duecare.curate import overlap as rows
from duecare.detect import marks, ngrams, overlap
from duecare.detect.kernel import library
from duecare.detect.refusal import refused, refuses
from duecare.detect.white import laid_out, laid_out_plainly, words_in, words_plainly

BLANKS = "".join(chr(point) for point in range(sys.maxunicode + 1) if chr(point).isspace())
PIECES = [
    *BLANKS,
    *"‘’“”„–—•`´",
    "it",
    "Is",
    "I can’t help",
    "sorry, I ‘cannot’ do",
    "é",
    "…",
    "ß",
    "ﬁ",
    "שלום",
    "😀",
]
PIECES += ["\u0301", "\u017f", "\u212a", "İ", "ı", "Σ", "3", ".", "  ", "", "日本", "\ufeff"]


def strange(count: int) -> list[str]:
    draw = random.Random(11)
    some = ["", " ", "\u3000", "a", "’", "x" * 100_000 + "’", *BLANKS]
    return some + ["".join(draw.choices(PIECES, k=draw.randint(0, 9))) for _ in range(count)]


def columns(texts: list[str]) -> list[pa.Array]:
    """Whole, cut out of another, long offsets, none."""
    whole = pa.array(texts, pa.string())
    return [whole, whole.slice(3, 500), whole.cast(pa.large_string()), whole.slice(0, 0)]


@pytest.mark.parametrize("count", [words_in, words_plainly])
def test_words_are_those_that_python_parts(count) -> None:
    assert library() is not None
    for column in columns(strange(4000)):
        counted = count(column)
        assert counted.dtype == np.int64
        assert counted.tolist() == [len(text.split()) for text in column.to_pylist()]


@pytest.mark.parametrize("lay_out", [laid_out, laid_out_plainly])
def test_white_space_of_ascii_is_laid_out_as_python_would(lay_out) -> None:
    assert library() is not None
    low = [chr(point) for point in range(0x80)]
    draw = random.Random(4)
    ascii_only = ["", " ", "\t a\x1cB \n", *low, *("".join(draw.choices(low, k=9)) for _ in range(3000))]
    for column in columns(ascii_only):
        assert lay_out(column).to_pylist() == [" ".join(text.lower().split()) for text in column.to_pylist()]
    for column in columns([*strange(4000)]):
        assert lay_out(column).equals(laid_out_plainly(column))
        assert lay_out(column).type == column.type
    some = pa.array([" A", None, "é  É\u2003"], pa.string())
    assert lay_out(some).to_pylist() == ["a", None, "é É\u2003"]
    assert lay_out(pa.nulls(2, pa.string())).to_pylist() == [None, None]


def test_marks_stay_what_they_are_in_every_form_of_unicode() -> None:
    """Control: other signs beyond ASCII do not, or have a case, or join with what stands before them."""

    def stays(sign: str) -> bool:
        forms = (unicodedata.normalize(form, f"e{sign}e") for form in ("NFC", "NFKC", "NFD", "NFKD"))
        still = {*forms, f"e{sign}e".casefold(), f"e{sign}e".lower()} == {f"e{sign}e"}
        return still and not sign.isspace() and not sign.isalnum() and not unicodedata.combining(sign)

    assert all(map(stays, marks._ALL))
    assert not any(map(stays, "…ﬁÉ\u0301ſ\u00a0´"))
    held = marks.marked_only(pa.array(["“a”", "a", "", None, "a…", "é", "–—•"]))
    assert held.to_pylist() == [True, True, True, None, False, False, True]


def test_texts_with_marks_are_brought_near_ascii_as_others_are() -> None:
    for column in columns(strange(4000)):
        brought = [
            text if text.isascii() else unicodedata.normalize("NFKD", text).lower().translate(ngrams._PLAIN)
            for text in column.to_pylist()
        ]
        assert ngrams.plain(column).to_pylist() == brought


def test_rows_with_marks_are_folded_and_compared_as_others_are(monkeypatch) -> None:
    texts = strange(4000)
    folded = rows.folded_column(pa.array([*texts, None], pa.string()))
    assert folded.to_pylist() == [*(rows.folded(text).encode() for text in texts), None]

    def keys(column: pa.Array, shape: overlap.Shape) -> bytes:
        return overlap.band_keys(overlap.passages_of(column), shape, overlap.Banding(21, 6))[0].tobytes()

    shapes = [overlap.Shape(5), overlap.Shape(4, chars=True)]
    quick = [keys(column, shape) for column in columns(texts) for shape in shapes]
    monkeypatch.setattr(overlap, "marked_only", pc.string_is_ascii)
    assert [keys(column, shape) for column in columns(texts) for shape in shapes] == quick


def test_a_column_of_answers_declines_as_each_does() -> None:
    answers = [
        *strange(2000),
        "I’m sorry, but I can’t help with that.",
        "I CANNOT do that.",
        "Sure.",
        "\n\nNo, I won't",
    ]
    declined = [refuses(answer) for answer in answers]
    assert refused(pa.array(answers, pa.string())).tolist() == declined
    assert 10 < sum(declined) < len(answers) - 10
