"""Maps to frameworks: to which of their points this run's ledger holds evidence, and where it holds none."""

from __future__ import annotations

from duecare.report.documents import iso42001, nist, nist_genai, principles
from duecare.report.documents.paper import Paper, mapped
from duecare.report.documents.topics import Evidence
from duecare.report.view import View

NIST, GENAI = "NIST AI Risk Management Framework 1.0", "NIST profile for generative AI"
ISO, OECD, GOOGLE = "ISO/IEC 42001:2023, Annex A", "OECD AI Principles", "Google AI Principles"


def frameworks(view: View) -> Paper:
    """The maps of one run."""
    evidence = Evidence(view)
    lead = (
        f"Written from the ledger of run {view.story.run} alone, up to entry {view.story.entries[-1].index}.",
        "Evidence: the ledger speaks to all that the point is about, as we read it, by figures or by what was"
        " declared. Partial: to some of it, or part of it cannot stand in a ledger. Nothing: to none of it."
        " None of the three says that a point is met: a gate that failed is evidence too. The points are told"
        " in our words; the texts themselves count. The facts behind a topic stand in annex_iv.md in full.",
    )
    chapters = [
        mapped(f"{NIST}: {function}", nist.SOURCE, clauses, evidence)
        for function, clauses in nist.CHAPTERS.items()
    ]
    chapters += [
        mapped(GENAI, nist_genai.SOURCE, nist_genai.CLAUSES, evidence),
        mapped(ISO, iso42001.SOURCE, iso42001.CLAUSES, evidence),
        mapped(OECD, principles.OECD_SOURCE, principles.OECD, evidence),
        mapped(GOOGLE, principles.GOOGLE_SOURCE, principles.GOOGLE, evidence),
    ]
    return Paper(f"Evidence in {view.story.name}, by framework", lead, tuple(chapters), whole=False)
