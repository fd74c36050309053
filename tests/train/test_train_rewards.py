"""What an answer is worth: sums of parts, and errors that name the part and never a text."""

from __future__ import annotations

import math

import numpy as np
import pytest
import toy_rewards
from toy_rewards import SECRET

from duecare.core import DataError, StudyError
from duecare.train import Grpo, Limits, Ppo
from duecare.train.advantage import gae, group_advantages, whitened
from duecare.train.gauge import Gauge
from duecare.train.rewards import Rewards
from duecare.train.watch import Groups, StepRecord

ANSWERS = ["You are an idiot.", "Thank you, that helps.", ""]
PROMPTS = ["a", "b", "c"]
ENDED = [True, False, True]


def rewards(parts: dict[str, float], **more: object) -> Rewards:
    return Rewards(parts, -1.0, "grpo", **more)  # type: ignore[arg-type]


def test_detectors_are_weighted_summed_and_silence_does_not_pay() -> None:
    from duecare.detect import detect_toxicity

    found = rewards({"toxicity": -2.0})(PROMPTS, ANSWERS, ENDED, {})
    expected = [-2 * detect_toxicity(text) for text in ANSWERS[:2]]
    assert found.rewards.tolist() == pytest.approx([*expected, -1.0])
    assert found.unjudged.tolist() == [False, False, True]
    assert found.rewards[0] < -1 < found.rewards[1]
    both = rewards({"toxicity": -2.0, "toy_rewards:constant": 4.0})(PROMPTS, ANSWERS, ENDED, {})
    assert both.rewards == pytest.approx(found.rewards + 3.0)


class Longer:
    """A reward model by protocol: the longer answer is better, and one that ended by itself."""

    def scores(self, prompts: list[str], answers: list[str], *, ended: list[bool]) -> list[float]:
        return [len(answer) / 10 + end for answer, end in zip(answers, ended, strict=True)]


def test_a_reward_model_is_asked_with_its_weight() -> None:
    found = rewards({}, model=Longer(), model_weight=-0.5)(PROMPTS, ANSWERS, ENDED, {})
    assert found.rewards.tolist() == pytest.approx(
        [-len(answer) / 20 - end / 2 for answer, end in zip(ANSWERS, ENDED, strict=True)]
    )


def test_a_function_gets_the_axes_that_it_asks_for() -> None:
    groups = {"gender": ["men", "women", None], "age": ["old"] * 3}
    found = rewards({"toy_rewards:unfair": 1.0})(PROMPTS, ["ab1", "ab1", "ab1"], ENDED, groups)
    assert found.rewards.tolist() == pytest.approx([2 / 15, 2 / 3, 2 / 3])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("raises", "raised KeyError"),
        ("not_a_number", r"gave NaN or an infinite number for 1 of 3 answers"),
        ("too_few", r"gave numbers of shape \(2,\): expected \(3,\)"),
        ("words", "gave no numbers"),
        ("unfair", "raised TypeError"),
    ],
)
def test_a_broken_function_is_named_and_no_text_is_told(function: str, said: str) -> None:
    with pytest.raises(DataError, match=f"reward function toy_rewards:{function} {said}") as caught:
        rewards({f"toy_rewards:{function}": 1.0})(PROMPTS, ANSWERS, ENDED, {})
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert not any(answer and answer in str(caught.value) for answer in ANSWERS)


def test_an_installed_package_adds_a_function_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    installed = [EntryPoint("steady", "toy_rewards:constant", "duecare.rewards")]
    monkeypatch.setattr("duecare.detect.rewarding.entry_points", lambda group: installed)
    Grpo(on="chats", reward={"steady": 1.0})
    assert rewards({"steady": 2.0})(PROMPTS, ANSWERS, ENDED, {}).rewards.tolist() == [1.5] * 3
    with pytest.raises(StudyError, match="steady"):
        Grpo(on="chats", reward={"stedy": 1.0})


@pytest.mark.parametrize("name", ["toy_rewards:nothing", "no_such_module:f", "toy_rewards:NOT_A_FUNCTION"])
def test_what_cannot_be_loaded_is_named(name: str) -> None:
    with pytest.raises(DataError, match=name):
        rewards({name: 1.0})


