"""One training run in a process of its own, to be killed: `python training_child.py METHOD BASE DATA OUT`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from duecare.core import Artifact, Estimate, Finding, Note, Progress
from duecare.core.wire import plain
from duecare.train import Distill, Dpo, RewardModel, Sft

STEPS, EVERY = 12, 4
LOOP = {"steps": STEPS, "batch_size": 4, "every": EVERY, "learning_rate": 2e-2, "held_out": 6, "snapshots": 3}
METHODS = {
    "sft": Sft(on="chats", schedule="linear", **LOOP),  # type: ignore[arg-type]
    "dpo": Dpo(on="pairs", schedule="linear", **LOOP),  # type: ignore[arg-type]
    "orpo": Dpo(on="pairs", algorithm="orpo", schedule="linear", **LOOP),  # type: ignore[arg-type]
    "reward-model": RewardModel(on="pairs", schedule="linear", **LOOP),  # type: ignore[arg-type]
    "sft-nf4": Sft(on="chats", quantize="nf4", **LOOP),  # type: ignore[arg-type]
    "distill": Distill(on="chats", teacher="given", **LOOP),  # type: ignore[arg-type]
}


def main(method: str, base: Path, data: Path, out: Path) -> None:
    out.mkdir(exist_ok=True)
    record = (out.parent / f"{out.name}.told").open("a")

    def tell(what: Estimate | Finding | Note | Progress) -> None:
        if isinstance(what, Estimate):
            record.write(json.dumps(plain(what), sort_keys=True) + "\n")
            record.flush()
            os.fsync(record.fileno())

    inputs = {"base": Artifact("base", base, "base"), "data": Artifact("split:chats", data, "data")}
    if method == "distill":
        inputs["teacher"] = Artifact("teacher", base.parent / "teacher" / "base", "teacher")
    METHODS[method].run(inputs, out, tell)


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
