"""What a private training step promises, and what it refuses. Free of JAX.

The engine is `duecare.train.engine_private`; what the promise covers and what it does not is in
`duecare.train.private_claim`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from duecare.core import refuse_unless
from duecare.train.rules import Rule, named, real, whole

Unit = Literal["example", "person"]
MOST_EPSILON = 1_000.0

_TELLS = "with privacy: an end or a choice made by private figures tells of them"
GIVES_AWAY: dict[str, tuple[Callable[[Any], bool], str]] = {
    "on_crossing": (lambda value: value in (None, "warn"), f"warn {_TELLS}"),
    "patience": (lambda value: value is None, f"none {_TELLS}"),
    "keep": (lambda value: value == "last", f"last {_TELLS}"),
    "batch_tokens": (lambda value: value is None, "none with privacy: packed rows would share a gradient"),
    "accumulate": (lambda value: value == 1, "1 with privacy: every step draws, clips and noises anew"),
    "weights": (lambda value: value == "lora", "lora with privacy: low-rank updates are clipped and noised"),
    "probe": (lambda value: value is None, "none with privacy: twins are not asked in a private run"),
    "mesh": (lambda value: value is None, "none with privacy: units are clipped on one device"),
    "metrics": (lambda value: not value, "none with privacy: what a board is sent tells of private rows"),
    "debias": (lambda value: value is None, "none with privacy: it weighs rows by the figures of others"),
}
"""Settings of a step that would leave the promise: which values keep it, and why the others do not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Privacy:
    """Differential privacy of the rows that a step is trained on (DP-SGD; Abadi et al. 2016).

    Whatever one unit holds, leaving it out would change the chance of any model by a factor of at most
    e^epsilon, but for a part of at most delta. The noise is worked out from this, from the number of
    units, `batch_size` (units expected in a step, each drawn by itself) and `steps`.

    - epsilon, delta: the promise; delta must lie below 1 / the number of units
    - clip: largest norm of the gradient of one unit; longer ones are scaled down to it
    - unit: what is protected, an "example" (a row, or a pair) or a "person" with all their rows
    - person: for unit "person", the column that says whose a row is (kept with the rows, or a group)
    - rows_per_person: at most so many rows of a person are read, chosen by the step's seed
    - noise_multiplier: noise standard deviation / clip, instead of the least that suffices; training then
      ends at the step that spends epsilon
    - canaries: made-up secrets put among the rows, half of them left out by coin, to measure a lower bound
      on epsilon afterwards; 0 for none
    - twin: also train a model without privacy on the same batches, to say what privacy costs each group on
      held-out rows; it is thrown away, and takes as long again
    - audit_alpha: accepted chance that this lower bound is above the true epsilon
    """

    epsilon: float
    delta: float
    clip: float = 1.0
    unit: Unit = "example"
    person: str | None = None
    rows_per_person: int = 4
    noise_multiplier: float | None = None
    canaries: int = 0
    twin: bool = False
    audit_alpha: float = 0.05

    def __post_init__(self) -> None:
        refuse_unless("privacy", *_promise_rules(self), *_unit_rules(self), *_audit_rules(self))


def _promise_rules(privacy: Privacy) -> list[Rule]:
    noise, small = privacy.noise_multiplier, "a number above 0, at most 0.01, below 1 / the number of units"
    most = f"a number above 0 and at most {MOST_EPSILON:g}"
    return [
        (real(privacy.epsilon, 0, MOST_EPSILON, open_low=True), "epsilon", privacy.epsilon, most),
        (real(privacy.delta, 0, 0.01, open_low=True), "delta", privacy.delta, small),
        (real(privacy.clip, 0, 1e6, open_low=True), "clip", privacy.clip, "a gradient norm above 0"),
        (
            noise is None or real(noise, 0.05, 1e6),
            "noise_multiplier",
            noise,
            "a number of at least 0.05, or none to have it worked out",
        ),
    ]


def _unit_rules(privacy: Privacy) -> list[Rule]:
    whose = named(privacy.person) if privacy.unit == "person" else privacy.person is None
    rows = privacy.rows_per_person
    return [
        (privacy.unit in get_args(Unit), "unit", privacy.unit, f"one of {', '.join(get_args(Unit))}"),
        (whose, "person", privacy.person, 'a column for unit "person", and none for unit "example"'),
        (whole(rows, 1, 10_000), "rows_per_person", rows, "a whole number of rows, at least 1"),
    ]


def _audit_rules(privacy: Privacy) -> list[Rule]:
    count, alpha = privacy.canaries, privacy.audit_alpha
    enough = whole(count, 0, 0) or whole(count, 20, 1_000_000)
    return [
        (isinstance(privacy.twin, bool), "twin", privacy.twin, "true or false"),
        (enough, "canaries", count, "0, or at least 20: fewer can show nothing"),
        (real(alpha, 0, 0.5, open_low=True), "audit_alpha", alpha, "a number above 0 and at most 0.5"),
    ]


def privacy_rules(step: Any) -> list[Rule]:
    """Rules of a training step with the setting `privacy` (None: nothing to keep)."""
    privacy = getattr(step, "privacy", None)
    if privacy is None:
        return []
    if not isinstance(privacy, Privacy):
        return [(False, "privacy", privacy, "settings of privacy, or none")]
    return [
        (keeps(getattr(step, name)), name, getattr(step, name), why)
        for name, (keeps, why) in GIVES_AWAY.items()
        if hasattr(step, name)
    ]
