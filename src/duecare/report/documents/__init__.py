"""Documents for outsiders, from the ledger alone: a bill of materials, Annex IV, and maps to frameworks."""

from duecare.report.documents.annex import annex_iv
from duecare.report.documents.bom import bom
from duecare.report.documents.frameworks import frameworks
from duecare.report.documents.paper import Paper, markdown, page

__all__ = ["Paper", "annex_iv", "bom", "frameworks", "markdown", "page"]
