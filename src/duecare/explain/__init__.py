"""Why a model said this: words that mattered, what layers know, where a gap arises, and whether it is so."""

from duecare.explain.attribution import Attribution, attribute, rather, rather_for
from duecare.explain.detector import occluded
from duecare.explain.words import Words

__all__ = ["Attribution", "Words", "attribute", "occluded", "rather", "rather_for"]
