"""A study that asks what the layers of its models know, on a tiny random model: from plan to terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.ledger import entries
from duecare.model.tiny import write_tiny

STUDY = """\
study: {name: tiny, purpose: "a test", owner: "nobody"}
model: {base: tiny-model}
groups: {columns: [age]}
data:
  chats: {source: chats.jsonl, kind: chat}
train:
  - sft: {on: chats, steps: 2, batch_size: 4, max_tokens: 64}
  - sft: {on: chats, steps: 2, batch_size: 4, max_tokens: 64, snapshots: 1}
explain:
  - layers: {groups: [women], declared: [age], issues: 20, patched: 4, heads: 0, sites: 1, neutral: 2,
            snapshots: true}
"""


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_a_study_asks_its_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    write_tiny(tmp_path / "tiny-model")
    rows = []
    for number in range(24):
        turns = [{"role": "user", "content": f"Ask {number}"}, {"role": "assistant", "content": "Say"}]
        rows.append({"messages": turns, "age": "older" if number % 2 else "young"})
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "study.yaml").write_text(STUDY)
    said = CliRunner().invoke(app, ["run", "study.yaml"])
    assert said.exit_code == 0, said.output
    run = tmp_path / "runs" / "tiny"
    (done,) = [each for each in entries(run) if each.happened == "step.finished" and each.job == "layers"]
    assert {"explain.probe.causal", "explain.site.causal"} <= {each.name for each in done.findings}
    assert set(done.inputs) == {"base", "stage:sft", "tuned", "data:chats"}
    assert {each.slice["model"] for each in done.estimates} == {"base", "sft", "sft:2@1", "tuned"}
    (second,) = [each for each in entries(run) if each.happened == "step.finished" and each.job == "sft:2"]
    (artifact,) = second.outputs
    assert (run / artifact / "snapshots" / "step-000001" / "adapter_model.safetensors").is_file()
    assert not list(run.rglob(".resume"))
    assert {"gender", "age, as rows declare it"} == {each.slice["axis"] for each in done.estimates}
    page = (run / "report" / "report.html").read_text("utf-8")
    assert "what the layers know, and where the gap arises" in page
    assert "not validated" in page  # a random model gives no evidence
    assert "Where the gap of women against men arises in the base model" in page
    assert '<th scope="col">sft:2, step 1</th>' in page
    assert "sft:2@1 model" not in page  # it is told among the others, not by itself
    shown = CliRunner().invoke(app, ["explain", "runs/tiny"])
    assert shown.exit_code == 0, shown.output
    assert "gender, base model" in shown.output
    assert "gender, tuned model" in shown.output
    assert "How well linear readers tell gender, from model to model" in shown.output
    assert "sft:2, step 1" in shown.output
    assert "stream, the words that name the group" in shown.output
    assert "writes to us" not in (run / "ledger" / "log.jsonl").read_text()
