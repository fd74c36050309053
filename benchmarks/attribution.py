"""What integrated gradients cost, beside one pass forward and back of the same batch.

    python benchmarks/attribution.py

A random Llama of width 256, 8 layers and a vocabulary of 8,192, 8 prompts of about 96 tokens with answers of
about 24, float32. Told are the shortest of several timings and ratios within this run, of: one value and
slope of the batch with respect to its embedded tokens ("forward and back"); the same with respect to all
weights, as full fine-tuning takes it; each method whole, with both ends of the line and all that goes to and
from the device. The bar: integrated gradients with 32 steps cost at most 40 times one forward and back.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROWS, TIMES, STEPS, BAR = 8, 3, 32, 40.0
SIZES = {
    "hidden_size": 256,
    "intermediate_size": 1024,
    "num_hidden_layers": 8,
    "head_dim": 64,
    "vocab_size": 8192,
}


def seconds(call: Callable[[], Any]) -> float:
    """The shortest of several timings, after one that compiles."""
    call()
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return min(found)


def passes(asked: Any, texts: Any) -> dict[str, Callable[[], Any]]:
    """One pass forward and back of the batch, with respect to inputs and to weights."""
    import jax
    from flax import nnx

    from duecare.explain.engine_attribution import Unit, _put, _value

    graph, state = nnx.split(asked.model)
    units = [Unit(number) for number in range(len(texts))]
    ((_, given),) = asked._laid_out(texts, units)

    @jax.jit
    def inputs(state: Any, given: Any) -> Any:
        model = nnx.merge(graph, state)
        point, _ = _put(model, given, asked.base)
        return jax.value_and_grad(lambda x: _value(model, x, given, None).sum())(point)

    @jax.jit
    def weights(state: Any, given: Any) -> Any:
        def total(state: Any) -> Any:
            model = nnx.merge(graph, state)
            return _value(model, _put(model, given, asked.base)[0], given, None).sum()

        return jax.value_and_grad(total)(state)

    return {
        "forward and back, inputs": lambda: jax.block_until_ready(inputs(state, given)),
        "forward and back, weights": lambda: jax.block_until_ready(weights(state, given)),
    }


def main() -> int:
    """Time each and print the table; 1 where the bar is crossed."""
    from duecare.explain.attribution import METHODS, attributed, opened, readings
    from duecare.model.load import load
    from duecare.model.tiny import write_tiny

    rng = np.random.default_rng(0)
    words = ["parcel", "letter", "caller", "today", "problem", "account"]
    prompts = [" ".join(rng.choice(words, 8)) for _ in range(ROWS)]
    with tempfile.TemporaryDirectory() as folder:
        loaded = load(write_tiny(Path(folder) / "model", **SIZES))
    asked, _ = opened(loaded, batch=4 * ROWS)
    texts = readings(loaded, prompts, ["I will trace it for you."] * ROWS)
    taken = {name: seconds(call) for name, call in passes(asked, texts).items()}
    one = taken["forward and back, inputs"]
    for method in METHODS:
        name = f"{method}, {STEPS} steps" if method == "integrated-gradients" else method
        taken[name] = seconds(lambda method=method: attributed(asked, texts, method=method, steps=STEPS))
    print(f"| {ROWS} texts of {len(texts[0].tokens)} tokens | seconds | times one forward and back |")
    print("|---|---|---|")
    for name, each in taken.items():
        print(f"| {name} | {each:.3f} | {each / one:.1f} |")
    ratio = taken[f"integrated-gradients, {STEPS} steps"] / one
    print(f"integrated gradients: {ratio:.1f} times, the bar is {BAR:g}")
    return int(ratio > BAR)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of Tunix 0.1.7 on the JAX and Flax of today
    sys.exit(main())
