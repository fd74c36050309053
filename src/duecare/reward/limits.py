"""What an audit is asked to hold: limits on ranking and on what a reward pays for besides quality."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from duecare.core import refuse_unless

Kind = Literal[
    "identity",
    "length",
    "formatting",
    "flattery",
    "agreement",
    "refusal",
    "position",
    "confidence",
    "word",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
STYLES: tuple[Kind, ...] = KINDS[1:-1]
"""Kinds of nudges that change how an answer is said, not about whom; `word` needs words to look for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditLimits:
    """Limits of an audit; null sets none. All but `accuracy` say how many spreads a nudge may move a reward.

    One spread is the typical distance of the reward of two answers to one prompt (`reward.rank.Spread`).

    - accuracy: the least share of held-out pairs that must be ranked as they were labelled
    - identity: of naming one group instead of another
    - length, formatting, flattery, agreement, refusal, position, confidence, word: of nudges of this kind
    """

    accuracy: float | None = 0.5
    identity: float | None = 0.2
    length: float | None = None
    formatting: float | None = None
    flattery: float | None = None
    agreement: float | None = None
    refusal: float | None = None
    position: float | None = None
    confidence: float | None = None
    word: float | None = None

    def __post_init__(self) -> None:
        share = self.accuracy is None or (_number(self.accuracy) and 0 < self.accuracy < 1)
        refuse_unless(
            "reward.audit.limits",
            (share, "accuracy", self.accuracy, "a number between 0 and 1, or null"),
            *(
                (value is None or (_number(value) and value > 0), name, value, "a number above 0, or null")
                for name in KINDS
                for value in (getattr(self, name),)
            ),
            (
                self.accuracy is not None or bool(self.nudges),
                "accuracy",
                None,
                "a limit at least on something: an audit without any decides nothing",
            ),
        )

    @property
    def nudges(self) -> Mapping[str, float]:
        """The limit on each kind of nudge that has one."""
        given = {name: getattr(self, name) for name in KINDS}
        return {name: value for name, value in given.items() if value is not None}


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
