"""ISO/IEC 42001:2023, Annex A: its 38 controls by number, each in our words.

The controls are about the management system of an organisation; one run gives evidence to some of them, and
meets none alone.
"""

from __future__ import annotations

from duecare.report.documents.paper import Clause

SOURCE = "ISO/IEC 42001:2023, Annex A, controls A.2.2 to A.10.4"
_SYSTEM = "the management system of the organisation"

CLAUSES = (
    Clause("A.2.2", "There is a policy for AI", (), _SYSTEM),
    Clause("A.2.3", "It fits the organisation's other policies", (), _SYSTEM),
    Clause("A.2.4", "It is reviewed", (), _SYSTEM),
    Clause("A.3.2", "Roles and duties are given out", ("owner", "roles", "signatures"), _SYSTEM),
    Clause("A.3.3", "Concerns can be reported", ("contact", "incidents"), _SYSTEM),
    Clause("A.4.2", "What a system is made with is written down", ("pipeline", "software", "base"), _SYSTEM),
    Clause("A.4.3", "The data it is made with", ("origin", "shape", "in_data"), _SYSTEM),
    Clause("A.4.4", "The tools it is made with", ("software", "instruments"), _SYSTEM),
    Clause("A.4.5", "The machines and computing it takes", ("hardware", "time_taken"), _SYSTEM),
    Clause("A.4.6", "The people and their skills", ("roles",), "records of competence"),
    Clause("A.5.2", "There is a way to assess what a system does to people", (), _SYSTEM),
    Clause("A.5.3", "Such assessments are written down and kept", ("affected", "risks"), _SYSTEM),
    Clause(
        "A.5.4",
        "Effects on individuals and groups are assessed",
        ("affected", "fairness", "in_data", "gates"),
    ),
    Clause("A.5.5", "Effects on society are assessed", ("benefits", "affected"), _SYSTEM),
    Clause("A.6.1.2", "Aims for responsible development are set", ("gates", "purpose"), _SYSTEM),
    Clause(
        "A.6.1.3",
        "There are processes for responsible design and development",
        ("pipeline", "gates", "roles"),
        _SYSTEM,
    ),
    Clause("A.6.2.2", "Requirements of the system are specified", ("purpose", "not_for", "input", "gates")),
    Clause("A.6.2.3", "Design and development are documented", ("choices", "training", "pipeline", "record")),
    Clause(
        "A.6.2.4",
        "It is verified and validated, by criteria set before",
        ("suites", "gates", "fairness", "usefulness", "review"),
    ),
    Clause(
        "A.6.2.5",
        "There is a plan for deploying it, and what must hold first",
        ("release", "signatures", "shipped"),
        _SYSTEM,
    ),
    Clause("A.6.2.6", "Operation is watched, mended and updated", ("monitoring", "incidents"), _SYSTEM),
    Clause("A.6.2.7", "Technical documentation for those who need it", ("record", "interface", "setting")),
    Clause(
        "A.6.2.8", "Events are logged, at the least while it is in use", ("record", "attempts"), "logs of use"
    ),
    Clause(
        "A.7.2", "How data for development is managed", ("cleaning", "kept", "sealed", "personal"), _SYSTEM
    ),
    Clause("A.7.3", "How data was acquired and chosen", ("origin", "rights", "licence")),
    Clause(
        "A.7.4",
        "Quality of data is defined and reached",
        ("shape", "doubles", "data_harm", "tampering", "in_data"),
    ),
    Clause("A.7.5", "Where data comes from is recorded through its life", ("origin", "cleaning", "record")),
    Clause("A.7.6", "How data is prepared, and why so", ("cleaning", "labels", "personal")),
    Clause(
        "A.8.2", "Users get the information they need", ("users", "interface", "not_for", "contact"), _SYSTEM
    ),
    Clause("A.8.3", "Those concerned can report bad effects from outside", ("contact",), _SYSTEM),
    Clause("A.8.4", "There is a plan for telling users of incidents", ("incidents",), _SYSTEM),
    Clause("A.8.5", "What must be reported to others is known and reported", ("law", "record"), _SYSTEM),
    Clause("A.9.2", "There are processes for responsible use", ("oversight", "release"), _SYSTEM),
    Clause("A.9.3", "Aims for responsible use are set", ("purpose", "gates"), _SYSTEM),
    Clause("A.9.4", "It is used as intended", ("purpose", "users", "not_for"), "what is done with it in use"),
    Clause("A.10.2", "Duties are shared out between the organisation and others", ("roles",), _SYSTEM),
    Clause(
        "A.10.3", "Suppliers' parts fit the organisation's approach", ("base", "licence", "software"), _SYSTEM
    ),
    Clause("A.10.4", "What customers need and expect is heeded", ("users", "contact"), _SYSTEM),
)
