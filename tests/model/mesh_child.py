"""One model on one device and on a mesh of simulated ones: `python mesh_child.py FOLDER FSDP TP`.

Prints answers and log-probabilities of both. A process of its own: how many
devices there are is settled when JAX starts.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"


def main(folder: Path, fsdp: int, tp: int) -> None:
    from duecare.model.generate import generate
    from duecare.model.load import load
    from duecare.model.logprob import answer_logprobs
    from duecare.model.mesh import make_mesh

    found = []
    for mesh in (None, make_mesh(fsdp, tp)):
        loaded = load(folder, mesh=mesh)
        prompts = ["The card of a customer", "A bank opens at", "Who waits?", "One more question about it"]
        answers = generate(loaded, prompts, samples=2, max_tokens=8, batch=8)
        greedy = generate(loaded, prompts, max_tokens=8, temperature=0, batch=8)
        shared = answer_logprobs(loaded, [prompts[3]] * 3, [" yes", " no", " perhaps"], batch=24)
        whole = answer_logprobs(loaded, prompts, [" is here"] * 4, batch=8)
        devices = {
            shard.device for shard in loaded.model.layers[0].mlp.gate_proj.kernel[...].addressable_shards
        }
        found.append(
            {
                "answers": answers,
                "greedy": greedy,
                "totals": [each.total for each in (*shared, *whole)],
                "devices": len(devices),
                "bytes": loaded.model.layers[0].mlp.gate_proj.kernel[...].addressable_shards[0].data.nbytes,
            }
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
