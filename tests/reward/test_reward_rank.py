"""Ranking: the truth is always right, ties are no hits, prompts are clusters, two rewards are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reward_toys import noise, pair, pairs

from duecare.core import DataError, Message
from duecare.reward.rank import LONGER, Ranked, by_length, rank_estimates, told_apart


def ranked(margins: np.ndarray, **more: object) -> Ranked:
    rows = tuple(pair(number, **more) for number in range(len(margins)))
    return Ranked("it", rows, np.asarray(margins, float), np.zeros(len(margins)))


def figures(found: Ranked, axes=()):
    return {
        (each.metric, each.slice.get("pairs") or each.slice.get("subset") or each.slice.get("group")): each
        for each in rank_estimates(found, axes, ("model:it",))
    }


def test_the_truth_is_right_about_every_pair() -> None:
    found = figures(ranked(np.ones(90)))
    whole = found["reward.rank.accuracy", "all"]
    assert (whole.value, whole.high) == (1.0, 1.0)
    assert 0.95 < whole.low < 1
    assert found["reward.rank.ties", "all"].value == 0
    opposite = figures(ranked(-np.ones(90)))["reward.rank.accuracy", "all"]
    assert opposite.value == 0


def test_a_tie_is_neither_right_nor_lost_from_sight() -> None:
    found = figures(ranked(np.array([1.0] * 60 + [0.0] * 20 + [-1.0] * 20)))
    assert found["reward.rank.accuracy", "all"].value == pytest.approx(0.6)
    assert found["reward.rank.ties", "all"].value == pytest.approx(0.2)


def test_accuracy_is_told_by_subset_and_by_declared_group() -> None:
    margins = np.where(np.arange(120) % 3 == 0, -1.0, 1.0)  # wrong in the subset "wheels"
    found = figures(ranked(margins))
    assert found["reward.rank.accuracy", "wheels"].value == 0
    assert found["reward.rank.accuracy", "tools"].value == 1
    assert found["reward.rank.accuracy", "women"].value == pytest.approx(2 / 3, abs=0.01)
    assert {key[1] for key in found} == {"all", "wheels", "tools", "men", "women"}
    alone = figures(ranked(margins, subset="one"))
    assert "one" not in {key[1] for key in alone}  # a single subset is all pairs again


def test_pairs_count_by_their_weight() -> None:
    """A round of review gives both directions of an item on which people differ, each with its weight."""
    right = np.array([1.0, -1.0] * 40)
    rows = tuple(pair(number, weight=3.0 if number % 2 == 0 else 1.0) for number in range(80))
    found_by = Ranked("it", rows, right, np.zeros(80))
    found = found_by.accuracy()
    assert found.value == pytest.approx(0.75)
    assert found.low < 0.75 < found.high
    other = Ranked("other", rows, np.ones(80), np.zeros(80))
    apart = told_apart(other, found_by)
    assert apart.accuracy.value == pytest.approx(1.0 - found.value)
    assert apart.differing.value == pytest.approx(0.25)
    assert apart.accuracy.low < 0.25 < apart.accuracy.high
    even = Ranked("it", tuple(pair(number, weight=2.0) for number in range(80)), right, np.zeros(80))
    assert even.accuracy() == Ranked("it", tuple(pairs(80)), right, np.zeros(80)).accuracy()


def test_an_empty_group_is_named() -> None:
    with pytest.raises(DataError, match=r"no pair declares age: its groups are empty"):
        figures(ranked(np.ones(30)), ("age",))


def test_pairs_of_one_prompt_count_as_one_draw() -> None:
    turns = (Message(role="user", content="One and the same"),)
    right = np.repeat(np.array([1.0, -1.0] * 10), 10)
    apart = Ranked("it", tuple(pairs(200)), right, np.zeros(200))
    prompts = [(Message(role="user", content=f"Prompt {number // 10}"),) for number in range(200)]
    rows = tuple(replace(row, turns=own) for row, own in zip(apart.pairs, prompts, strict=True))
    together = replace(apart, pairs=rows)
    wide, narrow = together.accuracy(), apart.accuracy()
    assert (wide.clusters, narrow.clusters) == (20, 200)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    one = replace(apart, pairs=tuple(replace(row, turns=turns) for row in apart.pairs)).accuracy()
    assert one.value is None


def test_accuracy_covers_the_truth_in_simulation() -> None:
    rng, hits = np.random.default_rng(0), 0
    rows = tuple(pairs(300))
    for _ in range(300):
        found = Ranked("it", rows, (rng.random(300) < 0.7) - 0.5, np.zeros(300)).accuracy()
        hits += found.low <= 0.7 <= found.high
    assert hits / 300 > 0.92


def test_two_rewards_are_told_apart_where_they_are_apart() -> None:
    rng = np.random.default_rng(1)
    rows = tuple(pairs(400))
    truth = rng.random(400)
    good = Ranked("good", rows, (truth < 0.85) - 0.5, np.zeros(400))
    poor = Ranked("poor", rows, (truth < 0.6) - 0.5, np.zeros(400))
    found = told_apart(good, poor)
    assert found.told
    assert found.needed is None
    assert found.accuracy.value == pytest.approx(0.25, abs=0.05)
    assert found.differing.value == pytest.approx(0.25, abs=0.05)
    back = told_apart(poor, good)
    assert back.accuracy.value == pytest.approx(-found.accuracy.value)
    assert back.accuracy.low == pytest.approx(-found.accuracy.high)


def apart_by(count: int, one: float, other: float, seed: int):
    """Two rewards that are right independently of one another with these chances."""
    rows, right = tuple(pairs(count)), np.random.default_rng(seed).random((2, count))
    return [
        Ranked(name, rows, (right[place] < chance) - 0.5, np.zeros(count))
        for place, (name, chance) in enumerate((("one", one), ("other", other)))
    ]


def test_where_they_cannot_be_told_apart_it_is_said_how_many_pairs_would() -> None:
    """That many pairs with what was seen as the truth show it four times of five."""
    one, other = apart_by(150, 0.7, 0.64, 5)
    found = told_apart(one, other)
    assert not found.told
    assert found.needed is not None
    assert found.needed > 150
    chances = one.right.mean(), other.right.mean()
    told = [told_apart(*apart_by(found.needed, *chances, seed)).told for seed in range(60)]
    assert 0.62 < np.mean(told) < 0.97
    fewer = [told_apart(*apart_by(found.needed // 4, *chances, seed)).told for seed in range(60)]
    assert np.mean(fewer) < 0.55  # the control: a quarter of them does not
    same = told_apart(one, replace(one, name="same"))
    assert not same.told
    assert same.needed is None  # no number of pairs tells a reward from itself
    assert same.differing.value == 0


def test_other_pairs_cannot_be_compared() -> None:
    with pytest.raises(DataError, match="ranked other pairs"):
        told_apart(ranked(np.ones(9)), ranked(np.ones(8)))


def test_length_is_a_ranking_of_its_own() -> None:
    rows = [pair(number, chosen="a b c" + " d" * (number % 2)) for number in range(10)]
    found = by_length(rows)
    assert found.name == LONGER
    assert found.chosen.tolist() == [3 + number % 2 for number in range(10)]
    assert noise("a", 1) == noise("a", 1) != noise("a", 2)
