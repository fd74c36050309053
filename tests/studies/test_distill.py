"""The study of distillation: a student without some layers, and what the whole model teaches it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from distill_student import without
from planting.compare import artifact
from safetensors.numpy import load_file

from duecare.cli.study import Study
from duecare.model.tiny import write_tiny

STUDY = Path(__file__).parent.parent.parent / "studies" / "distill.yaml"


def test_the_student_is_the_model_without_the_layers_named(tmp_path: Path) -> None:
    base = write_tiny(tmp_path / "base", num_hidden_layers=5)
    assert without(base, tmp_path / "student", 1, 2) == 3
    whole, left = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "student"))
    assert json.loads((tmp_path / "student" / "config.json").read_text())["num_hidden_layers"] == 3
    for name, tensor in left.items():
        of = name
        for new, old in ((2, 4), (1, 3)):
            of = of.replace(f"layers.{new}.", f"layers.{old}.") if f"layers.{new}." in name else of
        assert np.array_equal(tensor, whole[of]), name
    assert len(whole) - len(left) == 2 * sum("layers.0." in name for name in whole)
    with pytest.raises(SystemExit, match="within 0-4"):
        without(base, tmp_path / "none", 3, 5)


@pytest.mark.data
@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Tunix 0.1.7 on the JAX and Flax of today
def test_the_study_is_sound_and_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On real complaints, a tiny model and a few steps; the teacher and what it says stand on record."""
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    whole = write_tiny(tmp_path / "whole", num_hidden_layers=3)
    without(whole, tmp_path / "smollm2-24-layers", 1, 1)
    shutil.copy(STUDY, tmp_path / "distill.yaml")
    study = Study.read(tmp_path / "distill.yaml")
    (distill,) = study.train
    short = dataclasses.replace(distill, steps=3, held_out=8, teacher=str(whole))  # type: ignore[type-var]
    data = {"complaints": dataclasses.replace(study.data["complaints"], rows=200)}  # type: ignore[type-var]
    result = dataclasses.replace(study, data=data, train=(short,), evaluate=None).run(tmp_path / "run")
    assert {"teacher", "distill"} <= set(result.done)
    out = artifact(tmp_path / "run", "distill")
    assert out is not None
    metrics = pq.read_table(out / "curves.parquet").column("metric").to_pylist()
    assert {"loss", "kl", "length", "batch_loss"} <= set(metrics)
    assert result.report is not None
    page = (result.report / "report.html").read_text()
    assert "Distance from the teacher (KL)" in page
    assert "Loss of the teacher" in page
    log = (tmp_path / "run" / "ledger" / "log.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in log]
    trained = next(each for each in entries if each.get("job") == "distill" and each.get("outputs"))
    assert "teacher" in trained["inputs"]
