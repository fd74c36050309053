"""Attestations as commands: made once, made again when the run changed, told from forged ones, released."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forged import (
    a_better_result,
    a_dependency_less,
    a_file_twice,
    a_foreign_key,
    a_foreign_signature,
    a_foreign_weights_key,
    a_job_less,
    a_waiver_of_nobody,
    an_empty_pass,
    another_dependency,
    another_seed,
    another_setting,
    another_study,
    another_subject,
    another_time,
    fewer_files,
    of_another_model,
    one_file_less,
    outsider,
    resealed,
    without_gates,
    without_provenance,
)
from toys import job
from trained import Ask, Train, Trained

from duecare.cli.attesting import attest
from duecare.cli.reviewing import recording
from duecare.core import FAIL, Finding
from duecare.ledger import entries, head, keyfile, sign, verify
from duecare.ledger.envelope import read_line
from duecare.ledger.sign import Key
from duecare.vault import keys

SIGNED = ["gates.intoto.jsonl", "manifest.json", "model.sig", "provenance.intoto.jsonl", "weights-key.pub"]


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    found = Trained(tmp_path, monkeypatch)
    found.run(gate=9)
    return found


def about(name: str = "verify.attested") -> Finding:
    """What verify says of it: one finding, the details of all in it."""
    found = [each for each in verify("toys") if each.name == name]
    assert len({each.verdict for each in found}) == 1
    details = "\n".join(each.detail for each in found)
    return Finding(name=name, verdict=found[0].verdict, limit=found[0].limit, detail=details)


def predicate(name: str) -> Any:
    content = read_line((Path("toys/attestations") / name).read_bytes()).content()
    return json.loads(content)["predicate"]


def test_attestations_are_signed_once_and_again_where_the_run_changed(team: Trained) -> None:
    assert not [each for each in verify("toys") if each.name == "verify.attested"]
    said = team.good("attest", "toys")
    assert "model_signing verify key" in said
    assert sorted(path.name for path in Path("toys/attestations").iterdir()) == SIGNED
    assert entries(Path("toys"))[-1].happened == "attested"
    assert about().verdict == "pass"
    count = len(entries(Path("toys")))
    assert "These stand" in team.good("attest", "toys")
    assert len(entries(Path("toys"))) == count
    team.run(gate=9, weights="trained longer")
    assert about().verdict == "insufficient evidence"
    assert "as it was before" in about().detail or "any more" in about().detail
    assert "Signed" in team.good("attest", "toys")
    assert about().verdict == "pass"
    assert "no model of job 'b'" in team.call("attest", "toys", "--model", "b")[1]


def test_a_person_signs_beside_the_run(team: Trained) -> None:
    shutil.copytree(team.folder / "home-li" / "people", keys.home() / "people", dirs_exist_ok=True)
    team.good("attest", "toys", "--as", "li")
    for name in ("provenance.intoto.jsonl", "gates.intoto.jsonl"):
        read = read_line((Path("toys/attestations") / name).read_bytes())
        assert [each.keyid for each in read.signatures] == [head(Path("toys")).key, team.keys["li"]]
    assert about().verdict == "pass"
    assert "These stand" in team.good("attest", "toys")  # what li signed says the same
    stranger = Key(sign.Ed25519PrivateKey.generate())
    with recording(Path("toys")) as recorder:
        attest(Path("toys"), recorder, people=[stranger])
    assert about().verdict == FAIL
    assert "who is nobody here" in about().detail


def test_a_run_that_trained_no_model_is_attested_by_its_results(team: Trained) -> None:
    from test_people_commands import Team

    shutil.rmtree("toys")
    Team.run(team, gate=1)
    team.good("attest", "toys")
    assert "model.sig" not in [path.name for path in Path("toys/attestations").iterdir()]
    content = read_line(Path("toys/attestations/gates.intoto.jsonl").read_bytes()).content()
    names = [each["name"] for each in json.loads(content)["subject"]]
    assert len(names) == 4
    assert all(name.endswith("/manifest.json") for name in names)
    assert predicate("gates.intoto.jsonl")["result"] == "FAILED"
    assert predicate("gates.intoto.jsonl")["failedTests"] == ["gate.toy.total (at most 1)"]
    team.good("bundle", "toys", "--out", "results.tar")
    assert "the 4 files that they are of are those on record" in outsider(Path("results.tar"))[1]


def test_a_gate_is_attested_of_no_model_but_those_that_it_looked_at(team: Trained) -> None:
    """What was measured on the last model says nothing of the one that it was tuned from, nor of another."""
    further = job(Train(name="dpo", weights="tuned"), "sft"), job(Train(name="judge"), "base")
    shutil.rmtree("toys")
    team.run(*further, job(Ask(), "dpo"), gate=9)
    rows, asked = "gate.toy.total (at most 9)", "gate.toy.asked (at least 1)"
    for model, tested in (("dpo", [rows, asked]), ("sft", [rows]), ("judge", [rows])):
        team.good("attest", "toys", "--model", model)
        assert predicate("gates.intoto.jsonl")["passedTests"] == tested, model
        assert about().verdict == "pass"
        team.good("bundle", "toys", "--out", f"{model}.tar")
        code, said = outsider(Path(f"{model}.tar"))
        assert code == 2, said
    resealed(of_another_model)
    assert "says something else than the ledger" in about().detail
    team.run(*further, job(Ask(), "dpo"))
    team.good("attest", "toys", "--model", "sft")
    assert not Path("toys/attestations/gates.intoto.jsonl").exists()
    team.good("bundle", "toys", "--out", "none.tar")
    assert outsider(Path("none.tar"))[0] == 2
    resealed(an_empty_pass)
    assert "nothing that can be attested" in about().detail
    from duecare.ledger.bundle import write_bundle

    write_bundle(Path("toys"), Path("empty.tar"))
    assert "no gate on record speaks of what it is of" in outsider(Path("empty.tar"))[1]


def test_a_waived_gate_is_a_warning_with_its_end(team: Trained) -> None:
    team.run(gate=1)
    team.good("attest", "toys")
    assert predicate("gates.intoto.jsonl")["result"] == "FAILED"
    team.signs("li", "approve", "toys", "people")
    for name in ("wren", "ada"):
        reason = "The total is known to be larger; see the card."
        team.signs(name, "waive", "toys", "gate.toy.total", "--reason", reason)
    team.good("attest", "toys")
    found = predicate("gates.intoto.jsonl")
    assert (found["result"], found["passedTests"], found["failedTests"]) == ("WARNED", [], [])
    assert found["warnedTests"][0].startswith("gate.toy.total (at most 1), waived until 20")
    assert about().verdict == "pass"
    team.good("bundle", "toys", "--out", "waived.tar")
    assert (
        "2 attestations are signed by the run's key and say what the log says"
        in outsider(Path("waived.tar"))[1]
    )


@pytest.mark.parametrize(
    ("change", "inside", "outside"),
    [
        (another_dependency, "says something else than the ledger", "was not used by what is on record"),
        (another_setting, "says something else than the ledger", "is not what entry"),
        (another_subject, "says something else than the ledger", "that the log does not record so"),
        (a_better_result, "says something else than the ledger", "other gates as passed than the log"),
        (a_foreign_key, "not signed by the key that records", "the key of the run did not sign it"),
        (a_foreign_weights_key, "another key than the one that the ledger", "does not hold for the key"),
        (a_foreign_signature, "names another key than the ledger", "does not hold for the key"),
        (fewer_files, "it is of other files", "of other files than those that are attested"),
        (one_file_less, "it is of other files", "It leaves out the file"),
        (a_waiver_of_nobody, "says something else than the ledger", "other gates as waived than the log"),
        (without_gates, "gates.intoto.jsonl is missing", "'gates.intoto.jsonl' is not here"),
        (without_provenance, "provenance.intoto.jsonl is missing", "'provenance.intoto.jsonl' is not here"),
        (a_file_twice, "says something else than the ledger", "it names a file twice"),
        (another_study, "says something else than the ledger", "its study is not that of entry"),
        (a_job_less, "says something else than the ledger", "its steps are not just those"),
        (another_seed, "says something else than the ledger", "is not what entry"),
        (a_dependency_less, "says something else than the ledger", "which was used"),
        (another_time, "says something else than the ledger", "its times are not those on record"),
    ],
)
def test_attestations_that_say_something_else_are_found_though_the_run_signed_them(
    team: Trained, change: Callable[[Path], None], inside: str, outside: str
) -> None:
    team.run(gate=1)
    team.good("attest", "toys")
    team.good("bundle", "toys", "--out", "honest.tar")
    code, said = outsider(Path("honest.tar"))
    assert code == 2, said
    assert "2 attestations are signed by the run's key and say what the log says" in said
    resealed(change)
    assert about().verdict == FAIL
    assert inside in about().detail
    assert {each.name for each in verify("toys") if each.verdict == FAIL} == {"verify.attested"}
    from duecare.ledger.bundle import write_bundle

    write_bundle(Path("toys"), Path("forged.tar"))
    code, said = outsider(Path("forged.tar"))
    assert code == 1
    assert outside in said
    team.good("attest", "toys")  # made anew from the ledger
    assert about().verdict == "pass"


def test_attestations_of_another_version_hold_only_where_they_say_the_same(team: Trained) -> None:
    """Whoever has the run's key can name another version: that lets nothing else pass."""
    team.good("attest", "toys")
    resealed(lambda _: None, version="0.0.0")
    assert about().verdict == "pass"
    resealed(another_setting, version="0.0.0")
    assert about().verdict == "insufficient evidence"
    assert "version 0.0.0 of duecare wrote provenance.intoto.jsonl" in about().detail
    resealed(without_gates, version="0.0.0")
    assert about().verdict == FAIL


