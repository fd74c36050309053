"""Whether a reward is being gamed: settings, what is compared, and what of it lies on the disk. Free of JAX.

A policy that is trained on a reward finds what the reward pays for, its mistakes included (Gao, Schulman and
Hilton 2023). So an instrument that the reward does not hold looks on. At a look, prompts of the round are
answered by the model as it was before this step too, and both instruments compare the answers now with those
of then, prompt by prompt: the *win share* is the chance that an answer now is worth more than one of then,
ties counting half. It lies in [0, 1], is 1/2 where nothing changed, and needs no unit, so that a detector, a
function and a reward model are followed alike. What is judged: `duecare.train.drift_gauge`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from duecare.core import DuecareError, refuse_unless
from duecare.core.wire import Noun, decode, encode
from duecare.train.resume import append_line, whole_lines, write_whole
from duecare.train.rewards import reward_rules
from duecare.train.rules import MOST_STEPS, Rule, real, whole

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """An instrument beside the reward, and how far the two may come apart.

    - independent: parts and weights as in `reward`, none of which the reward holds
    - reward_model, reward_model_weight: an earlier step that made another reward model, and its weight
    - unjudged: as in Grpo
    - every: of so many rounds of answers the last is looked at; its prompts are answered twice
    - fall: by how much the independent instrument's win share may lie below one half
    - gap: by how much the reward's win share may lie above the independent one's; none: not judged
    """

    independent: Mapping[str, float] = field(default_factory=dict)
    reward_model: str = ""
    reward_model_weight: float = 1.0
    unjudged: float = -1.0
    every: int = 1
    fall: float = 0.05
    gap: float | None = None

    def __post_init__(self) -> None:
        parts = reward_rules(self.independent, self.reward_model, self.reward_model_weight, self.unjudged)
        named = {"reward": "independent"}
        refuse_unless(
            "train.drift",
            *(
                (
                    holds,
                    ".".join([named.get(name.split(".")[0], name), *name.split(".")[1:]]),
                    value,
                    expected,
                )
                for holds, name, value, expected in parts
            ),
            (whole(self.every, 1, MOST_STEPS), "every", self.every, "a whole number of rounds"),
            (
                real(self.fall, 0, 0.5) and self.fall < 0.5,
                "fall",
                self.fall,
                "a share of at least 0 and below 0.5",
            ),
            (
                self.gap is None or (real(self.gap, 0, 1, open_low=True) and self.gap < 1),
                "gap",
                self.gap,
                "a share above 0 and below 1, or none",
            ),
        )


def drift_rules(step: object) -> list[Rule]:
    """Rules of the setting `drift` of a step that is rewarded: what the reward holds is not independent."""
    found = getattr(step, "drift", None)
    if found is None:
        return []
    if not isinstance(found, Drift):
        return [(False, "drift", found, "an independent instrument, or none")]
    reward = getattr(step, "reward", None)
    own = set(reward) if isinstance(reward, Mapping) else set()
    shared = sorted(own & set(found.independent))
    model = getattr(step, "reward_model", "")
    steps, iterations = getattr(step, "steps", 0), getattr(step, "iterations", 0)
    sound = whole(steps, 1) and whole(iterations, 1)  # else it is said of them
    return [
        (not shared, "drift.independent", ", ".join(shared), "instruments that the reward does not hold"),
        (
            not model or model != found.reward_model,
            "drift.reward_model",
            found.reward_model,
            "another reward model than that of the reward",
        ),
        (
            not sound or found.every * iterations <= steps,
            "drift.every",
            found.every,
            f"at most the {steps} steps of training, at {iterations} to a round",
        ),
    ]


def win_shares(now: Floats, then: Floats) -> Floats:
    """Of each prompt [B] the share of comparisons that an answer now wins: [G, B] and [H, B] values.

    A tie counts half (Mann and Whitney 1947).
    """
    apart = now[:, None, :] - then[None, :, :]
    found: Floats = ((apart > 0) + 0.5 * (apart == 0)).mean(axis=(0, 1))
    return found


class Look(Noun, frozen=True, kw_only=True):
    """What was compared in round `round`, drawn after `step` training steps; one number for each prompt.

    `rows` are places in the table; `reward` and `independent` are win shares, `shift` is the mean of the
    independent instrument now less then, in its unit, and `reward_shift` that of the reward.
    """

    round: int
    step: int
    rows: list[int]
    reward: list[float]
    independent: list[float]
    shift: list[float]
    reward_shift: list[float]


class DriftLog:
    """The looks so far, on the disk beside the checkpoints."""

    def __init__(self, folder: Path, upto: int) -> None:
        """Read what lies in `folder`; looks at rounds that training step `upto` is not past are forgotten."""
        self._path = folder / "drift.jsonl"
        self.records = [look for look in _readable(self._path) if look.step < upto]
        write_whole(self._path, b"".join(encode(look) + b"\n" for look in self.records))

    def add(self, look: Look) -> None:
        """Keep one more look; on the disk when this returns."""
        append_line(self._path, encode(look))
        self.records.append(look)

    def complete(self, upto: int, *, every: int, iterations: int) -> bool:
        """Whether every look that was due by training step `upto` is there."""
        rounds = range(every - 1, -(-upto // iterations), every)
        return [look.round for look in self.records] == list(rounds)


def _readable(path: Path) -> Iterator[Look]:
    for line in whole_lines(path):
        with suppress(DuecareError):
            yield decode(line, Look)
            continue
        return
