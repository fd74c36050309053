"""Why a model said this: words that mattered, what layers know, where a gap arises, and whether it is so."""

from duecare.explain.attribution import Attribution, attribute, rather, rather_for
from duecare.explain.between import gap_map, known_by_layer, lens_by_layer
from duecare.explain.detector import occluded
from duecare.explain.layers import Layers
from duecare.explain.words import Words

__all__ = [
    "Attribution",
    "Layers",
    "Words",
    "attribute",
    "gap_map",
    "known_by_layer",
    "lens_by_layer",
    "occluded",
    "rather",
    "rather_for",
]