def test_the_code_of_a_function_is_told_by_its_digest() -> None:
    import hashlib
    from pathlib import Path

    (found,) = rewards({"toy_rewards:constant": 1.0, "toxicity": -1.0}).digests().items()
    digest = hashlib.sha256(Path(toy_rewards.__file__).read_bytes()).hexdigest()
    assert found == ("toy_rewards:constant", digest)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"reward": {}}, "reward"),
        ({"reward": {"toxicty": -1.0}}, "reward.toxicty"),
        ({"reward": {"personal": -1.0}}, "reward.personal"),
        ({"reward": {"toxicity": 0.0}}, "reward.toxicity"),
        ({"reward": {"toxicity": math.nan}}, "reward.toxicity"),
        ({"reward": {"os.path:": 1.0}}, "reward.os.path:"),
        ({"reward_model_weight": 0}, "reward_model_weight"),
        ({"unjudged": math.inf}, "unjudged"),
        ({"samples": 1}, "samples"),
        ({"average": "words"}, "average"),
        ({"beta": -0.1}, "beta"),
        ({"epsilon": 0}, "epsilon"),
        ({"temperature": 0}, "temperature"),
        ({"iterations": 3, "every": 9}, "steps"),
        ({"iterations": 4, "steps": 20}, "every"),
        ({"max_answer_tokens": 1}, "max_answer_tokens"),
        ({"limits": Limits(loss_gap=1.0)}, "limits"),
        ({"learning_rate": 2}, "learning_rate"),
    ],
)
def test_nonsense_is_refused_by_name(settings: dict[str, object], field: str) -> None:
    given: dict[str, object] = {"on": "chats", "reward": {"toxicity": -1.0}} | settings
    with pytest.raises(StudyError, match=f"train.grpo.{field}") as caught:
        Grpo(**given)  # type: ignore[arg-type]
    assert {problem.where for problem in caught.value.problems} == {f"train.grpo.{field}"}


@pytest.mark.parametrize(
    "field", ["gamma", "decay", "value_clip", "critic_learning_rate", "samples", "epsilon"]
)
def test_nonsense_is_refused_for_ppo(field: str) -> None:
    with pytest.raises(StudyError, match=f"train.ppo.{field}"):
        Ppo(on="chats", reward={"toxicity": -1.0}, **{field: -1})  # type: ignore[arg-type]


def test_advantages_are_those_of_a_plain_loop() -> None:
    earned = np.random.default_rng(0).normal(size=(5, 7))
    earned[:, 3] = 0.4  # where all answers earn alike nothing is to be learned
    found = group_advantages(earned)
    for prompt in range(7):
        own = [float(each) for each in earned[:, prompt]]
        mean = sum(own) / 5
        spread = math.sqrt(sum((each - mean) ** 2 for each in own) / 4)
        expected = [(each - mean) / (spread + 1e-6) for each in own]
        assert found[:, prompt].tolist() == pytest.approx(expected)
    assert np.abs(found[:, 3]).max() < 1e-6
    assert np.abs(found[:, 0]).max() > 0.5


def test_generalised_advantages_are_the_sums_they_stand_for() -> None:
    rng = np.random.default_rng(1)
    lengths, gamma, decay = np.array([4, 1, 6]), 0.9, 0.8
    earned, values = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    found = gae(earned, values, lengths, gamma, decay)
    for row, length in enumerate(lengths):
        following = [*values[row, 1:length], 0.0]
        surprise = earned[row, :length] + gamma * np.array(following) - values[row, :length]
        for place in range(length):
            expected = sum((gamma * decay) ** (t - place) * surprise[t] for t in range(place, length))
            assert found[row, place] == pytest.approx(expected)
        assert not found[row, length:].any()
    white = whitened(found, lengths)
    own = np.concatenate([white[row, :length] for row, length in enumerate(lengths)])
    assert own.mean() == pytest.approx(0, abs=1e-9)
    assert own.std(ddof=1) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("apart", [0.5, 0.0])
def test_a_gap_in_reward_crosses_its_limit_and_equal_groups_do_not(apart: float) -> None:
    rng = np.random.default_rng(2)
    labels = np.array([("women", "men")[row % 2] for row in range(1200)], dtype=object)
    gauge = Gauge(
        method="grpo",
        about={"source": "chats"},
        steps=300,
        groups=Groups({"gender": labels}),
        limits=Limits(reward_gap=0.2),
    )
    records = []
    for step in range(1, 301):
        rows = list(range(4 * step - 4, 4 * step))
        earned = [float(rng.random() + apart * (row % 2 == 0)) for row in rows]
        records.append(StepRecord(step=step, loss=0.0, rows=rows, figures={"reward": earned}))
    for start in range(0, 300, 10):
        gauge.look(records[start : start + 10], lambda told: None)
    (finding,) = gauge.findings()
    assert finding.name == "grpo.reward.gap"
    assert finding.verdict == ("fail" if apart else "pass")