def test_waivers_are_judged_for_the_time_of_the_entry(team: Trained) -> None:
    """Whoever has the run's key can name an earlier day, on which a waiver that ran out still held."""
    from duecare.ledger.bundle import write_bundle

    team.good("attest", "toys")
    resealed(lambda _: None, time="2020-01-01T00:00:00+00:00")
    assert about().verdict == FAIL
    assert "judges waivers for 2020-01-01" in about().detail
    write_bundle(Path("toys"), Path("forged.tar"))
    code, said = outsider(Path("forged.tar"))
    assert code == 1
    assert "for another time than its own" in said
    team.good("attest", "toys")
    assert about().verdict == "pass"


def test_a_release_holds_model_report_attestations_signature_proofs_and_verifier(team: Trained) -> None:
    team.approve()
    team.signs("li", "release", "toys")
    said = team.good("release", "toys", "--as", "li")
    assert "Released" in said
    told = entries(Path("toys"))
    release = next(each for each in told if each.note and each.note.topic == "release")
    attested = next(each for each in told if each.happened == "attested")
    assert release.note
    assert json.loads(release.note.data["statement"])["of"] == attested.index
    assert team.call("verify", "toys")[0] == 0
    code, said = outsider(Path("toys-release.tar"))
    assert code == 2, said  # no head seen before
    for part in (
        f"released the run with the attestations of entry {attested.index}",
        "the 2 files that they are of are those on record, and 2 of these are in the bundle",
        "(OpenSSF Model Signing) is of just the model's files",
    ):
        assert part in said
    assert "a list that is not in the bundle" not in said
    subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", "toys-release.tar", "--extract", "out"], check=False
    )
    run = Path("out/run")
    assert {path.name for path in run.iterdir()} == {"artifacts", "attestations", "ledger", "report"}
    assert Path("out/verify.py").exists()
    (model,) = run.glob("artifacts/sft-*/model")
    assert sorted(path.name for path in model.iterdir()) == ["config.json", "model.safetensors"]
    assert not list(run.glob("artifacts/sft-*/adapter"))  # of the job only the model goes along
    from test_attest_official import model_signing

    assert model_signing(model, run / "attestations")[0] == 0
    team.good("release", "toys", "--as", "li", "--no-weights", "--out", "light.tar")
    said = outsider(Path("light.tar"))[1]
    assert "and 0 of these are in the bundle" in said


