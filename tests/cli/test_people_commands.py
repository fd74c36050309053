"""Keys, signatures, incidents and release as commands: several people on machines of their own."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from toys import Silent, chain
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.reviewing import recording
from duecare.cli.run import run
from duecare.ledger import entries, head, keyfile, verify
from duecare.ledger.people import Listing, Person
from duecare.ledger.sign import load_or_create
from duecare.ledger.statement import Statement, sign_statement

OWNER, RECORDER = "home-li", "home-dana"
ROLES: dict[str, tuple[Any, ...]] = {
    "li": ("owner", "deployer"),
    "dana": ("trainer",),
    "rei": ("reviewer", "data-steward"),
    "wren": ("ethics",),
    "ada": ("approver",),
}
PASSPHRASE = "seven horses in a row"


class Team:
    """People with a key each, and a run of toys that lists them; the trainer's machine records it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, patch
        patch.chdir(folder)
        patch.setenv("COLUMNS", "300")
        (folder / "word").write_text(PASSPHRASE + "\n")
        patch.setenv("DUECARE_PASSPHRASE_FILE", str(folder / "word"))
        self.keys = {name: self._key(name) for name in ROLES}
        self.at("home-dana")
        self.listing = self.listed()

    def at(self, home: str) -> None:
        self._patch.setenv("DUECARE_HOME", str(self.folder / home))

    def _key(self, name: str) -> str:
        self.at(f"home-{name}")
        found = re.search(r"key: ([0-9a-f]{64})", self.good("people", "keygen", name))
        assert found
        return found[1]

    def listed(self, **changed: Person) -> Listing:
        recorder = load_or_create(self.folder / RECORDER).public
        people = {
            name: Person(roles=roles, key=self.keys[name], records=recorder if name == "dana" else "")
            for name, roles in ROLES.items()
        }
        return Listing(people | changed)

    def run(self, **given: Any) -> None:
        self.at(RECORDER)
        plan = chain(**given)
        plan = dataclasses.replace(plan, settings={**plan.settings, **self.listing.plain()})
        run(plan, self.folder / "toys", screen=Silent())

    def call(self, *words: object) -> tuple[int, str]:
        said = CliRunner().invoke(app, [str(word) for word in words])
        return said.exit_code, said.output

    def good(self, *words: object) -> str:
        code, said = self.call(*words)
        assert code == 0, said
        return said

    def signs(self, name: str, *words: object) -> None:
        """Away from the run: asked there, signed at home, taken in."""
        self.at(RECORDER)
        asked = self.folder / "asked.json"
        self.good(*words, "--as", name, "--request", asked)
        self.at(f"home-{name}")
        assert name in self.good("people", "sign", asked, "--as", name)
        self.at(RECORDER)
        self.good("sign", "toys", "--take-in", asked)

    def approve(self) -> None:
        for name in ("li", "rei", "ada"):
            self.signs(name, "approve", "toys")


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    return Team(tmp_path, monkeypatch)


def test_from_keys_to_a_release_that_outsiders_check(team: Team) -> None:
    team.run(gate=9)
    code, said = team.call("release", "toys", "--as", "li")
    assert code == 1
    for part in ("no owner has signed", "the evaluation is not approved", "the release is not approved"):
        assert part in said
    assert not Path("toys-release.tar").exists()
    code, said = team.call("verify", "toys")
    assert code == 2
    assert "for a release something is missing" in said
    team.approve()
    assert "Nothing is missing for a release." in team.good("people", "list", "toys")
    team.signs("li", "release", "toys")
    said = team.good("release", "toys", "--as", "li")
    assert "SHA-256 of the bundle" in said
    assert team.call("verify", "toys")[0] == 0
    assert "Released already" in team.good("release", "toys", "--as", "li")
    assert entries(Path("toys"))[-1].happened == "released"
    team.good("bundle", "toys", "--verifier", "verify.py")
    from test_proof_commands import subprocess, sys

    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", "toys-release.tar", "--key", head(Path("toys")).key],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stdout  # no head seen before
    assert "releases the run, and nothing was missing then" in done.stdout
    assert "li (deployer) released the run" in done.stdout


def test_a_failed_gate_is_waived_by_two_and_an_incident_opens_it_again(team: Team) -> None:
    team.run(gate=1)
    gate, reason = "gate.toy.total", "The total is known to be larger; see the card."
    team.signs("wren", "waive", "toys", gate, "--reason", reason)
    code, said = team.call("people", "list", "toys")
    assert "2 different people have to waive it, 1 did" in said
    team.at("home-ada")
    code, said = team.call("waive", "toys", gate, "--as", "ada", "--reason", reason)
    assert code == 1
    assert "signed by another key" in said  # the run is dana's to record
    team.signs("ada", "waive", "toys", gate, "--reason", reason)
    team.approve()
    team.signs("li", "release", "toys")
    team.good("release", "toys", "--as", "li")
    assert team.call("verify", "toys")[0] == 0
    told = ("--severity", "serious", "--what", "It repeats a name.")
    team.signs("wren", "incident", "report", "toys", *told)
    place = entries(Path("toys"))[-1].index
    code, said = team.call("verify", "toys")
    assert code == 1
    assert "It repeats a name." in said
    assert "do so as they must" in said
    code, said = team.call("release", "toys", "--as", "li")
    assert code == 1
    assert f"the incident of entry {place} (serious) is not answered" in said
    team.signs("li", "incident", "answer", "toys", place, "--how", "The source was taken out.")
    code, said = team.call("release", "toys", "--as", "li")
    assert code == 1
    assert "the release is not approved" in said
    team.signs("ada", "approve", "toys")
    team.signs("li", "release", "toys")
    team.good("release", "toys", "--as", "li")
    assert team.call("verify", "toys")[0] == 0
    assert "wren (ethics) reports an incident (serious)" in team.good("history", "toys")


