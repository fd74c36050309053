"""Distillation: a student is taught what a teacher would have said, in all its probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.train.limits import NO_LIMITS, Limits, OnCrossing
from duecare.train.probing import Probes, probe_rules
from duecare.train.rules import (
    Keep,
    Quantize,
    Rule,
    Schedule,
    Targets,
    Weights,
    named,
    quantize_rules,
    real,
    stopping_rules,
)
from duecare.train.trained import OfTokens

Divergence = Literal["forward_kl", "reverse_kl", "jsd"]
"""How a student's distribution Q is held against a teacher's P: KL(P || Q), KL(Q || P), or in between."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Distill(OfTokens):
    """Teach the model what a teacher says of each token of a source's answers, and watch each group.

    Where fine-tuning knows one right token, a teacher gives a distribution over all of them (Hinton et al.
    2015). The loss of a token is kd_ratio * temperature^2 * divergence, both models' logits divided by the
    temperature, plus (1 - kd_ratio) * the loss of `sft`. Divergences are those of Agarwal et al. (2024): with
    "forward_kl" the student covers all that the teacher might say, with "reverse_kl" it keeps to what the
    teacher surely would; "jsd" lies between. Texts are those of the source; the student writes none.

    The teacher stands beside the student in memory and is never trained. Its tokenizer must be that of the
    student, token by token.

    - on: the source whose curated rows are read
    - teacher: a name in the table (`duecare models`), a folder in Hugging Face layout, a .gguf file or a hub
      id "owner/name"
    - teacher_revision: branch, tag or commit of a hub id; none means its main branch
    - divergence: "forward_kl", "reverse_kl" or "jsd"
    - jsd_beta: for "jsd", the teacher's part in the mixture that both are held against
    - temperature: above 1 the teacher's less likely tokens count more
    - kd_ratio: part of the teacher in the loss; 1 leaves the source's own answers out of it
    - weights, quantize, batch_size, max_tokens, batch_tokens, accumulate, probe: as in Sft
    - lora_rank, lora_alpha, targets, steps, learning_rate, schedule, warmup, clip, every, groups,
      watch_alpha, on_crossing, held_out, patience, keep, snapshots, seed, metrics, mesh: as in Sft
    - limits: as in Sft, and `kl_gap`
    """

    on: str
    teacher: str
    teacher_revision: str | None = None
    divergence: Divergence = "forward_kl"
    jsd_beta: float = 0.5
    temperature: float = 1.0
    kd_ratio: float = 0.5
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
    snapshots: int = field(default=0, metadata={"added": True})
    seed: int = 0
    metrics: Mapping[str, str] = field(default_factory=dict, metadata={"speed": True})
    mesh: tuple[int, int] | None = field(default=None, metadata={"speed": True})
    patience: int | None = field(default=None, metadata={"added": True})
    keep: Keep = field(default="last", metadata={"added": True})

    def __post_init__(self) -> None:
        refuse_unless(
            "train.distill",
            *self.token_rules("distill"),
            *self._teaching_rules(),
            *quantize_rules(self),
            *stopping_rules(self.patience, self.keep, self.held_out),
            *probe_rules(self.probe, self.limits),
        )

    def _teaching_rules(self) -> list[Rule]:
        known, beta, revision = get_args(Divergence), self.jsd_beta, self.teacher_revision
        inside = real(beta, 0, 1, open_low=True) and beta < 1
        return [
            (
                named(self.teacher) and not str(self.teacher).startswith("endpoint:"),
                "teacher",
                self.teacher,
                "a table name, folder, .gguf file or hub id: of an endpoint's model no logits can be had",
            ),
            (
                revision is None or named(revision),
                "teacher_revision",
                revision,
                "a branch, tag, commit or none",
            ),
            (self.divergence in known, "divergence", self.divergence, f"one of {', '.join(known)}"),
            (inside, "jsd_beta", beta, "a number above 0 and below 1"),
            (
                self.divergence == "jsd" or beta == 0.5,
                "jsd_beta",
                beta,
                "none where the divergence is not jsd",
            ),
            (
                real(self.temperature, 0, 100, open_low=True),
                "temperature",
                self.temperature,
                "a number in (0, 100]",
            ),
            (real(self.kd_ratio, 0, 1, open_low=True), "kd_ratio", self.kd_ratio, "a number in (0, 1]"),
        ]

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Train on `data`, starting from `model` (an earlier trained artifact) or else from `base`.

        The teacher is the artifact `teacher` (of `Fetch`) where it is given, else what its name says.
        """
        from duecare.train.engine_distill import train

        return self.trained_by(train, inputs, out, tell)
