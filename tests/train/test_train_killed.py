"""A run killed at any step and resumed equals the run that was not: weights, adapter, curves, figures."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import compiled_programs
import pytest
from training_child import EVERY, METHODS, STEPS
from training_toys import base_artifact, data_artifact, digests, learnable, preference

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]


PAIRS = ("dpo", "orpo", "reward-model")


def child(method: str, folder: Path, name: str) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("training_child.py")
    data = folder / ("dpo" if method in PAIRS else "sft")
    return subprocess.Popen(compiled_programs.child(script, method, folder / "base", data, folder / name))


def killed_after(method: str, folder: Path, name: str, steps: int) -> int:
    """Run until `steps` steps are on the disk, kill -9; how many were when it was dead."""
    log = folder / name / ".resume" / "steps.jsonl"

    def done() -> int:
        return log.read_bytes().count(b"\n") if log.exists() else 0

    process = child(method, folder, name)
    while done() < steps:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    return done()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    base_artifact(tmp_path)
    base_artifact(tmp_path / "teacher", seed=1)
    rows = learnable(30, worse="men")
    data_artifact(tmp_path / "sft", rows[:24], rows[24:])
    pairs = [preference(n, f"yes {n % 5}", "no", ("women", "men")[n % 2]) for n in range(30)]
    data_artifact(tmp_path / "dpo", pairs[:24], pairs[24:])
    return tmp_path


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_goes_on_and_equals_the_whole_one(world: Path, method: str) -> None:
    assert child(method, world, "whole").wait() == 0
    # Once before the first checkpoint, once anywhere after it; the seed is printed where it fails.
    seed = int.from_bytes(os.urandom(4), "big")
    chosen = random.Random(seed)
    early = killed_after(method, world, "killed", chosen.randint(1, EVERY - 1))
    late = killed_after(method, world, "killed", chosen.randint(EVERY + 1, STEPS - 1))
    assert child(method, world, "killed").wait() == 0
    whole, killed = digests(world / "whole"), digests(world / "killed")
    assert whole == killed, f"seed {seed}, killed after {early} and {late}"
    assert {"model/model.safetensors", "adapter/adapter_model.safetensors", "curves.parquet"} <= whole.keys()
    assert {f"snapshots/step-{step:06d}/adapter_model.safetensors" for step in (3, 6, 9)} <= whole.keys()
    told = [set((world / f"{name}.told").read_text().splitlines()) for name in ("whole", "killed")]
    assert told[0] == told[1]
