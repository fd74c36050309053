"""Two training steps on the real model in a process of their own: `python smollm_child.py BASE DATA OUT`.

Prints the losses and the most memory held: in a process that did other things before, that would be theirs.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from pathlib import Path

from training_toys import run

from duecare.core import Artifact
from duecare.train import Sft

STEP = Sft(on="chats", steps=2, batch_size=2, max_tokens=64, held_out=2, learning_rate=2e-3)


def main(base: Path, data: Path, out: Path) -> None:
    inputs = {"base": Artifact("base", base, "digest"), "data": Artifact("split:chats", data, "data")}
    outcome, _ = run(STEP, inputs, out)
    told = {
        each.slice["when"]: each.value
        for each in outcome.estimates
        if each.metric == "sft.loss" and "when" in each.slice and "group" not in each.slice
    }
    # Not getrusage: what that tells of a child may be the memory of the process that started it.
    most = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(json.dumps(told | {"kibibytes": int(most[1]) if most else None}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of Tunix 0.1.7 on the JAX and Flax of today
    main(*map(Path, sys.argv[1:]))
