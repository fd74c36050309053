"""A small private run, whole or taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training_toys import Told, data_artifact, learnable, preference, run

from duecare.core import Artifact, Example, Finding, Outcome
from duecare.train import Dpo, Privacy, RewardModel, Sft

PRIVACY = Privacy(epsilon=8, delta=1e-3)
STEP = Sft(
    on="chats",
    steps=12,
    batch_size=8,
    every=4,
    learning_rate=2e-2,
    lora_alpha=16,
    held_out=8,
    max_tokens=64,
    privacy=PRIVACY,
)
PAIRS = Dpo(
    on="pairs",
    steps=8,
    batch_size=6,
    every=4,
    learning_rate=2e-2,
    held_out=8,
    max_prompt_tokens=32,
    max_answer_tokens=16,
    privacy=Privacy(epsilon=8, delta=1e-3),
)
JUDGE = RewardModel(
    on="pairs",
    steps=12,
    batch_size=8,
    every=4,
    learning_rate=1e-2,
    lora_alpha=16,
    held_out=8,
    max_prompt_tokens=32,
    max_answer_tokens=24,
    privacy=PRIVACY,
)
ROWS = learnable(68)
Step = Sft | Dpo | RewardModel


def private(step: Step, **fields: object) -> Step:
    """`step` with other settings of privacy."""
    assert step.privacy is not None
    return replace(step, privacy=replace(step.privacy, **fields))  # type: ignore[arg-type]


def trained(step: Step, base: Artifact, folder: Path, rows: Sequence[Example] = ROWS) -> tuple[Outcome, Told]:
    """Train on all of `rows` but the last eight, which are held out."""
    data = data_artifact(folder / "data", rows[:-8], rows[-8:])
    return run(step, {"data": data, "base": base}, folder / "out")


def pairs(count: int) -> list[Example]:
    return [preference(number, "yes", "no", ("women", "men")[number % 2]) for number in range(count)]


def findings(told: Told, outcome: Outcome) -> dict[str, Finding]:
    """All findings of a run by name."""
    found = [each for each in told.all if isinstance(each, Finding)]
    return {each.name: each for each in (*found, *outcome.findings)}
