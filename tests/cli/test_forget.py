"""`duecare forget`: finds a person, ends the keys, says what it touched, and survives a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from stored import ADA, CUSTOMER, MAIL, STUDY, call, lay_out

from duecare.ledger import entries
from duecare.ledger.forgotten import forgotten
from duecare.vault import destroy, held, home, opened, stored
from duecare.vault.keys import there


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    lay_out(tmp_path)
    assert call("run", "study.yaml").exit_code == 0
    return tmp_path


def rows_file(here, job="read-chats"):
    return stored(next((here / "runs" / "tiny" / "artifacts").glob(f"{job}-*")), "kept.parquet")


@pytest.mark.parametrize("subject", [ADA, MAIL, MAIL.upper(), CUSTOMER])
def test_a_person_is_found_by_name_mail_and_number_and_nothing_is_done_unasked(here, subject):
    said = call("forget", "study.yaml", "--subject", "-", given=f"{subject}\n")
    assert said.exit_code == 2
    assert "1 rows: chats:7" in said.output
    assert "Nothing was destroyed" in said.output
    assert "pairs" not in said.output.replace("personal", "")
    assert not forgotten(entries(here / "runs" / "tiny"))
    with opened(rows_file(here)):
        pass


def test_who_is_nowhere_is_nowhere(here):
    said = call("forget", "study.yaml", "--subject", "Nobody Anywhere", "--yes")
    assert said.exit_code == 0
    assert "Found nowhere" in said.output
    assert not forgotten(entries(here / "runs" / "tiny"))


def test_what_is_forgotten_stays_shut_and_the_record_says_so_without_a_name(here):
    run = here / "runs" / "tiny"
    said = call("forget", "study.yaml", "--subject", ADA, "--yes")
    assert said.exit_code == 0, said.output
    with pytest.raises(Exception, match="is not here; it was destroyed"):
        opened(rows_file(here))
    with opened(rows_file(here, "read-pairs")):  # control: another source is as it was
        pass
    (one,) = forgotten(entries(run))
    assert one.done
    assert one.sources == ("chats",)
    assert set(one.keys) == {"data.tiny.chats", "tiny"}
    assert {path.split("/")[1].rpartition("-")[0] for path in one.sealed} == {
        "read-chats",
        "audit-chats",
        "duplicates-chats",
    }
    log = (run / "ledger" / "log.jsonl").read_text()
    for needle in (ADA, MAIL, ADA.split()[1], "quillfeather"):
        assert needle not in log
    verified = call("verify", "study.yaml")
    assert verified.exit_code == 0, verified.output
    assert "Data of chats were forgotten" in " ".join(verified.output.split())
    assert "Data of chats were forgotten" in (run / "report" / "report.html").read_text("utf-8")


def test_the_index_still_answers_the_next_person(here):
    assert call("forget", "study.yaml", "--subject", ADA, "--yes").exit_code == 0
    found = call("forget", "study.yaml", "--subject", CUSTOMER)
    assert "probably, among 30 rows that cannot be read" in found.output
    assert call("forget", "study.yaml", "--subject", "Nobody Anywhere").exit_code == 0
    assert destroy(home(), "index.tiny")
    said = call("forget", "study.yaml", "--subject", CUSTOMER)
    assert said.exit_code == 2
    assert "nothing can be said" in said.output


def test_forgotten_data_are_not_read_again(here):
    assert call("forget", "study.yaml", "--subject", ADA, "--yes").exit_code == 0
    said = call("run", "study.yaml")
    assert said.exit_code == 1
    assert "the files are still the same" in said.output
    chats = here / "chats.jsonl"
    chats.write_text(
        "".join(chats.read_text().splitlines(keepends=True)[1:])
    )  # another file, the same person
    said = call("run", "study.yaml")
    assert said.exit_code == 1
    assert "still holds somebody who was forgotten" in said.output
    assert call("forget", "study.yaml", "--subject", ADA, "--yes").exit_code == 0
    lay_out(here, without=(ADA,))
    said = call("run", "study.yaml")
    assert said.exit_code == 0, said.output
    with opened(rows_file(here, "personal-pairs")):
        pass
    assert call("verify", "study.yaml").exit_code == 0


def test_who_is_found_in_what_was_forgotten_before_costs_no_key_of_today(here):
    assert call("forget", "study.yaml", "--subject", ADA, "--yes").exit_code == 0
    lay_out(here, without=(ADA,))
    assert call("run", "study.yaml").exit_code == 0
    kept = {name: held(home(), name) for name in ("tiny", "data.tiny.chats")}
    said = call("forget", "study.yaml", "--subject", CUSTOMER, "--yes")
    assert said.exit_code == 0, said.output
    assert "probably, among 30 rows" in said.output
    assert all(kept.values())
    assert {name: held(home(), name) for name in kept} == kept


def test_a_key_that_comes_back_from_a_backup_is_seen(here):
    key = home() / "secrets" / "data.tiny.chats.key"
    kept = key.read_bytes()
    assert call("forget", "study.yaml", "--subject", ADA, "--yes").exit_code == 0
    key.write_bytes(kept)
    key.chmod(0o600)
    said = call("verify", "study.yaml")
    assert said.exit_code == 1
    assert "The key data.tiny.chats is back" in " ".join(said.output.split())


def test_the_call_has_to_say_one_thing(here):
    for words in ((), ("--subject", ADA, "--expired"), ("--subject", "a")):
        said = call("forget", "study.yaml", *words)
        assert said.exit_code in (1, 2)
    assert there(home(), "data.tiny.chats")


def test_work_in_progress_is_forgotten_too(here):
    """A job that was killed leaves rows in plain, or a model half trained on them, that no entry names."""
    half = here / "runs" / "tiny" / "scratch" / "sft-0f0f0f0f" / ".resume"
    half.mkdir(parents=True)
    (half / "rows").write_text(ADA)
    assert call("forget", "study.yaml", "--subject", ADA).exit_code == 2
    assert half.exists()  # nothing is done unasked
    assert call("forget", "study.yaml", "--subject", ADA, "--yes").exit_code == 0
    assert not half.parent.parent.exists()
    assert call("verify", "study.yaml").exit_code == 0


KILLED = """
import os, signal, sys
from duecare.cli import forget
from duecare.cli.main import main

