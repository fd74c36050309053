"""Gathered gradients and full weights in the methods that go by pairs and by the model's own answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_train_gathered import adapter, furthest, given
from test_train_reinforce import QUICK, asks
from training_toys import data_artifact, digests, run, run_killed_once

from duecare.core import Artifact, StudyError
from duecare.train import Dpo, Grpo, Influence, Privacy, RewardModel

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

LOOP: dict[str, Any] = {
    "on": "pairs",
    "steps": 8,
    "batch_size": 2,
    "every": 4,
    "warmup": 4,
    "learning_rate": 1e-2,
    "max_prompt_tokens": 48,
    "held_out": 0,
}
REWARD = RewardModel(**LOOP, accumulate=2)
ASKED = replace(QUICK, steps=8, batch_size=2, samples=4, every=4, held_out=0, accumulate=2)


@pytest.fixture
def same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """The randomness of answers is named after their round: here all rounds are one."""
    from duecare.train.rollout import Prompts

    drawn = Prompts.round
    monkeypatch.setattr(
        Prompts, "round", lambda self, entries, _, **more: drawn(self, entries, "round", **more)
    )


@pytest.mark.usefixtures("same_draws")
@pytest.mark.parametrize("step", [REWARD, ASKED], ids=["reward-model", "grpo"])
def test_gathered_batches_are_one_large_batch(step: Any, base: Artifact, tmp_path: Path) -> None:
    inputs = given(base, tmp_path)
    if isinstance(step, Grpo):
        inputs["data"] = data_artifact(tmp_path / "asked", asks(30))  # no prompt twice within 16
    large = replace(step, accumulate=1, steps=4, batch_size=4, warmup=step.warmup // 2, every=2)
    run(step, inputs, tmp_path / "small")
    run(large, inputs, tmp_path / "large")
    assert furthest(adapter(tmp_path / "small"), adapter(tmp_path / "large")) < 1e-4
    # Control: an update for every small batch ends elsewhere.
    run(replace(step, accumulate=1), inputs, tmp_path / "each")
    assert furthest(adapter(tmp_path / "each"), adapter(tmp_path / "large")) > 1e-3


FULL: dict[str, Any] = {**LOOP, "weights": "full", "learning_rate": 1e-3, "warmup": 0}


@pytest.mark.parametrize(
    "step",
    [Dpo(**FULL), Dpo(**FULL, algorithm="orpo", accumulate=2), RewardModel(**FULL, accumulate=2)],
    ids=["dpo", "orpo", "reward-model"],
)
def test_all_weights_are_trained_exported_and_resumed(step: Any, base: Artifact, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    inputs = given(base, tmp_path)
    run(step, inputs, tmp_path / "whole")
    assert not (tmp_path / "whole" / "adapter").exists()
    before = load_file(base.path.parent / "tiny" / "model.safetensors")
    after = load_file(tmp_path / "whole" / "model" / "model.safetensors")
    moved = {name for name in before if not np.array_equal(before[name], after.get(name, before[name]))}
    assert moved == set(before) - ({"lm_head.weight"} if isinstance(step, RewardModel) else set())
    if isinstance(step, RewardModel):
        from duecare.train.engine_loop import adapted
        from duecare.train.engine_reward import Rewarding

        first = adapted(
            step, base.path.parent / "tiny", lambda model, whole: Rewarding(model, 0, whole=whole)
        )
        assert np.abs(after["score.weight"][0] - np.asarray(first[1].head[...])).max() > 1e-4
    run_killed_once(step, inputs, tmp_path / "killed", at=6)
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: replace(ASKED, iterations=2), "accumulate = 2: expected 1 beside iterations above 1"),
        (lambda: replace(ASKED, average="token"), "accumulate = 2: expected 1 beside"),
        (lambda: replace(REWARD, accumulate=3), "steps = 8: expected a multiple of accumulate = 3"),
        (lambda: replace(REWARD, privacy=Privacy(epsilon=8, delta=1e-5)), "accumulate.*with privacy"),
        (lambda: RewardModel(**FULL, snapshots=2), "snapshots = 2: expected 0 beside full weights"),
        (lambda: RewardModel(**FULL, quantize="nf4"), "quantize = 'nf4': expected none beside weights"),
        (lambda: Dpo(**FULL, influence=Influence(axis="gender", of="twins_gap")), "weights: lora"),
        (lambda: Dpo(**FULL, privacy=Privacy(epsilon=8, delta=1e-5)), "weights.*with privacy"),
    ],
)
def test_what_cannot_be_is_refused(made: Any, says: str) -> None:
    with pytest.raises(StudyError, match=says):
        made()
