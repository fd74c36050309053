from __future__ import annotations

import subprocess
import sys

import pytest

from duecare.core import StudyError
from duecare.core.wire import settings
from duecare.train import Distill, Dpo, RewardModel, Sft
from duecare.train.rules import learning_rate_at

WRONG_SFT = {
    "on": "",
    "lora_rank": 0,
    "lora_alpha": -1.0,
    "targets": "everything",
    "quantize": "int4",
    "steps": 0,
    "batch_size": True,
    "max_tokens": 1,
    "batch_tokens": 1,
    "weights": "some",
    "accumulate": 0,
    "patience": 0,
    "keep": "first",
    "privacy": 8,
    "learning_rate": float("nan"),
    "probe": "gender",
    "debias": "group_dro",
    "influence": "all",
    "metrics": {"tensorbord": "boards"},
    "mesh": (0, 8),
    "schedule": "step",
    "warmup": -1,
    "clip": 0.0,
    "every": 0,
    "groups": ("gender", "gender"),
    "limits": 0.5,
    "watch_alpha": 0.0,
    "on_crossing": "halt",
    "held_out": -1,
    "seed": -1,
}
WRONG_DISTILL = {
    "teacher": "",
    "teacher_revision": "",
    "divergence": "kl",
    "jsd_beta": 0.0,
    "temperature": 0.0,
    "kd_ratio": 0.0,
}
WRONG_DPO = {"algorithm": "nonsense", "beta": 0.0, "max_prompt_tokens": 0, "max_answer_tokens": 1.5}


def test_every_setting_is_checked_and_all_faults_are_told_at_once():
    with pytest.raises(StudyError) as caught:
        Sft(**WRONG_SFT)
    assert {problem.where for problem in caught.value.problems} == {f"train.sft.{name}" for name in WRONG_SFT}
    with pytest.raises(StudyError) as caught:
        Dpo(on="pairs", **WRONG_DPO)
    assert {problem.where for problem in caught.value.problems} == {f"train.dpo.{name}" for name in WRONG_DPO}


@pytest.mark.parametrize("step", [Sft, Distill, Dpo, RewardModel])
def test_each_field_has_its_rule(step: type):
    wrong = WRONG_SFT | ({} if step is Sft else WRONG_DPO | WRONG_DISTILL) | {"centring": -0.1}
    sound = {"on": "x"} | ({"teacher": "y"} if step is Distill else {})
    for name in settings(step(**sound)):
        with pytest.raises(StudyError, match=name):
            step(**sound | {name: wrong[name]})


def test_settings_that_hold_pass():
    assert Sft(on="chats", lora_rank=4).alpha == 4
    assert Dpo(on="pairs", algorithm="orpo", lora_alpha=16).alpha == 16


def test_warmup_longer_than_the_run_is_refused():
    with pytest.raises(StudyError, match="warmup"):
        Sft(on="chats", steps=5, warmup=6)


def test_learning_rates_rise_then_fall_and_never_waste_a_step():
    def rates(schedule):
        return [learning_rate_at(i, 1.0, schedule, 2, 6) for i in range(6)]

    assert rates("constant") == [0.5, 1, 1, 1, 1, 1]
    assert rates("linear") == [0.5, 1, 1, 0.75, 0.5, 0.25]
    cosine = rates("cosine")
    assert cosine[1] == cosine[2] == 1
    assert cosine[3] > cosine[4] > cosine[5] > 0


def test_steps_are_described_without_importing_jax():
    code = "import sys, duecare.train; duecare.train.Sft(on='x'); assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
