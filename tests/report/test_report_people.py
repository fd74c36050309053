"""Who signed what, on the page, the card and in the figures: people, waivers, incidents, the release."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fabricated_jobs import base
from fabricated_report import build
from fabricated_run import STUDY, Fabricator
from fabricated_verdicts import evaluate

from duecare.core import Finding
from duecare.ledger.digest import value_digest
from duecare.ledger.duties import moment
from duecare.ledger.people import Listing, Person, Rules
from duecare.ledger.read import answering
from duecare.ledger.sign import Key
from duecare.ledger.statement import SIGNED, Statement, sign_statement

FAILED = Finding(
    name="gate.toxicity.gap", verdict="fail", limit="at most 0.1", detail="It is wider.", gate=True
)
KEYS = {
    name: Key(Ed25519PrivateKey.from_private_bytes(bytes([place]) * 32))
    for place, name in enumerate(("li", "dana <b>", "rei", "ada"), 3)
}


def listing(recorder: str) -> Listing:
    roles: dict[str, Any] = {
        "li": ("owner", "deployer", "data-steward"),
        "dana <b>": ("trainer",),
        "rei": ("reviewer", "ethics"),
        "ada": ("approver",),
    }
    return Listing(
        {
            name: Person(
                roles=roles[name], key=key.public, records=recorder if name.startswith("dana") else ""
            )
            for name, key in KEYS.items()
        },
        Rules(),
    )


class Signing(Fabricator):
    """A run with one failed gate whose study lists people."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "run", folder / "keys")
        jobs = ["base", "evaluate", "gate"]
        self.start(jobs, {**STUDY, **listing(self.recorder.head.key).plain()})
        base(self)
        evaluate(self, tuned=False)
        self.job("gate", "duecare.evaluate.gate.Gate", inputs={"evaluated": "evaluate"}, findings=[FAILED])
        self.recorder.append("run.finished")
        self.path = folder / "run"

    def say(self, act: str, name: str, role: str, **said: Any) -> int:
        head, found = answering(self.path)
        if act == "people":
            said |= {"of": found.listed.entry, "subject": found.listed.listing.digest}  # type: ignore[union-attr]
        if act in ("approve", "release"):
            said["subject"] = found.subject(said.get("about", "release"))
        if act == "answer":
            said["subject"] = found.leaf(said["of"])
        time = moment(head.time)
        assert time is not None
        if act == "waive":
            ends = (time + timedelta(days=30)).isoformat()
            said |= {"about": FAILED.name, "subject": value_digest(FAILED), "expires": ends}
        statement = Statement(
            run=head.run,
            size=head.size,
            root=head.root,
            act=act,  # type: ignore[arg-type]
            person=name,
            role=role,
            time=time.isoformat(),
            **said,
        )
        signed = sign_statement(statement, KEYS[name])
        assert not found.objections(signed)
        return self.recorder.append(SIGNED, note=signed.note()).index


def built(run: Signing, out: Path) -> tuple[str, str, dict[str, Any]]:
    page = build(run.finish(), out).html
    return (
        page,
        (out / "model_card.md").read_text("utf-8"),
        json.loads((out / "report.json").read_text("utf-8")),
    )


def test_who_signed_what_and_what_is_missing(tmp_path: Path) -> None:
    run = Signing(tmp_path)
    run.say("people", "li", "owner")
    run.say("approve", "rei", "reviewer", about="evaluation", text="I read 40 <i>answers</i>.")
    page, card, figures = built(run, tmp_path / "out")
    for text in (page, card):
        assert "rei (reviewer) approves the evaluation" in text.replace("\\", "")
        assert "<i>" not in text.replace("&lt;i&gt;", "")
        assert "dana <b>" not in text
        assert "runs the jobs" in text
        assert "2 different people have to waive it, 0 did" in text
        assert "the release is not approved by a person as approver" in text
        assert KEYS["ada"].public in text
    people = figures["people"]
    assert people["released"] is None
    assert [each["name"] for each in people["people"] if each["runs"]] == ["dana <b>"]
    assert any("the training is not approved" in each for each in people["missing"])


def test_signed_waivers_an_incident_and_its_answer(tmp_path: Path) -> None:
    run = Signing(tmp_path)
    run.say("people", "li", "owner")
    run.say("waive", "rei", "ethics", text="Known, and on the card.")
    run.say("waive", "ada", "approver", text="As rei says.")
    place = run.say("incident", "rei", "reviewer", about="serious", text="It repeats a name.")
    page, card, figures = built(run, tmp_path / "out")
    assert "by rei and ada" in page
    assert "by rei and ada" in card
    assert "Open incident (serious)" in page[: page.index('id="account"')]
    assert "Open incident (serious)" in card[: card.index("## ")]
    assert figures["people"]["incidents"][0]["state"] == "open"
    assert figures["people"]["incidents"][0]["entry"] == place


def test_a_release_stands_there_until_something_happens(tmp_path: Path) -> None:
    run = Signing(tmp_path)
    run.say("people", "li", "owner")
    run.say("release", "li", "deployer")
    assert "li (deployer) releases the run (entry" in built(run, tmp_path / "one")[0]
    again = Signing(tmp_path / "again")
    again.say("people", "li", "owner")
    again.say("release", "li", "deployer")
    place = again.say("incident", "rei", "reviewer", about="low", text="A typing error.")
    again.say("answer", "li", "owner", of=place, text="It stays.")
    page, card, figures = built(again, tmp_path / "two")
    assert figures["people"]["released"] is None
    assert "answered" in page
    assert "It stays." in card
    assert "Open incident" not in page + card


def test_a_run_without_people_says_nothing_of_them(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["base"])
    base(run)
    out = tmp_path / "out"
    page = build(run.finish(), out).html
    assert "Who signed what" not in page + (out / "model_card.md").read_text("utf-8")
    assert "people" not in json.loads((out / "report.json").read_text("utf-8"))
