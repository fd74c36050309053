"""A document as a thing of chapters and points, and how it is written: as Markdown and as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2
from markupsafe import Markup

from duecare.report.datasheet import DECLARED, MEASURED, MISSING
from duecare.report.documents.fact import Fact
from duecare.report.documents.topics import TOPICS, Evidence
from duecare.report.markdown import literal, table_of
from duecare.report.named import HEADING, cited, entries_table, happened
from duecare.report.view import View

EVIDENCE, PARTIAL, NOTHING = "evidence", "partial", "nothing"
"""How far the ledger speaks to a point. None of them says that the point is met."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One point of a text: its number there, what it is about in our words, and the topics that speak to it.

    `beyond` names what belongs to it and stands in no ledger of a run: such a point is partial at best.
    """

    number: str
    about: str
    topics: tuple[str, ...] = ()
    beyond: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """A clause with what a run's ledger holds on it."""

    clause: Clause
    facts: tuple[Fact, ...]

    @property
    def state(self) -> str:
        """Evidence where every fact is known and none lies beyond, nothing where none is, else partial."""
        if not self.known:
            return NOTHING
        return EVIDENCE if not self.gaps and not self.clause.beyond else PARTIAL

    @property
    def known(self) -> tuple[Fact, ...]:
        """What is measured or declared."""
        return tuple(fact for fact in self.facts if fact.known != MISSING)

    @property
    def gaps(self) -> tuple[str, ...]:
        """What is missing, by name."""
        return tuple(fact.what for fact in self.facts if fact.known == MISSING)


@dataclass(frozen=True, slots=True)
class Chapter:
    """Points that belong together; `source` says which text they are of."""

    title: str
    source: str
    points: tuple[Point, ...]

    @property
    def counts(self) -> str:
        """ "3 with evidence, 20 partial, 8 with nothing"."""
        states = Counter(point.state for point in self.points)
        return f"{states[EVIDENCE]} with evidence, {states[PARTIAL]} partial, {states[NOTHING]} with nothing"


@dataclass(frozen=True, slots=True)
class Paper:
    """A whole document. `whole` says whether facts are told in full or as headings of topics; `limits` are
    what it does not show."""

    title: str
    lead: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    limits: tuple[str, ...] = ()
    whole: bool = True

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Every fact, in the order of the points."""
        return tuple(fact for chapter in self.chapters for point in chapter.points for fact in point.facts)

    @property
    def entries(self) -> set[int]:
        """The entries that it names."""
        return {index for fact in self.facts for index in fact.entries}

    @property
    def counts(self) -> str:
        """ "31 points: 3 with evidence, 20 partial, 8 with nothing"."""
        whole = Chapter("", "", tuple(point for chapter in self.chapters for point in chapter.points))
        return f"{len(whole.points)} points: {whole.counts}"


def chapter(title: str, clauses: Iterable[Clause], evidence: Evidence, told: dict[str, str]) -> Chapter:
    """A chapter with every fact in full; what was `told` (topic -> number) is pointed to, and it grows."""
    points = []
    for clause in clauses:
        facts: list[Fact] = []
        for name in clause.topics:
            found = evidence.of(name)
            where = f"see {told[name]}" if name in told else ""
            facts += summed(name, found, where) if where and len(found) > 1 else found
        told |= {name: clause.number for name in clause.topics if name not in told}
        points.append(Point(clause, tuple(facts)))
    return Chapter(title, "", tuple(points))


def mapped(title: str, source: str, clauses: Iterable[Clause], evidence: Evidence) -> Chapter:
    """A chapter with one line a topic: the heading, and how it is known."""
    points = []
    for clause in clauses:
        facts = [fact for name in clause.topics for fact in summed(name, evidence.of(name))]
        points.append(Point(clause, tuple(facts)))
    return Chapter(title, source, tuple(points))


def summed(name: str, facts: Sequence[Fact], said: str = "") -> list[Fact]:
    """The facts of one topic as one for each way in which they are known; `said` is put in their stead."""
    title, found = TOPICS[name].title, []
    for known in (MEASURED, DECLARED):
        of = [fact for fact in facts if fact.known == known]
        entries = tuple(sorted({index for fact in of for index in fact.entries}))
        if of:
            found.append(Fact(title, said, known, entries, by=of[0].by))
    gaps = [fact for fact in facts if fact.known == MISSING]
    if gaps:
        some = f"{title} ({len(gaps)} of {len(facts)})" if found else title
        found.append(Fact(some, "", MISSING, fill="; ".join(dict.fromkeys(fact.fill for fact in gaps))))
    return found


def markdown(paper: Paper, view: View) -> str:
    """The document as Markdown; the same run gives the same bytes."""
    parts = [f"# {literal(paper.title)}", *(literal(text) for text in paper.lead)]
    parts += ["\n".join(f"- {literal(text)}" for text in paper.limits), f"{paper.counts}."]
    for each in paper.chapters:
        parts += [f"## {each.title}", each.source]
        parts += _in_full(each) if paper.whole else [_in_short(each)]
    parts += [HEADING, entries_table(view, paper.entries)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _in_full(each: Chapter) -> list[str]:
    parts = []
    for point in each.points:
        parts.append(f"### {literal(point.clause.number)} {literal(point.clause.about)}")
        rows = [[fact.what, fact.said, fact.standing] for fact in point.facts]
        if rows:
            parts.append(table_of(["What", "What is known", "How"], rows))
        parts.append(f"Not in a ledger: {literal(point.clause.beyond)}." if point.clause.beyond else "")
    return parts


def _in_short(each: Chapter) -> str:
    rows = []
    for point in each.points:
        said = [f"{fact.what}: {fact.standing}" for fact in point.known]
        said += [f"missing: {', '.join(point.gaps)}"] if point.gaps else []
        said += [f"not in a ledger: {point.clause.beyond}"] if point.clause.beyond else []
        rows.append([point.clause.number, point.clause.about, point.state, "; ".join(said)])
    return table_of(["Number", "What it is about (our words)", "State", "Evidence in this run"], rows)


def page(paper: Paper, view: View) -> str:
    """The document as one HTML page without scripts; every value is escaped."""
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("duecare.report", "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    styles = resources.files("duecare.report") / "pages"
    style = (styles / "style.css").read_text("utf-8") + (styles / "document.css").read_text("utf-8")
    shown = {entry.index for block in view.record for entry in block.shown}
    return pages.get_template("document.html").render(
        paper=paper,
        story=view.story,
        view=view,
        cited=cited(view, paper.entries),
        happened=happened,
        linked=shown,
        style=Markup(style),  # noqa: S704 - our own files
        marks={MEASURED: "●", DECLARED: "○", MISSING: "–"},
    )
