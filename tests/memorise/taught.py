"""Tiny models that are taught rows by heart, all weights at once, and the folders of a run around them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from duecare.core import Artifact, Example, Message
from duecare.core.example import Group

WIDE = {"hidden_size": 64, "intermediate_size": 160, "head_dim": 16, "num_hidden_layers": 2}
"""Wide enough to learn some rows by heart."""


def chat(number: int, question: str, answer: str, group: str | None = None) -> Example:
    return Example(
        row=f"chats:{number}",
        key=f"{number:064x}",
        source="chats",
        kind="chat",
        messages=(Message(role="user", content=question), Message(role="assistant", content=answer)),
        groups=() if group is None else (Group(axis="gender", value=group),),
    )


def taught(folder: Path, rows: Sequence[Example], out: Path, steps: int = 300) -> Path:
    """The model of `folder` after `steps` of Adam on all of `rows` at once, only answers taught, in `out`."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    from duecare.model.export import export
    from duecare.model.forward import causal, hidden, logits, places
    from duecare.model.load import load
    from duecare.model.logprob import stacked
    from duecare.train.rows import passage

    loaded = load(folder)
    read = [passage(row, loaded.tokenizer, 512) for row in rows]
    length = -(-max(len(each.tokens) for each in read) // 16) * 16
    ids, real, _ = stacked(
        [([int(token) for token in each.tokens], 0) for each in read],
        len(read),
        length,
        loaded.tokenizer.pad_id,
    )
    counted = np.zeros(ids.shape, bool)
    for place, each in enumerate(read):
        counted[place, : len(each.tokens)] = each.taught
    graph, state = nnx.split(loaded.model)
    made = optax.adam(optax.warmup_cosine_decay_schedule(0.0, 6e-3, 30, steps))

    def loss(state: Any) -> jax.Array:
        model = nnx.merge(graph, state)
        states, _ = hidden(model, ids, places(jnp.asarray(real)), None, causal(jnp.asarray(real)))
        scores = jax.nn.log_softmax(logits(model, states[:, :-1]), axis=-1)
        picked = jnp.take_along_axis(scores, ids[:, 1:, None], axis=-1)[..., 0]
        return -jnp.where(counted[:, 1:], picked, 0.0).sum() / counted[:, 1:].sum()

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(state: Any, moments: Any) -> Any:
        change, moments = made.update(jax.grad(loss)(state), moments, state)
        return optax.apply_updates(state, change), moments

    moments = made.init(state)
    for _ in range(steps):
        state, moments = step(state, moments)
    nnx.update(loaded.model, state)
    export(loaded, out / "model")
    return out


def artifact(job: str, path: Path) -> Artifact:
    return Artifact(job, path, f"digest of {job}")
