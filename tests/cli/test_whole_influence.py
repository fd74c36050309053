"""A study that asks which rows moved a gap, on a tiny random model, end to end: ledger, artifact, report."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.ledger import entries
from duecare.model.tiny import write_tiny

STUDY = """\
study: {name: tiny, purpose: "a test", owner: "nobody"}
model: {base: tiny-model}
groups: {columns: [gender]}
data:
  chats: {source: chats.jsonl, kind: chat, keep: [topic]}
train:
  - sft:
      on: chats
      steps: 8
      batch_size: 4
      max_tokens: 64
      learning_rate: 0.002
      influence: {axis: gender, issues: 10, checkpoints: 2, top: 3, slices: [groups, topic]}
watch: {every: 2}
"""
SECRET = "Say nothing of this"


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_a_study_tells_which_rows_moved_the_gap_between_twins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    write_tiny(tmp_path / "tiny-model")
    rows = []
    for number in range(40):
        turns = [("user", f"Ask {number}"), ("assistant", f"{SECRET} {number}")]
        messages = [{"role": role, "content": text} for role, text in turns]
        topic = ("travel", "weather")[number // 2 % 2]
        rows.append({"messages": messages, "gender": ("men", "women")[number % 2], "topic": topic})
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "study.yaml").write_text(STUDY)
    said = CliRunner().invoke(app, ["run", "study.yaml"])
    assert said.exit_code == 0, said.output
    run = tmp_path / "runs" / "tiny"
    (done,) = [entry for entry in entries(run) if entry.happened == "step.finished" and entry.job == "sft"]
    slices = [each for each in done.estimates if each.metric == "sft.influence.slice"]
    named = {(each.slice["group"], each.slice["by"], each.slice["value"]) for each in slices}
    values = {("gender", "men"), ("gender", "women"), ("topic", "travel"), ("topic", "weather")}
    assert named == {(group, *value) for group in ("women", "nonbinary") for value in values}
    assert all(each.slice["against"] == "men" and each.value is not None for each in slices)
    (folder,) = done.outputs
    told = pq.read_table(run / folder / "influence.parquet")
    assert set(told.column("group").to_pylist()) == {"women", "nonbinary"}
    assert not list((run / folder).rglob("*.safetensors.part"))
    page = (run / "report" / "report.html").read_text("utf-8")
    assert "which rows moved the gap" in page
    assert "No slice was validated as a cause" in page
    assert SECRET not in (run / "ledger" / "log.jsonl").read_text()
