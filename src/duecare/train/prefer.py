"""Preference tuning: raise chosen answers over rejected ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.train.debias import Debias, beside_rules, debias_rules
from duecare.train.influence import Influence, influence_rules
from duecare.train.limits import NO_LIMITS, Limits, OnCrossing
from duecare.train.private import Privacy, privacy_rules
from duecare.train.probing import Probes, probe_rules
from duecare.train.rules import (
    Keep,
    Quantize,
    Schedule,
    Targets,
    Weights,
    quantize_rules,
    real,
    stopping_rules,
    update_rules,
)
from duecare.train.trained import OfAnswers

Algorithm = Literal["dpo", "orpo"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dpo(OfAnswers):
    """Make chosen answers likelier than rejected ones, and watch each group's margin and accuracy.

    "dpo" (Rafailov et al. 2023) measures each answer against the model before this step; the reference
    log-probabilities are computed once, before the first update. "orpo" (Hong et al. 2024) needs no
    reference: the chosen answer's own loss plus an odds ratio, both by mean log-probability per token
    as in the paper (Tunix takes sums there).

    - on: the source whose curated preference pairs are used
    - algorithm, beta: "dpo" with the strength of its tie to the reference, or "orpo" with the weight
      of its odds ratio (lambda in the paper)
    - weights, lora_rank, lora_alpha, targets, quantize: as in Sft
    - steps, batch_size: training steps, and pairs in each
    - accumulate: steps whose gradients make one update, that of a batch so many times as large
    - max_prompt_tokens: longer prompts lose their beginning
    - max_answer_tokens: longer answers lose their end
    - limits: as in Sft, but `margin_gap` and `accuracy_gap`
    - debias: as in Sft, but `group_dro` alone (group-robust preference tuning)
    - learning_rate, schedule, warmup, clip, every, groups, watch_alpha, on_crossing, probe, held_out,
      patience, keep, privacy, influence, snapshots, seed, metrics, mesh: as in Sft
    """

    on: str
    algorithm: Algorithm = "dpo"
    beta: float = 0.1
    lora_rank: int = 8
    lora_alpha: float | None = None
    targets: Targets = "q-v"
    quantize: Quantize | None = None
    steps: int = 20
    batch_size: int = 4
    accumulate: int = 1
    max_prompt_tokens: int = 64
    max_answer_tokens: int = 64
    learning_rate: float = 5e-4
    schedule: Schedule = "cosine"
    warmup: int = 0
    clip: float = 1.0
    every: int = 10
    groups: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    watch_alpha: float = 0.05
    on_crossing: OnCrossing = "warn"
    probe: Probes | None = None
    held_out: int = 16
    patience: int | None = None
    keep: Keep = "last"
    privacy: Privacy | None = None
    debias: Debias | None = None
    influence: Influence | None = None
    snapshots: int = field(default=0, metadata={"added": True})
    seed: int = 0
    metrics: Mapping[str, str] = field(default_factory=dict, metadata={"speed": True})
    mesh: tuple[int, int] | None = field(default=None, metadata={"speed": True})
    weights: Weights = field(default="lora", metadata={"added": True})

    def __post_init__(self) -> None:
        refuse_unless(
            "train.dpo",
            *self.answer_rules("dpo"),
            (
                self.algorithm in get_args(Algorithm),
                "algorithm",
                self.algorithm,
                f"one of {', '.join(get_args(Algorithm))}",
            ),
            (real(self.beta, 0, 100, open_low=True), "beta", self.beta, "a number in (0, 100]"),
            *quantize_rules(self),
            *update_rules(self.weights, self.accumulate, self.steps),
            *privacy_rules(self),
            *influence_rules(self),
            *probe_rules(self.probe, self.limits),
            *stopping_rules(self.patience, self.keep, self.held_out),
            *debias_rules(self.debias, self.groups, ("group_dro",)),
            *beside_rules(self.debias, self.weights, self.accumulate),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Train on `data`, starting from `model` (an earlier trained artifact) or else from `base`."""
        if self.influence is not None:
            from duecare.train.engine_influence import train_dpo as train
        elif self.privacy is None:
            from duecare.train.engine_prefer import train
        else:
            from duecare.train.engine_private import train

        return self.trained_by(train, inputs, out, tell)
