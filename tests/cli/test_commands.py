"""The commands on a real curation: init, check, run, status, verify, report, detectors."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.curate.engine import Local
from duecare.ledger import entries

STUDY = """\
study: {name: tidy, purpose: "a test", owner: "nobody"}
groups: {columns: [gender]}
data:
  chats: {source: chats.jsonl, kind: chat}
curate:
  - toxicity: {limit: 0.5}
  - duplicates
  - personal
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    lines = []
    for i in range(12):
        turns = [
            {"role": "user", "content": f"My mail is person{i % 6}@example.com, where is order {i % 6}?"},
            {"role": "assistant", "content": "It is on its way."},
        ]
        lines.append(json.dumps({"messages": turns, "gender": "women" if i % 2 else "men"}))
    (tmp_path / "chats.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_check_says_what_a_run_would_do(here):
    said = call("check", "study.yaml")
    assert said.exit_code == 0, said.output
    assert "read:chats, audit:chats, toxicity:chats, duplicates:chats, personal:chats" in said.output
    assert not (here / "runs").exists()


def test_check_and_run_refuse_a_wrong_study_alike(here):
    (here / "study.yaml").write_text(
        STUDY.replace("limit: 0.5", "limit: 5").replace("chats.jsonl", "cats.jsonl")
    )
    for command in ("check", "run"):
        said = call(command, "study.yaml")
        assert said.exit_code == 2
        assert "line   4  data.chats.source = 'cats.jsonl'" in said.output
        assert 'did you mean "chats.jsonl"?' in said.output
        assert "line   6  curate.0.toxicity.limit" in said.output
        assert "Traceback" not in said.output
    assert not (here / "runs").exists()


def test_a_study_file_that_is_not_there(here):
    said = call("run", "nowhere.yaml")
    assert said.exit_code == 2
    assert "nowhere.yaml" in said.output


def test_run_then_run_again_then_verify(here):
    said = call("run", "study.yaml")
    assert said.exit_code == 0, said.output
    assert "5/5 personal:chats: done in" in said.output
    assert "Report: runs/tidy/report/report.html" in said.output
    assert "of memory" in said.output
    count = len(entries(here / "runs" / "tidy"))
    again = call("run", "study.yaml")
    assert again.exit_code == 0
    assert "Nothing to do" in again.output
    assert len(entries(here / "runs" / "tidy")) == count
    assert call("verify", "study.yaml").exit_code == 0
    status = call("status", "study.yaml")
    assert status.output.count("done") == 5


def test_a_moved_study_goes_on_from_its_run(here):
    call("run", "study.yaml")
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    for name in ("study.yaml", "chats.jsonl"):
        (here / name).rename(elsewhere / name)
    assert "Nothing to do" in call("run", elsewhere / "study.yaml").output


def test_a_changed_source_is_curated_again(here):
    call("run", "study.yaml")
    with (here / "chats.jsonl").open("a") as file:
        turns = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}]
        file.write(json.dumps({"messages": turns, "gender": "men"}) + "\n")
    said = call("run", "study.yaml")
    assert "5 jobs done" in said.output


def test_only_what_a_change_touches_is_done_again(here):
    call("run", "study.yaml")
    (here / "study.yaml").write_text(STUDY.replace("  - personal", "  - personal: {replace: mask}"))
    said = call("run", "study.yaml")
    assert "1 jobs done" in said.output
    assert "duplicates:chats: on record already" in said.output


def test_the_report_can_be_built_again_and_elsewhere(here, monkeypatch):
    call("run", "study.yaml")
    first = (here / "runs" / "tidy" / "report" / "report.html").read_bytes()
    (here / "runs" / "tidy" / "report" / "report.html").write_text("gone")
    assert call("verify").exit_code == 1
    said = call("report", "runs/tidy")
    assert said.exit_code == 0, said.output
    assert (here / "runs" / "tidy" / "report" / "report.html").read_bytes() == first
    assert call("verify").exit_code == 0
    monkeypatch.setenv("DUECARE_HOME", str(here / "stranger"))
    said = call("report", "runs/tidy")
    assert said.exit_code == 1
    assert "--out" in said.output
    said = call("report", "runs/tidy", "--out", "mine")
    assert said.exit_code == 0, said.output
    assert (here / "mine" / "report.html").read_bytes() == first


def test_the_same_study_twice_gives_the_same_results(here):
    call("run", "study.yaml")
    call("run", "study.yaml", "--run", "other")
    outputs = [
        {
            entry.job: list(entry.outputs.values())
            for entry in entries(run)
            if entry.happened == "step.finished"
        }
        for run in (here / "runs" / "tidy", here / "other")
    ]
    assert outputs[0] == outputs[1]


