"""Over a mesh of devices the explanations are those of one device."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import compiled_programs
import pytest

from duecare.model.tiny import write_tiny

pytestmark = pytest.mark.jax


def test_four_devices_explain_as_one_does(tmp_path):
    folder = write_tiny(tmp_path / "tiny", num_attention_heads=4, num_key_value_heads=4)
    child = Path(__file__).with_name("explain_mesh_child.py")
    done = subprocess.run(
        compiled_programs.child(child, folder, 2, 2),
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, many = json.loads(done.stdout.splitlines()[-1])
    assert (one["devices"], many["devices"]) == (1, 4)
    assert many["scores"] == pytest.approx(one["scores"], abs=1e-4)
    assert max(map(abs, one["scores"])) > 0.1  # the control: there is something to be equal to
