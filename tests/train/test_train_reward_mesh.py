"""A reward model is trained alike on one device and on eight simulated ones."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import compiled_programs
import pytest

from duecare.model.tiny import write_tiny

pytestmark = pytest.mark.jax


@pytest.mark.parametrize(("fsdp", "tp"), [(8, 1), (1, 8)])
def test_losses_and_scores_are_equal_on_eight_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsdp: int, tp: int
) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    folder = write_tiny(tmp_path / "tiny", num_attention_heads=8, num_key_value_heads=8, head_dim=4)
    child = Path(__file__).with_name("reward_mesh_child.py")
    done = subprocess.run(
        compiled_programs.child(child, folder, fsdp, tp),
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, many = json.loads(done.stdout.splitlines()[-1])
    assert many["losses"] == pytest.approx(one["losses"], abs=1e-4)
    assert many["scores"] == pytest.approx(one["scores"], abs=1e-4)
    assert one["losses"][0] > one["losses"][-1] + 0.1, "steps that change nothing are alike on any mesh"
    assert (one["devices"], many["devices"]) == (1, 8)
    assert many["bytes"] * 8 == one["bytes"]  # dealt out, not copied to each
