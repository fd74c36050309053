"""The step that looks for canaries, and for rows, in a model that was trained on them. Free of JAX."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, get_args

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.memorise.attacks import Attack
from duecare.memorise.limits import NO_LIMITS, MemoriseLimits

ATTACKS: tuple[Attack, ...] = get_args(Attack)


@dataclass(frozen=True, kw_only=True, slots=True)
class CanariesBack:
    """Say what a trained model kept of the canaries placed among its rows, and of the rows themselves.

    First it is checked which canaries survived as training read them: drawn, not masked, not cut. Then, by
    place and number of repeats, beside controls that were drawn in the same way and not placed: exposure
    (Carlini et al. 2019), secrets that come back when the model goes on from what stands before them, and
    membership inference, of canaries and of rows (trained on against held out). Where training was private,
    the lower bound on epsilon that canaries placed once give stands beside the accountant's; one above it
    fails the run.

    - on: the source whose canaries are looked for; left out, all sources that the model was trained on
    - after: the training step whose model is asked ("sft", "dpo:2", "reward-model"); left out, the last that
      answers
    - attacks: membership inference by "loss"; "ratio", loss against the base model; "min-k", Min-K%++;
      "zlib"; "ez", EZ-MIA. Of a reward model its "margin" is all there is
    - rows: rows that were trained on, and held-out rows, that are looked at, at most; 0 leaves them out
    - groups: the axes by which membership of rows is told too; none means every axis that the rows declare
    - near: from which likeness on a secret came back nearly, 1 being word for word
    - survived: the least share of placed canaries that must have reached training as they were placed
    - limits: conditions of release, see below
    - alpha: accepted chance that any verdict is wrong, and that an interval misses
    - seed: of which rows are taken
    - batch: texts on the device at a time; changes the speed only
    """

    READS: ClassVar[tuple[str, ...]] = ("base", "model", "trained", "data")
    """What of a study's jobs the step is given."""
    NEEDS_CANARIES: ClassVar[bool] = True

    on: str = ""
    after: str = ""
    attacks: tuple[Attack, ...] = ATTACKS
    rows: int = 200
    groups: tuple[str, ...] = ()
    near: float = 0.8
    survived: float = 0.9
    limits: MemoriseLimits = NO_LIMITS
    alpha: float = 0.05
    seed: int = 0
    batch: int = field(default=16, metadata={"speed": True})

    def __post_init__(self) -> None:
        once = len(set(self.attacks)) == len(self.attacks)
        refuse_unless(
            "memorise.canaries",
            (
                once and "ratio" in self.attacks and set(self.attacks) <= set(ATTACKS),
                "attacks",
                self.attacks,
                f"some of {', '.join(ATTACKS)}, each once, ratio among them",
            ),
            (self.rows == 0 or _whole(self.rows, 10, 100_000), "rows", self.rows, "10 or more, or 0"),
            (_share(self.near, 0.5), "near", self.near, "a number from 0.5 to 1"),
            (_share(self.survived, 0), "survived", self.survived, "a share from 0 to 1"),
            (_real(self.alpha) and 0 < self.alpha <= 0.5, "alpha", self.alpha, "above 0, at most 0.5"),
            (_whole(self.seed, 0, 2**32), "seed", self.seed, "a whole number, 0 or more"),
            (_whole(self.batch, 1, 4096), "batch", self.batch, "a whole number of at least 1"),
            (all(self.groups), "groups", self.groups, "axes that rows declare"),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Inputs: `base`, `model` (a training step's artifact), `trained:<job>` for each training step
        behind it (itself the last) and `data:<source>` as training read it."""
        from duecare.memorise.engine_canaries import run

        return run(self, inputs, out, tell)


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _share(value: object, least: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= 1
