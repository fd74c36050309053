"""What all training steps have in common beside the names of their settings. Free of JAX."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from duecare.core import Artifacts, Outcome, Tell
from duecare.train.limits import Limits, OnCrossing, watch_rules
from duecare.train.metrics import metrics_rules
from duecare.train.rules import (
    LONGEST,
    Rule,
    Schedule,
    Targets,
    Weights,
    loop_rules,
    lora_rules,
    mesh_rules,
    named,
    packing_rules,
    update_rules,
    whole,
)
from duecare.train.snapshots import snapshot_rules

CANARIES = "canaries.parquet"
"""Where made-up secrets stand among the rows, the file that says which."""
ROWS, ROW_TOKENS = 4, 128
"""Rows in a batch, and tokens of the longest, where a step says nothing of either."""


class Trained:
    """A step with a source, a low-rank update, a loop and a watch; see `Sft` for what the settings mean.

    A step declares them itself, with the defaults that suit it and in the order in which a study tells them
    (fields that a dataclass inherits would come before its own), and puts `trained_rules` beside its rules.
    """

    __slots__ = ()

    on: str
    lora_rank: int
    lora_alpha: float | None
    targets: Targets
    steps: int
    learning_rate: float
    schedule: Schedule
    warmup: int
    clip: float
    every: int
    groups: tuple[str, ...]
    limits: Limits
    watch_alpha: float
    on_crossing: OnCrossing
    held_out: int
    snapshots: int
    seed: int
    metrics: Mapping[str, str]
    mesh: tuple[int, int] | None

    @property
    def alpha(self) -> float:
        """The scale of the update in effect."""
        return self.lora_rank if self.lora_alpha is None else self.lora_alpha

    def trained_rules(self, method: str, rows: object) -> list[Rule]:
        """Rules of these settings for `method`, which reads `rows` rows a step."""
        return [
            (named(self.on), "on", self.on, "the name of a source"),
            *lora_rules(self.lora_rank, self.alpha, self.targets),
            *watch_rules(method, self.limits, self.watch_alpha, self.on_crossing),
            *metrics_rules(self.metrics),
            *mesh_rules(self.mesh),
            *snapshot_rules(self),
            *loop_rules(
                steps=self.steps,
                batch_size=rows,
                learning_rate=self.learning_rate,
                schedule=self.schedule,
                warmup=self.warmup,
                clip=self.clip,
                every=self.every,
                held_out=self.held_out,
                groups=self.groups,
                seed=self.seed,
            ),
        ]

    def trained_by(
        self,
        train: Callable[[Any, Artifacts, Path, Tell], Outcome],
        inputs: Artifacts,
        out: Path,
        tell: Tell,
    ) -> Outcome:
        """What `train` makes of this step, on its mesh; the memory of the model is free again.

        Where canaries stand among the rows, what was read of them is handed over beside the model.
        """
        from duecare.train.engine_mesh import over

        with over(self):
            outcome = train(self, inputs, out, tell)
        gc.collect()  # modules of a model refer to each other; the next step needs the memory
        if not (inputs["data"].path / CANARIES).is_file():
            return outcome
        from duecare.train.engine_read import with_what_was_read

        return with_what_was_read(self, inputs, out, outcome)


class OfTokens(Trained):
    """A step whose batches are rows of a source's tokens, padded or packed, and whose weights may be all."""

    __slots__ = ()

    weights: Weights
    batch_size: int | None
    max_tokens: int | None
    batch_tokens: int | None
    accumulate: int

    @property
    def row_tokens(self) -> int:
        """Tokens of the longest row in effect, and of a line of packed rows."""
        if self.max_tokens is not None:
            return self.max_tokens
        return ROW_TOKENS if self.batch_tokens is None else self.batch_tokens

    @property
    def lines(self) -> int:
        """Lines of tokens in a batch: of one row each, or of packed rows."""
        if self.batch_tokens is not None:
            return self.batch_tokens // self.row_tokens
        return ROWS if self.batch_size is None else self.batch_size

    def token_rules(self, method: str) -> list[Rule]:
        """`trained_rules` for `method`, and those of batches and updates."""
        return [
            *self.trained_rules(method, ROWS if self.batch_size is None else self.batch_size),
            (whole(self.row_tokens, 2, LONGEST), "max_tokens", self.row_tokens, f"2 to {LONGEST} tokens"),
            *packing_rules(self.batch_tokens, self.batch_size, self.max_tokens),
            *update_rules(self.weights, self.accumulate, self.steps),
        ]


class OfAnswers(Trained):
    """A step that reads prompts and answers, each up to a length of its own."""

    __slots__ = ()

    batch_size: int
    max_prompt_tokens: int
    max_answer_tokens: int

    def answer_rules(self, method: str) -> list[Rule]:
        """`trained_rules` for `method`, and those of the lengths."""
        tokens = f"2 to {LONGEST} tokens"
        return [
            *self.trained_rules(method, self.batch_size),
            (whole(self.max_prompt_tokens, 2, LONGEST), "max_prompt_tokens", self.max_prompt_tokens, tokens),
            (whole(self.max_answer_tokens, 2, LONGEST), "max_answer_tokens", self.max_answer_tokens, tokens),
        ]
