"""The NIST AI Risk Management Framework 1.0 (NIST AI 100-1, 2023), by number, each subcategory in our words.

All 72 subcategories stand here, so that what a run cannot say is seen too.
"""

from __future__ import annotations

from duecare.report.documents.paper import Clause

SOURCE = "NIST AI 100-1 (January 2023), the core: https://doi.org/10.6028/NIST.AI.100-1"
_POLICY = "policies of the organisation"
_PRACTICE = "practice of the organisation"

GOVERN = (
    Clause("GOVERN 1.1", "What the law asks is known and written down", ("law",), _POLICY),
    Clause("GOVERN 1.2", "Trustworthiness is part of how the organisation works", (), _POLICY),
    Clause(
        "GOVERN 1.3",
        "How much risk management is needed is worked out from how much risk is borne",
        (),
        _POLICY,
    ),
    Clause(
        "GOVERN 1.4", "The way risks are managed, and its results, can be seen", ("gates", "record"), _POLICY
    ),
    Clause(
        "GOVERN 1.5",
        "Watching and reviewing are planned, with who does it and how often",
        ("roles",),
        _POLICY,
    ),
    Clause("GOVERN 1.6", "There is an inventory of AI systems", ("results", "record"), "the inventory"),
    Clause("GOVERN 1.7", "Systems are taken out of use safely", ("monitoring", "erased"), _POLICY),
    Clause("GOVERN 2.1", "Who does what is written down and clear", ("owner", "roles"), _PRACTICE),
    Clause("GOVERN 2.2", "People are trained for it", (), "records of training"),
    Clause("GOVERN 2.3", "Those at the top answer for decisions on risk", ("owner", "signatures"), _PRACTICE),
    Clause("GOVERN 3.1", "Decisions draw on a diverse team", (), _PRACTICE),
    Clause(
        "GOVERN 3.2", "Roles in overseeing AI are set apart from each other", ("roles", "oversight"), _POLICY
    ),
    Clause("GOVERN 4.1", "Critical thinking and safety come first in how people work", (), _PRACTICE),
    Clause(
        "GOVERN 4.2", "Teams write down risks and impacts, and tell of them", ("risks", "affected"), _PRACTICE
    ),
    Clause(
        "GOVERN 4.3",
        "Testing, finding incidents and sharing them is made possible",
        ("suites", "incidents"),
        _PRACTICE,
    ),
    Clause(
        "GOVERN 5.1", "Feedback from outside the team is gathered and used", ("review", "contact"), _PRACTICE
    ),
    Clause("GOVERN 5.2", "What was decided on feedback comes back into the design", ("review",), _PRACTICE),
    Clause(
        "GOVERN 6.1",
        "Risks from others' software and data, and their rights, are dealt with",
        ("base", "licence"),
        _POLICY,
    ),
    Clause("GOVERN 6.2", "There is a plan for failures of others' data or systems", (), _POLICY),
)
MAP = (
    Clause(
        "MAP 1.1",
        "Purpose, users, setting, laws, and good and bad effects are understood",
        ("purpose", "users", "affected", "setting", "law"),
    ),
    Clause("MAP 1.2", "Who sets the context is diverse, and that is on record", ("roles",), _PRACTICE),
    Clause("MAP 1.3", "What the organisation wants of AI is understood", ("purpose",), _PRACTICE),
    Clause("MAP 1.4", "The value for the business is clear", ("benefits",), _PRACTICE),
    Clause("MAP 1.5", "How much risk is borne is decided", ("gates",), _POLICY),
    Clause(
        "MAP 1.6", "Requirements are gathered, and design heeds what it does to people", ("choices", "gates")
    ),
    Clause("MAP 2.1", "The task and how it is done are defined", ("purpose", "base", "training")),
    Clause(
        "MAP 2.2",
        "Limits of what it knows, and how people use and oversee its output",
        ("not_for", "oversight", "noticed"),
    ),
    Clause(
        "MAP 2.3",
        "Soundness of design, data and tests is considered",
        ("origin", "shape", "in_data", "suites", "instruments"),
    ),
    Clause("MAP 3.1", "Benefits are examined", ("benefits", "usefulness")),
    Clause("MAP 3.2", "Costs of errors, in money or not, are examined", ("risks", "affected")),
    Clause("MAP 3.3", "The scope of its use is set", ("not_for", "input")),
    Clause("MAP 3.4", "Those who run it are able to, by a standard", ("users",), "records of proficiency"),
    Clause("MAP 3.5", "Oversight by people is defined", ("oversight", "review"), _POLICY),
    Clause(
        "MAP 4.1",
        "Risks of each part, others' data and software and their rights included, are mapped",
        ("base", "licence", "tampering", "software"),
    ),
    Clause("MAP 4.2", "Controls on each part are known", ("cleaning", "watched", "gates")),
    Clause("MAP 5.1", "How likely and how large each effect is", ("risks", "affected", "fairness")),
    Clause("MAP 5.2", "There are people and ways to hear of effects", ("contact", "review"), _PRACTICE),
)
MEASURE = (
    Clause(
        "MEASURE 1.1",
        "Metrics are chosen for the gravest risks; what is not measured is said",
        ("figures", "suites", "gates"),
    ),
    Clause(
        "MEASURE 1.2",
        "Metrics and controls are themselves looked at again",
        ("instruments", "review"),
        _PRACTICE,
    ),
    Clause(
        "MEASURE 1.3",
        "People who did not build it take part in assessing it",
        ("review", "signatures"),
        _PRACTICE,
    ),
    Clause(
        "MEASURE 2.1", "Test sets, metrics and tools are on record", ("suites", "instruments", "software")
    ),
    Clause(
        "MEASURE 2.2",
        "Evaluation with people protects them and represents those concerned",
        ("review",),
        "how people were protected",
    ),
    Clause(
        "MEASURE 2.3",
        "Performance is measured in conditions like those of use",
        ("usefulness", "suites", "setting"),
    ),
    Clause("MEASURE 2.4", "It is watched in use", ("monitoring", "incidents"), _PRACTICE),
    Clause(
        "MEASURE 2.5",
        "It is shown to be valid and reliable, with the limits of that",
        ("usefulness", "gates", "not_for"),
    ),
    Clause(
        "MEASURE 2.6",
        "It is tested for safety, and fails safely",
        ("safety", "gates", "watched"),
        "how it fails in use",
    ),
    Clause(
        "MEASURE 2.7",
        "Security and resilience are evaluated",
        ("sealed", "tampering", "memorised", "record"),
        "security of the place where it runs",
    ),
    Clause(
        "MEASURE 2.8",
        "Risks to transparency and accountability are examined",
        ("roles", "signatures", "record", "attempts"),
    ),
    Clause(
        "MEASURE 2.9",
        "The model is explained and validated, and its output read in context",
        ("explanations", "usefulness"),
    ),
    Clause(
        "MEASURE 2.10",
        "Risks to privacy are examined",
        ("personal", "private", "memorised", "sealed", "erased"),
    ),
    Clause("MEASURE 2.11", "Fairness and bias are evaluated", ("fairness", "in_data", "data_harm", "gates")),
    Clause("MEASURE 2.12", "Effects on the environment are assessed", ("energy", "time_taken")),
    Clause("MEASURE 2.13", "How well measuring itself works is evaluated", ("instruments", "review")),
    Clause(
        "MEASURE 3.1", "Known and new risks are followed over time", ("incidents", "monitoring"), _PRACTICE
    ),
    Clause("MEASURE 3.2", "Risks that are hard to measure are followed too", ("risks",), _PRACTICE),
    Clause(
        "MEASURE 3.3",
        "Users and those concerned can report and appeal, and that enters the metrics",
        ("contact", "incidents"),
        _PRACTICE,
    ),
    Clause(
        "MEASURE 4.1",
        "Measuring fits the place of use, with advice from those who know it",
        ("setting", "review"),
        _PRACTICE,
    ),
    Clause("MEASURE 4.2", "Results are held against what experts and users see", ("review",), _PRACTICE),
    Clause(
        "MEASURE 4.3",
        "Gains and losses that the field reports are on record",
        ("attempts", "incidents"),
        _PRACTICE,
    ),
)
MANAGE = (
    Clause(
        "MANAGE 1.1",
        "It is decided whether it does what it is for, and whether to go on",
        ("gates", "release"),
    ),
    Clause("MANAGE 1.2", "Risks are treated in order of weight", ("risks",), _PRACTICE),
    Clause(
        "MANAGE 1.3",
        "Answers to the gravest risks are planned: lessen, hand on, avoid or accept",
        ("risks", "noticed", "waived", "care"),
    ),
    Clause(
        "MANAGE 1.4",
        "What risk remains is told to those who take it over and to users",
        ("noticed", "not_for", "waived"),
    ),
    Clause("MANAGE 2.1", "Resources and ways without AI are weighed", ("choices",), _PRACTICE),
    Clause("MANAGE 2.2", "Its value is kept up in use", ("monitoring",), _PRACTICE),
    Clause(
        "MANAGE 2.3", "There is a way to answer a risk nobody knew of", ("incidents", "monitoring"), _POLICY
    ),
    Clause(
        "MANAGE 2.4",
        "It can be replaced or switched off, and somebody is in charge of that",
        ("oversight", "monitoring", "roles"),
        _PRACTICE,
    ),
    Clause(
        "MANAGE 3.1", "Risks from others' resources are watched", ("base", "licence", "tampering"), _PRACTICE
    ),
    Clause("MANAGE 3.2", "Ready-made models are watched like the rest", ("base", "fairness"), _PRACTICE),
    Clause(
        "MANAGE 4.1",
        "The plan for watching after release is carried out",
        ("monitoring", "incidents", "contact"),
        _PRACTICE,
    ),
    Clause(
        "MANAGE 4.2",
        "Updates bring measurable gains, with those concerned heard",
        ("attempts", "version"),
        _PRACTICE,
    ),
    Clause(
        "MANAGE 4.3",
        "Incidents are told to those concerned, followed and answered",
        ("incidents",),
        "what was told to those concerned",
    ),
)
CHAPTERS = {"GOVERN": GOVERN, "MAP": MAP, "MEASURE": MEASURE, "MANAGE": MANAGE}
