"""Training steps on one device and on a mesh: `python mesh_child.py FOLDER FSDP TP METHOD...`.

Prints for each method the losses of its steps on one device and on the mesh, the change of a weight that was
written, and on how many devices the model lay. A process of its own: how many devices there are is settled
when JAX starts.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from training_toys import base_artifact, curves, data_artifact, learnable, preference, run

from duecare.train import Distill, Dpo, Grpo, Ppo, RewardModel, Sft

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
SHARED: dict[str, Any] = {
    "steps": 3,
    "every": 1,
    "learning_rate": 1e-2,
    "targets": "all-linear",
    "held_out": 2,
}
STEPS = {
    "sft": Sft(on="chats", batch_size=8, max_tokens=64, **SHARED),
    "packed": Sft(on="chats", batch_tokens=512, max_tokens=64, **SHARED),
    "whole": Sft(on="chats", batch_size=8, max_tokens=64, weights="full", **SHARED),
    "distill": Distill(on="chats", teacher="given", batch_size=8, max_tokens=64, **SHARED),
    "dpo": Dpo(on="pairs", batch_size=8, **SHARED),
    "orpo": Dpo(on="pairs", batch_size=8, algorithm="orpo", **SHARED),
    "reward-model": RewardModel(on="pairs", batch_size=8, **SHARED),
    "grpo": Grpo(
        on="chats",
        reward={"toy_rewards:lower_case": 1.0},
        samples=2,
        batch_size=4,
        max_answer_tokens=8,
        **SHARED,
    ),
    "ppo": Ppo(
        on="chats",
        reward={"toy_rewards:lower_case": 1.0},
        samples=2,
        iterations=1,
        batch_size=4,
        max_answer_tokens=8,
        **SHARED,
    ),
}


def main(folder: Path, mesh: tuple[int, int], methods: list[str]) -> None:
    import dataclasses

    import jax
    from safetensors.numpy import load_file

    from duecare.train import engine_loop

    pairs = [preference(i, "please, " + "x" * i, "well, " + "y" * (9 - i)) for i in range(8)]
    chats, two = learnable(16), pairs[:2]
    data = {
        "chats": data_artifact(folder / "chats", chats, chats[:2]),
        "pairs": data_artifact(folder / "pairs", pairs, two),
    }
    heads = {"num_attention_heads": 8, "num_key_value_heads": 8, "head_dim": 4}
    base = base_artifact(folder / "base", **heads)
    teacher = base_artifact(folder / "teacher", seed=1, **heads)
    placed: list[int] = []
    load = engine_loop.load

    def seen(*args: Any, **settings: Any) -> Any:
        """The model as it is loaded, and on how many devices one of its weights lies, no part on two."""
        loaded = load(*args, **settings)
        shards = loaded.model.layers[0].mlp.gate_proj.kernel[...].addressable_shards
        placed.append(len({str(shard.index) for shard in shards}))
        return loaded

    engine_loop.load = seen
    told = {}
    for method in methods:
        step = STEPS[method]
        both = []
        for where in (None, mesh):
            out = folder / f"{method}-{where}"
            inputs = {"base": base, "data": data[step.on], "teacher": teacher}
            run(dataclasses.replace(step, mesh=where), inputs, out)
            lines = curves(out).to_pylist()
            losses = [line["value"] for line in lines if line["metric"] == "batch_loss"]
            weights = load_file(out / "model" / "model.safetensors")
            name = "model.layers.0.mlp.gate_proj.weight"
            both.append(
                {
                    "losses": losses,
                    "weight": np.asarray(weights[name], np.float64)[:4].ravel().tolist(),
                    "places": placed[-1],
                }
            )
        told[method] = both
    print(json.dumps({"devices": len(jax.devices()), "methods": told}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of Tunix 0.1.7 on the JAX and Flax of today
    fsdp, tp = map(int, sys.argv[2:4])
    main(Path(sys.argv[1]), (fsdp, tp), sys.argv[4:])
