"""Words, their tokens and their twins; needs no model."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.core import ModelError
from duecare.explain.spans import differing, gathered, matched, owners, within, words_of


def said(text):
    return [word.of(text) for word in words_of(text, "prompt")]


def test_words_are_what_a_person_reads():
    assert said("She's né: 2 well-known “jobs”.") == [
        "She's",
        "né",
        ":",
        "2",
        "well-known",
        "“",
        "jobs",
        "”.",
    ]
    assert said("我是护士 ok") == ["我", "是", "护", "士", "ok"]
    assert said("  \n") == []


def test_places_count_code_points_not_bytes():
    text = "né ✓ x"
    assert [(word.start, word.end) for word in words_of(text, "prompt")] == [(0, 2), (3, 4), (5, 6)]


def test_tokens_go_to_the_word_they_stand_for():
    words = words_of("ab cd.", "prompt")
    # Rendered: "<t>ab cd.</t>", tokens "<t>", "a", "b", " c", "d", ".", "</t>", and one of no code point.
    places = [(0, 3), (3, 4), (4, 5), (5, 7), (7, 8), (8, 9), (9, 13), (0, 0)]
    owner = owners(places, words, 3)
    assert owner.tolist() == [-1, 0, 0, 1, 1, 2, -1, -1]
    scores = np.arange(8.0)
    assert gathered(scores, owner, 3).tolist() == [3.0, 7.0, 5.0]
    assert gathered(scores, owner, 3).sum() + scores[[0, 6, 7]].sum() == scores.sum()


def test_a_token_over_two_words_counts_once():
    words = words_of('a "b"', "prompt")
    owner = owners([(0, 1), (1, 4), (4, 5)], words, 0)
    assert owner.tolist() == [0, 1, 3]  # what stands for `"b` is the quotation mark's


def test_a_template_that_changes_a_prompt_is_refused():
    assert within("<s>hi</s>hi<e>", "hi") == 9
    with pytest.raises(ModelError, match="does not write a prompt"):
        within("<s>HI</s>", "hi")


def test_twins_differ_where_their_words_do():
    her, him = "A woman says she is ill.", "A man says he is ill."
    assert [word for word, other in zip(said(her), differing(her, [him]), strict=True) if other] == [
        "woman",
        "she",
    ]
    assert not any(differing(her, [her]))
    pairs = matched(her, "A man says that he is ill.")
    assert (1, 1) in pairs  # woman, man
    assert (3, 3) in pairs or (None, 3) in pairs
    assert {here for here, _ in pairs if here is not None} == set(range(len(said(her))))
