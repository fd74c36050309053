"""Where a gap between twins arises: what of it goes away when parts of one twin's run are those of the other.

Of a pair the answer's mean log-probability per token is m(mine) and m(other); the gap is their difference g.
With a part of the run on `mine` replaced by that of the run on `other` it becomes m', and m' - m(mine) is the
effect. A part that carries all of the gap has effect -g. The share of the gap that a cell carries is

    sum over pairs of -sign(g) * effect / sum of |g|,

a ratio of sums, so that pairs without a gap decide nothing; 1 means all, 0 none, below 0 that it holds the
gap down. Its interval is linearised over clusters. Shares of cells need not add up: layers come one after
another. Free of JAX: it works on what `engine_layers` measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from duecare.core import Estimate
from duecare.explain.twinned import REGIONS, Pair
from duecare.measure.interval import LEVEL, Interval, cluster_mean, silent
from duecare.measure.multiple import holm, p_value

Floats = npt.NDArray[np.float64]
Masks = dict[str, npt.NDArray[np.bool_]]
SMALL = 1e-5
"""Nats per token below which a gap, or an effect, is rounding of float32."""
METHOD = "ratio of sums, linearised over clusters (CR2, skewness-corrected t)"


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of a run: the stream at `depth` (0: embedded tokens, l: behind layer l) in one region, or what a
    layer's attention ("attention": all heads, "head": one) or "mlp" adds at all positions; layers from 1."""

    part: str
    depth: int
    region: str | None = None
    head: int | None = None

    def place(self) -> dict[str, str]:
        """The cell as part of an Estimate's slice."""
        found = {"part": self.part, "layer": str(self.depth)}
        if self.region is not None:
            found["position"] = self.region
        return found if self.head is None else {**found, "head": str(self.head)}


def depths(layers: int, every: int) -> list[int]:
    """Every `every`-th layer from 1, and the last."""
    return sorted({*range(1, layers + 1, every), layers})


def grid(layers: int, every: int) -> list[Cell]:
    """The cells of a map: the stream by region at every chosen depth, then attention and MLP of each
    layer."""
    chosen = depths(layers, every)
    found = [Cell("stream", depth, region) for depth in (0, *chosen) for region in REGIONS]
    return [*found, *(Cell(part, layer) for part in ("attention", "mlp") for layer in chosen)]


def masks(cells: Sequence[Cell], pair: Pair, layers: int, heads: int, length: int) -> Masks:
    """What each cell replaces of one pair's run, as `model.activation.patched` takes it: C rows.

    Positions without a counterpart in the other twin are left as they are.
    """
    able = np.zeros(length, dtype=bool)
    able[: len(pair.source)] = pair.source >= 0
    region = np.full(length, -1)
    region[: len(pair.mine.region)] = pair.mine.region
    count = len(cells)
    found = {
        "stream": np.zeros((layers + 1, count, length), dtype=bool),
        "heads": np.zeros((layers, count, length, heads), dtype=bool),
        "mlp": np.zeros((layers, count, length), dtype=bool),
    }
    for number, cell in enumerate(cells):
        if cell.part == "stream":
            here = able if cell.region is None else able & (region == REGIONS.index(cell.region))
            found["stream"][cell.depth, number] = here
        elif cell.part == "mlp":
            found["mlp"][cell.depth - 1, number] = able
        else:
            chosen = slice(None) if cell.head is None else slice(cell.head, cell.head + 1)
            found["heads"][cell.depth - 1, number, :, chosen] = able[:, None]
    return found


@dataclass(frozen=True, slots=True)
class Effects:
    """What patching did: `effect` float64 [C, P] and `gap` [P] in nats per token, the cluster of each
    pair."""

    cells: tuple[Cell, ...]
    effect: Floats
    gap: Floats
    clusters: tuple[str, ...]

    def of(self, pairs: npt.NDArray[np.bool_]) -> Effects:
        """Of some of the pairs only, bool [P]."""
        kept = tuple(each for each, here in zip(self.clusters, pairs, strict=True) if here)
        return replace(self, effect=self.effect[:, pairs], gap=self.gap[pairs], clusters=kept)

    def toward(self, number: int) -> Floats:
        """Of each pair by how much a cell's effect closes its gap, [P]."""
        signed: Floats = -np.sign(self.gap) * self.effect[number]
        return signed

    def share(self, number: int, level: float = LEVEL) -> Interval:
        """The share of the gap that a cell carries."""
        return share(self.toward(number), np.abs(self.gap), self.clusters, level)


def share(
    part: Floats, whole: Floats, clusters: Sequence[str], level: float = LEVEL, method: str = METHOD
) -> Interval:
    """Sum of `part` [P] over sum of `whole` [P], none below zero, with its interval over clusters."""
    count, units = len(part), len(set(clusters))
    if not whole.sum() > SMALL * max(1, count):
        return silent("there is no gap between the twins to explain", count, units, method, level)
    value, mean = float(part.sum() / whole.sum()), float(whole.mean())
    if float(np.abs(part).max(initial=0.0)) <= SMALL:
        return silent("replacing it moves no answer by more than rounding", count, units, method, level)
    around = cluster_mean((part - value * whole) / mean, list(clusters), level)
    if around.low is None or around.high is None:
        return silent(around.reason or "no spread", count, units, method, level)
    low, high = value + min(around.low, 0.0), value + max(around.high, 0.0)
    return Interval(value, low, high, count, units, method, level)


@dataclass(frozen=True, slots=True)
class Mapped:
    """One cell of a map: its share, and p-values that it carries none, plain and after Holm over all
    cells."""

    cell: Cell
    share: Interval
    p: float | None
    holm: float | None

    @property
    def found(self) -> bool:
        """Whether the cell stands out among all that were looked at, at 5 %."""
        return self.holm is not None and self.holm <= 0.05


def mapped(effects: Effects) -> list[Mapped]:
    """Every cell with its share of the gap, Holm's correction over all."""
    rows = [
        (cell, effects.share(number), p_value(partial(effects.share, number), 0.0))
        for number, cell in enumerate(effects.cells)
    ]
    known = [p for _, _, p in rows if p is not None]
    stepped = iter(holm(known).tolist() if known else [])
    return [Mapped(cell, found, p, None if p is None else next(stepped)) for cell, found, p in rows]


def halves(clusters: Sequence[str], seed: int) -> npt.NDArray[np.bool_]:
    """Which pairs are in the first half, bool [P]: clusters by lot, so that what is chosen on one half can be
    tested on the other."""
    names = sorted(set(clusters))
    order = np.random.default_rng([seed, 0xA1]).permutation(len(names))
    first = {names[place] for place in order[: len(names) // 2]}
    return np.array([each in first for each in clusters], dtype=bool)


def strongest(effects: Effects, count: int, parts: Sequence[str] = ()) -> list[int]:
    """Numbers of the `count` cells that carry most of the gap, by value alone; of `parts` if given."""
    value = [
        float(effects.toward(number).sum()) if not parts or cell.part in parts else -np.inf
        for number, cell in enumerate(effects.cells)
    ]
    order = np.argsort(-np.array(value), kind="stable")[:count]
    return [int(number) for number in order if np.isfinite(value[number]) and value[number] > 0]


def estimates(found: Sequence[Mapped], about: Mapping[str, str]) -> list[Estimate]:
    """`explain.patching.share` of every cell."""
    return [
        each.share.estimate("explain.patching.share", {**about, **each.cell.place()}, unit="of the gap")
        for each in found
    ]
