"""kill -9 while somebody signs or a run is released: verify explains it, a second call completes it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from test_people_commands import RECORDER, Team
from trained import Trained

from duecare.core import FAIL
from duecare.ledger import Head, entries, verify
from duecare.ledger.anchor import recall
from duecare.ledger.read import head

MOMENTS = int(os.environ.get("DUECARE_KILLS", "9"))
"""So many moments of each act, spread over it: the first, the last, and between; all were tried once."""

MORTAL = """
import os, signal, sys
left = int(sys.argv[1])
def mortal(call):
    def wrapped(*given, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **named)
    return wrapped
for name in ("write", "fsync", "replace", "rename", "ftruncate", "unlink", "link", "rmdir"):
    setattr(os, name, mortal(getattr(os, name)))
counted = left
from duecare.cli.main import app
try:
    app(sys.argv[2:], standalone_mode=False)
finally:
    print("calls", counted - left, file=sys.stderr)
"""


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    found = Trained(tmp_path, monkeypatch)  # its release holds a model, attestations and its signature
    found.run(gate=9)
    for name in ("li", "rei", "ada"):  # keys that lie beside the run, to be used in one call
        shutil.copytree(
            tmp_path / f"home-{name}" / "people", tmp_path / RECORDER / "people", dirs_exist_ok=True
        )
    return found


def mortal_call(moment: int, words: tuple[str, ...]) -> tuple[int, int]:
    """Exit code of a command that is killed at its `moment`-th call that changes the disk, and such calls."""
    done = subprocess.run(
        [sys.executable, "-c", MORTAL, str(moment), *words], capture_output=True, text=True, check=False
    )
    last = done.stderr.rstrip().rpartition("calls ")[2]
    return done.returncode, int(last) if last.isdigit() else 0


def killed(team: Team, words: tuple[str, ...], look: Callable[[], None]) -> int:
    """Kill the command at moments spread over it; after each the same call has to complete it."""
    kept = team.folder / "kept"
    names = ("toys", RECORDER)
    for name in names:
        shutil.copytree(team.folder / name, kept / name)

    def restore() -> None:
        for name in names:
            shutil.rmtree(team.folder / name)
            shutil.copytree(kept / name, team.folder / name)
        for path in team.folder.glob("*.tar*"):
            path.unlink()

    code, calls = mortal_call(10**6, words)
    assert code == 0
    moments = min(MOMENTS, calls)
    for number in range(moments):
        restore()
        code, _ = mortal_call(1 + number * (calls - 1) // (moments - 1), words)
        assert code == -signal.SIGKILL
        known = recall(Path(os.environ["DUECARE_HOME"]), head(Path("toys")).run)
        last: Head | None = known[1] if known else None
        for finding in verify("toys", last_head=last):
            assert finding.verdict != FAIL or finding.next, finding  # what lies there is explained
            assert finding.name not in ("verify.tree", "verify.head", "verify.claim", "verify.anchor") or (
                finding.verdict != FAIL
            ), finding
        team.good(*words)
        assert not [finding for finding in verify("toys") if finding.verdict == FAIL]
        look()
    return calls


def statements() -> list[str]:
    return [entry.note.topic for entry in entries(Path("toys")) if entry.happened == "signed" and entry.note]


def test_kill_9_while_signing(team: Team) -> None:
    def look() -> None:
        assert statements() == ["people"]

    killed(team, ("approve", "toys", "people", "--as", "li"), look)


def test_kill_9_while_releasing(team: Team) -> None:
    for name in ("li", "rei", "ada"):
        team.good("approve", "toys", "--as", name)

    def look() -> None:
        assert statements().count("release") == 1
        assert {"attested", "released"} <= {entry.happened for entry in entries(Path("toys"))}
        assert {path.name for path in Path("toys/attestations").iterdir()} > {"model.sig", "weights-key.pub"}
        assert team.call("verify", "toys")[0] == 0
        assert sorted(path.name for path in team.folder.glob("*.tar*")) == ["toys-release.tar"]

    killed(team, ("release", "toys", "--as", "li"), look)


def test_kill_9_while_attesting(team: Team) -> None:
    def look() -> None:
        (found,) = [each for each in verify("toys") if each.name == "verify.attested"]
        assert found.verdict == "pass"

    killed(team, ("attest", "toys"), look)


def test_a_report_and_a_checkpoint_that_a_kill_left_in_pieces_are_made_again_by_the_release(
    team: Team,
) -> None:
    for name in ("li", "rei", "ada"):
        team.good("approve", "toys", "--as", name)
    team.good("release", "toys", "--as", "li")
    Path("toys-release.tar").unlink()
    Path("toys/ledger/checkpoint.tmp").write_bytes(b"half")
    shutil.rmtree("toys/report")  # the one before was removed, the new one not yet moved there
    team.good("release", "toys", "--as", "li")
    assert team.call("verify", "toys")[0] == 0


def test_verify_says_that_a_release_was_interrupted(team: Team) -> None:
    for name in ("li", "rei", "ada"):
        team.good("approve", "toys", "--as", name)
    team.signs("li", "release", "toys")
    code, said = team.call("verify", "toys")
    assert code == 2
    assert "no bundle of it is on record: it was interrupted" in " ".join(said.split())
    team.good("release", "toys", "--as", "li")
    assert team.call("verify", "toys")[0] == 0
