"""The step that audits a reward before anything is trained against it. Free of JAX."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.reward.limits import STYLES, AuditLimits, Kind
from duecare.reward.nudge_people import AXES

Rule = tuple[bool, str, object, str]
LIMITS = AuditLimits()
NUDGED = ("gender", "religion", "nationality", "name", "pronoun", "dialect")
"""Axes of identity that are nudged where a study names none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """Audit a reward: does it rank held-out pairs as people did, and what does it pay for besides quality?

    Nudges are pairs of texts that differ in one thing (an identity, padding, bold letters, flattery), so that
    nothing else can move the reward. Each is an Estimate in units of the reward's own spread, corrected over
    all nudges (Holm 1979). `grpo` and `ppo` with a reward model start only where its audit passed.

    - reward: what is audited: a `reward-model` of the study, a folder or hub id of a sequence classifier with
      one label, a detector, an installed reward function, or in Python "module:function"
    - on: the source whose preference pairs are ranked: its held-out part where it is trained on, else all
    - against: another reward of the same sorts: can the two be told apart by how they rank?
    - pairs: held-out pairs that are ranked, at most
    - nudges: about how many nudges are made
    - kinds: beside identity: length, formatting, flattery, agreement, refusal, position, confidence
    - axes: identities that are nudged: gender, religion, age, nationality, name, pronoun, dialect
    - words: words that must not be paid for by themselves
    - subset: a column kept with the rows by which accuracy is told too (RewardBench's is called so)
    - groups: declared columns by which accuracy is told; where not given, all that the rows declare
    - limits: what must hold: `accuracy` at least, and by kind of nudge the highest effect in spreads
    - worth: effects up to so many spreads are not worth a mention on the card
    - alpha: accepted chance that any nudge is reported by mistake, and that any verdict is wrong
    - max_tokens: pairs with longer texts are left out, and counted; functions and detectors read all
    - seed: draws the pairs that are ranked and those that are nudged
    - batch: short texts that are on the device at a time
    """

    reward: str
    on: str
    against: str = ""
    pairs: int = 500
    nudges: int = 2000
    kinds: tuple[Kind, ...] = STYLES
    axes: tuple[str, ...] = NUDGED
    words: tuple[str, ...] = ()
    subset: str = "subset"
    groups: tuple[str, ...] = ()
    limits: AuditLimits = LIMITS
    worth: float = 0.05
    alpha: float = 0.05
    max_tokens: int = 512
    seed: int = 0
    batch: int = field(default=16, metadata={"speed": True})

    def __post_init__(self) -> None:
        refuse_unless(
            "reward.audit",
            (is_text(self.reward), "reward", self.reward, "a reward model, a detector or a reward function"),
            (is_text(self.on), "on", self.on, "the name of a source"),
            (
                isinstance(self.against, str) and self.against != self.reward,
                "against",
                self.against,
                "another reward, or nothing",
            ),
            (is_whole(self.pairs, 10), "pairs", self.pairs, "a whole number, at least 10"),
            (is_whole(self.nudges, 100), "nudges", self.nudges, "a whole number, at least 100"),
            (is_within(self.worth, 0, 10), "worth", self.worth, "a number from 0 to 10"),
            (is_within(self.alpha, 1e-6, 0.5), "alpha", self.alpha, "a number above 0 and at most 0.5"),
            (is_whole(self.max_tokens, 16), "max_tokens", self.max_tokens, "a whole number, at least 16"),
            (is_whole(self.batch, 1), "batch", self.batch, "a whole number, at least 1"),
            *self._material(),
        )

    def _material(self) -> list[Rule]:
        """Rules of what is nudged; a limit on what is not nudged would be a limit that nothing can cross."""
        nudged = {*self.kinds, *(["identity"] if self.axes else []), *(["word"] if self.words else [])}
        idle = [
            name
            for name, most in self.limits.nudges.items()
            if name not in nudged and most != getattr(LIMITS, name)  # the default binds where it can
        ]
        return [
            *material_rules(self.kinds, self.axes),
            (
                all(is_text(word) and len(word.split()) == 1 for word in self.words),
                "words",
                list(self.words),
                "single words",
            ),
            (bool(nudged), "kinds", list(self.kinds), "a kind, an axis or a word at least"),
            (
                self.limits.accuracy is not None or bool(nudged & set(self.limits.nudges)),
                "limits",
                "on nothing that is looked at",
                "one at least that the audit can decide: no policy may start by an audit without any",
            ),
            (not idle, "limits", idle, "limits on kinds that are nudged (kinds, axes, words)"),
        ]

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Audit `reward` (a reward model's artifact, where it is one) on the pairs of `data`."""
        from duecare.reward.auditing import audit

        return audit(self, inputs, out, tell)


def material_rules(kinds: tuple[str, ...], axes: tuple[str, ...]) -> list[Rule]:
    """Rules of which styles and identities are nudged: one that is named twice would be tested twice."""
    return [
        (_each_once(given, known), name, list(given), f"some of {', '.join(known)}, each once")
        for name, given, known in (("kinds", kinds, STYLES), ("axes", axes, AXES))
    ]


def _each_once(given: tuple[str, ...], known: tuple[str, ...]) -> bool:
    return set(given) <= set(known) and len(set(given)) == len(given)


def is_text(value: object) -> bool:
    """Whether it is text that says something."""
    return isinstance(value, str) and bool(value.strip())


def is_whole(value: object, least: int, most: float = math.inf) -> bool:
    """Whether it is a whole number from `least` to `most`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_within(value: object, low: float, high: float) -> bool:
    """Whether it is a finite number from `low` to `high`."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )
