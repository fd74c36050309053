"""Two steps on the real model: it fits in memory, the loss is a real model's, and it moves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from distill_student import without
from training_toys import Told, chat, data_artifact

from duecare.model.fetch import Fetch, resolve

QUESTIONS = ["How do I block my card?", "Where is my refund?", "Can I change my address?", "Is the app down?"]
ANSWER = "I am sorry for the trouble. I will look into it for you right away."


def child(script: str, *places: Path) -> Any:
    """What a process of its own tells at its end."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(script)), *map(str, places)],
        capture_output=True, text=True, check=False, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def world(tmp_path: Path, name: str) -> tuple[Path, Path]:
    """The base `name` and the data."""
    (tmp_path / "base").mkdir()
    Fetch(name=name).run({}, tmp_path / "base", Told())
    rows = [chat(i, QUESTIONS[i % 4], ANSWER, ("women", "men")[i % 2]) for i in range(12)]
    return tmp_path / "base", data_artifact(tmp_path / "data", rows[:8], rows[8:]).path


@pytest.mark.smollm
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Tunix 0.1.7 on the JAX and Flax of today
def test_two_steps_on_smollm(tmp_path: Path) -> None:
    told = child("smollm_child.py", *world(tmp_path, "smollm2-135m-instruct"), tmp_path / "out")
    assert 0.5 < told["before"] < 4  # a model that knows the language; a random one is at 10.8
    assert told["after"] < told["before"]
    assert (tmp_path / "out" / "model" / "model.safetensors").stat().st_size > 500e6
    assert told["kibibytes"] < 7e6


@pytest.mark.smollm
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Tunix 0.1.7 on the JAX and Flax of today
def test_smollm_is_trained_alike_on_one_device_and_on_eight(tmp_path: Path) -> None:
    """The first three of its layers and its last: eight devices that are simulated take their turns."""
    assert without(resolve("smollm2-135m-instruct"), tmp_path / "of four layers", 3, 28) == 4
    told = child("smollm_mesh_child.py", *world(tmp_path, str(tmp_path / "of four layers")), tmp_path)
    one, many = told["losses"]
    assert many == pytest.approx(one, abs=1e-4)
    assert len(set(one)) == 2, "a step that changes nothing is alike on any mesh"
    assert told["apart"] < 1e-4 < told["moved"]
    assert told["places"] == [1, 8]
