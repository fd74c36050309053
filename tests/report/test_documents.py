"""Annex IV and the maps: every point, each fact marked, every entry named with its hash, nothing claimed."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from documented_run import ABOUT, documented
from fabricated_run import Fabricator
from test_report_people import Signing

from duecare.core import Finding
from duecare.core.about import SYSTEM
from duecare.ledger.chain import leaf_hash
from duecare.ledger.log import entry_line
from duecare.ledger.record import Recorder
from duecare.ledger.sign import load_or_create
from duecare.ledger.verify import verify
from duecare.report import Report
from duecare.report.datasheet import DECLARED, MEASURED, MISSING
from duecare.report.documents import annex as annex_of
from duecare.report.documents import (
    annex_iv,
    frameworks,
    iso42001,
    markdown,
    nist,
    nist_genai,
    of_people,
    page,
    principles,
)
from duecare.report.documents.fact import Fact, numbered
from duecare.report.documents.paper import EVIDENCE, NOTHING, PARTIAL, Clause, Paper, Point
from duecare.report.documents.topics import TOPICS, Evidence
from duecare.report.named import HEADING
from duecare.report.view import View, view

Make = Callable[[View], Paper]
FRAMES = {
    "NIST": [clause for clauses in nist.CHAPTERS.values() for clause in clauses],
    "profile": list(nist_genai.CLAUSES),
    "ISO": list(iso42001.CLAUSES),
    "OECD": list(principles.OECD),
    "Google": list(principles.GOOGLE),
    "Annex IV": [clause for clauses in annex_of.CHAPTERS.values() for clause in clauses],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return documented(tmp_path_factory.mktemp("documented"))


@pytest.fixture(scope="module")
def seen(run: Path) -> View:
    return view(run, 0)


class Read(HTMLParser):
    """Tags, ids, links and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if tag == "a" else []

    def handle_data(self, data: str) -> None:
        self.text += data


def fact_of(paper: Paper, what: str) -> Fact:
    return next(fact for fact in paper.facts if fact.what == what)


@pytest.mark.parametrize("name", FRAMES)
def test_numbers_are_unique_and_topics_exist(name: str) -> None:
    clauses = FRAMES[name]
    numbers = [clause.number for clause in clauses]
    assert len(numbers) == len(set(numbers))
    assert {topic for clause in clauses for topic in clause.topics} <= set(TOPICS)
    assert all(clause.topics or clause.beyond for clause in clauses)


def test_every_point_of_the_texts_is_there() -> None:
    functions = {name: len(clauses) for name, clauses in nist.CHAPTERS.items()}
    assert functions == {"GOVERN": 19, "MAP": 18, "MEASURE": 22, "MANAGE": 13}  # 72 subcategories
    assert len(iso42001.CLAUSES) == 38
    numbers = [clause.number for clause in FRAMES["Annex IV"]]
    assert [each for each in numbers if each.startswith("1(")] == [f"1({sign})" for sign in "abcdefgh"]
    assert [each for each in numbers if each.startswith("2(")] == [f"2({sign})" for sign in "abcdefgh"]
    assert numbers[-6:] == ["4", "5", "6", "7", "8", "9"]
    assert {clause.number[:3] for clause in principles.OECD} == {"1.1", "1.2", "1.3", "1.4", "1.5"}


def test_every_topic_is_asked_for_somewhere() -> None:
    used = {topic for clauses in FRAMES.values() for clause in clauses for topic in clause.topics}
    assert used == set(TOPICS)
    assert set(SYSTEM) <= used


@pytest.mark.parametrize("make", [annex_iv, frameworks])
@pytest.mark.parametrize("kind", ["whole", "curate", "evaluate"])
def test_every_fact_is_marked_and_every_entry_is_named_with_its_hash(
    kind: str, make: Make, made: Callable[[str], Path]
) -> None:
    seen = view(made(kind), 0)
    paper = make(seen)
    leaves = {entry.index: leaf_hash(entry_line(entry)).hex() for entry in seen.story.ledger}
    text = markdown(paper, seen)
    table = text[text.index(HEADING) :]
    assert paper.facts
    for fact in paper.facts:
        assert fact.known in (MEASURED, DECLARED, MISSING)
        assert bool(fact.entries) == (fact.known != MISSING)
        assert bool(fact.fill) == (fact.known == MISSING)
        assert bool(fact.by) == (fact.known == DECLARED)
        for index in fact.entries:
            assert f"| {index} | {leaves[index]} |" in table


def test_a_figure_of_the_ledger_stands_in_the_annex_as_it_is(seen: View) -> None:
    fact = fact_of(annex_iv(seen), "Limit: Gap between counterfactual twins")
    (ruling,) = (card.ruling for card in seen.gates if card.ruling.finding.name == "gate.twins.gap")
    assert fact.entries == (ruling.entry,)
    assert "+0.022 [+0.011 to +0.034], n = 400" in fact.said
    assert fact.said.startswith("fails, limit between -0.01 and 0.01")


