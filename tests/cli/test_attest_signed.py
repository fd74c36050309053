"""Attestations after the fact: what a person signed outlives a kill, or is asked for; a report names them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from forged import outsider, resealed
from trained import Trained

from duecare.cli.attesting import put_right
from duecare.cli.reviewing import recording
from duecare.ledger import entries, head, verify
from duecare.ledger.bundle import write_bundle
from duecare.ledger.envelope import read_line, signers
from duecare.ledger.record import Recorder
from duecare.vault import keys


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    found = Trained(tmp_path, monkeypatch)
    found.run(gate=9)
    return found


def test_a_report_made_after_says_that_it_is_attested(team: Trained) -> None:
    card, page = Path("toys/report/model_card.md"), Path("toys/report/report.html")
    team.good("report", "toys")
    assert "Attestations" not in card.read_text("utf-8") + page.read_text("utf-8"), "control"
    team.good("attest", "toys")
    team.good("report", "toys")
    (entry,) = [each.index for each in entries(Path("toys")) if each.happened == "attested"]
    said = "Signed of the model of sft by the key that records the run: attestations/ in the run folder."
    assert f"- Attestations: {said} (entry {entry})\n" in card.read_text("utf-8")
    assert f"<dt>Attestations</dt><dd>{said} " in page.read_text("utf-8")
    before = page.read_bytes(), card.read_bytes()
    shutil.rmtree("toys/attestations")  # a report follows from the ledger alone
    team.good("report", "toys")
    assert (page.read_bytes(), card.read_bytes()) == before
    team.run(gate=9, weights="trained longer")
    team.good("report", "toys")
    assert "Results that were entered since then are not in them." in card.read_text("utf-8")


def signed_by(name: str) -> list[str]:
    read = read_line((Path("toys/attestations") / name).read_bytes())
    assert signers(read)
    return [each.keyid for each in read.signatures]


def test_what_a_person_signed_stays_where_a_kill_left_attestations_that_nobody_entered(team: Trained) -> None:
    shutil.copytree(team.folder / "home-li" / "people", keys.home() / "people", dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "append", killed)
        assert team.call("attest", "toys", "--as", "li")[0] == 1
    before = len(entries(Path("toys")))
    with recording(Path("toys")) as recorder:
        put_right(Path("toys"), recorder)
    (again,) = entries(Path("toys"))[before:]
    both = [head(Path("toys")).key, team.keys["li"]]
    assert [signed_by(name) for name in ("provenance.intoto.jsonl", "gates.intoto.jsonl")] == [both, both]
    assert again.note.data["signed_by"] == team.keys["li"]
    assert {each.verdict for each in verify("toys") if each.name == "verify.attested"} == {"pass"}


def test_an_entry_that_names_somebody_who_did_not_sign_is_found_out(team: Trained) -> None:
    """A report believes the entry: who writes it could name anybody."""
    team.good("attest", "toys")
    write_bundle(Path("toys"), Path("honest.tar"))
    assert "attestations are signed by the run's key" in outsider(Path("honest.tar"))[1], "control"
    resealed(lambda _: None, signed_by=team.keys["li"])
    found = [each for each in verify("toys") if each.name == "verify.attested"]
    assert {each.verdict for each in found} == {"fail"}
    assert f"provenance.intoto.jsonl is not signed by {team.keys['li'][:16]}" in found[-1].detail
    write_bundle(Path("toys"), Path("forged.tar"))
    code, said = outsider(Path("forged.tar"))
    assert code == 1
    assert "somebody did not sign it who did by its entry" in said


def killed(*_: object, **__: object) -> None:
    raise OSError("killed")


def test_a_signature_that_is_lost_is_asked_for(team: Trained) -> None:
    shutil.copytree(team.folder / "home-li" / "people", keys.home() / "people", dirs_exist_ok=True)
    team.approve()
    team.good("attest", "toys", "--as", "li")
    team.signs("li", "release", "toys")
    Path("toys/attestations/gates.intoto.jsonl").unlink()
    code, said = team.call("release", "toys", "--as", "li")
    assert code == 1
    assert "signed by li: `duecare attest RUN --as NAME`" in " ".join(said.split())
    team.good("attest", "toys", "--as", "li")
    assert team.keys["li"] in signed_by("gates.intoto.jsonl")
    Path("toys/attestations/gates.intoto.jsonl").unlink()
    team.good("attest", "toys")
    assert signed_by("gates.intoto.jsonl") == [head(Path("toys")).key], "done without, as was said"
    assert team.keys["li"] in signed_by("provenance.intoto.jsonl")
