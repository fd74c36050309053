"""Two steps on the real model, on one device and on eight: `python smollm_mesh_child.py BASE DATA FOLDER`.

Prints the losses of both, how far a weight that was written moved, by how much the two differ there, and on
how many devices that weight lay. A process of its own: how many devices there are is settled when JAX starts.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from training_toys import curves, run

from duecare.core import Artifact
from duecare.train import Sft

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
STEP = Sft(on="chats", steps=2, every=1, batch_size=8, max_tokens=64, held_out=2, learning_rate=2e-3)
NAME = "model.layers.0.self_attn.q_proj.weight"


def main(base: Path, data: Path, folder: Path) -> None:
    from safetensors import safe_open

    from duecare.model.fetch import folder_of
    from duecare.train import engine_loop

    placed: list[int] = []
    load = engine_loop.load

    def seen(*args: Any, **settings: Any) -> Any:
        loaded = load(*args, **settings)
        shards = loaded.model.layers[0].mlp.gate_proj.kernel[...].addressable_shards
        placed.append(len({str(shard.index) for shard in shards}))
        return loaded

    def weight(of: Path) -> Any:
        with safe_open(of / "model.safetensors", framework="numpy") as file:
            return file.get_tensor(NAME).astype(np.float64)

    engine_loop.load = seen
    inputs = {"base": Artifact("base", base, "digest"), "data": Artifact("split:chats", data, "data")}
    losses, weights = [], []
    for name, mesh in (("one", None), ("many", (8, 1))):
        run(dataclasses.replace(STEP, mesh=mesh), inputs, folder / name)
        lines = curves(folder / name).to_pylist()
        losses.append([line["value"] for line in lines if line["metric"] == "batch_loss"])
        weights.append(weight(folder / name / "model"))
    start = weight(folder_of(base))
    told = {
        "losses": losses,
        "moved": float(np.abs(weights[0] - start).max()),
        "apart": float(np.abs(weights[0] - weights[1]).max()),
        "places": placed,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of Tunix 0.1.7 on the JAX and Flax of today
    main(*map(Path, sys.argv[1:]))
