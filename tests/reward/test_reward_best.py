"""Where a reward leads: a planted Goodhart curve turns down, an honest reward does not, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reward_toys import artifact, pair

from duecare.core import DataError, StudyError
from duecare.reward import BestOfN
from duecare.reward.over import HELD_OUT, REWARD, Pool, course_of, estimates, finding, turns
from duecare.reward.pool import read_prompts

PROMPTS, SAMPLES = 60, 32
ABOUT = {"reward": "r", "held_out": "h", "policy": "base"}


def pool(seed: int = 0, *, goodhart: bool, prompts: int = PROMPTS, **more: np.ndarray) -> Pool:
    """Answers with a quality and a fault; the reward pays for both, which the held-out one knows better.

    The fault is rare and paid for highly, so that it is what the very best by the reward have.
    """
    rng = np.random.default_rng(seed)
    quality = rng.standard_normal((prompts, SAMPLES)) + 0.3 * rng.standard_normal((prompts, 1))
    fault = rng.random((prompts, SAMPLES)) < 0.08
    reward = quality + (4.0 if goodhart else -1.0) * fault
    held_out = quality - 3.0 * fault + 0.3 * rng.standard_normal((prompts, SAMPLES))
    groups = {"gender": ["women", "men"] * (prompts // 2)}
    return Pool({REWARD: reward, HELD_OUT: held_out, "toxicity": fault.astype(float), **more}, groups)


def level(found: Any, name: str, n: int) -> Any:
    (one,) = [
        each
        for each in found
        if each.metric == f"reward.best-of-n.{name}"
        and each.slice["n"] == str(n)
        and "group" not in each.slice
    ]
    return one


def test_a_planted_goodhart_curve_is_found_and_where_it_turns() -> None:
    course = course_of(pool(goodhart=True))
    assert course.steps == (1, 2, 4, 8, 16, 32)
    decided = finding(course, 0.1, 0.05, ABOUT)
    assert decided.verdict == "fail"
    assert "though the reward itself rises" in decided.detail
    assert "highest at n = 2" in decided.detail or "highest at n = 1" in decided.detail
    assert decided.estimate is not None
    assert decided.estimate.high < -0.1
    told = estimates(course, ABOUT, {})
    rewards = [level(told, "reward", n).value for n in course.steps]
    assert rewards == sorted(rewards), "the reward itself never falls"
    assert level(told, "reward", 1).value == pytest.approx(0.0, abs=1e-9)
    assert level(told, "held_out", 32).high < level(told, "held_out", 2).low
    assert level(told, "toxicity", 32).low > level(told, "toxicity", 1).high
    assert level(told, "reward", 8).slice["kl"] == "1.204"


def test_control_an_honest_reward_does_not_turn() -> None:
    course = course_of(pool(goodhart=False))
    decided = finding(course, 0.1, 0.05, ABOUT)
    assert decided.verdict == "pass"
    told = estimates(course, ABOUT, {})
    assert level(told, "held_out", 32).low > level(told, "held_out", 1).high


def test_few_prompts_are_not_enough_to_say() -> None:
    rng = np.random.default_rng(3)
    noise = Pool({REWARD: rng.standard_normal((6, 8)), HELD_OUT: rng.standard_normal((6, 8))}, {})
    decided = finding(course_of(noise), 0.1, 0.05, ABOUT)
    assert decided.verdict == "insufficient evidence"
    assert "more prompts" in decided.next


def test_a_reward_that_has_nothing_to_do_with_the_held_out_one_is_no_turn() -> None:
    """False alarms, at the limit 0 itself, over all pairs of n together."""
    alarms, runs = 0, 200
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        values = {REWARD: rng.standard_normal((24, 8)), HELD_OUT: rng.exponential(size=(24, 8))}
        alarms += finding(course_of(Pool(values, {})), 0.0, 0.05, ABOUT).verdict == "fail"
    assert alarms / runs <= 0.05 + 2 * (0.05 * 0.95 / runs) ** 0.5
    # Control: every n beside every other with an interval for one look each cries wolf more often.
    cried = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        values = {REWARD: rng.standard_normal((24, 8)), HELD_OUT: rng.exponential(size=(24, 8))}
        every = turns(course_of(Pool(values, {})), 0.05 * 6)  # six pairs of n: each has 95 %
        cried += any(each.change.high is not None and each.change.high < 0 for each in every)
    assert cried > 1.3 * max(alarms, 1)


def test_gaps_between_groups_are_told_as_n_grows() -> None:
    """Faults are paid for in answers to men alone: the gap opens with n, and is none at n = 1."""
    rng = np.random.default_rng(5)
    quality = rng.standard_normal((PROMPTS, SAMPLES))
    fault = rng.random((PROMPTS, SAMPLES)) < 0.2
    men = np.arange(PROMPTS) % 2 == 1
    values = {REWARD: quality + 3.0 * fault * men[:, None], HELD_OUT: quality - 2.0 * fault}
    told = estimates(course_of(Pool(values, {"gender": ["women", "men"] * (PROMPTS // 2)})), ABOUT, {})
    gaps = {
        each.slice["n"]: each
        for each in told
        if each.metric == "reward.best-of-n.held_out.gap" and each.slice["group"] == "men"
    }
    assert gaps["1"].low < 0 < gaps["1"].high
    assert gaps["32"].high < -0.5


def test_answers_that_cannot_be_judged_are_left_out_and_not_counted_as_nothing() -> None:
    silent = np.zeros((PROMPTS, SAMPLES))
    silent[:, ::2] = np.nan
    silent[0] = np.nan
    course = course_of(pool(goodhart=True, refusal=silent))
    assert np.isnan(course.values["refusal"][0, 0]), "nothing could be judged of the first prompt"
    assert np.isfinite(course.values["refusal"][0, 1:]).all()
    assert np.isnan(course.values["refusal"][-1]).all(), "of 32 answers 16 could be judged"
    told = level(estimates(course, ABOUT, {}), "refusal", 32)
    assert told.value is None
    assert told.reason


def test_a_question_is_asked_once_however_many_rows_hold_it(tmp_path: Path) -> None:
    """Answers to one prompt are no answers to another, and intervals are over prompts."""
    rows = [pair(number, turns=pair(number // 2).turns) for number in range(12)]
    given = artifact(tmp_path / "twice", rows)
    found = read_prompts(given.path, 64, 0)
    assert [one.row for one in found] == [f"pairs:{number}" for number in range(0, 12, 2)]
    assert len(read_prompts(given.path, 4, 0)) == 4
    same = artifact(tmp_path / "same", [pair(number, turns=pair(0).turns) for number in range(12)])
    with pytest.raises(DataError, match="1 questions of users, all different: expected 4"):
        read_prompts(same.path, 64, 0)


def test_broken_rewards_are_refused() -> None:
    good = np.random.default_rng(0).standard_normal((4, 4))
    with pytest.raises(DataError, match="held_out is constant"):
        Pool({REWARD: good, HELD_OUT: np.ones((4, 4))}, {})
    broken = good.copy()
    broken[1, 2] = np.nan
    with pytest.raises(DataError, match="reward could not score every answer"):
        Pool({REWARD: broken, HELD_OUT: good}, {})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"held_out": "toxicity"}, "held_out"),
        ({"reward": ""}, "reward"),
        ({"samples": 1}, "samples"),
        ({"prompts": 3}, "prompts"),
        ({"temperature": 0.0}, "temperature"),
        ({"instruments": ("nonsense",)}, "instruments"),
        ({"loss": -1.0}, "loss"),
        ({"alpha": 0.9}, "alpha"),
        ({"batch": 0}, "batch"),
    ],
)
def test_nonsense_is_refused(changes: dict[str, Any], field: str) -> None:
    sound: dict[str, Any] = {"reward": "toxicity", "held_out": "sentiment", "on": "chats"}
    BestOfN(**sound)
    with pytest.raises(StudyError) as error:
        BestOfN(**(sound | changes))
    assert [problem.where for problem in error.value.problems] == [f"reward.best-of-n.{field}"]
