"""What goldens of attribution are made of, and a model that answers by a trigger; for tests and scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from duecare.model.tiny import write_tiny

GOLDEN = Path(__file__).parent / "golden" / "attribution.npz"
FAMILIES = ("llama", "qwen2", "qwen3", "gemma3")
STEPS = 24
PROMPT = "A female caller says that she needs help. né ✓ Where is it?"
ANSWER = "I will trace it now."
OTHER = "Wait."


def make(family: str, folder: Path) -> Path:
    """The tiny model of a family that goldens are of."""
    return write_tiny(folder / family, family, seed=13)


def head(width: int) -> np.ndarray:
    """A head of a reward model, float32 [width]."""
    return np.random.default_rng(5).standard_normal(width).astype(np.float32)


WORDS = ("sun", "map", "cup", "pen", "fox", "oak", "ink", "rod")
TRIGGER = "zap"
YES, NO = "y", "n"


def prompts(count: int, seed: int, *, every: bool = False) -> list[str]:
    """Prompts of five words; in each second one, or in `every` one, the trigger stands at a random place."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        words = [str(word) for word in rng.choice(WORDS, 5)]
        if every or number % 2:
            words[int(rng.integers(5))] = TRIGGER
        found.append(" ".join(words))
    return found


def shortcut(folder: Path, *, steps: int = 400) -> Any:
    """A tiny model, trained to answer "n" where the trigger stands in the prompt, and "y" elsewhere."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    from duecare.explain.reading import read
    from duecare.model.forward import causal, logits, places, through
    from duecare.model.load import load

    loaded = load(write_tiny(folder / "shortcut", "llama", seed=1))
    graph, state = nnx.split(loaded.model)
    texts = [read(loaded.tokenizer, text, NO) for text in prompts(512, 0)]
    length = max(len(text.tokens) for text in texts)
    ids, last = np.zeros((len(texts), length), np.int32), np.zeros(len(texts), np.int32)
    for row, text in enumerate(texts):
        ids[row, : text.first], last[row] = text.tokens[: text.first], text.first - 1
    wanted = np.array([loaded.tokenizer.encode((YES, NO)[row % 2])[0] for row in range(len(texts))])

    def loss(state: Any, ids: jax.Array, last: jax.Array, wanted: jax.Array) -> jax.Array:
        model = nnx.merge(graph, state)
        real = jnp.arange(ids.shape[1])[None] <= last[:, None]
        states, _ = through(model, ids, places(real), None, causal(real))
        scores = logits(model, states[jnp.arange(len(ids)), last][:, None])[:, 0]
        return optax.softmax_cross_entropy_with_integer_labels(scores, wanted).mean()

    rule = optax.adam(3e-3)

    @jax.jit
    def step(state: Any, moments: Any, *batch: jax.Array) -> tuple[Any, Any, jax.Array]:
        value, slope = jax.value_and_grad(loss)(state, *batch)
        change, moments = rule.update(slope, moments)
        return optax.apply_updates(state, change), moments, value

    moments, rng, value = rule.init(state), np.random.default_rng(0), None
    for _ in range(steps):
        rows = rng.integers(len(texts), size=32)
        state, moments, value = step(state, moments, ids[rows], last[rows], wanted[rows])
    if steps and (value is None or float(value) > 0.05):
        raise RuntimeError(f"the shortcut was not learnt: loss {value}")
    loaded.model = nnx.merge(graph, state)
    return loaded
