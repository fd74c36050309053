"""A study without data only asks a base model: from plan to report, on a tiny random model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.study import Study
from duecare.core import StudyError
from duecare.ledger import entries
from duecare.model.tiny import write_tiny

STUDY = """\
study: {name: tiny, purpose: "a test", owner: "nobody"}
model: {base: tiny-model}
evaluate: {suites: [toxicity-by-group, twins], samples: 1, max_tokens: 8, prompts: 2, pairs: 4}
explain:
  - words: {method: occlusion, items: 2, checks: 2, points: 3, orders: 2}
  - layers: {groups: [women], issues: 20, patched: 4, heads: 0, sites: 1, neutral: 2}
gates:
  - {metric: twins.gap, axis: gender, at_most: 99}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    write_tiny(tmp_path / "tiny-model")
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_a_study_without_data_is_checked_planned_run_and_reported(here: Path) -> None:
    for command in (["check"], ["plan"], ["run"]):
        said = CliRunner().invoke(app, [*command, "study.yaml"])
        assert said.exit_code == 0, said.output
    run = here / "runs" / "tiny"
    done = {entry.job: entry for entry in entries(run) if entry.happened == "step.finished"}
    assert list(done) == ["base", "evaluate", "words", "layers", "gate"]
    assert set(done["evaluate"].inputs) == {"base"}
    assert {"twins.gap"} <= {each.metric for each in done["evaluate"].estimates}
    report = run / "report"
    page = (report / "report.html").read_text("utf-8")
    assert "No data was curated in this run." in page
    assert "words: which words mattered" in page
    assert "layers: what the layers know" in page
    assert "No data was curated in this run" in (report / "data_card.md").read_text("utf-8")
    assert "recordSet" not in json.loads((report / "croissant.json").read_bytes())
    verified = CliRunner().invoke(app, ["verify", "runs/tiny", "--recompute"])
    assert verified.exit_code == 0, verified.output
    before = {path: path.read_bytes() for path in sorted(report.rglob("*")) if path.is_file()}
    assert CliRunner().invoke(app, ["report", "runs/tiny"]).exit_code == 0
    assert {path: path.read_bytes() for path in sorted(report.rglob("*")) if path.is_file()} == before


@pytest.mark.parametrize(
    ("was", "now", "line", "where", "expected"),
    [
        ("nothing is asked", "", 1, "data", "evaluates and explains nothing"),
        ("gates:", "train: [{sft: {on: chats}}]\ngates:", 1, "data", "section `train` reads rows"),
        ("gates:", "curate: [duplicates]\ngates:", 1, "data", "section `curate` reads rows"),
        ("gates:", "memorise: [{records: {on: chats}}]\ngates:", 1, "data", "section `memorise` reads rows"),
        ("gates:", "data: {}\ngates:", 7, "data", "at least one source"),
        ("twins]", "twins, heldout]", 3, "evaluate.suites", "suites without heldout"),
        ("groups: [women]", "groups: [women], declared: [age]", 6, "explain.1.layers.declared", "none is"),
        ("gates:", "groups: {columns: [age]}\ngates:", 7, "groups.columns.0", "a column"),
        ("gates:", "review: {point: data, on: chats}\ngates:", 7, "review.on", "a source under"),
    ],
)
def test_what_needs_data_still_does(
    here: Path, was: str, now: str, line: int, where: str, expected: str
) -> None:
    whole = STUDY if was in STUDY else "".join(STUDY.splitlines(keepends=True)[:2])
    (here / "study.yaml").write_text(whole.replace(was, now, 1))
    with pytest.raises(StudyError) as caught:
        Study.read(here / "study.yaml")
    found = [each for each in caught.value.problems if each.where == where]
    assert [(each.line, expected in each.expected) for each in found] == [(line, True)], caught.value.problems
