"""What a step loads beside the model it trains, on a mesh: `python beside_mesh_child.py FOLDER`.

Prints on how many devices each lies: the base that is asked the twins, the models whose answers are evidence,
the reward model; and what the base is found to be on one device and on eight. A process of its own: how many
devices there are is settled when JAX starts.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from training_toys import base_artifact, data_artifact, learnable, preference, run

from duecare.core import Artifact
from duecare.train import Debias, Distill, Grpo, Probes, RewardModel, Sft

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
SHARED: dict[str, Any] = {"steps": 1, "every": 1, "held_out": 2, "batch_size": 4}
SFT = Sft(
    on="chats",
    max_tokens=64,
    probe=Probes(axes=("gender",), issues=10),
    debias=Debias(axis="gender", probe="figures", rows=4, answers=True, answer_tokens=4),
    **SHARED,
)
TAUGHT = Distill(on="chats", teacher="given", max_tokens=64, probe=SFT.probe, mesh=(2, 4), **SHARED)
JUDGE = RewardModel(on="pairs", **SHARED)
GRPO = Grpo(on="chats", reward_model="reward-model", samples=2, max_answer_tokens=4, **SHARED)


def main(folder: Path) -> None:
    from duecare.model import reward
    from duecare.train import engine_evidence, engine_probe

    base = base_artifact(folder / "base", num_attention_heads=8, num_key_value_heads=8, head_dim=4)
    pairs = [preference(i, "please, " + "x" * i, "well, " + "y" * (9 - i)) for i in range(8)]
    chats, judged = data_artifact(folder / "chats", learnable(8), learnable(4)), folder / "judge"
    run(JUDGE, {"base": base, "data": data_artifact(folder / "pairs", pairs, pairs[:2])}, judged)
    told: dict[str, list[int]] = {}

    def counted(module: Any, name: str, where: str) -> None:
        load = getattr(module, name)

        def seen(*args: Any, **settings: Any) -> Any:
            made = load(*args, **settings)
            model = getattr(made, "loaded", made).model
            shards = model.layers[0].mlp.gate_proj.kernel[...].addressable_shards
            told.setdefault(where, []).append(len({str(shard.index) for shard in shards}))
            return made

        setattr(module, name, seen)

    counted(engine_probe, "load", "probe")
    counted(engine_evidence, "load", "evidence")
    counted(reward, "load_reward", "reward")
    first = folder / "first"
    run(dataclasses.replace(SFT, probe=None, debias=None), {"base": base, "data": chats}, first)
    inputs = {"base": base, "data": chats, "model": Artifact("sft", first, "sft")}
    gaps = []
    for mesh in (None, (2, 4)):
        _, said = run(dataclasses.replace(SFT, mesh=mesh), inputs, folder / f"sft-{mesh}")
        gaps.append(said.estimates("sft.twins.gap", group="women")[0].value)
    run(TAUGHT, {**inputs, "teacher": base}, folder / "taught")
    given = {"base": base, "data": chats, "reward": Artifact("reward-model", judged, "reward")}
    run(dataclasses.replace(GRPO, mesh=(2, 4)), given, folder / "grpo")
    print(json.dumps({"told": told, "gaps": gaps}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of Tunix 0.1.7 on the JAX and Flax of today
    main(Path(sys.argv[1]))
