"""model_card.md: the tuned model's card with Hugging Face metadata, the same figures as the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from duecare.report import treatment, words
from duecare.report.documents.fact import Fact, answered, declared
from duecare.report.gather import Figure
from duecare.report.markdown import flat, literal, table_of
from duecare.report.metrics import metric
from duecare.report.named import HEADING, digests, entries_table
from duecare.report.verdict import trains, who
from duecare.report.view import View

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def model_card(view: View) -> str:
    """The card as Markdown with a YAML head that hubs read (`model-index` included)."""
    head = yaml.safe_dump(metadata(view), sort_keys=False, allow_unicode=True, width=1000)
    parts = [
        f"# {literal(view.story.name)}",
        literal(view.purpose),
        f"**{literal(view.banner.text)}** {literal(view.banner.more)}",
        *_incidents(view),
        *_said(view),
        *_gates(view),
        *_evaluation(view),
        *_instruments(view),
        *_data(view),
        *_training(view),
        *_audits(view),
        "## What this card does not show",
        "\n".join(f"- {literal(limit)}" for limit in view.limits),
        *_answering(view),
        *_provenance(view),
        *_entries(view),
    ]
    return f"---\n{head}---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def metadata(view: View) -> dict[str, Any]:
    """The YAML head: Hugging Face's fields, as far as the run says anything about them."""
    found: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "text-generation"}
    if _HUB_ID.fullmatch(view.base):
        found["base_model"] = view.base
    found["tags"] = ["duecare", "responsible-ai", "fairness"]
    results = _results(view)
    if results:
        found["model-index"] = [{"name": flat(view.story.name), "results": results}]
    return found


def _evaluated(view: View) -> list[Figure]:
    """What was measured of the tuned model; of the base model where nothing was tuned."""
    figures = treatment.measured(view.story)
    tuned = [figure for figure in figures if figure.estimate.slice.get("model", "tuned") == "tuned"]
    return tuned or list(figures)


def _results(view: View) -> list[dict[str, Any]]:
    """model-index results, one for each suite; a figure that could not be taken is not among them."""
    suites: dict[str, list[dict[str, Any]]] = {}
    leaves = digests(view)
    for figure in _evaluated(view):
        if figure.estimate.value is not None:
            suites.setdefault(figure.estimate.slice.get("suite", "held-out rows"), []).append(
                _metric(figure, leaves)
            )
    return [
        {
            "task": {"type": "text-generation"},
            "dataset": {"name": flat(suite), "type": f"duecare/{re.sub(r'[^A-Za-z0-9._-]+', '-', suite)}"},
            "metrics": metrics,
        }
        for suite, metrics in suites.items()
    ]


def _metric(figure: Figure, leaves: Mapping[int, str]) -> dict[str, Any]:
    estimate = figure.estimate
    about = who(figure)
    title = metric(estimate.metric, estimate.unit).title
    return {
        "type": estimate.metric,
        "name": flat(f"{title} ({about})") if about else title,
        "value": estimate.value,
        "args": {
            "low": estimate.low,
            "high": estimate.high,
            "level": estimate.level,
            "n": estimate.n,
            "method": estimate.method,
            "ledger_entry": figure.entry,
            "ledger_leaf": leaves[figure.entry],
        },
    }


_KEYS = ("benefits", "users", "affected", "not_for", "version", "risks", "contact")


def said_of(view: View) -> list[Fact]:
    """What the study says of its purpose and use; what it does not say is among it as missing."""
    purpose = declared(view, "Purpose", view.purpose, "“purpose” in the section “study”")
    return [purpose, *(answered(view, key) for key in _KEYS)]


def _said(view: View) -> list[str]:
    rows = [[fact.what, fact.said, fact.standing] for fact in said_of(view)]
    return ["## What it is for", table_of(["What", "What is known", "How"], rows)]


def _entries(view: View) -> list[str]:
    """The entries of the tables above: what has a number there is measured."""
    named = {figure.entry for figure in _evaluated(view)} | {card.ruling.entry for card in view.gates}
    named |= {step.stage.entry.index for source in view.sources for step in source.steps}
    named |= {stage.entry.index for stage in view.story.stages if trains(stage)}
    named |= {index for fact in said_of(view) for index in fact.entries}
    about = "Every figure above is measured: the entry beside it holds it."
    return [HEADING, about, entries_table(view, named)] if named else []


def _gates(view: View) -> list[str]:
    if not view.gates:
        return []
    rows = []
    for card in view.gates:
        figure, finding = card.ruling.figure, card.ruling.finding
        waived = (f"{one.text} (entry {one.entry}), who say: {one.quoted}" for one in card.waived)
        verdict = "; ".join([card.verdict, *waived])
        rows.append([f"{card.title}, {card.about}" if card.about else card.title, finding.limit, verdict])
        rows[-1] += [*_shown(figure)] if figure else ["", "", "", ""]
        rows[-1] += [f"{finding.needed_n:,}" if finding.needed_n else "", str(card.ruling.entry)]
    header = ["Gate", "Limit", "Verdict", "Figure", "Interval", "n", "Method", "n needed", "Entry"]
    return ["## Gates", table_of(header, rows)]


def _shown(figure: Figure) -> tuple[str, str, str, str]:
    estimate = figure.estimate
    interval = estimate.reason or words.interval(estimate)
    return words.value(estimate), interval, f"{estimate.n:,}", estimate.method


def _evaluation(view: View) -> list[str]:
    figures = _evaluated(view)
    if not figures:
        return []
    rows = [
        [
            metric(figure.estimate.metric, figure.estimate.unit).title,
            who(figure),
            *_shown(figure),
            str(figure.entry),
        ]
        for figure in figures
    ]
    return [
        "## Evaluation",
        table_of(["What", "Of whom", "Figure", "95% interval or reason", "n", "Method", "Entry"], rows),
    ]