def test_whoever_runs_the_jobs_approves_nothing(team: Team) -> None:
    mine = Person(roles=("approver", "trainer"), key=team.keys["dana"])
    assert any("not both" in str(each) for each in team.listed(dana=mine).problems())
    machine = load_or_create(team.folder / RECORDER).public
    two = Person(roles=("approver", "data-steward"), key=team.keys["dana"], records=machine)
    team.listing = team.listed(dana=two, ada=Person(roles=("trainer",), key=team.keys["ada"]))
    team.run()
    code, said = team.call("approve", "toys", "--as", "dana")
    assert code == 1
    assert "nobody approves their own work" in said


def test_the_wrong_key_passphrase_and_name_are_refused(team: Team) -> None:
    team.run()
    team.at("home-ada")
    team.good("people", "keygen", "rei")  # another key under that name
    code, said = team.call("approve", "toys", "--as", "rei")
    assert code == 1
    team.at(RECORDER)
    theirs = team.folder / "home-ada" / "people" / "rei.key"
    code, said = team.call("approve", "toys", "--as", "rei", "--key", theirs)
    assert code == 1
    assert "which is not that of rei" in said
    (team.folder / "other").write_text("eight horses in a row\n")
    own = team.folder / "home-rei" / "people" / "rei.key"
    words = ("approve", "toys", "--as", "rei", "--key", own)
    code, said = team.call(*words, "--passphrase-file", team.folder / "other")
    assert code == 1
    assert "does not open" in said
    code, said = team.call("approve", "toys", "--as", "eve")
    assert code == 1
    assert "'eve' is not on the list" in said
    code, said = team.call("approve", "toys", "training", "--as", "rei", "--key", own)
    assert code == 0  # nothing was trained: there is nothing to approve
    assert "Nothing to sign" in said
    before = len(entries(Path("toys")))
    team.good(*words)
    team.good(*words)
    assert len(entries(Path("toys"))) == before + 1


def test_a_run_without_people_cannot_be_signed_or_released(team: Team) -> None:
    run(chain(), team.folder / "toys", screen=Silent())
    for words in (("approve", "toys"), ("sign", "toys", "0"), ("people", "list", "toys")):
        code, said = team.call(*words, *(("--as", "li") if words[0] != "people" else ()))
        assert code == 1
        assert "lists no people" in said
    code, said = team.call("release", "toys", "--as", "li")
    assert code == 1
    assert "the study lists no people" in said
    assert not [finding for finding in verify("toys") if "people" in finding.name]


def test_an_entry_is_signed_once_and_shown(team: Team) -> None:
    team.run()
    team.signs("dana", "sign", "toys", 1, "--text", "I looked at every row.")
    told = json.loads(team.good("people", "list", "toys", "--json"))
    (said,) = told["signed"]
    assert said["statement"]["of"] == 1
    assert said["statement"]["text"] == "I looked at every row."
    assert "Nothing to sign" in team.good("sign", "toys", 1, "--as", "dana")
    assert "dana (trainer) signs entry 1" in team.good("history", "toys")


def test_no_passphrase_and_no_private_key_reaches_the_run(team: Team) -> None:
    team.run(gate=9)
    team.approve()
    raw = b"".join(path.read_bytes() for path in (team.folder / "toys").rglob("*") if path.is_file())
    assert PASSPHRASE.encode() not in raw
    for path in team.folder.glob("home-*/people/*.key"):
        sealed = json.loads(path.read_text())["sealed"]
        assert sealed.encode() not in raw
        assert path.stat().st_mode & 0o077 == 0


def test_a_release_signed_before_an_incident_is_not_taken_in_after_it(team: Team) -> None:
    team.run(gate=9)
    team.approve()
    asked = team.folder / "release.json"
    team.good("release", "toys", "--as", "li", "--request", asked)
    team.at("home-li")
    team.good("people", "sign", asked, "--as", "li")
    team.signs("wren", "incident", "report", "toys", "--severity", "low", "--what", "A typing error.")
    code, said = team.call("sign", "toys", "--take-in", asked)
    assert code == 1
    assert "is not answered" in said
    assert "release" not in [entry.note.topic for entry in entries(Path("toys")) if entry.note]


