"""checkpoint, witness, prove and bundle as commands: an owner, a witness and an auditor on three machines."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from toys import Silent, chain
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.run import run
from duecare.ledger import entries, head

OWNER, WITNESS, AUDITOR = "owner", "witness", "auditor"


class Desk:
    """Calls commands as one of several people, each with a home of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "200")

    def be(self, who: str) -> None:
        self._patch.setenv("DUECARE_HOME", str(self.folder / f"home-{who}"))

    def call(self, who: str, *words: object) -> tuple[int, str]:
        self.be(who)
        said = CliRunner().invoke(app, [str(word) for word in words])
        return said.exit_code, said.output

    def good(self, who: str, *words: object) -> str:
        code, said = self.call(who, *words)
        assert code == 0, said
        return said


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path, monkeypatch)
    desk.be(OWNER)
    run(chain(gate=9), tmp_path / "toys", screen=Silent())
    return desk


def cosign(desk: Desk, key: str, since: int = 0) -> str:
    """The whole round; the witness's public key as it is handed on."""
    desk.good(OWNER, "checkpoint", "toys", "--out", "request", "--since", since)
    desk.good(WITNESS, "witness", "request", "--key", key, "--name", "desk.example/w1", "--out", "line")
    witness = re.search(r"This witness: (\S+)", desk.good(WITNESS, "witness"))
    assert witness
    said = desk.good(OWNER, "checkpoint", "toys", "--add", "line", "--witness", witness[1])
    assert "desk.example/w1 co-signed" in said
    return witness[1]


def test_a_witness_far_away_dates_the_ledger(desk: Desk) -> None:
    key = head(Path("toys")).key
    witness = cosign(desk, key)
    said = desk.good(OWNER, "verify", "toys", "--witness", witness)
    assert "had only grown" in said
    code, said = desk.call(AUDITOR, "verify", "toys", "--key", key, "--witness", witness)
    assert code == 2  # nothing remembered there: a roll-back since the co-signature cannot be seen
    assert "had only grown" in said
    seen = head(Path("toys")).size
    desk.be(OWNER)
    run(chain(gate=9, b=2), Path("toys"), screen=Silent())
    assert cosign(desk, key, seen) == witness
    code, said = desk.call(WITNESS, "witness", "request", "--key", key)
    assert code == 1
    assert f"the proof goes on from {seen} entries" in said


def test_a_line_that_does_not_belong_is_refused(desk: Desk) -> None:
    key = head(Path("toys")).key
    witness = cosign(desk, key)
    desk.be(OWNER)
    run(chain(gate=9, b=2), Path("toys"), screen=Silent())
    desk.good(OWNER, "checkpoint", "toys")
    code, said = desk.call(OWNER, "checkpoint", "toys", "--add", "line", "--witness", witness)
    assert code == 1
    assert "not its signature" in said
    Path("line").write_text("nonsense\n")
    assert desk.call(OWNER, "checkpoint", "toys", "--add", "line")[0] == 1


def test_what_a_killed_call_left_is_named_and_put_right(desk: Desk) -> None:
    desk.good(OWNER, "checkpoint", "toys")
    Path("toys/ledger/checkpoint.tmp").write_bytes(b"half a no")
    code, said = desk.call(OWNER, "verify", "toys")
    assert code == 1
    assert "`duecare checkpoint` removes it" in said
    desk.good(OWNER, "checkpoint", "toys")
    desk.good(OWNER, "verify", "toys")
    Path("toys/ledger/checkpoint").unlink()
    Path("toys/ledger/checkpoint.tmp").write_bytes(b"half a no")
    desk.good(OWNER, "checkpoint", "toys")
    desk.good(OWNER, "verify", "toys")
    Path("toys.tar.tmp").write_bytes(b"half a bundle")
    desk.good(OWNER, "bundle", "toys")
    assert not Path("toys.tar.tmp").exists()


def test_a_witness_that_was_killed_after_it_remembered_gives_its_line_again(desk: Desk) -> None:
    key = head(Path("toys")).key
    cosign(desk, key)
    seen = head(Path("toys")).size
    desk.good(OWNER, "checkpoint", "toys", "--out", "request", "--since", seen)
    desk.good(WITNESS, "witness", "request", "--out", "line")
    desk.good(OWNER, "checkpoint", "toys", "--add", "line")


def test_only_the_owner_signs_a_checkpoint(desk: Desk) -> None:
    code, said = desk.call(AUDITOR, "checkpoint", "toys")
    assert code == 1
    assert "was signed by key" in said
    assert not Path("toys/ledger/checkpoint").exists()
    code, said = desk.call(WITNESS, "witness")
    assert code == 1
    assert "no name yet" in said


def test_a_bundle_goes_to_somebody_who_has_nothing(desk: Desk) -> None:
    key = head(Path("toys")).key
    witness = cosign(desk, key)
    said = desk.good(OWNER, "bundle", "toys", "--artifact", "all", "--verifier", "verify.py")
    assert f"--key {key}" in said
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", "toys.tar", "--key", key, "--witness", witness],
        check=False,
        capture_output=True,
        text=True,
        env={},
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "It is the key that you gave." in done.stdout
    assert "desk.example/w1" in done.stdout
    assert "gate 'gate.toy.total' ('at most 9'): 'pass'" in done.stdout
    assert "does not hold" not in done.stdout


def test_a_run_that_is_wrong_is_not_bundled(desk: Desk) -> None:
    next(Path("toys/artifacts").glob("c-*/number.txt")).write_text("4")
    code, said = desk.call(OWNER, "bundle", "toys")
    assert code == 1
    assert "No bundle was written" in said
    assert not Path("toys.tar").exists()


def test_one_entry_is_proved_without_the_others(desk: Desk) -> None:
    key = head(Path("toys")).key
    desk.good(OWNER, "bundle", "toys", "--verifier", "verify.py")
    (index,) = (each.index for each in entries(Path("toys")) if each.happened == "run.finished")
    assert f"entry-{index}.tlog-proof" in desk.good(OWNER, "prove", "toys", index)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", f"entry-{index}.tlog-proof", "--key", key],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run.finished" in done.stdout
    assert "step.finished" not in done.stdout
    code, said = desk.call(OWNER, "prove", "toys", 999)
    assert code == 1
    assert "covers entries 0 to" in said
