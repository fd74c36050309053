"""A reward model from outside: brought, audited, held to its audit, and used when that passed, end to end."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from duecare.cli import reviewing
from duecare.cli.main import app
from duecare.cli.standing import standing
from duecare.core.wire import decode
from duecare.ledger import entries
from duecare.model.fetch import Reference
from duecare.model.tiny import write_tiny

STUDY = """\
study: {name: outside, purpose: "a test", owner: "nobody"}
model: {base: tiny-model}
data:
  chats: {source: chats.jsonl, kind: chat}
  pairs: {source: pairs.jsonl, kind: preference}
train:
  - grpo:
      on: chats
      reward_model: judge
      steps: 1
      batch_size: 2
      samples: 2
      max_answer_tokens: 4
      held_out: 2
      every: 1
reward:
  - audit:
      reward: judge
      on: pairs
      nudges: 100
      kinds: [refusal]
      axes: []
      limits: {accuracy: LIMIT, identity: null, refusal: 1000}
"""


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_a_reward_model_from_outside_is_held_to_its_audit(tmp_path, monkeypatch):
    from duecare.model.export import export_reward
    from duecare.model.load import load

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    write_tiny(tmp_path / "tiny-model")
    loaded = load(tmp_path / "tiny-model")
    head = np.random.default_rng(0).normal(size=loaded.shape.width).astype(np.float32)
    export_reward(loaded, head, tmp_path / "judge")
    chats, pairs = [], []
    for i in range(24):
        turns = [{"role": "user", "content": f"Ask {i}"}, {"role": "assistant", "content": f"Say {i}"}]
        chats.append({"messages": turns})
        pairs.append({"prompt": f"Ask {i}", "chosen": f"Good {i}", "rejected": f"Bad {i}"})
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chats))
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pairs))

    (tmp_path / "study.yaml").write_text(STUDY.replace("LIMIT", "0.999"))
    said = CliRunner().invoke(app, ["run", "study.yaml"])
    assert said.exit_code not in (0, 3), said.output
    run = tmp_path / "runs" / "outside"
    state = standing(entries(run))
    assert state.failed.job == "grpo"
    assert "its audit did not pass: reward.audit.accuracy" in state.failed.note.text
    assert {finding.name for finding in reviewing.failed(run)()} >= {"reward.start"}

    (tmp_path / "study.yaml").write_text(STUDY.replace("LIMIT", "null"))
    said = CliRunner().invoke(app, ["run", "study.yaml"])
    assert said.exit_code == 0, said.output
    log = entries(run)
    done = standing(log).done
    assert done["grpo"].inputs["reward"] == done["reward-audit"].inputs["reward"]
    (folder,) = done["judge"].outputs
    reference = decode((run / folder / "reference.json").read_bytes(), Reference)
    audited = next(e.note for e in reversed(log) if e.note and e.note.topic == "reward.audited")
    assert audited.data["digest"] == reference.digest  # of the very files
