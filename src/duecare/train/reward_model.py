"""A reward model: a score for an answer, learned from which of two answers was preferred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.train.heads import Robust, robust_rules
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


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardModel(OfAnswers):
    """Learn to score answers from preference pairs, and watch each group's margin and accuracy.

    The score is a linear head on the model's last hidden state at the answer's last token (Ouyang et al.
    2022). The loss of a pair is -log sigmoid(chosen score - rejected score), as if answers were preferred
    by chance with the odds that their scores say (Bradley and Terry 1952). The head is trained in full, the
    model below it by low-rank updates. The result is a judge, not a model that answers: the steps after it
    go on from the model before it.

    - on: the source whose curated preference pairs are used
    - centring: weight of the squared sum of a pair's two scores, which keeps scores near 0 on average
      (Eisenstein et al. 2023); 0 for none
    - weights, lora_rank, lora_alpha, targets, quantize: as in Sft
    - steps, batch_size, accumulate: training steps, pairs in each, and steps that make one update
    - max_prompt_tokens: longer prompts lose their beginning
    - max_answer_tokens: longer answers lose their end
    - limits: as in Dpo, and with `probe` `twins_reward_gap`
    - probe: as in Sft, but asked is how twins' answers are scored
    - robust: how the head is fitted anew when training has ended, and how many heads; none: not at all
    - privacy: as in Sft; the head is clipped and noised with the low-rank updates
    - influence: as in Sft; the head's gradients count with those of the low-rank updates
    - learning_rate, schedule, warmup, clip, every, groups, watch_alpha, on_crossing, held_out, patience,
      keep, snapshots, seed, metrics, mesh: as in Sft
    """

    on: str
    centring: float = 0.01
    lora_rank: int = 8
    lora_alpha: float | None = None
    targets: Targets = "q-v"
    quantize: Quantize | None = None
    steps: int = 60
    batch_size: int = 4
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
    held_out: int = 64
    privacy: Privacy | None = None
    influence: Influence | None = field(default=None, metadata={"added": True})
    snapshots: int = field(default=0, metadata={"added": True})
    seed: int = 0
    metrics: Mapping[str, str] = field(default_factory=dict, metadata={"speed": True})
    mesh: tuple[int, int] | None = field(default=None, metadata={"speed": True})
    robust: Robust | None = field(default=None, metadata={"added": True})
    patience: int | None = field(default=None, metadata={"added": True})
    keep: Keep = field(default="last", metadata={"added": True})
    weights: Weights = field(default="lora", metadata={"added": True})
    accumulate: int = field(default=1, metadata={"added": True})

    def __post_init__(self) -> None:
        refuse_unless(
            "train.reward-model",
            *self.answer_rules("reward-model"),
            (real(self.centring, 0, 100), "centring", self.centring, "a number from 0 to 100"),
            *quantize_rules(self),
            *update_rules(self.weights, self.accumulate, self.steps),
            *stopping_rules(self.patience, self.keep, self.held_out),
            *privacy_rules(self),
            *influence_rules(self),
            *probe_rules(self.probe, self.limits, "reward-model"),
            *robust_rules(self),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Train on `data`, starting from `model` (an earlier trained artifact) or else from `base`."""
        if self.influence is not None:
            from duecare.train.engine_influence import train_reward as train
        elif self.privacy is None:
            from duecare.train.engine_reward import train
        else:
            from duecare.train.engine_private import train

        return self.trained_by(train, inputs, out, tell)
