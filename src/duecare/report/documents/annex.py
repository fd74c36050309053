"""Technical documentation along Annex IV of the EU AI Act, filled from the ledger as far as it goes.

Regulation (EU) 2024/1689, Annex IV, points 1 to 9, as published in the Official Journal of 12 July 2024. What
each point asks is said in our words; the text of the law is what counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from duecare.report.documents.fact import limits
from duecare.report.documents.paper import Clause, Paper, chapter
from duecare.report.documents.topics import Evidence
from duecare.report.view import View

SOURCE = "Regulation (EU) 2024/1689, Annex IV"

GENERAL = (
    Clause("1(a)", "What it is for, who provides it, which version this is", ("purpose", "owner", "version")),
    Clause("1(b)", "How it works together with other hardware and software, other AI included", ("setting",)),
    Clause("1(c)", "Versions of the software it needs, and what updates ask for", ("software", "changes")),
    Clause("1(d)", "All forms in which it is handed over", ("shipped", "results")),
    Clause("1(e)", "Hardware that it is to run on", ("hardware",)),
    Clause(
        "1(f)",
        "Where it is part of a product: how that looks from outside, its marking and its inside",
        (),
        "pictures or drawings of the product, where there is one",
    ),
    Clause("1(g)", "The interface that whoever deploys it gets, in outline", ("interface",)),
    Clause(
        "1(h)",
        "Instructions for whoever deploys it",
        ("interface", "users", "not_for", "contact"),
        "the instructions for use themselves",
    ),
)
DEVELOPMENT = (
    Clause(
        "2(a)",
        "Steps by which it was made, ready-made models and tools included, and what was done with these",
        ("base", "training", "pipeline", "software"),
    ),
    Clause(
        "2(b)",
        "Its logic, the choices of design and why they were made, for whom, what it is optimised for, what it"
        " is to put out and how good, and trade-offs",
        ("choices", "training", "rewards", "care", "usefulness"),
    ),
    Clause(
        "2(c)",
        "How its parts build on each other, and the computing that making and testing it took",
        ("pipeline", "software", "hardware", "time_taken", "energy"),
    ),
    Clause(
        "2(d)",
        "The data: what it is, where it comes from, how it was chosen, labelled and cleaned, who is in it",
        (
            *("origin", "rights", "shape", "in_data", "labels", "cleaning"),
            *("doubles", "data_harm", "tampering", "personal", "data_uses"),
        ),
    ),
    Clause(
        "2(e)",
        "Which oversight by people it needs (Article 14), and what helps them to read its output",
        ("oversight", "review", "explanations"),
    ),
    Clause("2(f)", "Changes that are foreseen from the start, and what keeps it within bounds", ("changes",)),
    Clause(
        "2(g)",
        "How it was validated and tested: data, figures for accuracy and robustness, discrimination, logs and"
        " signed reports",
        (
            "suites",
            "gates",
            "fairness",
            "safety",
            "usefulness",
            "watched",
            "instruments",
            "signatures",
            "record",
        ),
    ),
    Clause(
        "2(h)",
        "Security measures",
        ("sealed", "kept", "private", "memorised", "record"),
        "security of the place where it runs",
    ),
)
CONTROL = (
    Clause(
        "3, capabilities",
        "What it can and cannot do, how accurate it is for the people it is meant for, and overall",
        ("fairness", "usefulness", "gates", "not_for"),
    ),
    Clause(
        "3, risks",
        "Foreseeable unwanted outcomes and sources of risk to health, safety, rights and equal treatment",
        ("risks", "affected", "noticed"),
    ),
    Clause("3, oversight", "Oversight by people (Article 14), and help with reading output", ("oversight",)),
    Clause("3, input", "What may be put in", ("input",)),
)
REST = (
    Clause("4", "Why these figures are the right ones for this system", ("figures", "instruments", "gates")),
    Clause(
        "5",
        "The risk management system (Article 9)",
        ("risks", "gates", "noticed", "watched", "waived"),
        "the risk management system of the provider, beyond this run",
    ),
    Clause("6", "Changes in its life so far", ("version", "attempts", "erased")),
    Clause("7", "Standards that were applied, or what was done in their stead", ("law",)),
    Clause("8", "Copy of the EU declaration of conformity (Article 47)", ("declaration",), "the declaration"),
    Clause(
        "9",
        "How it is watched after it is in use (Article 72), with the plan for that",
        ("monitoring", "incidents", "release"),
        "the plan of Article 72(3)",
    ),
)
CHAPTERS: Mapping[str, tuple[Clause, ...]] = {
    "Point 1: the system in general": GENERAL,
    "Point 2: its parts and how it was made": DEVELOPMENT,
    "Point 3: monitoring, functioning, control": CONTROL,
    "Points 4 to 9": REST,
}


def annex_iv(view: View) -> Paper:
    """The documentation of one run."""
    evidence = Evidence(view)
    lead = (
        f"Written from the ledger of run {view.story.run} alone, up to entry {view.story.entries[-1].index}.",
        "What stands here follows the points of Annex IV, in our words. It is what there is, not a statement"
        " that the Regulation is met, nor that it applies. Measured: a ledger entry holds it. Declared:"
        " somebody says so in the study. Missing: neither; it is said what would fill the gap.",
        view.banner.text,
    )
    told: dict[str, str] = {}
    chapters = tuple(chapter(title, clauses, evidence, told) for title, clauses in CHAPTERS.items())
    return Paper(f"Technical documentation of {view.story.name}", lead, chapters, limits(view))
