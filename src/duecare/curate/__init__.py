"""Curation: sources in, rows kept, changed, dropped or set aside, each with its reason."""

from duecare.curate.canaries import Canaries
from duecare.curate.contamination import Decontaminate
from duecare.curate.overlap import Duplicates
from duecare.curate.poison import Poisoning
from duecare.curate.redact import Redact
from duecare.curate.represent import Audit, Balance
from duecare.curate.screen import Screen
from duecare.curate.source import Read
from duecare.curate.split import Split
from duecare.curate.stereotype import Stereotypes

__all__ = [
    "Audit",
    "Balance",
    "Canaries",
    "Decontaminate",
    "Duplicates",
    "Poisoning",
    "Read",
    "Redact",
    "Screen",
    "Split",
    "Stereotypes",
]
