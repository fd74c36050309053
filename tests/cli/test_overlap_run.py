"""A study that looks for near duplicates and for what it is examined on, run from its file on record."""

from __future__ import annotations

import json
import random

import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.ledger import entries

STUDY = """\
study: {name: overlap, purpose: "a test", owner: "nobody"}
data:
  chats: {source: chats.jsonl, kind: chat}
curate:
  - duplicates: {similarity: 0.8}
  - decontaminate: {against: {exam: exam.jsonl}}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chance = random.Random(1)

    def said(count):
        return " ".join(f"word{chance.randrange(900)}" for _ in range(count))

    exam = [said(20) for _ in range(5)]
    rows = []
    for place in range(60):
        answer = said(90)
        asked = f"{said(4)} {exam[place // 12]}" if place % 12 == 0 else said(9)
        rows.append((asked, answer))
        if place % 10 == 5:
            rows.append((asked, answer.replace(answer.split()[40], "other")))
    turns = ([{"role": "user", "content": a}, {"role": "assistant", "content": b}] for a, b in rows)
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps({"messages": each}) + "\n" for each in turns))
    (tmp_path / "exam.jsonl").write_text("".join(json.dumps({"question": each}) + "\n" for each in exam))
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def test_both_are_found_recorded_and_reported(here):
    said = CliRunner().invoke(app, ["run", "study.yaml"])
    assert said.exit_code == 0, said.output
    run = here / "runs" / "overlap"
    log = (run / "ledger" / "log.jsonl").read_text()
    told = [
        entry for entry in entries(run) if entry.happened == "told" and entry.job == "decontaminate:chats"
    ]
    assert any("exam: 5 different texts" in str(entry) for entry in told)
    assert "word" not in log.replace("words", "")  # digests, never a text
    page = (run / "report" / "report.html").read_text()
    for reason in ("near-duplicate of another row", "its prompt holds an item of exam"):
        assert reason in page
    again = CliRunner().invoke(app, ["run", "study.yaml"])
    assert "Nothing to do" in again.output
    (here / "exam.jsonl").write_text('{"question": "something else that is asked of everybody"}\n')
    changed = CliRunner().invoke(app, ["run", "study.yaml"])
    assert "1 jobs done" in changed.output  # another examination: only the rows are held against it anew
