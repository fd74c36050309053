"""Reinforcement learning on the tiny model: rewards rise, groups are told apart, a killed run goes on."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from training_toys import Told, base_artifact, chat, curves, data_artifact, digests, run

from duecare.core import Artifact, DataError, Estimate, Example, Message, Outcome, Progress, StoppedError
from duecare.train import Grpo, Ppo

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

QUICK = Grpo(
    on="chats",
    reward={"toy_rewards:lower_case": 1.0},
    steps=16,
    batch_size=4,
    samples=8,
    max_answer_tokens=8,
    max_prompt_tokens=48,
    learning_rate=2e-2,
    lora_alpha=16,
    targets="all-linear",
    beta=0.01,
    every=8,
    held_out=12,
)
OTHER = ("iterations", "samples", "batch_size", "steps", "beta")
CRITIC = Ppo(
    **{
        name: getattr(QUICK, name)
        for name in Ppo.__dataclass_fields__
        if name in Grpo.__dataclass_fields__ and name not in OTHER
    },
    batch_size=8,
    samples=4,
    steps=24,
    beta=0.001,  # it costs part of the reward
)


def asks(count: int) -> list[Example]:
    return [
        chat(number, f"q{number % 30}", "unused", ("women", "men")[number % 2]) for number in range(count)
    ]


def trained(step: Grpo | Ppo, base: Artifact, folder: Path, count: int = 60) -> tuple[Outcome, Told]:
    rows = asks(count)
    data = data_artifact(folder / "data", rows[step.held_out :], rows[: step.held_out])
    return run(step, {"data": data, "base": base}, folder / "out")


def found(outcome: Outcome, metric: str, group: str | None = None, when: str | None = "after") -> Estimate:
    (one,) = [
        each
        for each in outcome.estimates
        if (each.metric, each.slice.get("group"), each.slice.get("when")) == (metric, group, when)
    ]
    return one


@pytest.mark.parametrize("step", [QUICK, CRITIC], ids=["grpo", "ppo"])
def test_reward_rises_on_prompts_that_were_held_out(step: Grpo | Ppo, base: Artifact, tmp_path: Path) -> None:
    method = "grpo" if isinstance(step, Grpo) else "ppo"
    outcome, told = trained(step, base, tmp_path)
    change = found(outcome, f"{method}.reward.change", when=None)
    assert change.low is not None
    assert change.low > 0
    assert found(outcome, f"{method}.kl").low > 0
    assert found(outcome, f"{method}.reward", when="before").n == 12
    assert {"adapter_model.safetensors", "adapter_config.json"} == {
        path.name for path in (tmp_path / "out" / "adapter").iterdir()
    }
    drawn = curves(tmp_path / "out")
    figures = {"reward", "advantage", "kl", "length"} | (
        {"clip_share", "value_error"} if method == "ppo" else set()
    )
    assert figures | {"batch_loss"} == set(drawn["metric"].to_pylist())
    groups = told.estimates(f"{method}.reward", split="train", group="women")
    assert [each.step for each in groups] == list(range(8, step.steps + 1, 8))
    (note,) = [each for each in told.all if getattr(each, "topic", "") == f"{method}.reward"]
    assert note.data.keys() == {"toy_rewards:lower_case"}


def test_control_a_constant_reward_leaves_the_weights_as_they_are(base: Artifact, tmp_path: Path) -> None:
    """Without the tie to the start, whose rounding Adam would turn into steps; with a reward they move."""
    still = dataclasses.replace(
        QUICK, reward={"toy_rewards:constant": 1.0}, steps=4, every=2, held_out=4, beta=0.0
    )
    trained(still, base, tmp_path)
    weights = _adapter(tmp_path / "out")
    assert not any(each.any() for name, each in weights.items() if "lora_B" in name)
    drawn = curves(tmp_path / "out").to_pylist()
    assert {line["value"] for line in drawn if line["metric"] in ("kl", "advantage")} == {0.0}
    trained(dataclasses.replace(still, reward=QUICK.reward), base, tmp_path / "moved")
    moved = _adapter(tmp_path / "moved" / "out")
    assert any(each.any() for name, each in moved.items() if "lora_B" in name)


def _adapter(out: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return dict(load_file(out / "adapter" / "adapter_model.safetensors"))


def test_a_group_whose_answers_earn_less_is_seen(base: Artifact, tmp_path: Path) -> None:
    step = dataclasses.replace(QUICK, reward={"toy_rewards:unfair": 1.0}, steps=4, every=4, held_out=20)
    outcome, told = trained(step, base, tmp_path / "unfair")
    gap = found(outcome, "grpo.reward.gap", "women")
    assert gap.low is not None
    assert gap.low > 0
    window = {
        each.slice["group"]: each for each in told.estimates("grpo.reward", split="train", axis="gender")
    }
    assert window["women"].low > window["men"].high
    equal, _ = trained(dataclasses.replace(step, reward=QUICK.reward), base, tmp_path / "fair")
    gap = found(equal, "grpo.reward.gap", "women")
    assert gap.low < 0 < gap.high


class Stopped(Exception):
    """Stands in for a kill: nothing of the run survives it but the disk."""


@pytest.mark.parametrize("step", [QUICK, CRITIC], ids=["grpo", "ppo"])
def test_a_run_that_dies_goes_on_to_the_same_end(step: Grpo | Ppo, base: Artifact, tmp_path: Path) -> None:
    step = dataclasses.replace(step, steps=6, every=2, iterations=2, held_out=4)
    data = data_artifact(tmp_path / "data", asks(40)[4:], asks(40)[:4])
    inputs = {"data": data, "base": base}
    run(step, inputs, tmp_path / "whole")
    (tmp_path / "died").mkdir()

    def dying(what: object) -> None:
        if isinstance(what, Progress) and what.done == 3:
            raise Stopped

    with pytest.raises(Stopped):
        step.run(inputs, tmp_path / "died", dying)
    run(step, inputs, tmp_path / "died")
    assert digests(tmp_path / "whole") == digests(tmp_path / "died")
    (tmp_path / "stopped").mkdir()

    def signalled(what: object) -> None:
        if isinstance(what, Progress) and what.done == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError, match="after step 4 of 6"):  # the round of steps 3 and 4 is finished
        step.run(inputs, tmp_path / "stopped", signalled)
    run(step, inputs, tmp_path / "stopped")
    assert digests(tmp_path / "whole") == digests(tmp_path / "stopped")
    # Control: something was learned that could have differed.
    assert any(each.any() for name, each in _adapter(tmp_path / "whole").items() if "lora_B" in name)


def test_a_broken_reward_ends_the_run_by_name(base: Artifact, tmp_path: Path) -> None:
    step = dataclasses.replace(QUICK, reward={"toy_rewards:raises": 1.0}, steps=2, every=1, held_out=0)
    with pytest.raises(DataError, match="reward function toy_rewards:raises raised KeyError"):
        trained(step, base, tmp_path)


def test_rows_without_a_question_are_passed_over(base: Artifact, tmp_path: Path) -> None:
    step = dataclasses.replace(QUICK, steps=1, every=1, held_out=0)
    rows = asks(3)
    text = Example(row="chats:9", key="9" * 64, source="chats", kind="text", text="no chat at all")
    alone = Example(
        row="chats:8",
        key="8" * 64,
        source="chats",
        kind="chat",
        messages=(Message(role="assistant", content="hello"),),
    )
    data = data_artifact(tmp_path / "data", [*rows, text, alone])
    _, told = run(step, {"data": data, "base": base}, tmp_path / "out")
    (passed,) = told.estimates("grpo.rows.unusable")
    assert (passed.value, passed.slice["reason"]) == (2, "no turn of a user to answer")


def test_a_model_with_a_sliding_window_learns_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines outgrow the tiny Gemma's window of 16 places, so prompts are not shared."""
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    step = dataclasses.replace(QUICK, steps=2, every=1, samples=2, held_out=2, learning_rate=1e-2)
    outcome, _ = trained(step, base_artifact(tmp_path, family="gemma3"), tmp_path, 20)
    assert found(outcome, "grpo.kl").value > 0
