"""A reward model in training on one device and on a mesh: `python reward_mesh_child.py FOLDER FSDP TP`.

Prints the losses of the same steps on both, what the model that was written scores there, on how many devices
a weight lies and how much of it on each. A process of its own: how many devices there are is settled when
JAX starts.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from training_toys import preference

from duecare.train import RewardModel

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
STEP = RewardModel(on="pairs", steps=3, batch_size=8, learning_rate=1e-2, held_out=0)


def main(folder: Path, fsdp: int, tp: int) -> None:
    import jax
    from tunix.sft.peft_trainer import TrainingConfig

    from duecare.model.export import export_reward
    from duecare.model.load import load
    from duecare.model.mesh import make_mesh, rows_over
    from duecare.model.reward import load_reward
    from duecare.train.batch import Plan
    from duecare.train.engine_loop import Data, Trainer
    from duecare.train.engine_prefer import give_shape
    from duecare.train.engine_reward import Judged, Rewarding, reward_loss
    from duecare.train.lora import optimiser, with_lora
    from duecare.train.rows import pair

    rows = [preference(i, "please, " + "x" * i, "well, " + "y" * (9 - i)) for i in range(8)]
    told = []
    for mesh in (None, make_mesh(fsdp, tp)):
        loaded = load(folder, mesh=mesh)
        read = tuple(pair(row, loaded.tokenizer, 32, 24) for row in rows)
        plan = Plan(slots=np.arange(24) % 8, read=read, rows=np.arange(8), unusable={}, met=8)
        data = Data(rows=None, names=[], groups=None, weights=np.ones(8, np.float32))  # type: ignore[arg-type]
        taught = Judged(data, plan, loaded.tokenizer.pad_id)
        give_shape(STEP, taught, taught, None)
        with jax.set_mesh(mesh) if mesh is not None else nullcontext():
            model = with_lora(
                loaded.model,
                rank=4,
                alpha=8.0,
                targets="all-linear",
                seed=3,
                under=lambda below: Rewarding(below, 3),
            )
            trainer = Trainer(model, optimiser(STEP), TrainingConfig(eval_every_n_steps=9))
            trainer.with_gen_model_input_fn(lambda batch: {"batch": batch})
            trainer.with_loss_fn(lambda model, batch: reward_loss(model, batch, 0.01), has_aux=True)
            losses: list[float] = []
            trainer.after_step = lambda aux, losses=losses: losses.append(float(aux["loss"]))
            trainer.train(
                dict(zip(batch, rows_over(mesh, *batch.values()), strict=True))
                for batch in (taught.batch(plan.step(number, 8)) for number in range(STEP.steps))
            )
            loaded.model, loaded.lora_scale = model.model, 2.0
            out = folder.parent / ("one" if mesh is None else "many")
            export_reward(loaded, np.asarray(model.head[...]), out)
        judge = load_reward(out, batch=8, mesh=mesh)
        scores = judge.scores(["Hello, "] * 8, [str(row.chosen) for row in rows])
        weight = model.model.layers[0].mlp.gate_proj.kernel[...]
        shards = weight.addressable_shards
        told.append(
            {
                "losses": losses,
                "scores": scores,
                "devices": len({shard.device for shard in shards}),
                "bytes": shards[0].data.nbytes,
            }
        )
    print(json.dumps(told))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of Tunix 0.1.7 on the JAX and Flax of today
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
