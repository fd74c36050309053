"""The causal checks put to a model: erase and see, patch and see. Imports JAX through
`duecare.model.activation`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from duecare.explain.causal import DRAWS, Erased, Site, Stacks, erasers, shuffled, sites
from duecare.explain.engine_layers import TOGETHER, Tick, effects, of_sides, silent_tick, states_at
from duecare.explain.patching import Effects, halves, strongest
from duecare.explain.twinned import Pair, Side
from duecare.model.activation import Change, changed
from duecare.model.load import Loaded

Floats = npt.NDArray[np.float64]


def _regions(sides: Sequence[Side], length: int) -> npt.NDArray[np.int32]:
    found = np.full((len(sides), length), -1, dtype=np.int32)
    for row, side in enumerate(sides):
        found[row, : len(side.region)] = side.region
    return found


def _apply(
    loaded: Loaded, sides: Sequence[Side], depth: int, stacks: Stacks, *, compare: bool = True
) -> tuple[Floats, Floats, Floats]:
    """Mean log-probability of each answer before and after, and the KL per token, float64 [N] each."""
    texts = of_sides(loaded, sides)
    region = _regions(sides, texts.tokens.shape[1])
    was, now, kl = changed(loaded, texts, region, Change(depth, *stacks), batch=TOGETHER, compare=compare)
    return was.astype(np.float64), now.astype(np.float64), kl.astype(np.float64)


def erased(
    loaded: Loaded,
    pairs: Sequence[Pair],
    neutral: Sequence[Side],
    depth: int,
    seed: int,
    *,
    tick: Tick = silent_tick,
) -> Erased:
    """Erase the group of `pairs` at one depth and ask for their gaps again.

    Erasers are fitted on the pairs of one half of the clusters and applied to the other half, both ways; the
    price on `neutral` texts is that of the eraser fitted on the first half.
    """
    clusters = [pair.cluster for pair in pairs]
    first, rng = halves(clusters, seed), np.random.default_rng([seed, depth, 0xE7])
    sides = [side for pair in pairs for side in (pair.mine, pair.other)]
    group = np.array([which for pair in pairs for which in _numbers(pair, pairs)], dtype=np.int64)
    units = [name for name in clusters for _ in range(2)]
    states = states_at(loaded, sides, [depth], tick)[depth]
    before, after, control = (np.zeros(len(pairs)) for _ in range(3))
    price: tuple[Floats, Floats, Floats] | None = None
    for half in (first, ~first):
        learn = np.flatnonzero(np.repeat(half, 2)).tolist()
        own, texts = [states[i] for i in learn], [sides[i] for i in learn]
        labels, names = group[learn], [units[i] for i in learn]
        stacks, *by_lot = erasers(own, texts, labels, [shuffled(labels, names, rng) for _ in range(DRAWS)])
        if price is None:
            price = _apply(loaded, neutral, depth, stacks)
        out = np.flatnonzero(~half).tolist()
        asked = [side for i in out for side in (pairs[i].mine, pairs[i].other)]
        was, now, _ = _apply(loaded, asked, depth, stacks)
        before[out], after[out] = was[::2] - was[1::2], now[::2] - now[1::2]
        for each in by_lot:
            _, told, _ = _apply(loaded, asked, depth, each, compare=False)
            control[out] += np.abs(told[::2] - told[1::2]) / DRAWS
            tick(len(asked))
    was, now, kl = price or (np.zeros(0),) * 3
    return Erased(depth, before, after, control, tuple(clusters), kl, now - was)


def _numbers(pair: Pair, pairs: Sequence[Pair]) -> tuple[int, int]:
    """The numbers of the two groups of a pair among all groups that `pairs` name."""
    names = sorted({name for each in pairs for name in (each.group, each.against)})
    return names.index(pair.group), names.index(pair.against)


def sites_tested(
    loaded: Loaded,
    pairs: Sequence[Pair],
    found: Effects,
    count: int,
    seed: int,
    *,
    parts: Sequence[str] = (),
    tick: Tick = silent_tick,
) -> list[Site]:
    """The `count` cells that carry most of the gap on one half of the clusters, tested on the other half.

    `found` are effects on all of `pairs`. The embedded tokens are left out: that the words themselves make
    the difference between twins is what twins are.
    """
    first = halves([pair.cluster for pair in pairs], seed)
    kept = [number for number, cell in enumerate(found.cells) if cell.depth > 0]
    inner = Effects(tuple(found.cells[i] for i in kept), found.effect[kept], found.gap, found.clusters)
    chosen = strongest(inner.of(first), count, parts)
    if not chosen:
        return []
    rest = inner.of(~first)
    real = Effects(tuple(rest.cells[i] for i in chosen), rest.effect[chosen], rest.gap, rest.clusters)
    out = [pair for pair, here in zip(pairs, first, strict=True) if not here]
    lots = np.random.default_rng([seed, 0x10])
    by_lot = [effects(loaded, out, real.cells, lots=lots, tick=tick) for _ in range(DRAWS)]
    return sites(real, by_lot)
