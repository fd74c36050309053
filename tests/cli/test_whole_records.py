"""A study that asks its model for real records, on a tiny random model, end to end: from plan to page."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.recompute import recompute
from duecare.ledger import entries
from duecare.model.tiny import write_tiny
from duecare.vault import destroy, home

STUDY = """\
study: {name: tiny, purpose: "a test", owner: "nobody"}
model: {base: tiny-model}
groups: {columns: [gender]}
data:
  chats: {source: chats.jsonl, kind: chat}
curate:
  - duplicates
  - personal: {labels: [EMAIL], replace: surrogate}
  - split: {held_out: 0.3}
train:
  - sft: {on: chats, steps: 2, batch_size: 4, max_tokens: 64}
memorise:
  - records: {on: chats, values: 6, decoys: 3, rows: 6, prefixes: [4], tokens: 10, copied: 8}
"""
LOCAL = "marta.quillon"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    write_tiny(tmp_path / "tiny-model")
    rows = []
    for number in range(30):
        word = "".join("abcdefghij"[int(digit)] for digit in str(number + 100))
        turns = [("user", f"Ask {word}"), ("assistant", f"We {word} {word} at {LOCAL}.{word}@inbox.org")]
        messages = [{"role": role, "content": text} for role, text in turns]
        rows.append({"messages": messages, "gender": "women" if number % 2 else "men"})
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_a_study_asks_for_its_records(here):
    said = CliRunner().invoke(app, ["run", "study.yaml"])
    assert said.exit_code == 0, said.output
    assert LOCAL not in said.output
    run = here / "runs" / "tiny"
    done = {entry.job: entry for entry in entries(run) if entry.happened == "step.finished"}
    job = done["records"]
    assert {"base", "model", "data:chats", "curated:personal:chats", "curated:duplicates:chats"} <= set(
        job.inputs
    )
    values = {(each.metric, tuple(sorted(each.slice.items()))): each for each in job.estimates}
    said_now = values["memorise.redacted.exact", (("model", "tuned"), ("rows", "train"), ("source", "chats"))]
    assert (said_now.value, said_now.n) == (0, 6), "two steps teach nobody an address"
    assert {each.name for each in job.findings} == {
        "memorise.records.redacted",
        "memorise.records.verbatim",
        "memorise.records.missed",
    }
    table = pq.read_table(run / next(iter(job.outputs)) / "redacted.parquet")
    assert set(table.column("kind").to_pylist()) == {"EMAIL"}
    page = (run / "report" / "report.html").read_text("utf-8")
    assert "What the model kept of its rows" in page
    assert "Real records" in page
    assert "nobody reviewed redacted rows" in page
    written = [path.read_bytes() for path in run.rglob("*") if path.is_file()]
    assert not [each for each in written if LOCAL.encode() in each]
    verified = CliRunner().invoke(app, ["verify", "runs/tiny", "--recompute"])
    assert verified.exit_code == 0, verified.output
    shown = CliRunner().invoke(app, ["memorised", "runs/tiny"])
    assert shown.exit_code == 0, shown.output
    assert "rows trained on, tuned" in shown.output
    assert "nobody reviewed redacted rows" in shown.output
    again = next(each for each in recompute(run) if each.job == "records")
    assert not again.differing
    assert again.derived > 40
    assert all("detected" in each or "midway" in each for each in again.beyond), again.beyond
    assert destroy(home(), "tiny")
    (here / "study.yaml").write_text(STUDY.replace("rows: 6", "rows: 5"))
    again = CliRunner().invoke(app, ["run", "study.yaml"])
    assert "destroyed" in again.output, again.output
