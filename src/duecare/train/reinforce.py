"""Reinforcement learning: answers that the model gives itself are rewarded, and likelier ones earn more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.train.drift import Drift, drift_rules
from duecare.train.limits import NO_LIMITS, Limits, OnCrossing
from duecare.train.probing import Probes, probe_rules
from duecare.train.rewards import reward_rules
from duecare.train.rules import (
    Keep,
    Rule,
    Schedule,
    Targets,
    real,
    stopping_rules,
    update_rules,
    whole,
)
from duecare.train.trained import OfAnswers

Average = Literal["answer", "token"]
"""What counts alike: every answer however long (Shao et al. 2024), or every token (Yu et al. 2025)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grpo(OfAnswers):
    """Reward the model's own answers, each against the others to the same prompt, and watch each group.

    Group relative policy optimisation (Shao et al. 2024): `samples` answers to each prompt are drawn from
    the model as it is; those that earn more than their prompt's mean become likelier, within a clipped step
    and tied to the model before this step by `beta`. No second model is held.

    - on: the source whose prompts are answered: its rows up to the last turn of a user
    - reward: parts and their weights, summed: a detector's name (its score of the answer; below 0 for what
      is not wanted), an installed reward function's name, or in Python "module:function"
    - reward_model, reward_model_weight: an earlier training step that made a reward model, or the folder or
      hub id of one, and its weight; in a study an audit of it (`reward`) has to pass first
    - unjudged: what an answer earns from a detector that cannot judge it (an empty answer, say)
    - samples: answers to each prompt
    - iterations: training steps on the same answers (mu in the paper); divides `steps` and `every`
    - beta: strength of the tie to the model before this step, 0 for none
    - epsilon: how far a token's probability may move, as a ratio, before its push ends
    - average: "answer" counts every answer alike, "token" every token
    - temperature: at which answers are drawn, in training and on held-out prompts
    - batch_size: prompts in each training step
    - accumulate: steps whose gradients make one update, that of a batch so many times as large
    - max_prompt_tokens: longer prompts lose their beginning
    - max_answer_tokens: where an answer ends that has not ended by itself
    - held_out: prompts of the held-out part, at most, answered and rewarded before and after
    - limits: as in Sft, but `reward_gap`; with `probe` those on twins too
    - patience, keep: as in Sft, by the mean reward on held-out prompts, answered anew at each look
    - drift: an independent instrument that looks on, and what is said of reward hacking
    - lora_rank, lora_alpha, targets, steps, learning_rate, schedule, warmup, clip, every, groups,
      watch_alpha, on_crossing, probe, snapshots, seed, metrics, mesh: as in Sft
    """

    on: str
    reward: Mapping[str, float] = field(default_factory=dict)
    reward_model: str = ""
    reward_model_weight: float = 1.0
    unjudged: float = -1.0
    samples: int = 4
    iterations: int = 1
    beta: float = 0.04
    epsilon: float = 0.2
    average: Average = "answer"
    temperature: float = 1.0
    lora_rank: int = 8
    lora_alpha: float | None = None
    targets: Targets = "q-v"
    steps: int = 20
    batch_size: int = 4
    max_prompt_tokens: int = 64
    max_answer_tokens: int = 32
    learning_rate: float = 5e-4
    schedule: Schedule = "constant"
    warmup: int = 0
    clip: float = 1.0
    every: int = 10
    groups: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    watch_alpha: float = 0.05
    on_crossing: OnCrossing = "warn"
    held_out: int = 16
    snapshots: int = field(default=0, metadata={"added": True})
    seed: int = 0
    metrics: Mapping[str, str] = field(default_factory=dict, metadata={"speed": True})
    mesh: tuple[int, int] | None = field(default=None, metadata={"speed": True})
    drift: Drift | None = field(default=None, metadata={"added": True})
    probe: Probes | None = field(default=None, metadata={"added": True})
    patience: int | None = field(default=None, metadata={"added": True})
    keep: Keep = field(default="last", metadata={"added": True})
    accumulate: int = field(default=1, metadata={"added": True})

    def __post_init__(self) -> None:
        alone = self.iterations == 1 and self.average == "answer"
        refuse_unless(
            "train.grpo",
            *update_rules("lora", self.accumulate, self.steps),
            (
                self.accumulate == 1 or alone,
                "accumulate",
                self.accumulate,
                "1 beside iterations above 1, or average: token, whose update is not that of a larger batch",
            ),
            (whole(self.samples, 2, 1024), "samples", self.samples, "2 to 1024 answers to each prompt"),
            (
                self.average in get_args(Average),
                "average",
                self.average,
                f"one of {', '.join(get_args(Average))}",
            ),
            *_rules("grpo", self),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Train on `data`, starting from `model` (an earlier trained artifact) or else from `base`."""
        from duecare.train.engine_reinforce import train

        return self.trained_by(train, inputs, out, tell)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ppo(OfAnswers):
    """Reward the model's own answers against what a critic expected of them, token by token.

    Proximal policy optimisation (Schulman et al. 2017) with generalised advantage estimates (Schulman et
    al. 2016). The critic is a linear layer that reads the model's last hidden states and does not push on
    them. The tie to the model before this step is part of the reward, token by token (Ouyang et al. 2022).

    - samples: answers to each prompt
    - iterations: training steps on the same answers; divides `steps` and `every`
    - beta: what each nat costs by which a token is likelier than to the model before this step
    - gamma, decay: discount of later rewards, and of later surprises (lambda in the paper)
    - value_clip: how far the critic's value of a token may move before its push ends
    - critic_learning_rate: of the critic, which has an Adam of its own; a step moves a value by about this
    - on, reward, reward_model, reward_model_weight, unjudged, epsilon, temperature, lora_rank, lora_alpha,
      targets, steps, batch_size, max_prompt_tokens, max_answer_tokens, learning_rate, schedule, warmup,
      clip, every, groups, limits, watch_alpha, on_crossing, held_out, snapshots, seed, metrics, mesh,
      drift, probe, patience, keep: as in Grpo
    """

    on: str
    reward: Mapping[str, float] = field(default_factory=dict)
    reward_model: str = ""
    reward_model_weight: float = 1.0
    unjudged: float = -1.0
    samples: int = 2
    iterations: int = 2
    beta: float = 0.02
    epsilon: float = 0.2
    gamma: float = 1.0
    decay: float = 0.95
    value_clip: float = 0.2
    critic_learning_rate: float = 0.05
    temperature: float = 1.0
    lora_rank: int = 8
    lora_alpha: float | None = None
    targets: Targets = "q-v"
    steps: int = 20
    batch_size: int = 8
    max_prompt_tokens: int = 64
    max_answer_tokens: int = 32
    learning_rate: float = 5e-4
    schedule: Schedule = "constant"
    warmup: int = 0
    clip: float = 1.0
    every: int = 10
    groups: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    watch_alpha: float = 0.05
    on_crossing: OnCrossing = "warn"
    held_out: int = 16
    snapshots: int = field(default=0, metadata={"added": True})
    seed: int = 0
    metrics: Mapping[str, str] = field(default_factory=dict, metadata={"speed": True})
    mesh: tuple[int, int] | None = field(default=None, metadata={"speed": True})
    drift: Drift | None = field(default=None, metadata={"added": True})
    probe: Probes | None = field(default=None, metadata={"added": True})
    patience: int | None = field(default=None, metadata={"added": True})
    keep: Keep = field(default="last", metadata={"added": True})

    def __post_init__(self) -> None:
        share = "a number from 0 to 1"
        refuse_unless(
            "train.ppo",
            (whole(self.samples, 1, 1024), "samples", self.samples, "1 to 1024 answers to each prompt"),
            (real(self.gamma, 0, 1), "gamma", self.gamma, share),
            (real(self.decay, 0, 1), "decay", self.decay, share),
            (real(self.value_clip, 0, 1e6, open_low=True), "value_clip", self.value_clip, "a number above 0"),
            (
                real(self.critic_learning_rate, 0, 1e3, open_low=True),
                "critic_learning_rate",
                self.critic_learning_rate,
                "a number above 0",
            ),
            *_rules("ppo", self),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Train on `data`, starting from `model` (an earlier trained artifact) or else from `base`."""
        from duecare.train.engine_ppo import train

        return self.trained_by(train, inputs, out, tell)


Reinforces = Grpo | Ppo


def method_of(step: Reinforces) -> str:
    """The name under which a step's figures are told."""
    return "grpo" if isinstance(step, Grpo) else "ppo"


def _rules(method: str, step: Any) -> list[Rule]:
    """Rules that Grpo and Ppo share."""
    return [
        *step.answer_rules(method),
        *reward_rules(step.reward, step.reward_model, step.reward_model_weight, step.unjudged),
        *drift_rules(step),
        *probe_rules(step.probe, step.limits),
        *stopping_rules(step.patience, step.keep, step.held_out),
        (whole(step.iterations, 1, 1024), "iterations", step.iterations, "a whole number, at least 1"),
        *_rounds(step),
        (real(step.beta, 0, 100), "beta", step.beta, "a number from 0 to 100"),
        (real(step.epsilon, 0, 1, open_low=True), "epsilon", step.epsilon, "a number in (0, 1]"),
        (
            real(step.temperature, 0, 10, open_low=True),
            "temperature",
            step.temperature,
            "a number in (0, 10]: answers must differ",
        ),
    ]


def _rounds(step: Any) -> list[Rule]:
    """A checkpoint lies between two rounds of answers, so that a killed run goes on with answers anew."""
    if not whole(step.iterations, 1):
        return []
    expected = f"a multiple of iterations ({step.iterations})"
    return [
        (whole(value, 1) and value % step.iterations == 0, name, value, expected)
        for name, value in (("steps", step.steps), ("every", step.every))
    ]
