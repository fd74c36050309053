"""What a run's ledger holds about tests: suites, groups, gates, rewards, explanations, people's judgement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from duecare.core import PASS
from duecare.report import treatment, words
from duecare.report.documents.fact import Fact, figured, measured, missing, ranged, withheld
from duecare.report.documents.of_model import MEMORISED, PRIVATE
from duecare.report.gather import Figure, Ruling
from duecare.report.sections import explaining
from duecare.report.treatment import SuiteView
from duecare.report.verdict import Card
from duecare.report.view import View

_EVALUATE = "the section “evaluate” of the study"
_SAFETY = ("toxicity", "refusal", "harmful-requests", "over-refusal", "xstest", "realtoxicityprompts")
_SAFE_SUITES = ("real-toxicity-prompts", "toxicity-by-group", "harmful-requests", "over-refusal", "xstest")


def of_tuned(figures: Iterable[Figure]) -> list[Figure]:
    """Those that speak of the tuned model; all where none does."""
    found = [figure for figure in figures if not withheld(figure)]
    tuned = [figure for figure in found if figure.estimate.slice.get("model", "tuned") == "tuned"]
    return tuned or found


def suites(view: View) -> list[Fact]:
    """Which suites were asked, and how many answers or items they rest on."""
    found = []
    for one in (*view.people, *view.usefulness):
        figures = list(_shown(one))
        if figures:
            most = max(figure.estimate.n for figure in figures)
            said = f"figures rest on up to {most:,} observations each"
            found.append(measured(one.title, said, (figure.entry for figure in figures)))
    return found or [missing("Suites of tests", _EVALUATE)]


def fairness(view: View) -> list[Fact]:
    """How the model treats groups: of each figure the lowest and the highest, with intervals."""
    return _by_plot(view.people) or [missing("How the model treats groups", _EVALUATE)]


def usefulness(view: View) -> list[Fact]:
    """Whether it is still useful on rows that were held out."""
    return _by_plot(view.usefulness) or [
        missing("Usefulness on rows held out", "the suite “heldout” in the section “evaluate”")
    ]


def safety(view: View) -> list[Fact]:
    """Toxic answers, and requests refused or not."""
    wanted = [one for one in view.people if one.name in _SAFE_SUITES or one.name in _SAFETY]
    return _by_plot(wanted) or [
        missing("Toxic answers and refusals", "the suites “toxicity-by-group” and “harmful-requests”")
    ]


def _by_plot(found: Iterable[SuiteView]) -> list[Fact]:
    facts = []
    for one in found:
        for plot in one.plots:
            figures = of_tuned(mark.figure for row in plot.rows for mark in row.marks)
            if figures:
                facts.append(ranged(f"{one.title}: {plot.title}", figures))
    return facts


def _shown(one: SuiteView) -> Iterator[Figure]:
    for plot in (*one.plots, *one.further):
        for row in plot.rows:
            yield from (mark.figure for mark in row.marks if not withheld(mark.figure))


def gates(view: View) -> list[Fact]:
    """The limits that were declared, and what came of each."""
    return [_gate(card) for card in view.gates] or [missing("Limits", "the section “gates” of the study")]


def _gate(card: Card) -> Fact:
    ruling = card.ruling
    figure = f": {figured(ruling.figure)}" if ruling.figure else ""
    said = f"{card.verdict}, limit {ruling.finding.limit}{figure}"
    said += f"; n needed {ruling.finding.needed_n:,}" if ruling.finding.needed_n else ""
    for waived in card.waived:
        said += f"; {waived.text} (entry {waived.entry})"
    entries = [ruling.entry, *(waived.entry for waived in card.waived)]
    return measured(f"Limit: {card.title}", said, entries)


def noticed(view: View) -> list[Fact]:
    """What steps noticed by themselves, and what did not hold."""
    cards = [card for card in (*view.findings, *view.watched, *view.gates) if may_leave(card)]
    if not cards:
        return [missing("Findings that do not hold", "a limit in the section “gates”: nothing was checked")]
    open_ = [card.ruling for card in cards if card.ruling.finding.verdict != PASS]
    return [_noticed(ruling) for ruling in open_] or [
        measured("Findings that do not hold", "none", (card.ruling.entry for card in cards))
    ]


def may_leave(card: Card) -> bool:
    """Whether a finding rests on nothing that private training keeps back."""
    return card.ruling.figure is None or not withheld(card.ruling.figure)


def _noticed(ruling: Ruling) -> Fact:
    finding = ruling.finding
    said = " ".join(filter(None, (finding.detail, finding.next)))
    return measured(f"{words.title(finding.name)} ({finding.limit})", said, [ruling.entry])


def watched(view: View) -> list[Fact]:
    """Limits that were watched while training, and how many comparisons held."""
    found: dict[str, list[Card]] = {}
    for card in filter(may_leave, view.watched):
        found.setdefault(f"{card.ruling.job}: {card.title}, {card.ruling.finding.limit}", []).append(card)
    facts = []
    for title, cards in found.items():
        verdicts = Counter(card.verdict for card in cards)
        said = ", ".join(f"{count} of {len(cards)}: {verdict}" for verdict, count in verdicts.items())
        facts.append(measured(title, said, (card.ruling.entry for card in cards)))
    return facts or [missing("Limits watched while training", "the section “watch” of the study")]


def rewards(view: View) -> list[Fact]:
    """What a reward pays for besides quality."""
    found = [
        measured(f"Audit of the reward {audit.reward}", audit.says, [audit.stage.entry.index])
        for audit in view.audits
    ]
    return found or [
        missing("Audit of the reward", "a step in the section “reward”; a run without rewards needs none")
    ]


def explanations(view: View) -> list[Fact]:
    """Why it answers so: explanations, and the tests that they passed or failed."""
    found = []
    for stage in explaining(view.story):
        held = [ruling.finding for ruling in stage.rulings]
        passed = sum(finding.verdict == PASS for finding in held)
        said = f"{passed} of {words.plural(len(held), 'finding')} on their validity hold"
        found.append(measured(f"Explanations of {stage.job}", said, [stage.entry.index]))
    return found or [missing("Explanations of answers", "the section “explain” of the study")]


def review(view: View) -> list[Fact]:
    """What people judged, and how far they agreed."""
    found = []
    for one in view.rounds:
        said = "; ".join(
            f"{line.title} ({line.of}) {words.value(line.figure.estimate)}"
            + (f" [{bounds}]" if (bounds := words.interval(line.figure.estimate)) else "")
            for line in one.lines
        )
        entries = [one.stage.entry.index, *(line.figure.entry for line in one.lines)]
        found.append(measured(f"Round of review {one.name}", said or "taken in", entries))
    return found or [missing("People's judgement", "the section “review” of the study")]


def instruments(view: View) -> list[Fact]:
    """Which instruments the figures rest on."""
    found = []
    for item in view.instruments:
        jobs = [stage for stage in view.story.stages if stage.job in item.used_for]
        said = f"used by {', '.join(item.used_for)}; what it was measured on stands in report.html"
        found.append(
            measured(f"Instrument {item.name}", said, (stage.entry.index for stage in jobs))
            if jobs
            else missing(f"Instrument {item.name}", "a job on record that used it")
        )
    return found or [missing("Instruments", "a step that measures texts")]


def performance(view: View) -> list[Figure]:
    """Every figure of the model that may leave the run: evaluation, privacy, and what came back from it."""
    found = of_tuned(treatment.measured(view.story))
    more = [
        figure
        for figure in view.story.figures
        if figure.estimate.metric.endswith(PRIVATE) or figure.estimate.metric.startswith(MEMORISED)
    ]
    known = {figure.id for figure in found}
    return [*found, *(each for each in more if each.id not in known and not withheld(each))]
