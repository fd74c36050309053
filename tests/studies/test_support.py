"""The studies on real data are sound, and the short one runs whole: curated, trained, evaluated, verified."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from planting.compare import artifact

from duecare.cli.study import Study
from duecare.core import StudyError
from duecare.ledger import verify
from duecare.vault import opened, stored

STUDIES = Path(__file__).parent.parent.parent / "studies"


@pytest.mark.data
@pytest.mark.parametrize("name", ["support", "support-short", "reward"])
def test_the_study_is_sound(name: str) -> None:
    Study.read(STUDIES / f"{name}.yaml").check()


def test_without_the_data_the_study_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: the check is not blind."""
    monkeypatch.delenv("DUECARE_DATA", raising=False)
    with pytest.raises(StudyError, match="DUECARE_DATA"):
        Study.read(STUDIES / "support-short.yaml").check()


@pytest.mark.data
def test_real_rows_are_read_and_curated(tmp_path: Path) -> None:
    study = Study.read(STUDIES / "support-short.yaml")
    dataclasses.replace(study, train=(), evaluate=None, gates=None, model=None).run(tmp_path)
    for source, read, least in (("complaints", 300, 250), ("service", 60, 40), ("harmless", 60, 50)):
        first, last = artifact(tmp_path, f"read:{source}"), artifact(tmp_path, f"personal:{source}")
        assert first is not None
        assert last is not None
        with opened(stored(first, "kept.parquet")) as sealed:  # redaction follows: rows do not lie open here
            kept = pq.read_metadata(sealed).num_rows
        assert kept + pq.read_metadata(first / "set_aside.parquet").num_rows == read
        assert pq.read_metadata(last / "kept.parquet").num_rows >= least


@pytest.mark.data
@pytest.mark.jax
@pytest.mark.smollm
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Tunix 0.1.7 on the JAX and Flax of today
def test_the_short_study_runs_whole(tmp_path: Path) -> None:
    study = Study.read(STUDIES / "support-short.yaml")
    result = study.run(tmp_path)
    assert {"sft", "reward-model", "dpo", "evaluate", "stages", "gate"} <= set(result.done)
    assert all(finding.verdict != "fail" for finding in verify(tmp_path))
    assert result.report is not None
    page = (result.report / "report.html").read_text()
    assert "older american" in page.lower()  # a group that the real data declares
    assert not study.run(tmp_path).done  # nothing is done again
