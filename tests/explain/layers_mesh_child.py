"""Twins read, patched and changed on one device and on two simulated ones: `layers_mesh_child.py FOLDER`.

Prints the figures of both. A process of its own: how many devices there are is settled when JAX starts.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"


def main(folder: Path) -> None:
    from planted_layers import LAYER, LAYERS, twins_of_letters, write_planted

    from duecare.explain.engine_causal import erased
    from duecare.explain.engine_layers import effects, gaps, guessed_heads, states_at
    from duecare.explain.patching import grid
    from duecare.model.load import load
    from duecare.model.mesh import make_mesh

    made, found = write_planted(folder / "model"), []
    for mesh in (None, make_mesh(2, 1), make_mesh(1, 2)):
        loaded = load(made, mesh=mesh)
        pairs = twins_of_letters(loaded.tokenizer, 4, tied=False)
        whole = erased(loaded, pairs, [pairs[0].mine, pairs[1].mine], LAYER, 0)
        where = loaded.model.layers[0].mlp.gate_proj.kernel[...].sharding.device_set
        found.append(
            {
                "devices": len(where),
                "gaps": [each.tolist() for each in gaps(loaded, pairs)],
                "effects": effects(loaded, pairs[:1], grid(LAYERS, 2)).effect.tolist(),
                "guess": guessed_heads(loaded, pairs[:1]).effect.tolist(),
                "states": states_at(loaded, [pairs[0].mine], [LAYER])[LAYER][0][-1].tolist(),
                "after": whole.after.tolist(),
                "kl": whole.kl.tolist(),
            }
        )
    print(json.dumps(found))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
