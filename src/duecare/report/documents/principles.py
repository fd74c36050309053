"""The AI principles of the OECD (2019, as amended in 2024) and of Google (2025), each in our words.

Google's three principles have paragraphs without numbers: a word of ours behind the number tells which one
is meant.
"""

from __future__ import annotations

from duecare.report.documents.paper import Clause

_WORK = "what the organisation does with others"
OECD_SOURCE = (
    "Recommendation of the Council on Artificial Intelligence, OECD/LEGAL/0449, amended on 3 May 2024,"
    " Section 1. Section 2 is addressed to governments and is left out."
)
OECD = (
    Clause(
        "1.1",
        "It serves people and the planet: growth for all, well-being, less inequality, nature",
        ("purpose", "benefits", "fairness", "energy"),
        "what it does once in use",
    ),
    Clause(
        "1.2(a)",
        "Law, human rights, equal treatment, privacy and truth are respected throughout",
        ("law", "fairness", "personal", "private", "memorised", "rights"),
    ),
    Clause(
        "1.2(b)",
        "People can act and oversee, also against misuse and use beyond the purpose",
        ("oversight", "not_for", "review"),
    ),
    Clause(
        "1.3(i)",
        "People get a general idea of it: what it can do and what not",
        ("purpose", "usefulness", "not_for", "gates"),
    ),
    Clause("1.3(ii)", "People know that they deal with it", ("interface",), "what users are told in use"),
    Clause(
        "1.3(iii)",
        "What its output rests on can be understood, as far as is feasible",
        ("origin", "training", "explanations"),
    ),
    Clause("1.3(iv)", "Those it harms can challenge its output", ("contact", "incidents")),
    Clause(
        "1.4(a)",
        "It is robust, secure and safe in normal use, in foreseeable use and misuse",
        ("safety", "gates", "tampering", "sealed", "watched"),
    ),
    Clause("1.4(b)", "It can be overridden, repaired and taken out of use", ("oversight", "monitoring")),
    Clause(
        "1.4(c)",
        "It strengthens the integrity of information, and leaves free expression intact",
        ("risks", "safety"),
        "what it does once in use",
    ),
    Clause("1.5(a)", "Somebody answers for its proper working", ("owner", "roles", "signatures", "release")),
    Clause(
        "1.5(b)",
        "Data, processes and decisions can be traced",
        ("origin", "cleaning", "pipeline", "attempts", "record"),
    ),
    Clause(
        "1.5(c)",
        "Risks are managed at every stage of its life, with others in the chain",
        ("risks", "gates", "noticed", "waived", "incidents", "base"),
    ),
)
GOOGLE_SOURCE = (
    "Google, AI Principles, as revised in February 2025: https://ai.google/responsibility/principles/"
)
GOOGLE = (
    Clause(
        "1, benefits",
        "Built where the good it does clearly outweighs the risks that can be foreseen",
        ("benefits", "risks", "usefulness"),
    ),
    Clause(
        "1, method",
        "Advanced by scientific method and open inquiry",
        ("suites", "instruments", "attempts", "record"),
    ),
    Clause(
        "1, outcomes",
        "Aimed at real problems and outcomes that can be seen",
        ("purpose", "usefulness"),
        "what it does once in use",
    ),
    Clause(
        "2, oversight",
        "Overseen by people, with due diligence and feedback, in line with rights and law",
        ("oversight", "review", "gates", "law", "contact"),
    ),
    Clause(
        "2, research",
        "Safety and security are researched to known good practice",
        ("safety", "tampering", "sealed"),
        "research of the organisation",
    ),
    Clause(
        "2, safeguards",
        "Designed, tested, watched and safeguarded against unwanted outcomes and unfair bias",
        ("gates", "fairness", "watched", "care", "monitoring"),
    ),
    Clause(
        "2, privacy",
        "Privacy and security are promoted, intellectual property respected",
        ("personal", "private", "memorised", "licence", "rights", "kept"),
    ),
    Clause("3, building", "A technology on which others can build", ("shipped", "interface"), _WORK),
    Clause("3, researchers", "Worked on with researchers of industry and academia", (), _WORK),
    Clause("3, society", "Worked on with governments and civil society", (), _WORK),
)
