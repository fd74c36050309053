"""Every method is trained alike on one device and on eight simulated ones."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import compiled_programs
import pytest

pytestmark = pytest.mark.jax

ALONE = ("sft", "packed", "whole", "distill", "dpo", "orpo", "reward-model", "grpo", "ppo")


@pytest.mark.parametrize(
    ("fsdp", "tp", "methods"),
    [(8, 1, ("sft", "distill", "dpo", "grpo")), (2, 4, ALONE)],
    ids=["rows", "rows and heads"],
)
def test_losses_are_equal_on_eight_devices(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fsdp: int,
    tp: int,
    methods: tuple[str, ...],
) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    child = Path(__file__).with_name("mesh_child.py")
    done = subprocess.run(
        compiled_programs.child(child, tmp_path, fsdp, tp, *methods),
        capture_output=True, text=True, check=False, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["devices"] == 8
    assert tuple(found["methods"]) == methods
    for method, (one, many) in found["methods"].items():
        assert many["losses"] == pytest.approx(one["losses"], abs=1e-4), method
        assert many["weight"] == pytest.approx(one["weight"], abs=1e-4), method
        assert len(set(one["losses"])) == 3, f"{method}: steps that change nothing are alike on any mesh"
        assert one["places"] == 1, method
        assert many["places"] == 8, method


def test_what_is_loaded_beside_the_model_lies_on_the_mesh_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base that is asked the twins, the models whose answers are evidence, the reward model."""
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    child = Path(__file__).with_name("beside_mesh_child.py")
    done = subprocess.run(
        compiled_programs.child(child, tmp_path),
        capture_output=True, text=True, check=False, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["told"] == {"probe": [1, 8, 8], "evidence": [1, 1, 8, 8], "reward": [8]}
    one, many = found["gaps"]
    assert many == pytest.approx(one, abs=1e-4)
