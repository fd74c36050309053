"""A study that places canaries and looks for them, on a tiny random model: from plan to page and terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.recompute import recompute
from duecare.ledger import entries
from duecare.model.tiny import write_tiny

STUDY = """\
study: {name: tiny, purpose: "a test", owner: "nobody"}
model: {base: tiny-model}
groups: {columns: [age]}
data:
  chats: {source: chats.jsonl, kind: chat}
curate:
  - split: {held_out: 0.3}
  - canaries: {count: 6, controls: 20, repeats: [1, 8]}
train:
  - sft: {on: chats, steps: 12, batch_size: 8, max_tokens: 96, learning_rate: 2e-2}
memorise:
  - canaries: {rows: 10, attacks: [ratio, loss], limits: {exposure: 1.0, regurgitated: 0.9}}
"""


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_a_study_asks_what_its_model_memorised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    write_tiny(tmp_path / "tiny-model")
    rows = []
    for number in range(40):
        turns = [
            {"role": "user", "content": f"Ask {number}"},
            {"role": "assistant", "content": f"Say {number}"},
        ]
        rows.append({"messages": turns, "age": "older" if number % 2 else "young"})
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "study.yaml").write_text(STUDY)
    said = CliRunner().invoke(app, ["run", "study.yaml"])
    assert "Report: " in said.output, said.output  # a gate fails, so the exit code does not tell
    run = tmp_path / "runs" / "tiny"
    (done,) = [
        each for each in entries(run) if each.happened == "step.finished" and each.job == "canaries-back"
    ]
    assert set(done.inputs) == {"base", "model", "trained:sft", "data:chats"}
    assert {"memorise.exposure", "memorise.regurgitated"} <= {
        each.name for each in done.findings if each.gate
    }
    page = (run / "report" / "report.html").read_text("utf-8")
    assert "What the model kept of its rows" in page
    assert "Secrets that come back word for word" in page
    assert "canaries placed" in page
    assert ">0.0% of the source's rows before" not in page
    shown = CliRunner().invoke(app, ["memorised", "runs/tiny"])
    assert shown.exit_code == 0, shown.output
    assert "in the answer, placed 8 times" in shown.output
    assert "by its loss against the base model" in shown.output
    whole = CliRunner().invoke(app, ["memorised", "runs/tiny", "--whole"])
    assert len(whole.output) > len(shown.output)
    plain = CliRunner().invoke(app, ["memorised", "runs/tiny", "--json"])
    assert "memorise.auc" in plain.output
    (placed,) = run.glob("artifacts/canaries-chats-*/canaries.parquet")
    secrets = pq.read_table(placed)["secret"].to_pylist()
    for said in ((run / "ledger" / "log.jsonl").read_text(), page, shown.output, whole.output, plain.output):
        assert not any(secret in said for secret in secrets)
    checked = CliRunner().invoke(app, ["verify", "runs/tiny", "--recompute"])
    assert checked.exit_code == 0, checked.output
    again = next(each for each in recompute(run) if each.job == "canaries-back")
    assert not again.differing
    assert again.derived == len(done.estimates) + len(done.findings)
