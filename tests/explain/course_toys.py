"""A tiny model that is taught to tell one letter from another, and what its layers know on the way.

Its blocks are silent at first: attention and MLP write nothing, so the last token of a prompt knows nothing
of what came before, at any layer. It is taught to answer "y" where a prompt begins with "p" and "n" where
with "q" (axis `kind`). Which half of the alphabet its sixth letter is from (axis `half`) is never taught: ten
other letters of the same kind stand around it, and nothing asks for its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from duecare.core import Artifact, Artifacts, Example, Group, Message
from duecare.core.table import table
from duecare.explain import Layers
from duecare.ledger.digest import file_digest
from duecare.model.tiny import write_tiny

STEPS, HELD = 40, 100
TAUGHT, UNTAUGHT = "kind", "half"
STEP = Layers(
    groups=("women",),
    declared=(TAUGHT, UNTAUGHT),
    rows=HELD,
    issues=20,
    patched=0,
    every=1,
    heads=0,
    sites=1,
    neutral=2,
    snapshots=True,
)


def silent(folder: Path) -> Path:
    """The base: a random model of which no block says anything."""
    from safetensors.numpy import load_file, save_file

    made = write_tiny(folder, "llama", seed=3)
    weights = {name: each.copy() for name, each in load_file(made / "model.safetensors").items()}
    for name, each in weights.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            each[:] = 0
    save_file(weights, made / "model.safetensors", metadata={"format": "pt"})
    return made


def rows(count: int) -> list[Example]:
    """Chats that declare both axes."""
    rng, found = np.random.default_rng(0), []
    for number in range(count):
        kind = int(rng.integers(2))
        about = "".join(rng.choice(list("abcdefgh"), 12))
        turns = (
            Message(role="user", content=f"{'pq'[kind]}{about}"),
            Message(role="assistant", content="yn"[kind]),
        )
        groups = (
            Group(axis=TAUGHT, value="pq"[kind]),
            Group(axis=UNTAUGHT, value="first" if about[4] in "abcd" else "second"),
        )
        key = f"{number:064x}"
        found.append(
            Example(
                row=f"chats:{number}", key=key, source="chats", kind="chat", messages=turns, groups=groups
            )
        )
    return found


def taught(folder: Path, *, snapshots: int = 3) -> Artifacts:
    """Base, split and what `sft` made of them, as the step `layers` is given them."""
    from duecare.model.fetch import Fetch
    from duecare.train import Sft

    base, data, out = (folder / name for name in ("base", "data", "sft"))
    for each in (base, data, out):
        each.mkdir(parents=True)
    Fetch(name=str(silent(folder / "tiny"))).run({}, base, silent_tell)
    made = rows(600 + HELD)
    pq.write_table(table(made[:600]), data / "train.parquet")
    pq.write_table(table(made[600:]), data / "held_out.parquet")
    step = Sft(
        on="chats",
        steps=STEPS,
        batch_size=16,
        max_tokens=48,
        learning_rate=3e-3,
        targets="all-linear",
        lora_rank=2,
        lora_alpha=16,
        schedule="constant",
        every=STEPS,
        held_out=4,
        snapshots=snapshots,
    )
    found = given(folder)
    step.run({"base": found["base"], "data": found["data:chats"]}, out, silent_tell)
    return given(folder)


def given(folder: Path) -> Artifacts:
    """The artifacts of `taught` that lie in `folder`."""
    base = Artifact("base", folder / "base", file_digest(folder / "base" / "reference.json"))
    data = Artifact("split:chats", folder / "data", file_digest(folder / "data" / "train.parquet"))
    return {"base": base, "tuned": Artifact("sft", folder / "sft", "sha256:sft"), "data:chats": data}


def read(inputs: Artifacts, out: Path, tell: Callable[[Any], None], **fields: Any) -> Any:
    """The step `layers` on them."""
    out.mkdir(exist_ok=True)
    return replace(STEP, **fields).run(inputs, out, tell)


def silent_tell(_: object) -> None:
    """Nobody listens."""
