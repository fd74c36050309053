"""Between a round's closing and the run that takes it in, nobody changes what people said."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from review_rounds import joined
from typer.testing import CliRunner

from duecare.cli import reviewing
from duecare.cli.main import app
from duecare.ledger import digest
from duecare.ledger.read import entries
from duecare.ledger.verify import verify
from duecare.review import desk
from duecare.review.desk import Shown
from duecare.review.rounds import rounds
from duecare.review.store import Store

STUDY = """\
study: {name: sealed}
data:
  texts: {source: texts.jsonl, kind: text}
review: {before: train, point: data, on: texts, items: 6, overlap: 1}
"""


def duecare(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose round is closed, and not taken in yet."""
    lines = [json.dumps({"text": f"Text number {i}."}) + "\n" for i in range(6)]
    (tmp_path / "texts.jsonl").write_text("".join(lines))
    (tmp_path / "study.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "sealed"
    assert duecare("run", "study.yaml")[0] == 4
    assert duecare("review", "open", run)[0] == 0
    with Store.open(reviewing.where(run, None)) as store:
        (opened,) = rounds(store)
        person = joined(store, 1, "annotator")
        while isinstance(shown := desk.next_item(store, person, opened.id), Shown):
            desk.submit(store, person, shown.assignment, {"harm": 1})
    assert duecare("review", "close", run)[0] == 0
    return run


def test_the_ledger_has_the_digests_of_a_closed_round(closed: Path) -> None:
    (folder,) = (closed / "review").glob("export-*")
    (note,) = [e.note for e in entries(closed) if e.note is not None and e.note.topic == "review.closed"]
    for name in ("decisions", "labels", "settled"):
        assert note.data[f"{name}.parquet"] == digest.file_digest(folder / f"{name}.parquet")
    assert (note.data["labels"], note.data["complete"]) == ("6", "6")
    assert duecare("run", "study.yaml")[0] == 0
    assert not [each for each in verify(closed) if each.verdict == "fail"]


@pytest.mark.parametrize("name", ["labels.parquet", "settled.parquet", "soft.parquet", "round.json"])
def test_an_export_that_somebody_changed_is_not_taken_in(closed: Path, name: str) -> None:
    (folder,) = (closed / "review").glob("export-*")
    if name.endswith(".json"):
        about = (folder / name).read_text()
        (folder / name).write_text(about.replace("not at all", "clearly so"))
    else:
        pq.write_table(pq.read_table(folder / name).slice(1), folder / name)
    code, said = duecare("run", "study.yaml")
    assert code not in (0, 4)
    assert f"{name} is not as it was" in said
    assert duecare("review", "close", closed)[0] == 0  # made anew from the store
    assert duecare("run", "study.yaml")[0] == 0


def test_a_ledger_hears_of_its_own_rounds_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs with one database between them, as a team may have."""
    from duecare.review import notes, oversight

    monkeypatch.chdir(tmp_path)
    shared = str(tmp_path / "shared.sqlite")
    runs = []
    for name in ("one", "other"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"text": "Text of {name}."}}\n')
        (tmp_path / f"{name}.yaml").write_text(
            f"study: {{name: {name}}}\ndata:\n  texts: {{source: {name}.jsonl, kind: text}}\n"
        )
        assert duecare("run", f"{name}.yaml")[0] == 0
        runs.append(tmp_path / "runs" / name)
        opening = ("--point", "data", "--round", name, "--store", shared)
        assert duecare("review", "open", runs[-1], *opening)[0] == 0
    with Store.open(shared) as store:
        other = next(each for each in rounds(store) if each.name == "other")
        oversight.revise(store, other.id, joined(store, 1, "ethics"), "Judge slowly.", "people hurried")
        assert reviewing.flush(runs[0], store) == 0
        assert len(notes.untold(store)) == 1
        assert reviewing.flush(runs[1], store) == 1
    heard = [[e.note.topic for e in entries(run) if e.note is not None] for run in runs]
    assert [topics.count("guideline") for topics in heard] == [0, 1]
