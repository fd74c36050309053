"""The whole workflow in a real browser: people are invited, label, differ, are recused; two waive a gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from served import served
from world import BETTER, GATE, GUIDELINE, PASSWORD, QUESTIONS, candidates, pair_of

from duecare.review import people
from duecare.review.app import Settings
from duecare.review.people import Role
from duecare.review.plan import Plan, Quality
from duecare.review.rounds import Round, open_round
from duecare.review.store import Store

pytestmark = pytest.mark.browser
TEXTS = ["First the one text.", "Then the other text.", "At last a third."]


class Person:
    """Somebody at a browser of their own."""

    def __init__(self, browser: Any, site: str) -> None:
        self.context = browser.new_context(viewport={"width": 1100, "height": 900})
        self.page, self.site = self.context.new_page(), site
        self.page.set_default_timeout(10_000)
        self.page.on("dialog", lambda dialog: dialog.accept())

    def go(self, path: str) -> Any:
        self.page.goto(self.site + path)
        return self.page

    def click(self, name: str, role: Any = "button") -> None:
        self.page.get_by_role(role, name=name).first.click()

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def joins(self, link: str, login: str) -> Person:
        self.page.goto(link)
        self.page.get_by_label("Your name").fill(f"{login.title()} Example")
        self.page.get_by_label("Log-in name").fill(login)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.click("Join")
        self.sees("Good to see you")
        return self

    def judges(self, round: Round, label: str, times: int) -> None:
        self.go(f"/rounds/{round.id}/next")
        for _ in range(times):
            self.page.get_by_label(label).check()
            self.page.get_by_label("Anything to add?").fill(f"because {label}")
            self.click("Save and go on")
            self.sees("Saved.")
            self.go(f"/rounds/{round.id}/next")


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    """A new one, on SQLite and on PostgreSQL: nobody and nothing is in it."""
    with Store.open(place) as opened:
        yield opened


def test_the_whole_workflow(browser: Any, store: Store, tmp_path: Path) -> None:
    quality = Quality(consistency=0.0)
    tone = open_round(
        store,
        candidates(TEXTS),
        Plan(name="Tone", point="data", questions=QUESTIONS, guideline=GUIDELINE, overlap=2, quality=quality),
    )
    pairs = open_round(
        store,
        [pair_of(1, "Lock it first.", "Buy a new one.")],
        Plan(name="Help", point="pairs", questions=BETTER, guideline="Which?", overlap=2, quality=quality),
    )
    told: list[Any] = []
    settings = Settings(exports=tmp_path / "exports", tell=told.append, failed=lambda: (GATE,))
    first = people.invite(store, Role.OWNER, None)
    with served(store, settings) as site:
        owner = Person(browser, site).joins(f"{site}/join/{first}", "olga")
        crew = {role: invited(browser, owner, site, role, login) for role, login in CREW.items()}
        ann, ben = crew["annotator"], invited(browser, owner, site, "annotator", "ben")
        label(ann, ben, tone, pairs)
        adjudicate(crew["adjudicator"], tone)
        oversee(crew["ethics"], tone, ann)
        waive(owner, crew["ethics"])
        export(owner, tone)
        for person in (owner, ben, *crew.values()):
            person.context.close()
    assert sorted({note.topic for note in told}) == ["guideline", "waiver"]
    (waiver,) = [note for note in told if note.topic == "waiver"]
    assert waiver.data["asked_by"] != waiver.data["seconded_by"]
    exported(tmp_path / "exports" / tone.id)


CREW = {"annotator": "ann", "adjudicator": "dara", "ethics": "eden"}


def invited(browser: Any, owner: Person, site: str, role: str, login: str) -> Person:
    owner.go("/owner/people")
    owner.page.get_by_label("As").select_option(role)
    owner.click("Make a link")
    link = owner.page.locator("code.link").inner_text()
    assert link.startswith(f"{site}/join/")
    return Person(browser, site).joins(link, login)


def label(ann: Person, ben: Person, tone: Round, pairs: Round) -> None:
    """They agree on nothing; one of the items is flagged first."""
    for person in (ann, ben):
        person.judges(pairs, "Both are as good", 1)
        person.go("/me").locator("#f-a-age").fill("30 to 39")
        person.click("Save what I said")
        person.sees("You may change or delete it at any time")
    ann.go(f"/rounds/{tone.id}/next")
    ann.page.locator("#flag > summary").click()
    ann.page.get_by_label("What is wrong with this item").fill("I know this person.")
    ann.click("Send")
    ann.sees("Sent to the ethical reviewer")
    ann.judges(tone, "With contempt", 3)
    ben.judges(tone, "Fairly", 3)
    ann.sees("All done")
    ben.go(f"/rounds/{tone.id}/history")
    ben.click("Take the last one back")
    ben.sees("You took this one back")
    ben.judges(tone, "Coldly", 1)


def adjudicate(dara: Person, tone: Round) -> None:
    dara.go("/settle")
    dara.sees("3 waiting")
    dara.go(f"/settle/{tone.id}").get_by_role("link", name="Item i-").last.click()
    dara.sees("Person A")
    dara.sees("Person B")
    assert "Example" not in dara.page.locator("main").inner_text(), "people have no names here"
    dara.page.get_by_label("Coldly").check()
    dara.page.get_by_label("Why").fill("Rude, but it calls nobody less.")
    dara.page.get_by_role("button", name="Settle").click()
    dara.sees("Settled.")


def oversee(eden: Person, tone: Round, ann: Person) -> None:
    base = f"/oversight/{tone.id}"
    eden.go(f"{base}/flags")
    eden.sees("I know this person.")
    eden.click("Recuse somebody from it", "link")
    eden.page.get_by_label("Who", exact=True).select_option(label=_named(eden, "Ann Example"))
    eden.page.get_by_label("Why").fill("They know each other.")
    eden.click("Recuse")
    eden.sees("Recused.")
    eden.go(f"{base}/guideline").get_by_label("Why it is revised").fill("Coldly was not clear.")
    text = eden.page.get_by_role("textbox", name="Guideline")
    text.fill(text.input_value() + "\n4. Irony counts as cold.")
    eden.click("Put version 2 in force")
    eden.sees("The new version is in force")
    eden.go(f"{base}/panel")
    eden.sees("30 to 39")
    eden.go(base)
    ann.go(f"/rounds/{tone.id}/next")
    ann.sees("All done")


def _named(eden: Person, name: str) -> str:
    options = eden.page.get_by_label("Who", exact=True).locator("option").all_inner_texts()
    return next(option for option in options if option.startswith(name))


def waive(owner: Person, eden: Person) -> None:
    owner.go("/waivers").get_by_label("Why it may be waived").fill("Few answers; measured again next week.")
    owner.click("Ask for it")
    owner.sees("You asked for it: somebody else must agree.")
    assert owner.page.get_by_role("button", name="Agree").count() == 0
    eden.go("/waivers")
    eden.click("Agree, as the second person")
    eden.sees("The waiver holds, and is told to the ledger.")


def export(owner: Person, tone: Round) -> None:
    owner.go(f"/owner/rounds/{tone.id}/export")
    owner.click("Export")
    owner.sees("Exported.")
    with owner.page.expect_download() as download:
        owner.page.get_by_role("link", name="labels.parquet").click()
    assert Path(download.value.path()).read_bytes()[:4] == b"PAR1"
    owner.go("/owner/rounds")
    owner.click("Close Tone")
    owner.sees("The round is closed.")


def exported(folder: Path) -> None:
    labels = pq.read_table(folder / "labels.parquet").to_pylist()
    kinds = [row["value"] for row in labels if row["question"] == "kind"]
    assert sorted(kinds) == [1.0, 1.0, 2.0, 3.0, 3.0], "ann's label of the item she knows is out"
    settled = pq.read_table(folder / "settled.parquet").to_pylist()
    assert [row["why"] for row in settled if row["why"]] == ["Rude, but it calls nobody less."]
    decisions = pq.read_table(folder / "decisions.parquet").to_pylist()
    kinds = [row["kind"] for row in decisions]
    expected = {"label": 7, "withdrawn": 1, "flag": 1, "recused": 1, "settled": 1}
    assert {kind: kinds.count(kind) for kind in set(kinds)} == expected
    whole = (
        b"".join(path.read_bytes() for path in folder.iterdir() if path.suffix == ".json")
        + repr([labels, settled, decisions]).encode()
    )
    for private in (b"Ann Example", b"ann@", b"30 to 39", b"Eden"):
        assert private not in whole
    assert b"p-" in whole, "control: people stand there by code"
