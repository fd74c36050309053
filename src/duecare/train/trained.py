"""The settings that every training step has. Free of JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from duecare.train.limits import NO_LIMITS, Limits, OnCrossing, watch_rules
from duecare.train.metrics import metrics_rules
from duecare.train.rules import (
    Rule,
    Schedule,
    Targets,
    loop_rules,
    lora_rules,
    mesh_rules,
    named,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a training step says of its source, its low-rank update, its loop and its watch; see `Sft`.

    A step inherits from it, gives other defaults where they suit it, and puts `trained_rules` beside its own
    rules.
    """

    on: str
    lora_rank: int = 8
    lora_alpha: float | None = None
    targets: Targets = "q-v"
    steps: int = 60
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
    seed: int = 0
    metrics: Mapping[str, str] = field(default_factory=dict, metadata={"speed": True})
    mesh: tuple[int, int] | None = field(default=None, metadata={"speed": True})

    @property
    def alpha(self) -> float:
        """The scale of the update in effect."""
        return self.lora_rank if self.lora_alpha is None else self.lora_alpha

    def trained_rules(self, method: str, rows: int) -> list[Rule]:
        """Rules of these settings for `method`, which reads `rows` rows a step."""
        return [
            (named(self.on), "on", self.on, "the name of a source"),
            *lora_rules(self.lora_rank, self.alpha, self.targets),
            *watch_rules(method, self.limits, self.watch_alpha, self.on_crossing),
            *metrics_rules(self.metrics),
            *mesh_rules(self.mesh),
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
