"""The study that only curates: sound, runs on a part and whole, and its page says what it finds."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from planting.compare import artifact

from duecare.cli.study import Study
from duecare.core import StudyError
from duecare.ledger import entries, verify

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "studies" / "curate-cfpb.yaml"
STEPS = (
    "read",
    "audit",
    "toxicity",
    "poisoning",
    "duplicates",
    "decontaminate",
    "stereotypes",
    "balance",
    "personal",
    "split",
)


def first(rows: int) -> Study:
    study = Study.read(STUDY)
    data = {name: dataclasses.replace(read, rows=rows) for name, read in study.data.items()}
    return dataclasses.replace(study, data=data)


@pytest.mark.data
def test_the_study_is_sound() -> None:
    Study.read(STUDY).check()


def test_without_the_data_the_study_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: the check is not blind."""
    monkeypatch.delenv("DUECARE_DATA", raising=False)
    with pytest.raises(StudyError, match="DUECARE_DATA"):
        Study.read(STUDY).check()


@pytest.mark.data
def test_the_first_200_rows_go_through_every_step(tmp_path: Path) -> None:
    result = first(200).run(tmp_path)
    assert result.done == tuple(f"{step}:complaints" for step in STEPS)
    assert all(finding.verdict != "fail" for finding in verify(tmp_path))
    split = artifact(tmp_path, "split:complaints")
    assert split is not None
    sides = [pq.read_table(split / f"{side}.parquet").num_rows for side in ("train", "held_out")]
    assert all(sides)
    assert 150 <= sum(sides) <= 200
    assert result.report is not None
    card = (result.report / "data_card.md").read_text("utf-8")
    assert "public domain | declared in the study" in card
    assert "not said (about: ethics)" in card
    page = (result.report / "report.html").read_text("utf-8")
    assert "rows that look planted" in page
    assert not first(200).run(tmp_path).done  # nothing is done again


@pytest.mark.data
def test_the_page_says_what_the_whole_run_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    from curate_cfpb_table import table

    Study.read(STUDY).run(tmp_path)
    page = (ROOT / "docs" / "curate-cfpb.md").read_text("utf-8")
    assert f"<!-- begin groups -->\n{table(tmp_path)}\n<!-- end groups -->" in page
    told = {
        (each.metric, *sorted(each.slice.values())): each.value
        for entry in entries(tmp_path)
        for each in entry.estimates
        if entry.job != "read:complaints"
    }
    sides = [told[f"curate.split.{side}", "complaints"] for side in ("train", "held_out")]
    assert sum(sides) == 1472
    assert sides[1] == pytest.approx(150, abs=25)  # surrogates, and so the texts, differ with the secret
    assert told["curate.personal.places", "PERSON", "complaints"] == 193
    assert f"{told['balance.effective_size', 'Tags', 'complaints']:.0f}" == "345"
    findings = {each.name: each for entry in entries(tmp_path) for each in entry.findings}
    assert "has 15.6% of the weight, is to have 25.0%" in findings["balance.margins"].detail
