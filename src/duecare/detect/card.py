"""Card: what a detector is, what it was measured on, where it fails, and what it must not be used for."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

from duecare.core.errors import DuecareError
from duecare.core.wire import Noun, decode

_ERRORS = ("false positive", "false negative", "error", "share pointed at")
"""Metrics of which less is better; of all others on cards (AUC, precision, recall) more is."""


class Measured(Noun, frozen=True, kw_only=True):
    """One figure about a detector: `metric` on `part` of `data`, with its interval.

    `data` was not used to make the detector unless `part` says so.
    """

    data: str
    part: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    method: str
    level: float = 0.95

    @property
    def badness(self) -> float:
        """How far from perfect, 0 to 1: an error rate, what a hit rate lacks, an AUC against chance."""
        named = self.metric.lower()
        if any(word in named for word in _ERRORS):
            return self.value
        return min(1.0, 2 * (1 - self.value)) if "auc" in named else 1 - self.value


class Card(Noun, frozen=True, kw_only=True):
    """The card of one detector.

    `kind` is "score" (one number a text) or "span" (places in a text). `attribution` holds a line for
    each source it was made from, as that source's licence asks. `files` maps what it is shipped with
    (relative to the package) to SHA-256. `heads` are the scores a
    detector gives one by one (`load(name, heads)`).
    """

    name: str
    version: str
    kind: Literal["score", "span"]
    what: str
    measured_on: tuple[Measured, ...]
    limits: tuple[str, ...]
    not_for: tuple[str, ...]
    licence: str
    attribution: tuple[str, ...] = ()
    files: dict[str, str] = {}
    heads: tuple[str, ...] = ()

    @property
    def worst_first(self) -> tuple[Measured, ...]:
        """What it was measured on, the figure farthest from perfect first."""
        return tuple(sorted(self.measured_on, key=lambda each: -each.badness))

    @property
    def instrument(self) -> str:
        """Name and version as they stand in Scores and spans: "toxicity@1"."""
        return f"{self.name}@{self.version}"


@cache
def read_card(name: str) -> Card:
    """The card shipped for one of our own detectors."""
    path = resources.files("duecare.detect") / "cards" / f"{name}.json"
    try:
        return decode(path.read_bytes(), Card)
    except FileNotFoundError as error:
        raise DuecareError(f"no card is shipped for detector {name!r}") from error
