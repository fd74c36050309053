"""Settings of adversarial debiasing: hidden states that do not tell the group of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from duecare.core import refuse_unless
from duecare.train.rules import real, whole

Against = Literal["projection", "reversal"]
"""How the model moves against its adversary; see `Adversary`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adversary:
    """Train a small reader of the group beside the model, and the model against it (under LoRA).

    The adversary sees each row's pooled hidden state: the mean, over the taught tokens, of the final states
    from which they are predicted. Its states are standardised by running moments, its hidden layer is as wide
    as `width` (0: none, a linear reader), and its loss weighs each group alike, so that always naming the
    larger group is worth nothing.

    - by: "projection" (Zhang et al. 2018, arXiv 1801.07593) takes out of the model's gradient what would help
      the adversary and adds a push against it; "reversal" (Ganin et al. 2016, arXiv 1505.07818) adds the push
      alone
    - weight: of the push at its full height (alpha, lambda in the papers)
    - ramp: steps over which the push rises from 0, as 2 / (1 + exp(-10 p)) - 1 with p from 0 to 1 (Ganin)
    - warmup: steps in which the adversary learns alone, before any push
    - steps: its own updates at each training step
    - learning_rate: its own, of Adam
    - memory: rows, of the last that were read, whose states it learns from
    - width: of its hidden layer; 0 for none
    - clip: largest norm of its gradient, and of the push relative to the model's own gradient
    - spectral: keep each of its layers' largest singular value at 1 at most (Miyato et al. 2018), so that
      it cannot win by steepness
    """

    by: Against = "projection"
    weight: float = 1.0
    ramp: int = 20
    warmup: int = 10
    steps: int = 10
    learning_rate: float = 1e-2
    memory: int = 32
    width: int = 32
    clip: float = 1.0
    spectral: bool = True

    def __post_init__(self) -> None:
        known, count = get_args(Against), "a whole number of steps"
        refuse_unless(
            "train.debias.adversary",
            (self.by in known, "by", self.by, f"one of {', '.join(known)}"),
            (real(self.weight, 0, 1000, open_low=True), "weight", self.weight, "a number in (0, 1000]"),
            (whole(self.ramp, 0), "ramp", self.ramp, count),
            (whole(self.warmup, 0), "warmup", self.warmup, count),
            (whole(self.steps, 1, 1000), "steps", self.steps, "a whole number from 1 to 1000"),
            (
                real(self.learning_rate, 0, 1, open_low=True),
                "learning_rate",
                self.learning_rate,
                "a number in (0, 1]",
            ),
            (whole(self.memory, 2, 65_536), "memory", self.memory, "a whole number of rows, at least 2"),
            (whole(self.width, 0, 65_536), "width", self.width, "a whole number of units, 0 for none"),
            (real(self.clip, 0, 1e6, open_low=True), "clip", self.clip, "a gradient norm above 0"),
            (isinstance(self.spectral, bool), "spectral", self.spectral, "true or false"),
        )
