"""The step that follows where a reward leads a policy: the best of more and more of its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.reward.audit import is_text, is_whole, is_within

INSTRUMENTS = ("toxicity", "refusal")
"""What is told of the answers beside both rewards, where a study names nothing else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BestOfN:
    """Follow where a reward leads a policy: of n answers the best by `reward`, judged by `held_out`.

    A policy that is trained on a reward is pulled towards answers that earn most. The best of n of its own
    answers shows where to, without training (Gao, Schulman and Hilton 2023): for growing n the reward rises,
    and what another instrument says of the chosen answers rises with it, or turns down. Everything is
    estimated without bias from one pool of answers to each prompt, with intervals over prompts.

    - reward: what chooses: a reward model of the study, a folder or hub id of one, a detector or function
    - held_out: what judges: another of the same sorts, that the reward was not made from
    - on: the source whose prompts are answered, up to the last turn of a user; its held-out part, if any
    - policy: the training step whose model answers; none: the base model
    - prompts: at most so many
    - samples: answers to each prompt, the most that n can be
    - temperature: at which they are drawn
    - max_prompt_tokens: longer prompts are left out, and counted
    - max_answer_tokens: where an answer ends that has not ended by itself
    - instruments: detectors that are asked of the chosen answers too
    - groups: declared columns by which gaps are told; where not given, all that the rows declare
    - loss: the most by which `held_out` may lie below its best so far, in standard deviations of what it says
      of the policy's own answers
    - alpha: accepted chance that a turn is reported by mistake, at any n
    - seed: draws prompts and answers
    - batch: answers that are drawn at a time
    """

    reward: str
    held_out: str
    on: str
    policy: str = ""
    prompts: int = 64
    samples: int = 16
    temperature: float = 1.0
    max_prompt_tokens: int = 256
    max_answer_tokens: int = 64
    instruments: tuple[str, ...] = INSTRUMENTS
    groups: tuple[str, ...] = ()
    loss: float = 0.1
    alpha: float = 0.05
    seed: int = 0
    batch: int = field(default=32, metadata={"speed": True})

    def __post_init__(self) -> None:
        from duecare.detect.rewarding import scoring_detectors

        known = scoring_detectors()
        sound = isinstance(self.instruments, tuple) and set(self.instruments) <= set(known)
        other = is_text(self.held_out) and self.held_out != self.reward
        heat = is_within(self.temperature, 1e-6, 10)
        asked, said = self.max_prompt_tokens, self.max_answer_tokens
        refuse_unless(
            "reward.best-of-n",
            (is_text(self.reward), "reward", self.reward, "a reward model, a detector or a reward function"),
            (other, "held_out", self.held_out, "another reward than that which chooses"),
            (is_text(self.on), "on", self.on, "the name of a source"),
            (isinstance(self.policy, str), "policy", self.policy, "the name of a training step, or nothing"),
            (is_whole(self.prompts, 4, 100_000), "prompts", self.prompts, "a whole number from 4 on"),
            (is_whole(self.samples, 2, 4096), "samples", self.samples, "2 to 4096 answers to each prompt"),
            (heat, "temperature", self.temperature, "above 0 and at most 10"),
            (is_whole(asked, 2, 32768), "max_prompt_tokens", asked, "2 to 32768"),
            (is_whole(said, 2, 32768), "max_answer_tokens", said, "2 to 32768"),
            (sound, "instruments", self.instruments, f"some of {', '.join(known)}"),
            (is_within(self.loss, 0, 100), "loss", self.loss, "a number from 0 to 100"),
            (is_within(self.alpha, 1e-6, 0.5), "alpha", self.alpha, "a number above 0 and at most 0.5"),
            (is_whole(self.batch, 1, 65536), "batch", self.batch, "a whole number, at least 1"),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Answer the prompts of `data` by the model of `policy`, or `base`, and judge the best of n."""
        from duecare.reward.pool import follow

        return follow(self, inputs, out, tell)
