"""How the figures of one metric are written and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["share", "points", "ratio", "count", "number", "signed"]
"""Per cent, percentage points, ratio, whole number, number, number with its sign."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How one metric is shown: `title`, one sentence `says`, number `form`, the value of "no difference".

    `better` says which direction is good ("lower", "higher", "near" the neutral value, or "" where
    neither is). `log` draws it on a logarithmic scale. `unit` is said once, beside the figures.
    """

    title: str
    says: str = ""
    form: Form = "number"
    neutral: float | None = None
    better: str = ""
    log: bool = False
    unit: str = ""