def test_a_release_signed_before_an_incident_is_not_taken_in_once_all_is_approved_anew(team: Team) -> None:
    team.run(gate=9)
    team.approve()
    asked = team.folder / "release.json"
    team.good("release", "toys", "--as", "li", "--request", asked)
    team.at("home-li")
    team.good("people", "sign", asked, "--as", "li")
    team.signs("wren", "incident", "report", "toys", "--severity", "low", "--what", "A typing error.")
    at = next(each.index for each in reversed(entries(Path("toys"))) if each.happened == "signed")
    team.signs("li", "incident", "answer", "toys", at, "--how", "It was put right.")
    team.signs("ada", "approve", "toys")
    code, said = team.call("sign", "toys", "--take-in", asked)
    assert code == 1
    assert "another state of the run" in " ".join(said.split())
    team.signs("li", "release", "toys")  # the control: of the run as it is
    team.good("release", "toys", "--as", "li")
    assert team.call("verify", "toys")[0] == 0


def test_what_was_taken_in_is_passed_over_the_second_time(team: Team) -> None:
    team.run()
    team.signs("li", "approve", "toys", "people")
    before = len(entries(Path("toys")))
    assert "Nothing to enter" in team.good("sign", "toys", "--take-in", team.folder / "asked.json")
    assert len(entries(Path("toys"))) == before


def test_a_request_that_was_changed_on_the_way_is_not_what_was_asked(team: Team) -> None:
    """Whoever carries it can change what is asked; the person sees that, and the run refuses the rest."""
    team.run()
    asked = team.folder / "asked.json"
    team.good("approve", "toys", "evaluation", "--as", "rei", "--request", asked)
    changed = json.loads(asked.read_text())
    changed["statements"][0]["role"] = "data-steward"
    asked.write_text(json.dumps(changed))
    team.at("home-rei")
    assert "rei (data-steward) approves the evaluation" in team.good("people", "sign", asked, "--as", "rei")
    team.at(RECORDER)
    code, said = team.call("sign", "toys", "--take-in", asked)
    assert code == 1
    assert "may not do that by the rules" in said
    code, said = team.call("people", "sign", asked, "--as", "rei")
    assert code == 1
    assert "asks nothing of rei" in said


def test_a_request_cannot_show_something_else_than_what_is_signed(team: Team) -> None:
    team.run()
    asked = team.folder / "asked.json"
    team.good("approve", "toys", "evaluation", "--as", "rei", "--request", asked)
    changed = json.loads(asked.read_text())
    (said,) = changed["statements"]
    hidden = "data\x1b[8m\r\n", "\x1b[2K[bold]abc[/]"
    said["about"], said["run"] = hidden
    asked.write_text(json.dumps(changed))
    team.at("home-rei")
    shown = team.good("people", "sign", asked, "--as", "rei", "--out", team.folder / "signed.json")
    assert "approves the data\ufffd[8m\ufffd\ufffd" in shown
    assert "run \ufffd[2K[bold]abc[/]" in shown
    assert "\x1b" not in shown


def test_a_ledger_of_somebody_else_steers_no_terminal(team: Team) -> None:
    team.run()
    at = head(Path("toys"))
    said = Statement(
        **{"run": "\x1b[2J\x9b1m", "size": at.size, "root": at.root, "act": "incident", "person": "rei"},
        **{"role": "reviewer", "time": "2030-01-02T00:00:00+00:00", "about": "low", "text": "It rhymes."},
    )
    signed = sign_statement(said, keyfile.open_key(team.folder / "home-rei/people/rei.key", PASSPHRASE))
    with recording(Path("toys")) as recorder:
        recorder.append("signed", note=signed.note())
    for words in (("verify", "toys"), ("people", "list", "toys")):
        shown = " ".join(team.call(*words)[1].split())
        assert re.search(r"signed for run (\\x1b|\ufffd)\[2J(\\x9b|\ufffd)1m", shown)
        assert not {"\x1b", "\x9b"} & set(shown)


def test_somebody_who_signs_in_one_role_signs_nothing_in_another(team: Team) -> None:
    team.run()
    asked = team.folder / "asked.json"
    team.good("approve", "toys", "evaluation", "--as", "rei", "--request", asked)
    changed = json.loads(asked.read_text())
    (one,) = changed["statements"]
    changed["statements"] = [one, {**one, "role": "data-steward"}]
    asked.write_text(json.dumps(changed))
    team.at("home-rei")
    assert "data-steward" not in team.good("people", "sign", asked, "--as", "reviewer/rei")
    left = json.loads(asked.read_text())
    assert [each["role"] for each in left["statements"]] == ["data-steward"]
    assert len(left["signed"]) == 1


def test_names_that_no_study_takes_get_no_key(team: Team) -> None:
    for name in ("", "a.b", "../up", "a:b", " li"):
        code, said = team.call("people", "keygen", name)
        assert code == 1, said
        assert "expected a name" in said


def test_status_says_what_a_release_lacks(team: Team) -> None:
    team.run(gate=9)
    assert "Missing for a release: " in team.good("status", "toys")
    team.approve()
    assert "Nothing is missing for a release" in team.good("status", "toys")