when, count, real = int(sys.argv.pop(1)), 0, forget.destroy

def dying(folder, name):
    global count
    count += 1
    if count == when:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(folder, name)

forget.destroy = dying
if when == -1:  # a key was overwritten, and its file is still there
    from duecare.vault import keys
    unlink = keys.Path.unlink
    def dying_then(path, **how):
        if path.suffix == ".key":
            os.kill(os.getpid(), signal.SIGKILL)
        unlink(path, **how)
    keys.Path.unlink = dying_then
if when == 0:  # it is on record that it begins, and no key is gone
    forget._complete = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


@pytest.mark.parametrize("when", [-1, 0, 1, 2])
def test_killed_in_the_middle_verify_says_so_and_the_next_call_completes(here, when):
    words = [sys.executable, "-c", KILLED, str(when), "forget", "study.yaml", "--subject", ADA, "--yes"]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert ADA not in done.stdout + done.stderr
    (one,) = forgotten(entries(here / "runs" / "tiny"))
    assert not one.done
    said = call("verify", "study.yaml")
    assert said.exit_code == 2
    assert "not completed" in " ".join(said.output.split())
    assert "--resume" in said.output
    said = call("forget", "study.yaml", "--resume")
    assert said.exit_code == 0, said.output
    assert "Completed" in said.output
    assert not there(home(), "data.tiny.chats")
    assert not there(home(), "tiny")
    assert call("verify", "study.yaml").exit_code == 0
    again = call("forget", "study.yaml", "--resume")  # a third call finds nothing to do
    assert again.exit_code == 0
    assert "Completed" not in again.output


def test_a_study_without_storage_can_forget_what_was_sealed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, STUDY.replace("storage: {seal: [rows]}\n", ""))
    assert call("run", "study.yaml").exit_code == 0
    said = call("forget", "study.yaml", "--subject", "person3@mail.test", "--yes")
    assert said.exit_code == 0, said.output
    (one,) = forgotten(entries(tmp_path / "runs" / "tiny"))
    assert set(one.keys) == {"tiny"}
    assert {path.split("/")[1].rpartition("-")[0] for path in one.open} == {"personal-pairs"}
    with pytest.raises(Exception, match="is not here"):
        opened(rows_file(tmp_path, "read-pairs"))
