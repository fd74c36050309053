"""A round on redacted chats, from the command line: what was missed, by the origin of names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from review_rounds import joined
from typer.testing import CliRunner

from duecare.cli import reviewing
from duecare.cli.main import app
from duecare.ledger.read import entries
from duecare.ledger.verify import verify
from duecare.review import desk
from duecare.review.desk import Shown
from duecare.review.rounds import rounds
from duecare.review.store import Store

STUDY = """\
study: {name: missed}
data:
  texts: {source: texts.jsonl, kind: text}
curate:
  - personal: {on: texts}
review: {before: train, point: data, on: texts, items: 30, overlap: 1}
"""
FOUND, LEFT = "Hello, my name is James Miller and I need help", "my friend chase sent it back"


def duecare(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose redaction finds one sort of name and leaves the other, which people mark."""
    lines = [f"{FOUND if i % 2 else LEFT} about item {i}." for i in range(30)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    (tmp_path / "names.csv").write_text("name,origin\nJames,english\nMiller,english\nChase,elsewhere\n")
    (tmp_path / "study.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "missed"
    assert duecare("run", "study.yaml")[0] == 4
    assert duecare("review", "open", run)[0] == 0
    with Store.open(reviewing.where(run, None)) as store:
        (opened,) = rounds(store)
        person = joined(store, 1, "annotator")
        while isinstance(shown := desk.next_item(store, person, opened.id), Shown):
            at = shown.texts["text"].find("chase")
            place = {"part": "text", "start": at, "end": at + 5, "label": "name"}
            answers = {"harm": 1, "personal": [place] if at >= 0 else []}
            desk.submit(store, person, shown.assignment, answers)
    assert duecare("review", "close", run)[0] == 0
    assert duecare("run", "study.yaml")[0] == 0
    return run


def test_what_was_missed_is_told_by_the_origin_of_names(closed: Path) -> None:
    code, said = duecare("review", "missed", "names.csv", closed)
    assert code == 0, said
    told = [entry for entry in entries(closed) if entry.happened == "told" and entry.estimates][-1]
    rates = {each.slice.get("group"): each for each in told.estimates if "label" not in each.slice}
    assert rates["elsewhere"].value == 1.0
    assert rates["elsewhere"].low > 0.7
    assert rates["english"].value == 0.0
    assert rates["english"].high < 0.3
    assert rates[None].n == rates["elsewhere"].n + rates["english"].n
    assert not [each for each in verify(closed) if each.verdict == "fail"]
    ledger = (closed / "ledger" / "log.jsonl").read_bytes().lower()
    assert b"chase" not in ledger
    assert b"james" not in ledger


def test_a_round_that_is_not_there_and_a_list_that_is_none_are_refused(closed: Path) -> None:
    code, said = duecare("review", "missed", "names.csv", closed, "--round", "other")
    assert code != 0
    assert "no closed round other" in said
    (closed.parents[1] / "names.csv").write_text("who,where\na,b\n")
    code, said = duecare("review", "missed", "names.csv", closed)
    assert code != 0
    assert "name and origin" in said
