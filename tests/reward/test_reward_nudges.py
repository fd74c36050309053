"""Nudges: two texts that differ in one thing and in nothing else."""

from __future__ import annotations

import re

import pytest
from reward_toys import pair, pairs

from duecare.model.people import AXES as WORDED
from duecare.reward.audit import Audit
from duecare.reward.dialects import REQUESTS, VARIETIES
from duecare.reward.limits import STYLES
from duecare.reward.nudge import nudge_count, texts_of
from duecare.reward.nudge_people import AXES, NAMES, groups_of, people_nudges
from duecare.reward.nudge_style import MAKERS, NOUNS, PADDING, padded, style_nudges
from duecare.reward.plan import planned

STEP = Audit(reward="toxicity", on="pairs")


def plan(count: int, nudges: int = 2000, seed: int = 0):
    return planned(pairs(count), kinds=STEP.kinds, axes=STEP.axes, words=("free",), nudges=nudges, seed=seed)


def test_five_hundred_pairs_make_two_thousand_nudges_and_more() -> None:
    assert nudge_count(plan(500)) == pytest.approx(2000, rel=0.03)
    assert nudge_count(plan(500, 4000)) > 3500
    assert nudge_count(plan(12)) < 1500  # the control: few pairs make few
    asked = texts_of(plan(500))
    assert len(asked) == len(set(asked.values())) == max(asked.values()) + 1


def test_the_same_pairs_and_seed_make_the_same_nudges() -> None:
    assert plan(200) == plan(200)
    assert plan(200) != plan(200, seed=1)


@pytest.mark.parametrize("kind", [each for each in STYLES if each != "length"])
def test_all_styles_but_padding_leave_length_as_it_is(kind: str) -> None:
    """In words and in characters, so that a reward for length is not taken for one of style."""
    for comparison in style_nudges(pairs(12), [kind], ()):  # type: ignore[list-item]
        for item in comparison.items:
            (nudged,), (plain,) = item.nudged, item.plain
            assert len(nudged.answer) == len(plain.answer)
            assert len(nudged.answer.split()) == len(plain.answer.split())
            assert nudged != plain
            assert nudged.turns == plain.turns


def test_padding_is_longer_and_says_nothing_else() -> None:
    some, much = (padded("One two three four five six.", share) for share in (0.25, 3.0))
    assert some.startswith("One two three four five six. ")
    assert len(much.split()) >= 4 * 6 > len(some.split()) > 6
    stances = re.compile(r"\b(agree|sorry|cannot|certain|sure|brilliant|wrong|right|you)\b", re.I)
    assert all(sentence in padded("word " * 100, 20.0) for sentence in PADDING)
    assert not stances.search(" ".join(PADDING))


def test_identities_are_named_in_answers_from_all_over_the_rows() -> None:
    """Rows are often sorted by what they are about: the first ones alone would be about one thing."""
    found = planned(pairs(400), kinds=STEP.kinds, axes=("gender",), words=(), nudges=400, seed=0)
    (named, *_) = [each for each in found if each.place == "answer"]
    places = [int(re.findall(r"part (\d+)", item.cluster)[0]) for item in named.items]
    assert len(places) < 100
    assert sum(place >= 200 for place in places) == pytest.approx(len(places) / 2, rel=0.4)
    styled = {item.cluster for each in found if each.kind == "flattery" for item in each.items}
    assert {item.cluster for item in named.items} <= styled


def test_no_head_was_fitted_on_what_an_audit_pads_by() -> None:
    from duecare.train.padding import FITTED, TOLD

    said = {sentence.strip() for sentence in PADDING}
    assert not said & {sentence.strip() for sentence in (*FITTED, *TOLD)}


@pytest.mark.parametrize("word", ["free", "ab", "x" * 20, *NOUNS.values()])
def test_a_word_is_held_against_another_of_its_length(word: str) -> None:
    (comparison,) = style_nudges(pairs(3), (), (word,))
    (nudged,), (plain,) = comparison.items[0].nudged, comparison.items[0].plain
    assert word in nudged.answer
    assert nudged != plain
    if len(word) in NOUNS:
        assert len(nudged.answer) == len(plain.answer)


@pytest.mark.parametrize("axis", AXES)
def test_an_identity_is_exchanged_and_nothing_else(axis: str) -> None:
    found = people_nudges(pairs(9), [axis], 9)
    places = {"prompt", "margin"} if axis == "dialect" else {"prompt", "margin", "answer"}
    assert {each.place for each in found} == places
    assert {each.group for each in found} == set(groups_of(axis)[1:])
    for comparison in found:
        for item in comparison.items:
            if comparison.place == "answer":
                (nudged,), (plain,) = item.nudged, item.plain
                assert nudged.turns == plain.turns
                assert len(nudged.answer.split()) == len(plain.answer.split())
            else:
                assert {text.answer for text in item.nudged} == {text.answer for text in item.plain}
                assert len(item.nudged) == (2 if comparison.place == "margin" else 1)
    if axis not in ("dialect", "name"):
        own = {
            one.turns[0].content
            for each in found
            if each.place == "prompt"
            for i in each.items
            for one in i.plain
        }
        other = {
            one.turns[0].content
            for each in found
            if each.place == "prompt"
            for i in each.items
            for one in i.nudged
        }
        assert len(own) == 9
        assert all("  " not in text and "{" not in text for text in own | other)


def test_a_margin_compares_both_answers_for_both_people() -> None:
    found = people_nudges(pairs(4), ["gender"], 4)
    margin = next(each for each in found if each.place == "margin" and each.group == "women")
    paid = next(each for each in found if each.place == "prompt" and each.group == "women")
    for item, alone in zip(margin.items, paid.items, strict=True):
        kind_her, rude_him = item.nudged
        rude_her, kind_him = item.plain
        assert (kind_her,) == alone.nudged
        assert (kind_him,) == alone.plain
        assert (kind_her.turns, kind_him.turns) == (rude_her.turns, rude_him.turns)
        assert (kind_her.answer, rude_her.answer) == (kind_him.answer, rude_him.answer)
        assert kind_her.answer != rude_her.answer
    assert len(margin.nudges) == 8  # two texts a nudge, one nudge an answer
    assert len(paid.nudges) == 4


def test_our_own_texts_are_whole() -> None:
    assert len(REQUESTS) == len(set(REQUESTS)) == 20
    assert all(len(set(each)) == len(VARIETIES) == 4 for each in REQUESTS)
    assert len({len(names) for names in NAMES.values()}) == 1
    assert set(WORDED) <= set(AXES)
    assert set(MAKERS) == set(STYLES)
    assert all(len(noun) == length for length, noun in NOUNS.items())


def test_pairs_of_one_prompt_are_one_cluster() -> None:
    one, other = pair(1), pair(2, turns=pair(1).turns)
    (comparison,) = style_nudges([one, other], ["flattery"], ())
    assert comparison.items[0].cluster == comparison.items[1].cluster != pair(2).prompt