def test_a_release_names_attestations_that_are_there(team: Trained) -> None:
    """A statement that names an entry which holds none cannot be entered, and does not stand."""
    from duecare.cli import signing
    from duecare.core import LedgerError

    team.approve()
    at = signing.desk(Path("toys"))
    draft = at.draft("release", "li", "deployer", of=0, subject=at.account.subject("release"))
    key = keyfile.open_key(
        team.folder / "home-li" / "people" / "li.key", (team.folder / "word").read_text().strip()
    )
    signed = signing.signed_by([draft], key)
    with pytest.raises(LedgerError, match="entry 0 holds no attestations"):
        signing.enter(Path("toys"), signed)
    with recording(Path("toys")) as recorder:  # as somebody with the recorder's key can
        recorder.append("signed", note=signed[0].note())
    assert "holds no attestations" in about("verify.people.signature").detail
    from duecare.ledger.bundle import write_bundle

    write_bundle(Path("toys"), Path("forged.tar"))
    assert "releases attestations that are not there" in outsider(Path("forged.tar"))[1]


def test_a_release_of_other_attestations_is_signed_anew(team: Trained) -> None:
    """What a person released is what they saw attested: another model, say, is not released with it."""
    team.approve()
    team.signs("li", "release", "toys")

    def released() -> list[int]:
        notes = [each.note for each in entries(Path("toys")) if each.note and each.note.topic == "release"]
        return [json.loads(note.data["statement"])["of"] for note in notes]

    assert len(released()) == 1
    shutil.copytree(team.folder / "home-li" / "people", keys.home() / "people", dirs_exist_ok=True)
    team.good("attest", "toys", "--as", "li")
    other = entries(Path("toys"))[-1].index
    team.good("release", "toys", "--as", "li")
    assert released()[1:] == [other]
    team.good("release", "toys", "--as", "li")
    assert len(released()) == 2


def test_attestations_that_a_kill_left_in_pieces_are_made_again(team: Trained) -> None:
    team.approve()
    team.signs("li", "release", "toys")
    shutil.rmtree("toys/attestations")  # the ones before were removed, the new ones not yet moved there
    Path("toys/scratch/attestations").mkdir(parents=True)
    (failed,) = [each for each in verify("toys") if each.name == "verify.result"]
    assert "duecare attest" in failed.next
    team.good("release", "toys", "--as", "li")
    assert team.call("verify", "toys")[0] == 0


def test_what_is_not_finished_is_not_attested(team: Trained) -> None:
    shutil.rmtree("toys")
    with pytest.raises(Exception, match="numbers do not add up"):
        team.run(gate=9, fail="data")
    code, said = team.call("attest", "toys")
    assert code == 1
    assert "not at its end" in said
    assert not Path("toys/attestations").exists()
