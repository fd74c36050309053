"""Supervised fine-tuning: teach the answers of a source by low-rank updates (LoRA)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.train.debias import METHODS, Debias, beside_rules, debias_rules
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
    stopping_rules,
)
from duecare.train.trained import OfTokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Sft(OfTokens):
    """Teach the model the answers of a source, and watch what each group's rows cost it.

    Only answers are taught, never what users wrote. The base stays frozen; low-rank updates (LoRA,
    Hu et al. 2021) are learned and merged at the end, unless all weights are to be trained. Each row counts
    with the weight balancing gave it. The order of rows is a pure function of the seed, so a killed run goes
    on exactly where it was.

    - on: the source whose curated rows are taught
    - weights: "lora", or "full" for all weights (choose a rate of about 1e-5; no adapter is written)
    - lora_rank, lora_alpha: width of the update, and its scale (alpha / rank); alpha None means rank
    - targets: "q-v" (query and value projections) or "all-linear"
    - quantize: "int8" or "nf4" holds the frozen weights of all projections in 8 or 4 bits (QLoRA), for less
      memory; the result is in floating point again. None beside full weights, privacy, debias,
      influence or a mesh
    - steps: training steps, of one batch each
    - batch_size: rows in a batch; 4 where batch_tokens is not given either
    - max_tokens: longer rows are cut at their end; 128, or batch_tokens where that is given. A row of which
      no answer is left is passed over
    - batch_tokens: instead of batch_size, tokens in a batch: rows are packed one behind the other
      into lines of max_tokens, none seeing another, so that next to nothing is padding
    - accumulate: steps whose gradients make one update, that of a batch so many times as large
    - learning_rate, schedule, warmup: peak rate of Adam; "constant", "linear" or "cosine" fall after
      `warmup` steps of rise
    - clip: largest norm of a gradient
    - every: steps between two readings per group, and between two checkpoints
    - groups: the axes watched; none means every axis that the rows declare
    - limits: the widest gap between groups over the course of training; for sft `loss_gap`,
      and with `probe` `twins_gap` and `twins_amplification`
    - watch_alpha: accepted chance that any interval of a gap misses, all looks at all gaps together
    - on_crossing: where a limit is crossed, "warn" trains on, "stop" ends training and keeps the model,
      "rollback" ends it with the model of the last good checkpoint before
    - probe: counterfactual twins that are asked while training goes on; none asks nothing
    - held_out: rows of the held-out part, at most, on which the loss is measured before and after
    - patience: looks at held-out rows, one each `every` steps, without a new lowest loss before training
      ends; none means all steps
    - keep: "last", the model as training leaves it, or "best", that of the look with the lowest loss among
      those that cross no limit
    - privacy: with it no row (or person) shows in the model beyond the promise given (`Privacy`); then
      `batch_size` rows are drawn on average, each by itself, and `clip` is that of `privacy`
    - debias: a method against a bias between groups, or the evidence alone; see Debias
    - influence: which rows and slices of the data moved a gap between groups; see Influence
    - snapshots: so many low-rank updates of earlier steps, evenly spread, are kept beside the model, for
      `explain: - layers: {snapshots: true}` to follow what layers know; none beside full weights
    - seed: of the order of rows and of the first low-rank weights
    - metrics: where figures go besides the ledger: `tensorboard: <folder>`, `wandb: <project>`,
      `mlflow: <address>`; changes no result
    - mesh: devices over which model and rows are dealt out, two numbers: fsdp (rows, one side of each weight)
      and tp (heads, hidden units); left out, one device. Changes no result beyond rounding
    """

    on: str
    weights: Weights = "lora"
    lora_rank: int = 8
    lora_alpha: float | None = None
    targets: Targets = "q-v"
    quantize: Quantize | None = None
    steps: int = 60
    batch_size: int | None = None
    max_tokens: int | None = None
    batch_tokens: int | None = None
    accumulate: int = 1
    learning_rate: float = 1e-3
    schedule: Schedule = "cosine"
    warmup: int = 0
    clip: float = 1.0
    every: int = 10
    groups: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    watch_alpha: float = 0.05
    on_crossing: OnCrossing = "warn"
    probe: Probes | None = None
    held_out: int = 24
    patience: int | None = None
    keep: Keep = "last"
    privacy: Privacy | None = None
    debias: Debias | None = None
    influence: Influence | None = None
    snapshots: int = field(default=0, metadata={"added": True})
    seed: int = 0
    metrics: Mapping[str, str] = field(default_factory=dict, metadata={"speed": True})
    mesh: tuple[int, int] | None = field(default=None, metadata={"speed": True})

    def __post_init__(self) -> None:
        refuse_unless(
            "train.sft",
            *self.token_rules("sft"),
            *quantize_rules(self),
            *stopping_rules(self.patience, self.keep, self.held_out),
            *privacy_rules(self),
            *influence_rules(self),
            *probe_rules(self.probe, self.limits),
            *debias_rules(self.debias, self.groups, METHODS),
            *beside_rules(self.debias, self.weights, self.accumulate),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Train on `data`, starting from `model` (an earlier trained artifact) or else from `base`."""
        if self.influence is not None:
            from duecare.train.engine_influence import train_sft as train
        elif self.privacy is None:
            from duecare.train.engine_sft import train
        else:
            from duecare.train.engine_private import train

        return self.trained_by(train, inputs, out, tell)
