"""The five nouns and what carries them; no I/O, no clock, no randomness."""

from duecare.core.errors import (
    DataError,
    DuecareError,
    LedgerError,
    ModelError,
    Problem,
    StoppedError,
    StudyError,
    refuse_unless,
)
from duecare.core.estimate import Estimate, exact, unknown
from duecare.core.example import Example, Group, Message
from duecare.core.finding import FAIL, INSUFFICIENT, PASS, Finding, Verdict
from duecare.core.score import Score, Scorer, SpanFinder
from duecare.core.step import Artifact, Artifacts, Note, Outcome, Progress, Step, Tell

__all__ = [
    "FAIL",
    "INSUFFICIENT",
    "PASS",
    "Artifact",
    "Artifacts",
    "DataError",
    "DuecareError",
    "Estimate",
    "Example",
    "Finding",
    "Group",
    "LedgerError",
    "Message",
    "ModelError",
    "Note",
    "Outcome",
    "Problem",
    "Progress",
    "Score",
    "Scorer",
    "SpanFinder",
    "Step",
    "StoppedError",
    "StudyError",
    "Tell",
    "Verdict",
    "exact",
    "refuse_unless",
    "unknown",
]