def test_another_figure_is_another_document(seen: View, tmp_path: Path) -> None:
    other = view(documented(tmp_path, size=90), 0)
    for make in (annex_iv, frameworks):
        assert markdown(make(other), other) != markdown(make(seen), seen)


def test_what_is_declared_is_declared_by_the_owner_and_what_is_not_is_missing(seen: View) -> None:
    paper = annex_iv(seen)
    users, energy = fact_of(paper, "Users"), fact_of(paper, "Energy")
    assert (users.said, users.standing) == (
        ABOUT["users"],
        "declared by Maria Okafor, head of customer care (entry 0)",
    )
    assert (energy.said, energy.known) == ("", MISSING)
    assert energy.standing == "missing: the answer “energy” under “about” in the section “study”"


def test_an_answer_fills_a_gap(tmp_path: Path, seen: View) -> None:
    def state(of: View, number: str) -> str:
        points = [point for chapter in annex_iv(of).chapters for point in chapter.points]
        return next(point.state for point in points if point.clause.number == number)

    assert state(seen, "1(e)") == NOTHING
    assert state(view(documented(tmp_path, {"hardware": "two cores"}), 0), "1(e)") == EVIDENCE


def test_states_follow_from_facts() -> None:
    known, gap = Fact("a", "b", MEASURED, (1,)), Fact("a", "", MISSING, fill="c")
    clause, beyond = Clause("1", "x", ("purpose",)), Clause("1", "x", ("purpose",), "policies")
    assert Point(clause, (known,)).state == EVIDENCE
    assert Point(clause, (known, gap)).state == PARTIAL
    assert Point(beyond, (known,)).state == PARTIAL
    assert Point(clause, (gap,)).state == NOTHING
    assert Point(Clause("1", "x", (), "policies"), ()).state == NOTHING


@pytest.mark.parametrize("make", [annex_iv, frameworks])
def test_nothing_claims_compliance(make: Make, seen: View) -> None:
    text = markdown(make(seen), seen)
    assert not re.search(r"\b(complies|compliant|conforms|is met by|fulfils|certified)\b", text, re.I)
    assert re.search(
        r"not a statement that the Regulation is met|None of the three says that a point is met", text
    )


@pytest.mark.parametrize("make", [annex_iv, frameworks])
def test_the_page_says_what_the_markdown_says(make: Make, seen: View) -> None:
    paper = make(seen)
    read = Read(page(paper, seen))
    for point in (point for chapter in paper.chapters for point in chapter.points):
        assert point.clause.number in read.text
        assert point.clause.about in read.text
        for fact in point.facts if paper.whole else point.known:
            assert fact.what in read.text
            assert fact.said in read.text or not paper.whole
    assert len(read.ids) == len(set(read.ids))
    inside = [link[1:] for link in read.links if link.startswith("#")]
    assert inside
    assert set(inside) <= set(read.ids)
    assert not {"script", "link", "img", "iframe", "form"} & set(read.tags)


def test_what_a_study_says_is_text_and_nothing_else(seen: View) -> None:
    paper = annex_iv(seen)
    assert "<b>" not in page(paper, seen)
    assert html.escape(ABOUT["risks"]) in page(paper, seen)
    text = markdown(paper, seen)
    assert "<b>" not in text
    assert r"clerks of the bank \| who answer letters" in text


def test_what_private_training_keeps_back_is_in_no_document(seen: View) -> None:
    for make in (annex_iv, frameworks):
        text = markdown(make(seen), seen)
        assert "withheld" not in text
        assert "0.25 nats" not in text
    assert any(card.ruling.finding.detail == "The gap is 0.25 nats." for card in seen.watched)  # control
    private = [fact for fact in Evidence(seen).of("private") if fact.known == MEASURED]
    assert [fact.said for fact in private] == ["unit example: 7.50, n = 400"]


def test_people_waivers_and_incidents_stand_there(tmp_path: Path) -> None:
    run = Signing(tmp_path)
    run.say("people", "li", "owner")
    run.say("waive", "rei", "ethics", text="Known, and on the card.")
    run.say("waive", "ada", "approver", text="As rei says.")
    place = run.say("incident", "rei", "reviewer", about="serious", text="It repeats a name.")
    seen = view(run.finish(), 0)
    facts = {fact.what: fact for fact in Evidence(seen).of("roles", "waived", "incidents", "release")}
    assert "ada: approver" in facts["People and their roles"].said
    assert facts["Incident (serious, open)"].entries == (place,)
    assert any("by rei and ada" in fact.said for fact in facts.values())
    assert facts["Release"].known == MISSING


