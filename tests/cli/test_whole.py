"""A whole study on a tiny random model: data in, three trained models, an evaluation, gates, a report."""

from __future__ import annotations

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.standing import standing
from duecare.ledger import entries
from duecare.model.tiny import write_tiny

STUDY = """\
study: {name: tiny, purpose: "a test", owner: "nobody", about: {users: "whoever reads the test"}}
model: {base: tiny-model}
groups: {columns: [gender]}
data:
  chats: {source: chats.jsonl, kind: chat}
  pairs: {source: pairs.jsonl, kind: preference}
curate:
  - duplicates
  - balance: {on: chats, by: gender}
train:
  - sft: {on: chats, steps: 2, batch_size: 2, max_tokens: 64}
  - reward-model: {on: pairs, steps: 2, batch_size: 2, held_out: 3}
  - dpo: {on: pairs, steps: 2, batch_size: 2}
watch: {every: 1, limits: {loss_gap: 1.0}}
evaluate: {prompts: 2, pairs: 4, samples: 2, max_tokens: 4, rows: 4, stages: [twins, heldout]}
gates:
  - {metric: twins.gap, between: [-50, 50]}
  - {metric: heldout.perplexity, at_most: 0.5}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    write_tiny(tmp_path / "tiny-model")
    chats, pairs = [], []
    for i in range(30):
        turns = [{"role": "user", "content": f"Ask {i}"}, {"role": "assistant", "content": f"Say {i}"}]
        chats.append({"messages": turns, "gender": "women" if i % 3 else "men"})
        pairs.append({"prompt": f"Ask {i}", "chosen": f"Good {i}", "rejected": f"Bad {i}"})
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chats))
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pairs))
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_a_study_runs_end_to_end_on_record(here):
    said = call("run", "study.yaml")
    assert said.exit_code == 3, said.output  # a perplexity of at most one half is no perplexity
    assert "A gate failed." in said.output
    assert "✓ pass" in said.output
    run = here / "runs" / "tiny"
    state = standing(entries(run))
    assert state.finished
    assert set(state.planned) == set(state.done)
    assert {"base", "sft", "reward-model", "dpo", "evaluate", "stages", "gate"} <= set(state.done)
    done = {entry.job: entry for entry in entries(run) if entry.happened == "step.finished"}
    assert done["dpo"].inputs["model"] == done["reward-model"].inputs["model"]  # what came of sft
    assert [finding.verdict for finding in state.gates].count("fail") == 1
    told = {entry.job for entry in entries(run) if entry.happened == "told"}
    assert {"sft", "dpo"} <= told  # what training said of the groups while it went on
    (watched,) = [
        finding
        for entry in entries(run)
        if entry.happened == "step.finished" and entry.job == "sft"
        for finding in entry.findings
    ]
    assert (watched.name, watched.verdict) == ("sft.loss.gap", "insufficient evidence")  # after two steps
    assert "Limits watched while training" in (run / "report" / "report.html").read_text("utf-8")
    (changed,) = [
        entry for entry in entries(run) if entry.happened == "step.finished" and entry.job == "stages"
    ]
    moved = [each for each in changed.estimates if each.metric == "stages.twins.gap.change"]
    assert {(each.slice["from"], each.slice["model"]) for each in moved} == {("base", "sft"), ("sft", "dpo")}
    assert all(each.value is not None for each in moved)
    page = (run / "report" / "report.html").read_text("utf-8")
    assert "What each stage changed" in page
    assert "gap by a stage of training" in page
    assert "reward-model: held-out pairs" in page
    assert (run / "report" / "report.html").stat().st_size > 10_000
    assert str(here) not in (run / "ledger" / "log.jsonl").read_text()

    bill = json.loads((run / "report" / "bom.cdx.json").read_text("utf-8"))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    model = bill["metadata"]["component"]
    assert [each["bom-ref"] for each in model["pedigree"]["ancestors"]] == ["base", "model:sft"]
    assert model["modelCard"]["considerations"]["users"] == ["whoever reads the test"]
    held = {(each.metric, repr(each.value)) for entry in entries(run) for each in entry.estimates}
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert len(metrics) > 5
    assert {(each["type"], each["value"]) for each in metrics} <= held
    assert "declared by nobody (entry 0)" in (run / "report" / "annex_iv.md").read_text("utf-8")

    verified = call("verify", "study.yaml")
    assert verified.exit_code == 0, verified.output

    count = len(entries(run))
    again = call("run", "study.yaml", "--no-fail")
    assert again.exit_code == 0
    assert "Nothing to do" in again.output
    assert len(entries(run)) == count

    (here / "study.yaml").write_text(STUDY.replace("at_most: 0.5", "at_most: 1.0e+9"))
    changed = call("run", "study.yaml")
    assert changed.exit_code == 0, changed.output
    assert "1 jobs done" in changed.output  # the gate alone