def _instruments(view: View) -> list[str]:
    """The worst figure on the card of every detector that the figures lean on."""
    leaned = {name for figure in view.figures for name in figure.estimate.rests_on}
    rows = [[item.name, item.worst.words] for item in view.measuring(tuple(leaned)) if item.worst]
    return (
        ["## What the figures lean on", table_of(["Detector", "Worst figure on its card"], rows)]
        if rows
        else []
    )


def _data(view: View) -> list[str]:
    if not view.sources:
        return []
    rows = []
    for source in view.sources:
        for step in source.steps:
            counts = ", ".join(
                f"{words.value(figure.estimate)} {what}"
                for what, figure in step.counts
                if figure.estimate.value
            )
            rows.append([source.name, step.name, counts, str(step.stage.entry.index)])
    return ["## Training data and its curation", table_of(["Source", "Step", "Rows", "Entry"], rows)]


def _training(view: View) -> list[str]:
    stages = [stage for stage in view.story.stages if trains(stage)]
    if not stages:
        return []
    rows = [
        [stage.job, stage.entry.step or "", str(stage.entry.seed or 0), stage.digest, str(stage.entry.index)]
        for stage in stages
    ]
    licences = [
        note.data["licence"]
        for stage in view.story.of("base")
        for _, note in stage.notes
        if "licence" in note.data
    ]
    licence = f", licence {literal(licences[-1])}" if licences else ""
    base = [f"Base model: {literal(view.base)}{licence}."] if view.base else []
    table = table_of(["Job", "Step", "Seed", "Digest of the result", "Entry"], rows)
    said = "\n".join(f"- {card.verdict}: {literal(card.ruling.finding.detail)}" for card in view.watched)
    return ["## Training", *base, table, *([said] if said else []), *_judges(view)]


def _audits(view: View) -> list[str]:
    """What each reward pays for besides quality, and how it ranks."""
    parts = []
    for audit in view.audits:
        ranked = [mark.figure for row in audit.ranks[0].rows for mark in row.marks] if audit.ranks else []
        rows = [[metric(each.estimate.metric).title, who(each), *_shown(each)] for each in ranked]
        rows += [
            [each.title, each.where, *_shown(each.effect)[:3], f"Holm p {each.holm or 'unknown'}"]
            for each in audit.paid
        ]
        header = ["What", "Of whom or where", "Figure", "95% interval or reason", "n", "Method"]
        parts += [f"### What {literal(audit.reward)} pays for", literal(audit.says), table_of(header, rows)]
    return ["## The audit of the reward", *parts] if parts else []


def _judges(view: View) -> list[str]:
    """What each reward model came to on held-out pairs."""
    header = ["What", "Whose pairs", "Before", "After", "95% interval or reason", "n"]
    parts = []
    for judge in view.judges:
        rows = [
            [
                row.title,
                row.who,
                words.value(row.before.estimate) if row.before else "",
                words.value(row.after.estimate),
                row.after.estimate.reason or words.interval(row.after.estimate),
                f"{row.after.estimate.n:,}",
            ]
            for row in judge.rows
        ]
        parts += [f"### {literal(judge.stage.job)}: held-out pairs", table_of(header, rows)]
    return parts


def _incidents(view: View) -> list[str]:
    """Incidents that are open come before all figures."""
    return [
        f"**Open incident ({literal(each.severity)}), entry {each.entry}:** {literal(each.by)} says: "
        f"{literal(each.what)}"
        for each in (view.answering.open if view.answering else ())
    ]


def _answering(view: View) -> list[str]:
    """Who signed what, by the list of the study."""
    found = view.answering
    if found is None:
        return []
    rows = [
        [
            person.name,
            ", ".join([*person.roles, *(["runs the jobs"] if person.runs else [])]),
            person.key,
            "; ".join(
                f"{each.text} (entry {each.entry}){' ' + each.quoted if each.quoted else ''}"
                for each in person.signed
            ),
        ]
        for person in found.people
    ]
    said = [f"- {literal(text)}" for text in found.faults]
    said += [f"- Missing for a release: {literal(text)}" for text in found.missing]
    told = [
        f"- Incident of entry {each.entry} ({literal(each.severity)}), {each.state}: {literal(each.what)}"
        + (f" {literal(each.answer.text)}: {literal(each.answer.quoted)}" if each.answer else "")
        for each in found.incidents
    ]
    owner = f"signed by an owner in entry {found.signed}" if found.signed is not None else "not signed"
    parts = [f"**{literal(found.state)}** The list of people is that of entry {found.listed}, {owner}."]
    parts.append(table_of(["Who", "Roles", "Public key", "Signed"], rows))
    return ["## Who signed what", *parts, *(["\n".join([*told, *said])] if told or said else [])]


def _provenance(view: View) -> list[str]:
    account = view.account
    owner = [f"- Answers for it: {literal(view.owner)}"] if view.owner else []
    signed = view.attested
    lines = [
        *owner,
        f"- Run by: {literal(', '.join(account.actors))}",
        f"- Run: `{view.story.run}`, {account.entries} ledger entries",
        f"- Tree head: `{account.root}`",
        f"- Signing key: `{account.key}`",
        *([f"- Attestations: {literal(signed.said)} (entry {signed.entry})"] if signed else []),
        "- Check: `duecare verify` on the run folder hashes every file and entry again",
        "- Full report: report.html beside this card; all figures: report.json",
        "- Further: bom.cdx.json (bill of materials), annex_iv.md (technical documentation), frameworks.md",
    ]
    return ["## Who answers for it, and how to check", "\n".join(lines)]
