"""A study that trains a reward model and lets it reward answers, on a tiny random model, end to end."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.standing import standing
from duecare.ledger import entries
from duecare.model.tiny import write_tiny

STUDY = """\
study: {name: tiny, purpose: "a test", owner: "nobody"}
model: {base: tiny-model}
groups: {columns: [gender]}
data:
  chats: {source: chats.jsonl, kind: chat}
  pairs: {source: pairs.jsonl, kind: preference}
train:
  - reward-model: {on: pairs, steps: 2, batch_size: 2, held_out: 4}
  - grpo:
      on: chats
      reward: {toxicity: -1.0}
      reward_model: reward-model
      drift: {independent: {sentiment: 1.0}}
      steps: 2
      batch_size: 4
      samples: 2
      max_answer_tokens: 6
      held_out: 4
reward:
  - audit: {reward: reward-model, on: pairs, nudges: 100, limits: {accuracy: null, identity: 1000}}
watch: {every: 2, limits: {reward_gap: 1.0}}
"""


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_answers_are_rewarded_by_the_model_trained_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    write_tiny(tmp_path / "tiny-model")
    chats, pairs = [], []
    for i in range(30):
        turns = [{"role": "user", "content": f"Ask {i}"}, {"role": "assistant", "content": f"Say {i}"}]
        chats.append({"messages": turns, "gender": "women" if i % 2 else "men"})
        pairs.append({"prompt": f"Ask {i}", "chosen": f"Good {i}", "rejected": f"Bad {i}"})
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chats))
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pairs))
    (tmp_path / "study.yaml").write_text(STUDY)

    said = CliRunner().invoke(app, ["run", "study.yaml"])
    assert said.exit_code == 0, said.output
    run = tmp_path / "runs" / "tiny"
    state = standing(entries(run))
    assert {"reward-model", "grpo"} <= set(state.done)
    log = entries(run)
    (last,) = [each for each in log if each.happened == "step.finished" and each.job == "grpo"]
    told = {each.metric for each in last.estimates}
    assert {"grpo.reward", "grpo.reward.gap", "grpo.reward.change", "grpo.length", "grpo.kl"} <= told
    assert {(each.name, each.verdict) for each in last.findings} == {
        ("grpo.reward.gap", "insufficient evidence"),
        ("grpo.drift.fall", "insufficient evidence"),
    }
    assert "grpo.independent" in told
    told_midway = {each.metric for entry in log if entry.job == "grpo" for each in entry.estimates}
    assert {"grpo.drift.win", "grpo.drift.reward_win", "grpo.drift.shift"} <= told_midway
    page = (run / "report" / "report.html").read_text("utf-8")
    assert "Reward" in page
    verified = CliRunner().invoke(app, ["verify", "study.yaml"])
    assert verified.exit_code == 0, verified.output
