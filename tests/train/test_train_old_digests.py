"""Settings that came later leave the digests of earlier studies as they were, or what was trained is lost."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from duecare.core.wire import encode, settings
from duecare.train import Distill, Dpo, Grpo, Limits, Ppo, Probes, RewardModel, Sampled, Sft

PROBE = Probes(axes=("gender",))
REWARD = {"refusal": -1.0}
EARLIER: list[tuple[Any, str]] = [
    (Sft(on="chats", probe=PROBE, limits=Limits(loss_gap=0.1, twins_gap=0.2)), "851bb5c1aae8"),
    (Distill(on="chats", teacher="large", probe=PROBE), "6d71513241fe"),
    (Dpo(on="pairs", limits=Limits(margin_gap=1.0)), "fdfa797625f9"),
    (RewardModel(on="pairs", probe=PROBE, limits=Limits(twins_reward_gap=1.0)), "45e4e3dd0f46"),
    (Grpo(on="chats", reward=REWARD, limits=Limits(reward_gap=1.0)), "0ceb54c74407"),
    (Ppo(on="chats", reward=REWARD), "56af7fa07ea3"),
]


def digest(step: object) -> str:
    return hashlib.sha256(encode(settings(step))).hexdigest()[:12]


@pytest.mark.parametrize(("step", "known"), EARLIER, ids=[type(step).__name__ for step, _ in EARLIER])
def test_a_step_as_it_could_be_written_before_has_the_digest_that_it_had(step: Any, known: str) -> None:
    assert digest(step) == known


def test_what_came_later_is_in_the_digest_where_it_is_said() -> None:
    plain = Sft(on="chats", probe=PROBE)
    sampled = Sft(on="chats", probe=Probes(axes=("gender",), sampled=Sampled()))
    limited = Sft(
        on="chats", probe=Probes(axes=("gender",), sampled=Sampled()), limits=Limits(twins_toxicity_gap=0.1)
    )
    assert len({digest(each) for each in (plain, sampled, limited)}) == 3
    assert "sampled" not in settings(plain)["probe"]
    assert settings(sampled)["probe"]["sampled"]["issues"] == 20
    assert settings(limited)["limits"]["twins_toxicity_gap"] == 0.1
