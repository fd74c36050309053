"""What layers know over training: what is taught rises, what is not does not, and a kill loses little."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import compiled_programs
import numpy as np
import pyarrow.parquet as pq
import pytest
from course_toys import STEPS, TAUGHT, UNTAUGHT, given, read, taught

from duecare.core import Artifact, Estimate, Note
from duecare.explain.engine_layers_run import of_rows
from duecare.ledger.digest import file_digest

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]
MODELS = ["base", "sft@10", "sft@20", "sft@30", "tuned"]
WRITTEN = ("layers.parquet", "patching.parquet", "estimates.json")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("taught")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        taught(folder)
    return folder


@pytest.fixture(autouse=True)
def same_cache(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(world / "cache"))


@pytest.fixture(scope="module")
def followed(world: Path) -> tuple[Any, list[Any], Path]:
    told: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(world / "cache"))
        return read(given(world), world / "whole", told.append), told, world / "whole"


def course(outcome: Any, metric: str, axis: str, layer: int = 2) -> list[Estimate]:
    """The figure of every model in order, of an axis as rows declare it."""
    about = {"axis": of_rows(axis), "layer": str(layer)}
    return [
        each for each in outcome.estimates if each.metric == metric and about.items() <= each.slice.items()
    ]


def certain(out: Path, axis: str) -> dict[tuple[str, int], bool]:
    """Whether the axis is above chance for certain, by model and layer."""
    return {
        (row["model"], row["layer"]): row["found"]
        for row in pq.read_table(out / "layers.parquet").to_pylist()
        if row["metric"] == "explain.probe.selectivity" and row["axis"] == of_rows(axis)
    }


def test_what_is_taught_rises_from_snapshot_to_snapshot(followed: tuple[Any, list[Any], Path]) -> None:
    accuracy = course(followed[0], "explain.probe.accuracy", TAUGHT)
    assert [each.slice["model"] for each in accuracy] == MODELS
    assert [each.step for each in accuracy] == [None, 10, 20, 30, None]
    values = [each.value or 0.0 for each in accuracy]
    assert values[0] == pytest.approx(0.5)  # the base is silent
    assert values == sorted(values)
    assert values[1] < 0.9 < values[-1]
    changes = course(followed[0], "explain.probe.change", TAUGHT)
    assert [each.slice["model"] for each in changes] == MODELS[1:]
    assert [each.step for each in changes] == [10, 20, 30, None]
    assert all(each.low is not None and each.low > 0 for each in changes[-2:])
    found = certain(followed[2], TAUGHT)
    assert (found["base", 2], found["sft@30", 2], found["tuned", 2]) == (False, True, True)


def test_control_what_is_not_taught_does_not_rise(followed: tuple[Any, list[Any], Path]) -> None:
    for layer in (1, 2):
        changes = course(followed[0], "explain.probe.change", UNTAUGHT, layer)
        assert [each.slice["model"] for each in changes] == MODELS[1:]
        assert all(each.low is not None and each.low <= 0 for each in changes)
    assert not any(certain(followed[2], UNTAUGHT).values())
    # The embedded tokens are not trained: there is no difference to give an interval to.
    for axis in (TAUGHT, UNTAUGHT):
        assert {each.value for each in course(followed[0], "explain.probe.change", axis, 0)} <= {None, 0.0}
        assert not any(found for (_, layer), found in certain(followed[2], axis).items() if layer == 0)


def test_snapshots_are_read_as_stages_are_and_told(followed: tuple[Any, list[Any], Path]) -> None:
    outcome, told, out = followed
    layers = pq.read_table(out / "layers.parquet").to_pylist()
    assert list(dict.fromkeys(row["model"] for row in layers)) == MODELS
    assert {row["step"] for row in layers if row["model"] == "sft@20"} == {20}
    assert {row["step"] for row in layers if "@" not in row["model"]} == {None}
    asked = {each.metric for each in outcome.estimates if each.slice.get("model") == "sft@20"}
    assert {"explain.lens.gap", "explain.probe.selectivity", "explain.probe.change"} <= asked
    assert not any(metric.startswith(("explain.erase", "explain.patching")) for metric in asked)
    notes = [each.data["model"] for each in told if isinstance(each, Note) and each.topic == "explain.layers"]
    assert list(dict.fromkeys(notes)) == MODELS


def test_a_model_between_has_the_figures_of_the_state_it_is(
    world: Path, followed: tuple[Any, list[Any], Path], tmp_path: Path
) -> None:
    """An update exchanged for itself gives the weights as they were written; an earlier one gives others."""
    from duecare.explain.engine_course import Standing
    from duecare.model.adapter import snapshot_folder
    from duecare.model.load import load, parameter

    sft = world / "sft"
    own = Standing("own", sft / "model", False, STEPS, sft / "adapter", sft / "adapter").open(None)
    path = ("layers", 1, "attn", "o_proj", "w")
    written = np.asarray(parameter(load(sft / "model").model, path)[...])
    np.testing.assert_array_equal(np.asarray(parameter(own.model, path)[...]), written)
    early = snapshot_folder(sft, 10)
    between = Standing("sft@10", sft / "model", False, 10, sft / "adapter", early).open(None)
    assert np.abs(np.asarray(parameter(between.model, path)[...]) - written).max() > 1e-3


def test_a_killed_step_goes_on_behind_the_models_that_are_done(
    world: Path, followed: tuple[Any, list[Any], Path]
) -> None:
    out, child = world / "killed", Path(__file__).with_name("course_child.py")
    process = subprocess.Popen(compiled_programs.child(child, world, out))
    done = out / ".resume" / "sft@10"
    while not done.exists():
        assert process.poll() is None, "the step ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "layers.parquet").exists()
    whole = [name for name in MODELS if (out / ".resume" / name).exists()]
    assert whole[:2] == MODELS[:2]
    told: list[Any] = []
    outcome = read(given(world), out, told.append)
    read_again = {
        each.data["model"] for each in told if isinstance(each, Note) and each.topic == "explain.layers"
    }
    assert read_again == set(MODELS) - set(whole)
    assert outcome.estimates == followed[0].estimates
    assert outcome.findings == followed[0].findings
    for name in WRITTEN:
        assert file_digest(out / name) == file_digest(followed[2] / name), name


def test_what_lies_there_of_other_settings_is_not_taken(
    world: Path, followed: tuple[Any, list[Any], Path]
) -> None:
    out = world / "whole"
    told: list[Any] = []
    read(given(world), out, told.append, snapshots=False, declared=(), every=2)
    notes = [each.data["model"] for each in told if isinstance(each, Note) and each.topic == "explain.layers"]
    assert notes == ["base", "tuned"]


def test_without_snapshots_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from duecare.explain import engine_layers_run

    monkeypatch.setattr(engine_layers_run, "course", lambda *_, **__: [])
    told: list[Any] = []
    tmp = {"base": Artifact("base", tmp_path, "sha256:0")}
    read(tmp, tmp_path / "out", told.append, declared=())
    (note,) = [each for each in told if isinstance(each, Note)]
    assert "no training step left a snapshot" in note.text


def test_models_stand_in_the_order_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from duecare.explain import engine_course

    monkeypatch.setattr(engine_course, "folder_of", lambda path: path)
    for name in ("sft/snapshots/step-000100", "sft/snapshots/step-000020", "dpo/snapshots/step-000005"):
        (tmp_path / name).mkdir(parents=True)
    inputs = {
        "base": Artifact("base", tmp_path / "base", "a"),
        "tuned": Artifact("dpo", tmp_path / "dpo", "b"),
        "stage:sft": Artifact("sft", tmp_path / "sft", "c"),
    }
    found = engine_course.course(inputs, snapshots=True)
    assert [each.name for each in found] == ["base", "sft@20", "sft@100", "sft", "dpo@5", "tuned"]
    assert [each.whole for each in found] == [True, False, False, False, False, True]
    plain = engine_course.course(inputs, snapshots=False)
    assert [each.name for each in plain] == ["base", "sft", "tuned"]
    assert [each.update for each in plain] == [None] * 3
