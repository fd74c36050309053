"""A model over several devices says what it says on one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import compiled_programs
import pytest

from duecare.core import ModelError
from duecare.model.fetch import resolve
from duecare.model.tiny import write_tiny

pytestmark = pytest.mark.jax


def on_both(folder: Path, fsdp: int, tp: int) -> list[dict]:
    """What the child found on one device, and on the mesh."""
    child = Path(__file__).with_name("mesh_child.py")
    done = subprocess.run(
        compiled_programs.child(child, folder, fsdp, tp),
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def expect_alike(one: dict, many: dict, devices: int) -> None:
    assert many["greedy"] == one["greedy"]
    assert many["answers"] == one["answers"]
    assert many["totals"] == pytest.approx(one["totals"], abs=1e-4)
    assert (one["devices"], many["devices"]) == (1, devices)
    assert many["bytes"] * devices == one["bytes"]  # dealt out, not copied to each


@pytest.mark.parametrize(("fsdp", "tp"), [(8, 1), (4, 2), (1, 8)])
@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_a_tiny_model_on_eight_devices(tmp_path, family, fsdp, tp):
    folder = write_tiny(tmp_path / "tiny", family, num_attention_heads=8, num_key_value_heads=8, head_dim=4)
    expect_alike(*on_both(folder, fsdp, tp), devices=8)


@pytest.mark.smollm
def test_smollm_on_eight_devices():
    expect_alike(*on_both(resolve("smollm2-135m-instruct"), 8, 1), devices=8)


def test_heads_that_do_not_split_are_refused(tmp_path):
    from duecare.model.family import shape_of
    from duecare.model.load import read_config
    from duecare.model.mesh import expect_fit

    class Two:
        shape = {"fsdp": 1, "tp": 2}

    folder = write_tiny(tmp_path / "tiny", num_attention_heads=9, num_key_value_heads=3, head_dim=4)
    with pytest.raises(ModelError, match="tp = 2 does not divide 9 heads, 3 key-value heads"):
        expect_fit(shape_of(read_config(folder)), Two())


def test_more_devices_than_there_are():
    from duecare.model.mesh import make_mesh

    with pytest.raises(ModelError, match="fsdp = 64, tp = 64: expected at most"):
        make_mesh(64, 64)
    with pytest.raises(ModelError, match="expected whole numbers of at least 1"):
        make_mesh(0)
