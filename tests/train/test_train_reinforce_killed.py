"""Reinforcement learning that was killed goes on and equals the run that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import compiled_programs
import pytest
from reinforce_child import STEP
from training_toys import base_artifact, data_artifact, digests, learnable

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]


def child(folder: Path, name: str) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("reinforce_child.py")
    places = [folder / each for each in ("base", "data", name)]
    return subprocess.Popen(compiled_programs.child(script, *places))


def test_a_killed_run_answers_again_what_it_had_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    base_artifact(tmp_path)
    rows = learnable(12)
    data_artifact(tmp_path / "data", rows[2:], rows[:2])
    assert child(tmp_path, "whole").wait() == 0
    seed = int.from_bytes(os.urandom(4), "big")
    after = random.Random(seed).randint(STEP.every + 1, STEP.steps - 1)
    log = tmp_path / "killed" / ".resume" / "steps.jsonl"
    process = child(tmp_path, "killed")
    while not log.exists() or log.read_bytes().count(b"\n") < after:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "model").exists()
    assert child(tmp_path, "killed").wait() == 0
    whole, killed = digests(tmp_path / "whole"), digests(tmp_path / "killed")
    assert whole == killed, f"seed {seed}, killed after {after}"
    assert {"model/model.safetensors", "adapter/adapter_model.safetensors", "curves.parquet"} <= whole.keys()
