"""Actions of NIST's profile for generative AI (NIST AI 600-1, 2024) that a run of post-training bears upon.

Only those are named to which a ledger of such a run can speak at all; the profile has many more, most of them
on policies, provenance of generated content and use. Each is said in our words.
"""

from __future__ import annotations

from duecare.report.documents.paper import Clause

SOURCE = (
    "NIST AI 600-1 (July 2024): https://doi.org/10.6028/NIST.AI.600-1."
    " Only actions that post-training bears upon."
)

CLAUSES = (
    Clause(
        "MP-2.3-002",
        "Accuracy, representativeness and fitness of the data at each stage",
        ("in_data", "shape", "cleaning", "data_uses"),
    ),
    Clause("MP-4.1-004", "How training data was curated is written down", ("cleaning", "origin")),
    Clause(
        "MP-4.1-005",
        "Rules for collecting and keeping data, and its least quality",
        ("origin", "kept", "personal", "data_harm"),
        "the rules themselves",
    ),
    Clause(
        "MP-4.1-007",
        "A model tuned on somebody else's model is evaluated again",
        ("base", "fairness", "safety"),
    ),
    Clause("MP-4.1-009", "Personal data in answers is looked for", ("memorised", "safety")),
    Clause(
        "MP-4.1-010",
        "Rights and privacy of the training data are looked into",
        ("licence", "rights", "personal"),
    ),
    Clause(
        "MS-1.1-006",
        "Whether answers treat groups alike is watched all along",
        ("watched", "fairness", "monitoring"),
    ),
    Clause("MS-1.1-009", "Risks that cannot be put in figures are told, with why", ("risks",)),
    Clause("MS-1.3-002", "People who know the setting or are concerned judge it", ("review",)),
    Clause("MS-1.3-003", "Those who judge did not build it", ("review", "roles", "signatures")),
    Clause(
        "MS-2.2-004",
        "Techniques such as differential privacy keep people from being found in answers",
        ("private", "personal"),
    ),
    Clause("MS-2.3-001", "The base model's own results are considered", ("base", "fairness", "usefulness")),
    Clause(
        "MS-2.3-002", "Claims of ability are tested by sound methods", ("suites", "usefulness", "instruments")
    ),
    Clause(
        "MS-2.3-003",
        "Those who approve a release get the results of tests",
        ("release", "signatures", "gates"),
    ),
    Clause("MS-2.5-001", "Nothing is concluded from few or picked cases", ("gates", "noticed")),
    Clause(
        "MS-2.5-002",
        "How far people's knowledge shaped it (preferences, tuning, rules) is told",
        ("training", "rewards", "review"),
    ),
    Clause(
        "MS-2.5-005", "Where training and test data come from is verified", ("origin", "tampering", "record")
    ),
    Clause(
        "MS-2.6-002",
        "Bias, breach of rights or privacy, and violent or obscene texts in training data",
        ("data_harm", "personal", "in_data", "licence"),
    ),
    Clause(
        "MS-2.6-003",
        "Safety of a tuned model is evaluated again where risk is too high",
        ("safety", "gates", "attempts"),
    ),
    Clause("MS-2.6-006", "Requests for harmful things are handled", ("safety",)),
    Clause(
        "MS-2.7-001",
        "Threats such as backdoors and leaks are assessed",
        ("tampering", "memorised", "sealed"),
        "security of the place where it runs",
    ),
    Clause(
        "MS-2.7-007",
        "Attacks are tried, among them poisoned data and membership inference",
        ("tampering", "memorised"),
        "attacks by prompts, and abuse of it against other systems",
    ),
    Clause("MS-2.7-008", "Tuning has not undone safety", ("safety", "watched", "gates")),
    Clause("MS-2.8-002", "Instructions to annotators are on record", ("labels", "review")),
    Clause(
        "MS-2.8-003",
        "A history of generated content that cannot be changed unseen, and of changes through its life",
        ("record", "attempts"),
        "the history of what it generates in use",
    ),
    Clause(
        "MS-2.9-001",
        "Explanations are made and told (attributions, counterfactual prompts)",
        ("explanations",),
    ),
    Clause(
        "MS-2.9-002",
        "Details of the model: use, data, design, training, evaluation, ethics, law",
        ("purpose", "base", "training", "origin", "suites", "risks", "law"),
    ),
    Clause(
        "MS-2.10-001",
        "Attacks on privacy are tried: training data coming back, membership",
        ("memorised",),
        "extraction of the model itself",
    ),
    Clause("MS-2.10-003", "Repeated rows of training data are looked for", ("doubles",)),
    Clause(
        "MS-2.11-001",
        "Benchmarks of bias and stereotypes, with their limits and with contamination",
        ("fairness", "tampering", "instruments"),
    ),
    Clause("MS-2.11-002", "Fairness by group, with counterfactual prompts", ("fairness", "gates")),
    Clause("MS-2.11-003", "Who could be touched is found out with them", ("affected", "review")),
    Clause(
        "MS-2.11-004",
        "Sources of bias in the data are measured and told",
        ("in_data", "data_harm", "cleaning"),
    ),
    Clause("MS-2.11-005", "How much of the training data is made by machines", ("cleaning", "origin")),
    Clause(
        "MS-2.12-003",
        "Energy and other resources of training are measured or estimated",
        ("energy", "time_taken"),
    ),
    Clause("MS-2.13-001", "Errors of each metric are known", ("instruments", "review")),
    Clause("MS-3.3-003", "Biases and stereotypes in answers are evaluated", ("fairness", "review")),
    Clause("MS-4.2-003", "Explanations are used to see whether it does what it is for", ("explanations",)),
    Clause(
        "MG-1.3-001",
        "Trade-offs and decisions on release are told",
        ("choices", "gates", "waived", "release"),
    ),
    Clause("MG-2.2-002", "Sources of training data are on record", ("origin",)),
    Clause(
        "MG-2.2-004", "Bias in data and answers is looked for and lessened", ("care", "fairness", "in_data")
    ),
    Clause(
        "MG-3.1-002",
        "Risks of the supply chain, poisoned data among them, are tested",
        ("tampering", "base", "software"),
    ),
    Clause("MG-3.1-003", "Risks are assessed again after tuning", ("fairness", "safety", "gates")),
    Clause(
        "MG-3.2-002",
        "How a ready-made model was adapted is told, and the untuned one is at hand",
        ("base", "training", "results"),
    ),
    Clause(
        "MG-3.2-003",
        "Sources, biases and training process are told",
        ("origin", "in_data", "training", "time_taken"),
    ),
)
