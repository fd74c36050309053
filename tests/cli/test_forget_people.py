"""Forgetting where a study lists a data steward: nothing goes unsigned; and one request in several runs."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from stored import ADA, STUDY, call, lay_out

from duecare.core import FAIL, INSUFFICIENT, PASS
from duecare.ledger import entries, verify
from duecare.ledger.bundle import verifier, write_bundle
from duecare.ledger.forgotten import asked, forgotten
from duecare.ledger.outside.program import verifier_main
from duecare.vault import home, opened, stored
from duecare.vault.keys import there

PEOPLE = """\
people:
  li: {roles: [owner, deployer, approver], key: %s}
  noor: {roles: [data-steward, reviewer], key: %s}
"""


def key(name: str) -> str:
    found = re.search(r"key: ([0-9a-f]{64})", call("people", "keygen", name).output)
    assert found
    return found[1]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / "word").write_text("seven horses in a row\n")
    monkeypatch.setenv("DUECARE_PASSPHRASE_FILE", str(tmp_path / "word"))
    lay_out(tmp_path, STUDY + PEOPLE % (key("li"), key("noor")))
    assert call("run", "study.yaml").exit_code == 0
    return tmp_path


RUN = Path("runs/tiny")


def rows(run: Path = RUN) -> Path:
    return stored(next((run / "artifacts").glob("read-chats-*")), "kept.parquet")


def about(run: Path = RUN) -> tuple[Any, str]:
    found = [each for each in verify(run) if each.name == "verify.people.forgotten"]
    return (found[0].verdict, found[0].detail) if found else (None, "")


def outsider(run: Path = RUN) -> str:
    out = io.StringIO()
    write_bundle(run, Path("bundle.tar"))
    with contextlib.redirect_stdout(out):
        verifier_main(["bundle.tar"], verifier())
    return out.getvalue()


def test_a_request_waits_for_a_data_steward_and_destroys_nothing(here: Path) -> None:
    said = call("forget", "study.yaml", "--subject", ADA, "--yes")
    assert said.exit_code == 2
    assert "waits for the signature of a person as data-steward" in said.output
    with opened(rows()):
        pass
    assert not forgotten(entries(RUN))
    assert len(asked(entries(RUN))) == 1
    assert about()[0] == INSUFFICIENT
    assert "waits for a signature" in outsider()
    assert call("forget", "study.yaml", "--resume").exit_code == 2
    with opened(rows()):  # nobody signed in between
        pass
    said = call("forget", "study.yaml", "--resume", "--as", "li")
    assert said.exit_code == 1
    assert "this takes data-steward" in said.output
    said = call("forget", "study.yaml", "--resume", "--as", "noor")
    assert said.exit_code == 0, said.output
    with pytest.raises(Exception, match="is not here; it was destroyed"):
        opened(rows())
    assert about()[0] == PASS
    assert "noor (data-steward) signed the request to forget" in outsider()
    assert "destroyed keys as a person had asked, and that is signed" in outsider()
    assert not asked(entries(RUN))
    assert ADA not in (RUN / "ledger" / "log.jsonl").read_text()


def test_a_steward_signs_elsewhere(here: Path) -> None:
    call("forget", "study.yaml", "--subject", ADA, "--yes")
    said = call("forget", "study.yaml", "--resume", "--as", "noor", "--request", "ask.json")
    assert said.exit_code == 2
    assert call("people", "sign", "ask.json", "--as", "noor").exit_code == 0
    assert call("sign", "study.yaml", "--take-in", "ask.json").exit_code == 0
    with opened(rows()):
        pass
    assert call("forget", "study.yaml", "--resume").exit_code == 0
    with pytest.raises(Exception, match="is not here; it was destroyed"):
        opened(rows())
    assert about()[0] == PASS


def test_a_steward_who_is_there_signs_in_the_same_call(here: Path) -> None:
    said = call("forget", "study.yaml", "--subject", ADA, "--yes", "--as", "noor")
    assert said.exit_code == 0, said.output
    assert "Forgotten" in said.output
    assert about()[0] == PASS
    assert [each.verdict for each in verify(RUN)].count(FAIL) == 0


def test_keys_that_went_unsigned_are_a_fault_until_a_steward_signs(here: Path) -> None:
    """What a recorder can do with a ledger of their own: verify and the outsiders' program say so."""
    from duecare.cli.forget import begin, find, request, resume
    from duecare.cli.reviewing import recording

    with recording(RUN) as recorder:
        reads = [hit.read for hit in find(RUN, recorder.entries, ADA)]
        begin(recorder, request(RUN, recorder.entries, reads, ADA, models=False))
        resume(RUN, recorder)
    assert not there(home(), "data.tiny.chats")
    verdict, detail = about()
    assert verdict == FAIL
    assert "destroyed keys, and nobody signed that as data-steward" in detail
    assert "destroyed keys, and nobody signed that who may" in outsider()
    assert call("forget", "study.yaml", "--resume", "--as", "noor").exit_code == 0
    assert about()[0] == PASS


def test_a_signature_of_another_request_does_not_count(here: Path) -> None:
    from duecare.cli.forget import begin, find, request
    from duecare.cli.reviewing import recording

    call("forget", "study.yaml", "--subject", ADA, "--yes", "--as", "noor")
    with recording(RUN) as recorder:  # a second one, of more
        reads = [hit.read for hit in find(RUN, recorder.entries, ADA)]
        begin(recorder, request(RUN, recorder.entries, reads, ADA, models=True))
    assert about()[0] == FAIL


def test_one_request_is_entered_in_several_runs_and_the_runs_that_still_need_it_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    lay_out(tmp_path)
    runs = [Path("runs") / name for name in ("one", "two", "three")]
    for run in runs:
        assert call("run", "study.yaml", "--run", run).exit_code == 0
    said = call("forget", runs[0], runs[1], "--subject", "-", "--yes", given=f"{ADA}\n")
    assert said.exit_code == 0, said.output
    told = [forgotten(entries(run)) for run in runs]
    assert [len(each) for each in told] == [1, 1, 0]
    assert told[0][0].request == told[1][0].request
    assert all(one[0].done for one in told[:2])
    assert "still has to be entered in" in said.output
    assert "three" in said.output.partition("still has to be entered in")[2]
    said = call("forget", runs[2], "--subject", ADA, "--yes")
    assert said.exit_code == 0
    assert len(forgotten(entries(runs[2]))) == 1
    for run in runs:
        assert call("verify", run).exit_code == 0
