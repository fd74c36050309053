"""Shingles, band keys and Jaccard similarity: as sets in plain Python, with and without the library."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecare.core import DataError, StudyError
from duecare.detect import overlap, shingles
from duecare.detect.kernel import build as building
from duecare.detect.overlap import Banding, Passages, Shape, band_keys, jaccard, passages_of, shingle_sets

SHAPES = (Shape(5), Shape(1), Shape(4, chars=True), Shape(2, chars=True))
needs_compiler = pytest.mark.skipif(building.compiler() is None, reason="no C compiler is on the PATH")


def plain_shingles(text, shape):
    """What a shingle is, in plain Python; for ASCII."""
    words = re.findall("[a-z0-9]+", text.lower())
    units = list(f" {' '.join(words)} ") if shape.chars and words else words
    width = min(shape.width, len(units))
    return {tuple(units[i : i + width]) for i in range(len(units) - width + 1)} if units else set()


def similarities(texts, shape, one, other):
    values, starts = shingle_sets(passages_of(pa.array(texts, pa.string())), shape)
    return jaccard(values, starts, np.array(one, np.int64), np.array(other, np.int64)).tolist()


pieces = st.sampled_from(
    [
        "a",
        "B",
        "7",
        " ",
        "  ",
        ".",
        "-",
        "\n",
        "é",
        "É",
        "ß",
        "中",
        "文",
        "\N{GRINNING FACE}",
        "one two ",
        "x1 y2 z3 ",
    ]
)
said = st.lists(pieces, max_size=25).map("".join) | st.text(max_size=20)


@st.composite
def passages(draw):
    texts = draw(st.lists(said, max_size=8))
    cuts = sorted(draw(st.lists(st.integers(0, len(texts)), max_size=4)))
    salts = np.array([draw(st.integers(0, 3)) for _ in texts], dtype=np.uint64)
    return passages_of(pa.array(texts, pa.string()), salts, np.array([0, *cuts, len(texts)], dtype=np.int64))


@needs_compiler
@pytest.mark.parametrize("shape", SHAPES)
@given(rows=passages())
def test_the_library_and_the_fallback_give_the_same_bytes(shape, rows):
    def all_of_it():
        keys, counts = band_keys(rows, shape, Banding.at(0.8))
        values, starts = shingle_sets(rows, shape)
        one, other = (each.ravel() for each in np.indices((len(rows), len(rows))))
        found = jaccard(values, starts, one.astype(np.int64), other.astype(np.int64))
        return [each.tobytes() for each in (keys, counts, values, starts, found)]

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DUECARE_KERNEL", raising=False)
        compiled = all_of_it()
        patch.setenv("DUECARE_KERNEL", "off")
        assert all_of_it() == compiled


@pytest.mark.parametrize("kernel", ["", "off"])
@pytest.mark.parametrize("shape", SHAPES)
@given(texts=st.lists(st.text("abAB01 .,\n", max_size=30), min_size=2, max_size=2))
def test_similarity_is_that_of_plain_sets(shape, kernel, texts):
    one, other = (plain_shingles(text, shape) for text in texts)
    expected = len(one & other) / len(one | other) if one | other else 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_KERNEL", kernel)
        assert similarities(texts, shape, [0], [1]) == [expected]


ALIKE = [
    ("Where is my card?", "where  is my CARD"),
    ("caf\N{LATIN SMALL LETTER E WITH ACUTE} noir", "Cafe\N{COMBINING ACUTE ACCENT} noir!"),
    ("\N{LEFT DOUBLE QUOTATION MARK}so\N{RIGHT DOUBLE QUOTATION MARK}", "so"),
    ("\N{FULLWIDTH DIGIT ONE} a", "1 a"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
@pytest.mark.parametrize("shape", SHAPES)
def test_case_marks_and_forms_make_no_difference(one, other, shape):
    assert similarities([one, other], shape, [0], [1]) == [1.0]


def test_a_script_without_spaces_is_cut_into_characters():
    rows = ["\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 3 + "abcdefgh"[place] * 9 for place in range(2)]
    assert 0 < similarities(rows, Shape(2), [0], [1])[0] < 1


def test_no_shingle_crosses_from_one_passage_to_the_next_and_what_it_is_counts():
    texts = pa.array(["a b", "c", "a b c", "a b", "c", "c", "a b"])
    borders = np.array([0, 2, 3, 5, 7], np.int64)
    salts = np.array([0, 1, 0, 1, 0, 1, 0], np.uint64)
    values, starts = shingle_sets(passages_of(texts, salts, borders), Shape(2))
    one, other = np.array([0, 0, 0], np.int64), np.array([1, 2, 3], np.int64)
    # "ab", "c" against: "ab" "bc"; the same with the roles swapped; the same in another order.
    assert jaccard(values, starts, one, other).tolist() == [1 / 3, 0.0, 1.0]


def test_a_row_without_a_word_has_no_shingle():
    keys, counts = band_keys(
        passages_of(pa.array(["", "?!", "\N{GRINNING FACE}", "a"])), Shape(5), Banding(4, 4)
    )
    assert counts.tolist() == [0, 0, 0, 1]
    assert keys.shape == (4, 4)


def test_signatures_agree_as_often_as_sets_are_similar():
    """The theorem: a permutation's least values agree with the chance that is the sets' similarity."""
    chance = random.Random(1)
    rows = []
    for place in range(400):
        words = [f"{place}w{number}" for number in range(60)]
        rows += [" ".join(words), " ".join(words[chance.randrange(30) :])]
    made = passages_of(pa.array(rows))
    hashed, counts = overlap._hashed(made, Shape(3))
    signature = shingles.signatures(hashed, counts, overlap.TIMES, overlap.PLUS)
    true = np.array(similarities(rows, Shape(3), range(0, 800, 2), range(1, 800, 2)))
    seen = (signature[::2] == signature[1::2]).mean(axis=1)
    error = (seen - true) / np.sqrt(np.maximum(true * (1 - true), 1e-3) / overlap.PERMUTATIONS)
    assert abs(error.mean()) < 4 / np.sqrt(len(error))  # no bias
    assert 0.8 < error.std() < 1.25  # and the spread of independent permutations
    stranger = (signature[::2] == np.roll(signature[1::2], 1, axis=0)).mean()
    assert stranger < 0.01  # control: other sets do not agree


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.7, 0.8, 0.9, 0.99])
def test_the_banding_is_the_strictest_that_finds_pairs_at_the_similarity(similarity):
    banding = Banding.at(similarity)
    assert banding.chance(similarity) >= overlap.SURE
    stricter = Banding(overlap.PERMUTATIONS // (banding.rows + 1), banding.rows + 1)
    assert stricter.chance(similarity) < overlap.SURE
    assert banding.chance(similarity / 2) < banding.chance(similarity)


@given(rows=passages(), data=st.data())
def test_rows_taken_are_the_rows(rows, data):
    some = np.array(
        sorted(data.draw(st.sets(st.integers(0, len(rows) - 1)) if len(rows) else st.just(set()))), np.int64
    )
    values, starts = shingle_sets(rows, Shape(2))
    taken, borders = shingle_sets(rows.take(some), Shape(2))
    expected = [values[starts[row] : starts[row + 1]].tolist() for row in some]
    assert [taken[a:b].tolist() for a, b in pairwise(borders)] == expected


def test_what_does_not_fit_is_refused():
    made = passages_of(pa.array(["a", "b"]))
    with pytest.raises(DataError, match="0 salts, expected 2"):
        Passages(made.texts, np.zeros(0, np.uint64), made.rows)
    with pytest.raises(DataError, match="borders fall"):
        Passages(made.texts, made.salts, np.array([0, 2, 1, 2], np.int64))
    with pytest.raises(DataError, match="end at 2"):
        Passages(made.texts, made.salts, np.array([0, 1], np.int64))
    with pytest.raises(DataError, match="at most 128"):
        band_keys(made, Shape(5), Banding(16, 9))
    values, starts = shingle_sets(made, Shape(5))
    with pytest.raises(DataError, match="positions outside"):
        jaccard(values, starts, np.array([0]), np.array([2]))
    with pytest.raises(StudyError, match="width"):
        Shape(0)
