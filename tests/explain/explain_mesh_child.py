"""Attributions on one device and on a mesh of simulated ones: `python explain_mesh_child.py FOLDER FSDP TP`.

A process of its own: how many devices there are is settled when JAX starts.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"


def main(folder: Path, fsdp: int, tp: int) -> None:
    from duecare.explain import attribute
    from duecare.explain.attribution import METHODS
    from duecare.model.load import load
    from duecare.model.mesh import make_mesh

    found = []
    for mesh in (None, make_mesh(fsdp, tp)):
        loaded = load(folder, mesh=mesh)
        prompts, answers = ["A customer waits.", "Who asks?", "She calls."], ["Yes.", "No.", "Wait."]
        scores = [
            score
            for method in METHODS
            for each in attribute(loaded, prompts, answers, method=method, steps=8, batch=8)
            for score in [*each.scores.tolist(), each.value, each.baseline]
        ]
        kernel = loaded.model.layers[0].mlp.gate_proj.kernel[...]
        found.append({"scores": scores, "devices": len({each.device for each in kernel.addressable_shards})})
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
