"""Detectors: what scores a text or points at places in it, each with a card that says how well."""

from duecare.detect.card import Card, Measured
from duecare.detect.table import DETECTORS, lacking, load, load_card, scorer_of
from duecare.detect.toxic import detect_toxicity

__all__ = ["DETECTORS", "Card", "Measured", "detect_toxicity", "lacking", "load", "load_card", "scorer_of"]
