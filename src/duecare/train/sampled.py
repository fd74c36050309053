"""Answers that a model in training gives to twins, scored by detectors: settings and figures. Free of JAX.

A model can find a respectful answer equally likely whoever asks and still answer some worse. So beside the
log-probabilities of fixed answers (`duecare.train.probing`), which cost a forward pass, answers are drawn now
and then, and scored. They cost a pass for each token, and are asked more rarely.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from duecare.core import refuse_unless
from duecare.model.twins import ISSUES
from duecare.train.rules import MOST_STEPS, real, whole

SCORED_BY = ("toxicity", "refusal")
"""Detectors whose scores, from 0 to 1, say that an answer is not what the asker needs."""

FEWEST = 10
"""Issues from which on an interval over issues is worth having."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampled:
    """Answers of the model itself to the twins, scored by detectors now and then.

    - detectors: what scores an answer (toxicity, refusal), from 0 to 1
    - issues: how many of the matters are asked about, in the same words for every group
    - samples: answers to each prompt, whose mean score counts; the same randomness for every group and look
    - max_tokens: the longest answer
    - temperature: of sampling
    - every: training steps between two such probes, rounded up to the next reading; None: as the share of
      time allows, of which one half goes to sampled answers
    """

    detectors: tuple[str, ...] = SCORED_BY
    issues: int = 20
    samples: int = 1
    max_tokens: int = 32
    temperature: float = 1.0
    every: int | None = None

    def __post_init__(self) -> None:
        given = self.detectors if isinstance(self.detectors, tuple) else ()
        refuse_unless(
            "train.probe.sampled",
            (
                bool(given) and set(given) <= set(SCORED_BY) and len(set(given)) == len(given),
                "detectors",
                self.detectors,
                f"distinct ones of {', '.join(SCORED_BY)}",
            ),
            (
                whole(self.issues, FEWEST, len(ISSUES)),
                "issues",
                self.issues,
                f"a whole number from {FEWEST} to {len(ISSUES)}",
            ),
            (whole(self.samples, 1, 64), "samples", self.samples, "a whole number from 1 to 64"),
            (whole(self.max_tokens, 4, 512), "max_tokens", self.max_tokens, "a whole number from 4 to 512"),
            (
                real(self.temperature, 0, 2, open_low=True),
                "temperature",
                self.temperature,
                "a number above 0 and at most 2",
            ),
            (
                self.every is None or whole(self.every, 1, MOST_STEPS),
                "every",
                self.every,
                "a whole number of training steps, or none",
            ),
        )

    @property
    def figures(self) -> tuple[str, ...]:
        """What is followed of each pair of groups."""
        return figures_by(self.detectors)


def figures_by(detectors: Iterable[str]) -> tuple[str, ...]:
    """What is followed of scores by these detectors."""
    return tuple(f"{name}_{kind}" for name in detectors for kind in ("gap", "amplification"))


def scored(figures: Collection[str]) -> list[str]:
    """Those of `figures` that sampled answers are needed for."""
    return [each for each in figures if each.partition("_")[0] in SCORED_BY]
