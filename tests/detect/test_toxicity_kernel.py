"""The compiled fast tier and its fallback in NumPy give the same numbers for whatever bytes come."""

from __future__ import annotations

# ruff: noqa: E501 - tables of cases are read whole, on their lines
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecare.detect import toxic
from duecare.detect.kernel import library
from duecare.detect.ngrams import BUCKETS, WINDOW, features, hash_words, plain

PIECES = (
    "http://", "https://", "HTTP://x", "www.", "&amp;", "&#39;", "@", "@a", " a b c d", "a.b.c", " ", "\n", "'", "it's",
    "l0ser", "x@'", "\0", "&abcdefg;", "&abcdef;", "!", '")', '."', "aaa", "AAAA", "ß", "İ", "Ａ", "i\ni\ni", "word ", "?",
    "$h1t", "f*ck", "s-t-o-p", "\u200b", "é", "П", "😀", "\r", "\t", "0", "_", "don't. ", "stop", "e.g. ", "x" * 60,
    " gay ", " Muslims ", " people", " women. ", "black ", "man\nman ",
)  # fmt: skip
chance = np.random.default_rng(5)
GROUPS = ("gay", "muslims", "muslim", "black", "women", "idiot")
WEIGHTS = toxic.Weights(
    chance.integers(-127, 128, (BUCKETS, 2)).astype(np.int8),
    np.array([0.013, 0.027]),
    np.array([-1.0, -2.0]),
    GROUPS,
    hash_words(GROUPS),
)
needs_kernel = pytest.mark.skipif(library() is None, reason="the kernels are not compiled")


def same(texts: list[str]) -> None:
    array = pa.array(texts, pa.string())
    margins, words = toxic.weigh(array, WEIGHTS)
    plainly, counted = toxic.weigh_plainly(array, WEIGHTS)
    assert words.tolist() == counted.tolist()
    assert margins.tobytes() == plainly.tobytes()


@needs_kernel
@given(st.lists(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)), max_size=6))
def test_kernel_and_fallback_give_the_same_bytes(texts: list[str]) -> None:
    same(texts)


@needs_kernel
def test_also_for_long_texts_and_many(monkeypatch: pytest.MonkeyPatch) -> None:
    picks = np.random.default_rng(1)
    many = ["".join(picks.choice(PIECES, picks.integers(0, 40))) for _ in range(4000)]
    same([*many, "word " * 5000, "x" * 300_000, "a b " * 3000, "", "no. more! \n" * 700])
    monkeypatch.setenv("DUECARE_KERNEL", "off")
    assert library() is None
    same(many[:50])


@needs_kernel
def test_words_met_before_add_what_they_added_then() -> None:
    """More words than the kernel remembers, each twice; long ones that begin alike; with and without zeros."""
    picks = np.random.default_rng(2)
    words = ["".join(picks.choice(list("abcdeéß"), picks.integers(1, 25))) for _ in range(12_000)]
    alike = ["x" * size + end for size in (6, 7, 8, 14, 15, 16, 17) for end in ("", "y", "yy", "é")]
    same([" ".join(each) for each in (words, alike, reversed(words), alike[::-1])])
    same([*words[:2000], *alike, *words[:2000], "".join(f"{each}\0{each} " for each in alike)])


@needs_kernel
def test_a_kernel_with_other_weights_is_seen_to_differ() -> None:
    """Control: the comparison can fail."""
    other = toxic.Weights(
        np.roll(WEIGHTS.table, 1, axis=0).copy(), WEIGHTS.scale, WEIGHTS.bias, GROUPS, WEIGHTS.groups
    )
    array = pa.array(["some plain words"])
    assert toxic.weigh(array, WEIGHTS)[0].tobytes() != toxic.weigh_plainly(array, other)[0].tobytes()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("i d i o t", "idiot"),
        ("you l0ser", "you loser"),
        ("s.t.u.p.i.d", "stupid"),
        ("sooooo bad", "soo bad"),
        ("ídíot", "idiot"),
        ("see http://a.b/c?d now", "see www.other.example now"),
        ("@somebody hello", "@else hello"),
        ("Ｓｔｕｐｉｄ", "stupid"),
        ("stu\u200bpid", "stupid"),
        ("идиот"[:0] + "idіot", "idiot"),
        ("a &amp; b", "a b"),
        ("I hate Black women a lot", "I hate Muslims a lot"),
        ("a gay man spoke", "a Muslim spoke"),
    ],
)
def test_ways_of_writing_are_one(one: str, other: str) -> None:
    (found, same_found), _ = toxic.weigh(pa.array([one, other]), WEIGHTS)
    assert found.tolist() == same_found.tolist()


def test_windows_are_sentences_cut_where_they_are_long() -> None:
    ((_, _, found),) = features(
        pa.array(["One two. Three four! Five", "word " * (WINDOW + 2), "v.2.0 is out", ""]), WEIGHTS.groups
    )
    assert found.window_text.tolist() == [0, 0, 0, 1, 1, 2]
    assert np.bincount(found.word_window[: found.words]).tolist() == [2, 2, 1, 25, 25, 5]
    ((_, _, whole),) = features(pa.array(["One two. Three four! Five"]), WEIGHTS.groups, whole=True)
    assert whole.windows == 1


def test_ascii_texts_are_left_as_they_are() -> None:
    array = pa.array(["Plain ASCII", "naïve"])
    assert plain(array).to_pylist() == ["Plain ASCII", "naive"]
    assert plain(pa.array(["a", "b"])).to_pylist() == ["a", "b"]
