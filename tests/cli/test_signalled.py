"""A run stopped by a signal: the step is finished, the exit code says so, and the next call goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from duecare.ledger import entries
from duecare.model.tiny import write_tiny

STUDY = """\
study: {name: stopped, purpose: "a test", owner: "nobody"}
model: {base: tiny-model}
data:
  chats: {source: chats.jsonl, kind: chat}
train:
  - sft: {on: chats, steps: 40, batch_size: 2, max_tokens: 64, held_out: 2}
watch: {every: 20}
"""


def begin(folder):
    words = [sys.executable, "-W", "ignore", "-c", "from duecare.cli.main import main; main()"]
    return subprocess.Popen(
        [*words, "run", "study.yaml"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def steps_done(folder):
    return sum(
        log.read_bytes().count(b"\n") for log in folder.glob("runs/*/scratch/sft-*/.resume/steps.jsonl")
    )


@pytest.mark.jax
def test_a_signal_stops_a_run_which_then_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    write_tiny(tmp_path / "tiny-model")
    rows = []
    for number in range(30):
        turns = [("user", f"Ask {number}"), ("assistant", f"Say {number}")]
        rows.append({"messages": [{"role": role, "content": text} for role, text in turns]})
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "study.yaml").write_text(STUDY)
    process = begin(tmp_path)
    while steps_done(tmp_path) < 2:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    shown, _ = process.communicate()
    assert process.returncode == 130, shown
    assert "stopped by SIGTERM after step" in shown
    assert "the same command goes on from there" in shown
    run = tmp_path / "runs" / "stopped"
    stopped = entries(run)[-1]
    assert (stopped.happened, stopped.job) == ("step.failed", "sft")
    after = int(next(e.note.data["step"] for e in entries(run) if e.note and e.note.topic == "sft.stopped"))
    assert 2 <= after < 40
    again = begin(tmp_path)
    shown, _ = again.communicate()
    assert again.returncode == 0, shown
    assert f"training goes on after step {after} of 40" in shown
