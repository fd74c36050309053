"""Deletion and insertion curves on a function that is known, and scores of any function; needs no model."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.core import DataError
from duecare.explain import occluded
from duecare.explain.faithful import curves, leading, likeness
from duecare.explain.spans import words_of


def adding(weights):
    """A value that is the sum of the weights of the words that are kept."""
    return lambda asked: np.array([float(np.asarray(weights[number])[kept].sum()) for number, kept in asked])


def test_the_true_order_beats_random_ones_and_its_reverse_loses():
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(9) for _ in range(20)]
    out, back = curves(weights, adding(weights), rng, points=5, orders=6)
    assert all(curve.gap > 0 for curve in out)
    assert all(curve.gap < 0 for curve in back)
    out, back = curves([-each for each in weights], adding(weights), rng)
    assert all(curve.gap < 0 for curve in out)
    assert all(curve.gap > 0 for curve in back)


def test_an_order_without_meaning_is_no_better_than_chance():
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal(9) for _ in range(400)]
    out, _ = curves([rng.standard_normal(9) for _ in weights], adding(weights), rng)
    gaps = np.array([curve.gap for curve in out])
    assert abs(gaps.mean()) < 4 * gaps.std() / np.sqrt(len(gaps))


def test_a_curve_is_what_is_left_at_each_share():
    (out,), (back,) = curves(
        [np.array([3.0, 2.0, 1.0, 0.0])], adding([[3.0, 2.0, 1.0, 0.0]]), np.random.default_rng(0), points=3
    )
    assert out.shares.tolist() == [0.25, 0.5, 0.75]
    assert out.named.tolist() == [3.0, 1.0, 0.0]
    assert back.named.tolist() == [3.0, 5.0, 6.0]


def test_a_text_of_one_word_has_no_curve():
    out, back = curves([np.ones(1), np.ones(2)], adding([np.ones(1), np.ones(2)]), np.random.default_rng(0))
    assert out[0] is None
    assert back[0] is None
    assert out[1] is not None


def test_likeness_is_of_sizes_and_says_nothing_of_equal_ones():
    scores = np.array([0.1, -2.0, 0.5, 1.0])
    assert likeness(scores, -scores) == pytest.approx(1.0)
    assert likeness(scores, 1 / scores) == pytest.approx(-1.0)
    assert likeness(scores, np.ones(4)) is None
    assert likeness(scores[:2], scores[:2]) is None


def test_the_word_that_a_function_pays_for_is_found():
    texts = ["pay for gold here", "nothing to see", "gold, gold!"]
    found = occluded(lambda some: [float(text.count("gold")) for text in some], texts)
    for text, each in zip(texts, found, strict=True):
        wanted = [float(word.of(text) == "gold") for word in words_of(text, "answer")]
        assert each.scores.tolist() == wanted
    assert [each.value for each in found] == [1.0, 0.0, 2.0]
    assert [each.baseline for each in found] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("score", "texts", "words"),
    [
        (lambda some: [float("nan")] * len(some), ["a b"], "no finite number"),
        (lambda some: [None] * len(some), ["a b"], "no finite number"),
        (lambda some: [1.0], ["a b", "c"], "1 numbers for 2 texts"),
        (lambda some: [1.0] * len(some), ["a", "  "], "text 1 has no words"),
    ],
)
def test_a_broken_function_and_an_empty_text_are_refused(score, texts, words):
    with pytest.raises(DataError, match=words):
        occluded(score, texts)


def test_the_word_named_first_is_held_against_the_costliest_one():
    weights = [np.array([0.5, 4.0, 1.0, -2.0])] * 4
    named = [weights[0], np.array([0.0, 0.0, 9.0, 0.0]), np.array([0.0, 0.0, 0.0, 9.0]), np.arange(4.0)]
    assert leading(named, adding(weights)) == pytest.approx([1.0, 0.25, -0.5, -0.5])


def test_where_no_word_costs_anything_none_can_be_named_first():
    weights = [np.array([-1.0, -2.0]), np.array([3.0]), np.array([])]
    assert leading(weights, adding(weights)) == [None, None, None]


def test_an_order_can_beat_chance_and_name_the_wrong_word_first():
    """What the curves do not see: one word carries nearly all, and is named second."""
    rng = np.random.default_rng(2)
    weights = [rng.permutation(np.array([10.0, 1.0, *np.zeros(10)])) for _ in range(30)]
    named = [np.where(each == 1, 20.0, each) for each in weights]
    out, back = curves(named, adding(weights), rng)
    assert np.mean([curve.gap for curve in out]) > 1
    assert np.mean([curve.gap for curve in back]) < -1
    assert leading(named, adding(weights)) == pytest.approx([0.1] * 30)
