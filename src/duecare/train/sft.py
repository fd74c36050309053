"""Supervised fine-tuning: teach the answers of a source by low-rank updates (LoRA)."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.train.debias import METHODS, Debias, debias_rules
from duecare.train.limits import NO_LIMITS, Limits, OnCrossing, watch_rules
from duecare.train.rules import LONGEST, Schedule, Targets, loop_rules, lora_rules, named, whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Sft:
    """Teach the model the answers of a source, and watch what each group's rows cost it.

    Only answers are taught, never what users wrote. The base stays frozen; low-rank updates (LoRA,
    Hu et al. 2021) are learned and merged at the end. Each row counts with the weight balancing gave
    it. The order of rows is a pure function of the seed, so a killed run goes on exactly where it was.

    - on: the source whose curated rows are taught
    - lora_rank, lora_alpha: width of the update, and its scale (alpha / rank); alpha None means rank
    - targets: "q-v" (query and value projections) or "all-linear"
    - steps, batch_size: training steps, and rows in each
    - max_tokens: longer rows are cut at their end; a row of which no answer is left is passed over
    - learning_rate, schedule, warmup: peak rate of Adam; "constant", "linear" or "cosine" fall after
      `warmup` steps of rise
    - clip: largest norm of a gradient
    - every: steps between two readings per group, and between two checkpoints
    - groups: the axes watched; none means every axis that the rows declare
    - limits: the widest gap between groups over the course of training; for sft `loss_gap`
    - watch_alpha: accepted chance that any interval of a gap misses, all looks at all gaps together
    - on_crossing: where a limit is crossed, "warn" trains on, "stop" ends training and keeps the model
    - held_out: rows of the held-out part, at most, on which the loss is measured before and after
    - debias: a method against a bias between groups, or the evidence alone; see Debias
    - seed: of the order of rows and of the first low-rank weights
    """

    on: str
    lora_rank: int = 8
    lora_alpha: float | None = None
    targets: Targets = "q-v"
    steps: int = 60
    batch_size: int = 4
    max_tokens: int = 128
    learning_rate: float = 1e-3
    schedule: Schedule = "cosine"
    warmup: int = 0
    clip: float = 1.0
    every: int = 10
    groups: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    watch_alpha: float = 0.05
    on_crossing: OnCrossing = "warn"
    held_out: int = 24
    debias: Debias | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_unless(
            "train.sft",
            (named(self.on), "on", self.on, "the name of a source"),
            *lora_rules(self.lora_rank, self.alpha, self.targets),
            (whole(self.max_tokens, 2, LONGEST), "max_tokens", self.max_tokens, f"2 to {LONGEST} tokens"),
            *watch_rules("sft", self.limits, self.watch_alpha, self.on_crossing),
            *debias_rules(self.debias, self.groups, METHODS),
            *loop_rules(
                steps=self.steps,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                schedule=self.schedule,
                warmup=self.warmup,
                clip=self.clip,
                every=self.every,
                held_out=self.held_out,
                groups=self.groups,
                seed=self.seed,
            ),
        )

    @property
    def alpha(self) -> float:
        """The scale of the update in effect."""
        return self.lora_rank if self.lora_alpha is None else self.lora_alpha

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Train on `data`, starting from `model` (an earlier trained artifact) or else from `base`."""
        from duecare.train.engine_sft import train

        outcome = train(self, inputs, out, tell)
        gc.collect()  # modules of a model refer to each other; the next step needs the memory
        return outcome
