"""The studies of debiasing are sound, and train on real complaints: here a tiny model, a few steps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from planting.compare import artifact

from duecare.cli.study import Study
from duecare.model.fetch import Fetch
from duecare.model.tiny import write_tiny

STUDIES = Path(__file__).parent.parent.parent / "studies"
METHOD = {"robust": "group_weight", "adversarial": "adversary_loss"}


@pytest.mark.data
@pytest.mark.parametrize("name", list(METHOD))
def test_the_study_is_sound(name: str) -> None:
    Study.read(STUDIES / f"{name}.yaml").check()


@pytest.mark.data
@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Tunix 0.1.7 on the JAX and Flax of today
@pytest.mark.parametrize("name", list(METHOD))
def test_it_trains_and_its_figures_are_on_record(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    study = Study.read(STUDIES / f"{name}.yaml")
    (sft,) = study.train
    short = dataclasses.replace(sft, steps=3, held_out=8)
    data = {"complaints": dataclasses.replace(study.data["complaints"], rows=200)}
    base = Fetch(name=str(write_tiny(tmp_path / "tiny")))
    made = dataclasses.replace(study, model=base, data=data, train=(short,), evaluate=None)
    result = made.run(tmp_path / "run")
    assert "sft" in result.done
    out = artifact(tmp_path / "run", "sft")
    assert out is not None
    metrics = pq.read_table(out / "curves.parquet").column("metric").to_pylist()
    assert metrics.count(METHOD[name]) >= 3
    assert pq.read_table(out / "evidence.parquet").num_rows > 0
    assert result.report is not None
    page = (result.report / "report.html").read_text()
    assert "Perplexity of held-out rows" in page
