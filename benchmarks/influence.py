"""What one forward-mode pass for influence costs, beside a training gradient and rows' own gradients.

    python benchmarks/influence.py

A random Llama of width 256 and 8 layers (rank 8 on query and value), batches of 8 rows of 96 tokens, float32.
Told are the shortest of several timings of each and ratios within this run: the losses alone ("forward"), the
gradient of the batch ("training"), the products of every row's gradient with one tangent ("along",
`engine_influence.products`), and the same by a gradient for each row ("one by one", `vmap` of `grad`).
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROWS, TOKENS, TIMES = 8, 96, 5
SIZES = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 8, "head_dim": 64}


def batch_of(rng: np.random.Generator) -> dict[str, Any]:
    """Rows of random tokens, the last half of each taught."""
    from duecare.train.batch import most_asked, stack
    from duecare.train.rows import Passage

    taught = np.arange(TOKENS) >= TOKENS // 2
    rows = [Passage(rng.integers(3, 250, TOKENS).astype(np.int32), taught, cut=False) for _ in range(ROWS)]
    size = most_asked(np.array([TOKENS]), [np.zeros(ROWS, dtype=np.int64)])
    tokens, real, asked = stack(rows, TOKENS, size, 0)
    told = {
        "asked_row": asked.row,
        "asked_place": asked.place,
        "target": asked.target,
        "counts": asked.counts,
    }
    return {"tokens": tokens, "real": real, "row": np.arange(ROWS, dtype=np.int32), **told}


def kinds() -> dict[str, Callable[[Any, Mapping[str, Any], Any], Any]]:
    """What is timed, by name: (model, batch, tangent) -> numbers."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from duecare.train.engine_influence import gradient, products
    from duecare.train.engine_lessons import row_nll

    def forward(model: Any, batch: Mapping[str, Any], _: Any) -> Any:
        return row_nll(model, batch)

    def training(model: Any, batch: Mapping[str, Any], _: Any) -> Any:
        return gradient(model, batch, lambda each, given: row_nll(each, given).sum())

    def along(model: Any, batch: Mapping[str, Any], tangent: Any) -> Any:
        return products(model, batch, jax.tree.map(lambda leaf: leaf[None], tangent), row_nll)[0]

    def one_by_one(model: Any, batch: Mapping[str, Any], tangent: Any) -> Any:
        graph, own, rest = nnx.split(model, nnx.LoRAParam, ...)

        def of(mine: jax.Array) -> jax.Array:
            slope = jax.grad(lambda each: (row_nll(nnx.merge(graph, each, rest), batch) * mine).sum())(own)
            return sum(
                jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(slope), jax.tree.leaves(tangent), strict=True)
            )

        return jax.vmap(of)(jnp.eye(ROWS))

    return {"forward": forward, "training": training, "along": along, "one by one": one_by_one}


def main() -> None:
    """Time each and print the table."""
    import jax
    from flax import nnx

    from duecare.model.load import load
    from duecare.model.tiny import write_tiny
    from duecare.train.lora import with_lora

    with tempfile.TemporaryDirectory() as folder:
        loaded = load(write_tiny(Path(folder) / "model", **SIZES))
    model = with_lora(loaded.model, rank=8, alpha=8, targets="q-v", seed=0)
    model.whole = True
    batch = batch_of(np.random.default_rng(0))
    tangent = jax.tree.map(lambda leaf: leaf + 0.01, nnx.state(model, nnx.LoRAParam))
    found, seconds = {}, {}
    for name, call in kinds().items():
        compiled = nnx.jit(call)
        found[name] = jax.block_until_ready(compiled(model, batch, tangent))
        timings = []
        for _ in range(TIMES):
            began = time.perf_counter()
            jax.block_until_ready(compiled(model, batch, tangent))
            timings.append(time.perf_counter() - began)
        seconds[name] = min(timings)
    np.testing.assert_allclose(found["along"], found["one by one"], rtol=1e-2, atol=1e-3)
    print("| pass over 8 rows | seconds | times a forward pass |\n|---|---|---|")
    for name, taken in seconds.items():
        print(f"| {name} | {taken:.3f} | {taken / seconds['forward']:.2f} |")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of Tunix 0.1.7 on the JAX and Flax of today
    main()
