"""Layers are read and patched over several devices as on one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import compiled_programs
import numpy as np
import pytest


@pytest.mark.jax
def test_a_model_over_two_devices_is_read_as_on_one(tmp_path: Path) -> None:
    child = Path(__file__).parent / "layers_mesh_child.py"
    done = subprocess.run(
        compiled_programs.child(child, tmp_path), capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, *meshes = json.loads(done.stdout)
    assert one.pop("devices") == 1
    for mesh in meshes:
        assert mesh.pop("devices") == 2
        assert np.abs(np.array(one["effects"])).max() > 1
        for name, expected in one.items():
            np.testing.assert_allclose(mesh[name], expected, atol=2e-5, rtol=2e-5, err_msg=name)