def test_a_run_without_people_has_neither(seen: View) -> None:
    found = Evidence(seen).of("roles", "signatures", "waived", "incidents", "release")
    assert {fact.known for fact in found} == {MISSING}


def test_entries_in_a_row_are_told_by_first_and_last() -> None:
    assert numbered([3]) == "entry 3"
    assert numbered([5, 3]) == "entries 3 and 5"
    assert numbered([1, 2, 3, 4, 9]) == "entries 1 to 4 and 9"


def test_the_report_holds_the_documents_and_links_to_them(run: Path, tmp_path: Path) -> None:
    outcome = Report(cases=0).build(run, tmp_path)
    names = {"bom.cdx.json", "annex_iv.md", "annex_iv.html", "frameworks.md", "frameworks.html"}
    assert names <= set(outcome.files.values())
    first = {name: (tmp_path / name).read_bytes() for name in names}
    Report(cases=0).build(run, tmp_path)
    assert first == {name: (tmp_path / name).read_bytes() for name in names}
    links = set(Read((tmp_path / "report.html").read_text("utf-8")).links)
    assert {"bom.cdx.json", "annex_iv.html", "frameworks.html", "model_card.md", "data_card.md"} <= links
    for name in ("annex_iv.html", "frameworks.html"):
        for link in Read((tmp_path / name).read_text("utf-8")).links:
            assert link.startswith("#") or (tmp_path / link.partition("#")[0]).is_file()


def test_a_document_that_was_changed_is_found_by_verify(tmp_path: Path) -> None:
    """On record, documents are sealed like every result."""
    run = documented(tmp_path)
    clock = Fabricator(tmp_path / "other", tmp_path / "keys")._clock
    with Recorder(run, load_or_create(tmp_path / "keys"), "ana@example.org", clock) as recorder:
        scratch = run / "scratch" / "report"
        Report(cases=0).build(run, scratch)
        sealed = recorder.publish_report(scratch)
        recorder.append("report", outputs={"report": sealed.digest}, software={"duecare": "0.1.0"})
    assert not [finding for finding in verify(run) if finding.verdict == "fail"]
    bill = run / "report" / "bom.cdx.json"
    bill.write_bytes(bill.read_bytes().replace(b'"value": "0.022"', b'"value": "0.021"', 1))
    assert [finding for finding in verify(run) if finding.verdict == "fail"]


def test_methods_against_gaps_and_limits_that_were_watched(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["sft"])
    debias = {"axis": "age", "group_dro": {"step_size": 0.05}, "pairing": None, "adversary": None}
    crossed = Finding(name="sft.loss.gap", verdict="fail", limit="at most 0.5", detail="It is 0.7.")
    run.job("sft", "duecare.train.sft.Sft", settings={"steps": 2, "debias": debias}, findings=[crossed])
    evidence = Evidence(view(run.finish(), 0))
    (method,), (watched,) = evidence.of("care"), evidence.of("watched")
    assert (method.said, method.entries) == ("group DRO on age", watched.entries)
    assert watched.said == "1 of 1: fails"
    assert [fact.said for fact in evidence.of("noticed")] == ["It is 0.7."]


def test_what_a_flag_leaves_as_it_is_is_no_method(tmp_path: Path) -> None:
    """Control: rows that are only marked are not counted as something done against gaps."""
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["stereotypes:chats"])
    run.job("stereotypes:chats", "duecare.curate.stereotype.Stereotypes", settings={"mode": "flag"})
    (fact,) = Evidence(view(run.finish(), 0)).of("care")
    assert fact.known == MISSING


def test_where_nothing_was_checked_nothing_is_said_to_hold(tmp_path: Path) -> None:
    def noticed(name: str, findings: list[Finding]) -> Fact:
        run = Fabricator(tmp_path / name, tmp_path / "keys")
        run.start(["sft"])
        run.job("sft", "duecare.train.sft.Sft", settings={"steps": 2}, findings=findings)
        (fact,) = Evidence(view(run.finish(), 0)).of("noticed")
        return fact

    assert noticed("unchecked", []).known == MISSING
    held = Finding(name="sft.loss.gap", verdict="pass", limit="at most 0.5", detail="It is 0.1.")
    fact = noticed("checked", [held])
    assert (fact.known, fact.said) == (MEASURED, "none")


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        (
            {"seal": ["rows", "weights"], "keep_until": "2027-01-31"},
            "encrypted: rows, weights; kept until 2027-01-31",
        ),
        ({"seal": [], "keep_until": None}, "nothing is encrypted; kept until no day that is set"),
    ],
    ids=["sealed", "nothing"],
)
def test_what_is_encrypted_is_said_in_words(seen: View, storage: dict[str, object], said: str) -> None:
    told = replace(seen, story=replace(seen.story, study={**seen.story.study, "storage": storage}))
    (fact,) = of_people.kept(told)
    assert (fact.said, fact.known) == (said, DECLARED)
