"""A run that waits for people, from the command line: opened, judged, closed, sealed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from review_rounds import joined
from typer.testing import CliRunner

from duecare.cli import reviewing
from duecare.cli.main import app
from duecare.core.wire import decode
from duecare.ledger.read import entries
from duecare.ledger.verify import verify
from duecare.report.history import history
from duecare.review import desk, notes, oversight
from duecare.review.alone import alone
from duecare.review.desk import Shown
from duecare.review.rounds import rounds
from duecare.review.store import Store
from duecare.review.waiting import ELSEWHERE

STUDY = """\
study: {name: waits}
groups: {columns: [gender]}
data:
  chats: {source: chats.jsonl, kind: chat}
  pairs: {source: pairs.jsonl, kind: preference}
curate:
  - toxicity: {on: chats}
%s
"""
REVIEW = "review: {before: train, point: data, on: chats, items: 12, overlap: 1, cover: [gender]}"


def duecare(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    chats = [
        {
            "messages": [
                {"role": "user", "content": f"Question {i}?"},
                {"role": "assistant", "content": f"Answer {i}, you idiot." if i % 5 == 0 else f"Answer {i}."},
            ],
            "gender": "women" if i % 2 else "men",
        }
        for i in range(20)
    ]
    pairs = [{"prompt": f"Question {i}?", "chosen": f"Good {i}.", "rejected": f"Bad {i}."} for i in range(8)]
    for name, rows in (("chats", chats), ("pairs", pairs)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def judge_all(store: Store, round: str, person: object) -> int:
    count = 0
    while isinstance(shown := desk.next_item(store, person, round), Shown):  # type: ignore[arg-type]
        answers = {"harm": 1} if shown.questions[0].name == "harm" else {"better": "left"}
        desk.submit(store, person, shown.assignment, answers)  # type: ignore[arg-type]
        count += 1
    return count


def test_a_run_waits_for_its_round_and_goes_on(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY % REVIEW)
    run = folder / "runs" / "waits"
    code, said = duecare("run", "study.yaml")
    assert code == 4
    assert "round data-chats is required before train: open it with `duecare review open" in said
    code, said = duecare("review", "open", run)
    assert (code, "12 of " in said, "/join/" in said) == (0, True, True)
    code, said = duecare("run", "study.yaml")
    assert code == 4
    assert "0 of 12 items are judged by all" in said
    with Store.open(reviewing.where(run, None)) as store:
        (opened,) = rounds(store)
        assert judge_all(store, opened.id, joined(store, 1, "annotator")) == 12
        ethics = joined(store, 2, "ethics")
        oversight.revise(store, opened.id, ethics, "Judge more slowly.", "people hurried")
    assert duecare("review", "progress", run)[0] == 0
    code, said = duecare("review", "close", run)
    assert (code, "go on with `duecare run`" in said) == (0, True)
    assert duecare("review", "close", run)[0] == 0  # again changes nothing
    code, said = duecare("run", "study.yaml")
    assert code == 0, said
    found = entries(run)
    finished = [e for e in found if e.happened == "step.finished" and e.job == "review:data-chats"]
    ((path, _),) = finished[-1].outputs.items()
    labels = pq.read_table(run / path / "labels.parquet").to_pylist()
    assert len(labels) == 12
    assert {each["groups"][0]["value"] for each in labels} == {"women", "men"}
    topics = [e.note.topic for e in found if e.happened == "told" and e.job == "review" and e.note]
    assert topics == ["review.opened", "guideline", "review.closed"]
    assert not [each for each in verify(run) if each.verdict == "fail"]
    assert duecare("run", "study.yaml")[0] == 0  # nothing left to do


def test_nobodys_name_is_in_what_leaves_the_store(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY % REVIEW)
    run = folder / "runs" / "waits"
    duecare("run", "study.yaml")
    duecare("review", "open", run)
    with Store.open(reviewing.where(run, None)) as store:
        (opened,) = rounds(store)
        judge_all(store, opened.id, joined(store, 77, "annotator"))
    duecare("review", "close", run)
    duecare("run", "study.yaml")
    names = (b"Person 77", b"person77")
    for path in run.rglob("*"):
        if path.is_file() and not path.name.startswith("review.sqlite"):
            assert not [name for name in names if name in path.read_bytes()], path
    assert [name for name in names if name in (run / "review" / "review.sqlite").read_bytes()]  # control


def test_a_round_that_reviewed_other_rows_does_not_count(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY % REVIEW)
    run = folder / "runs" / "waits"
    duecare("run", "study.yaml")
    duecare("review", "open", run)
    with Store.open(reviewing.where(run, None)) as store:
        judge_all(store, rounds(store)[0].id, joined(store, 1, "annotator"))
    duecare("review", "close", run)
    text = (STUDY % REVIEW).replace("{on: chats}", "{on: chats, limit: 0.2}")
    (folder / "study.yaml").write_text(text)
    code, said = duecare("run", "study.yaml")
    assert code == 4
    assert "reviewed other rows" in said
    assert duecare("review", "open", run, "--round", "data-chats")[0] == 0  # the closed one steps aside
    code, said = duecare("run", "study.yaml")
    assert (code, "0 of 12 items" in said) == (4, True)
    with Store.open(reviewing.where(run, None)) as store:
        assert [each.name for each in rounds(store)] == ["data-chats", "data-chats.1"]
        judge_all(store, rounds(store)[0].id, alone(store, "me"))
    duecare("review", "close", run)
    assert duecare("run", "study.yaml")[0] == 0


def test_a_round_that_a_study_waits_for_is_not_closed_too_early(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY % REVIEW)
    run = folder / "runs" / "waits"
    duecare("run", "study.yaml")
    duecare("review", "open", run)
    code, said = duecare("review", "close", run)
    assert (code, "0 items are judged by all" in said) == (1, True)
    assert duecare("review", "close", run, "--early")[0] == 0
    code, said = duecare("run", "study.yaml")
    assert (code, "0 of 12 items were judged" in said) == (1, True)


def test_a_finished_run_takes_a_round_of_pairs_in_at_once(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY % "")
    run = folder / "runs" / "waits"
    assert duecare("run", "study.yaml")[0] == 0
    code, said = duecare("review", "open", run, "--point", "pairs", "--source", "pairs", "--overlap", 1)
    assert code == 0, said
    with Store.open(reviewing.where(run, None)) as store:
        (opened,) = rounds(store)
        assert judge_all(store, opened.id, alone(store, "me")) == 8
    code, said = duecare("review", "close", run)
    assert (code, "artifacts/review-pairs-pairs" in said.replace(" ", "")) == (0, True)
    (tried,) = history(run)
    assert tried.beside == ("review:pairs-pairs",)
    assert (len(tried.done), tried.superseded, tried.unfinished) == (tried.planned, (), ())
    assert not [each for each in verify(run) if each.verdict == "fail"]
    for form in ("csv", "label-studio", "argilla", "parquet"):
        assert duecare("review", "export", run, "--format", form, "--to", folder / form)[0] == 0
    about = decode((folder / "parquet" / "round.json").read_bytes(), dict)
    assert about["counts"]["complete"] == 8
    assert duecare("report", run)[0] == 0


def test_ten_items_in_a_terminal(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY % REVIEW)
    run = folder / "runs" / "waits"
    duecare("run", "study.yaml")
    duecare("review", "open", run)
    marked = "9 Answer\n1 Nobody\n1 answer\n2 Answer\n\n"  # no such label, and words that do not stand there
    typed = "9\n1\n\nu\n2\n" + marked + "s\ntoo hard\n" + "1\n\n" * 20
    done = CliRunner().invoke(app, ["review", "cli", str(run)], input=typed)
    assert done.exit_code == 0, done.output
    assert "10 items are judged and kept." in done.output
    with Store.open(reviewing.where(run, None)) as store:
        (opened,) = rounds(store)
        import getpass

        past = desk.history(store, alone(store, getpass.getuser()), opened.id)
        assert [each.kind for each in past if not each.withdrawn].count("label") == 10
        assert [each.comment for each in past if each.kind == "skip"] == ["too hard"]
        labels = [each for each in past if each.kind == "label" and not each.withdrawn]
        place = {"part": "messages.1", "start": 0, "end": 6, "label": "contact"}
        assert [each.answers["personal"] for each in labels] == [[]] * 9 + [[place]]


def test_a_kill_between_ledger_and_store_tells_nothing_twice(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY % REVIEW)
    run = folder / "runs" / "waits"
    duecare("run", "study.yaml")
    duecare("review", "open", run)
    with Store.open(reviewing.where(run, None)) as store:
        with store.begin() as connection:
            connection.exec_driver_sql("UPDATE notes SET told = NULL")  # as if the store had not heard
        assert len(notes.untold(store)) == 1
        assert reviewing.flush(run, store) == 1
        assert notes.untold(store) == []
    assert [e.note.topic for e in entries(run) if e.happened == "told" and e.note and e.job == "review"] == [
        "review.opened"
    ]


@pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "a/b", "..", "", "x" * 5000])
def test_an_export_stays_in_its_folder(name: str) -> None:
    from duecare.review.waiting import folder_of

    found = folder_of(name)
    assert Path(found).name == found
    assert len(found) < 100
    assert found.startswith("export-")


def test_a_teams_database_is_named_once(
    folder: Path, cluster: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "study.yaml").write_text(STUDY % REVIEW)
    run = folder / "runs" / "waits"
    monkeypatch.setenv(ELSEWHERE, cluster.url("team"))  # type: ignore[attr-defined]  # a Cluster
    assert duecare("run", "study.yaml")[0] == 4
    assert duecare("review", "open", run)[0] == 0
    code, said = duecare("run", "study.yaml")
    assert (code, "0 of 12 items" in said) == (4, True)
    with Store.open(cluster.url("team")) as store:  # type: ignore[attr-defined]  # a Cluster
        judge_all(store, rounds(store)[0].id, alone(store, "me"))
    assert duecare("review", "close", run)[0] == 0
    assert duecare("run", "study.yaml")[0] == 0
    assert not (run / "review" / "review.sqlite").exists()
    other = STUDY.replace("waits", "other") % ""
    (folder / "other.yaml").write_text(other)
    assert duecare("run", "other.yaml")[0] == 0
    code, said = duecare("review", "close", folder / "runs" / "other")
    assert (code, "the run has no round" in said) == (1, True)  # not the round of another run


def test_no_store_is_made_where_no_run_is(folder: Path) -> None:
    code, said = duecare("review", "progress", folder / "nowhere")
    assert (code, "is no run" in said) == (1, True)
    assert not (folder / "nowhere").exists()


def test_a_wrong_call_is_not_called_a_wrong_study(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY % "")
    run = folder / "runs" / "waits"
    assert duecare("run", "study.yaml")[0] == 0
    for words in (("serve", run, "--host", "0.0.0.0"), ("open", run)):
        code, said = duecare("review", *words)
        assert code == 2
        assert "the call has one mistake; nothing was run" in said