def test_processes_change_no_artifact(here):
    lines = (here / "chats.jsonl").read_text().splitlines()
    many = [line.replace("where is", f"number {n}: where is") for n in range(200) for line in lines]
    (here / "chats.jsonl").write_text("\n".join(many) + "\n")
    assert call("run", "study.yaml").exit_code == 0
    said = call("run", "study.yaml", "--run", "other", "--workers", 2)
    assert said.exit_code == 0, said.output
    outputs = [
        [list(entry.outputs.values()) for entry in entries(run) if entry.happened == "step.finished"]
        for run in (here / "runs" / "tidy", here / "other")
    ]
    assert outputs[0] == outputs[1]


def test_a_run_works_on_the_engine_that_is_named(here, monkeypatch):
    carried = []

    class Seen:
        def __init__(self, name, workers):
            self.named = name, workers

        def carry(self, work, parts):
            carried.append((work.name, *self.named))
            return Local().carry(work, parts)

    lines = (here / "chats.jsonl").read_text()
    (here / "chats.jsonl").write_text(lines * 200)  # one partition is worked on without an engine
    monkeypatch.setattr("duecare.curate.engine.engine_of", Seen)
    said = call("run", "study.yaml", "--engine", "ray", "--workers", 3)
    assert said.exit_code == 0, said.output
    assert ("toxicity", "ray", 3) in carried


def test_an_engine_that_is_not_known_is_refused(here):
    said = call("run", "study.yaml", "--engine", "spark")
    assert said.exit_code == 2
    assert "engine.name = 'spark'" in said.output
    assert "expected one of local, daft, ray" in said.output
    assert not (here / "runs").exists()


def test_no_text_of_a_row_is_in_the_ledger(here):
    call("run", "study.yaml")
    log = (here / "runs" / "tidy" / "ledger" / "log.jsonl").read_text()
    assert "person0@example.com" not in log
    assert str(here) not in log


def test_init_writes_a_study_that_says_what_to_put_in(here):
    (here / "study.yaml").unlink()
    said = call("init")
    assert said.exit_code == 0
    assert "duecare check study.yaml" in said.output
    assert call("check", "study.yaml").exit_code == 0  # chats.jsonl happens to be there
    assert call("init").exit_code == 2
    assert call("init", "--force").exit_code == 0


FOUND = {
    "pairs.jsonl": ('{"prompt": "a", "chosen": "b", "rejected": "c"}\n', "kind: preference", "- dpo:"),
    "faq.csv": ("question,answer,topic\nHow?,So.,x\n", "prompt: question", "- sft:"),
    "notes.csv": ("id,text\n1,hello\n", "kind: text", "- sft:"),
    "odd name!.csv": ("id,note\n1,hello\n", 'text: "id"', "- sft: {on: odd-name,"),
}


@pytest.mark.parametrize("name", FOUND)
def test_init_looks_at_the_data_it_is_given(here, name):
    content, *words = FOUND[name]
    (here / "deep").mkdir()
    (here / name).write_text(content)
    said = call("init", "deep/mine.yaml", "--data", name)
    assert said.exit_code == 0, said.output
    written = (here / "deep" / "mine.yaml").read_text()
    assert all(word in written for word in words), written
    assert f'source: "../{name}"' in written
    checked = call("check", "deep/mine.yaml")
    assert checked.exit_code == 0, checked.output


def test_init_for_data_that_is_not_there(here):
    assert call("init", "x.yaml", "--data", "nope.csv").exit_code == 1
    assert not (here / "x.yaml").exists()


def test_detectors_show_their_cards(here):
    said = call("detectors")
    assert said.exit_code == 0, said.output
    for name in ("toxicity", "personal", "identity", "stereotype", "refusal"):
        assert name in said.output
    card = call("detectors", "toxicity")
    assert "not for" in card.output
    wrong = call("detectors", "toxic")
    assert wrong.exit_code == 2
    assert 'did you mean "toxicity"?' in wrong.output


def test_detectors_say_whether_the_compiled_kernels_are_in_use(here, monkeypatch):
    monkeypatch.setenv("DUECARE_KERNEL", "off")
    said = " ".join(call("detectors").output.split())
    assert "Compiled kernels are not in use (DUECARE_KERNEL=off): results are the same" in said


def test_a_failed_step_is_told_and_the_next_run_goes_on(here):
    (here / "chats.jsonl").write_text(
        '{"messages": []}\n' * 1200 + '{"messages": [{"role": "user", "content": "a"}]}\n'
    )
    shutil.copy("study.yaml", "plain.yaml")
    (here / "plain.yaml").write_text(STUDY.replace("groups: {columns: [gender]}\n", ""))
    said = call("run", "plain.yaml")
    assert said.exit_code in (1, 2)
    assert "Traceback" not in said.output
