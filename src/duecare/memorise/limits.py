"""What is to be held of a model's memory: limits that make a figure a condition of release."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from duecare.core import refuse_unless


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoriseLimits:
    """Limits on what canaries and rows show; null sets none. Each holds where every figure of its kind does.

    - exposure: the highest mean exposure in bits, of any place and number of repeats; 1.44 is that of
      canaries that nobody was trained on
    - tpr: the highest true-positive rate at 1% false positives, by the ratio to the base model, of canaries
      of any place and number of repeats and of rows
    - regurgitated: the highest share of placed canaries that come back word for word, of any place and number
      of repeats
    """

    exposure: float | None = None
    tpr: float | None = None
    regurgitated: float | None = None

    def __post_init__(self) -> None:
        bits = self.exposure is None or (_number(self.exposure) and self.exposure > 0)
        refuse_unless(
            "memorise.canaries.limits",
            (bits, "exposure", self.exposure, "bits, a number above 0, or null"),
            *(
                (value is None or (_number(value) and 0 < value < 1), name, value, "a share, or null")
                for name, value in (("tpr", self.tpr), ("regurgitated", self.regurgitated))
            ),
        )

    @property
    def given(self) -> Mapping[str, float]:
        """The limits that are set, by name."""
        every = {"exposure": self.exposure, "tpr": self.tpr, "regurgitated": self.regurgitated}
        return {name: value for name, value in every.items() if value is not None}


NO_LIMITS = MemoriseLimits()


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
