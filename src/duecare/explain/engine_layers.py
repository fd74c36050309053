"""Twins put to a model whose layers are read and replaced. Imports JAX through `duecare.model.activation`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from duecare.explain.patching import Cell, Effects, masks
from duecare.explain.probes import Place, pooled
from duecare.explain.twinned import Pair, Side
from duecare.model.activation import Asked, Kind, asked, patched, recorded, slopes
from duecare.model.load import Loaded

Floats = npt.NDArray[np.float64]
Tick = Callable[[int], None]
TOGETHER = 8
"""Texts read at once where all of their states are kept."""
CELLS = 16
"""Rows of one pair patched at once, at most."""


def silent_tick(_: int) -> None:
    """Nobody watches."""


def of_sides(loaded: Loaded, sides: Sequence[Side]) -> Asked:
    """Rows of tokens as arrays of one shape."""
    return asked([(side.tokens, side.first) for side in sides], loaded.tokenizer.pad_id)


def chunked(texts: Asked) -> Iterator[tuple[Asked, int]]:
    """All rows in batches of one shape, the last filled up; and how many of a batch are real."""
    count = len(texts.tokens)
    for start in range(0, count, TOGETHER):
        rows = np.minimum(np.arange(start, start + TOGETHER), count - 1)
        yield texts.rows(rows.tolist()), min(TOGETHER, count - start)


def gaps(loaded: Loaded, pairs: Sequence[Pair], tick: Tick = silent_tick) -> tuple[Floats, Floats]:
    """The answer's mean log-probability per token for each twin of each pair, float64 [P] twice."""
    texts = of_sides(loaded, [side for pair in pairs for side in (pair.mine, pair.other)])
    found = []
    for batch, count in chunked(texts):
        found.append(recorded(loaded, batch, ())[1][:count])
        tick(count)
    both = np.concatenate(found).astype(np.float64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def depth_of(loaded: Loaded) -> int:
    """How many layers the model has."""
    return len(loaded.model.layers)


def _donors(found: Mapping[str, jax.Array], pair: Pair, length: int) -> dict[str, jax.Array]:
    """What the run on `other`, row 1, has at the counterparts of `mine`'s positions: one row."""
    at = np.zeros(length, dtype=np.int32)
    at[: len(pair.source)] = np.maximum(pair.source, 0)
    return {kind: each[:, 1:2, jnp.asarray(at)] for kind, each in found.items()}


def elsewhere(own: jax.Array, donor: jax.Array, rng: np.random.Generator) -> jax.Array:
    """A stand-in for `donor`: as far from `own` at every position, in a direction drawn by lot."""
    drawn = jnp.asarray(rng.standard_normal(own.shape), jnp.float32)
    drawn = drawn / jnp.linalg.norm(drawn, axis=-1, keepdims=True)
    far = jnp.linalg.norm((donor - own).astype(jnp.float32), axis=-1, keepdims=True)
    return (own.astype(jnp.float32) + far * drawn).astype(own.dtype)


def effects(
    loaded: Loaded,
    pairs: Sequence[Pair],
    cells: Sequence[Cell],
    *,
    lots: np.random.Generator | None = None,
    tick: Tick = silent_tick,
) -> Effects:
    """Patch every cell of every pair; with `lots`, not from the other twin but as far away by lot.

    Direction: the run on `mine` is given parts of the run on `other`.
    """
    wanted = _kinds(cells)
    batch = -(-len(cells) // -(-len(cells) // CELLS))  # as few as CELLS allows, all of one size
    sides = of_sides(loaded, [side for pair in pairs for side in (pair.mine, pair.other)])
    length, rows, gap = sides.tokens.shape[1], [], []
    for number, pair in enumerate(pairs):
        both = sides.rows([2 * number, 2 * number + 1])
        found, values = recorded(loaded, both, wanted)
        donors = _donors(found, pair, length)
        if lots is not None:
            donors = {kind: elsewhere(found[kind][:, :1], each, lots) for kind, each in donors.items()}
        heads = found["heads"].shape[3] if "heads" in found else 1
        chosen = masks(cells, pair, depth_of(loaded), heads, length)
        said = patched(
            loaded,
            both.rows([0]),
            donors,
            {kind: chosen[kind] for kind in wanted},
            batch=batch,
        )
        rows.append(said.astype(np.float64) - float(values[0]))
        gap.append(float(values[0]) - float(values[1]))
        tick(len(cells))
    clusters = tuple(pair.cluster for pair in pairs)
    return Effects(tuple(cells), np.stack(rows, axis=1), np.array(gap), clusters)


def _kinds(cells: Sequence[Cell]) -> tuple[Kind, ...]:
    parts: dict[str, Kind] = {"stream": "stream", "mlp": "mlp", "attention": "heads", "head": "heads"}
    return tuple(dict.fromkeys(parts[cell.part] for cell in cells))


def guessed_heads(loaded: Loaded, pairs: Sequence[Pair], tick: Tick = silent_tick) -> Effects:
    """The effect of every head to first order (attribution patching): one pass backwards a pair.

    Good for choosing heads to patch in truth, on other pairs; no finding rests on it.
    """
    sides = of_sides(loaded, [side for pair in pairs for side in (pair.mine, pair.other)])
    length, rows, gap = sides.tokens.shape[1], [], []
    for number, pair in enumerate(pairs):
        both = sides.rows([2 * number, 2 * number + 1])
        found, values = recorded(loaded, both, ("heads",))
        own = {"heads": found["heads"][:, :1]}
        slope = slopes(loaded, both.rows([0]), own)["heads"]
        able = np.zeros(length, dtype=bool)
        able[: len(pair.source)] = pair.source >= 0
        apart = _donors(found, pair, length)["heads"] - own["heads"]
        moved = jnp.where(jnp.asarray(able)[:, None, None], slope * apart, 0.0).sum(axis=(1, 2, 4))
        rows.append(np.asarray(moved, dtype=np.float64))
        gap.append(float(values[0]) - float(values[1]))
        tick(1)
    layers, heads = rows[0].shape
    cells = tuple(Cell("head", layer + 1, None, head) for layer in range(layers) for head in range(heads))
    clusters = tuple(pair.cluster for pair in pairs)
    return Effects(cells, np.stack([each.ravel() for each in rows], axis=1), np.array(gap), clusters)


def states_at(
    loaded: Loaded, sides: Sequence[Side], depths: Sequence[int], tick: Tick = silent_tick
) -> dict[int, list[Any]]:
    """The stream at chosen depths: for each the states float32 [T, D] of every text, in order."""
    return _kept(loaded, sides, depths, lambda own, _: own, tick)


def vectors_at(
    loaded: Loaded, sides: Sequence[Side], depths: Sequence[int], at: Place, tick: Tick = silent_tick
) -> dict[int, Floats]:
    """The stream at chosen depths, one vector a text: for each float64 [N, D]; see `probes.pooled`."""
    found = _kept(loaded, sides, depths, lambda own, side: pooled(own, side, at), tick)
    return {depth: np.stack(each) for depth, each in found.items()}


def _kept(
    loaded: Loaded,
    sides: Sequence[Side],
    depths: Sequence[int],
    keep: Callable[[npt.NDArray[np.float32], Side], Any],
    tick: Tick,
) -> dict[int, list[Any]]:
    texts, kept = of_sides(loaded, sides), {depth: list[Any]() for depth in depths}
    start = 0
    for batch, count in chunked(texts):
        found, _ = recorded(loaded, batch, ("stream",))
        mine = sides[start : start + count]
        for depth in depths:
            whole = np.asarray(found["stream"][depth], dtype=np.float32)
            kept[depth] += [keep(whole[row, : len(side.tokens)], side) for row, side in enumerate(mine)]
        start += count
        tick(count)
    return kept
