"""One run of grpo in a process of its own, to be killed: `python reinforce_child.py BASE DATA OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

from duecare.core import Artifact
from duecare.train import Grpo

STEP = Grpo(
    on="chats",
    reward={"toy_rewards:lower_case": 1.0},
    steps=8,
    every=2,
    iterations=2,
    batch_size=2,
    samples=4,
    max_answer_tokens=6,
    max_prompt_tokens=32,
    learning_rate=2e-2,
    held_out=2,
)


def main(base: Path, data: Path, out: Path) -> None:
    out.mkdir(exist_ok=True)
    inputs = {"base": Artifact("base", base, "base"), "data": Artifact("split:chats", data, "data")}
    STEP.run(inputs, out, lambda told: None)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
