"""Readers of hidden states, or probes: what can be read of a group, by readers that training never met.

An adversary's own loss says only that this adversary was beaten (Elazar and Goldberg 2018 found groups
readable again every time). So readers are trained afterwards, on held-out rows, and judged on rows that
they did not see: five folds, each row read once by readers of the other four. Rows that belong
together (a row and its twin) share a fold and are one cluster of the interval.

Accuracy is balanced: each group counts alike, so chance is 1 / groups however rare one is. Beside it
stands a control task (Hewitt and Liang 2019): labels drawn at random for each cluster, the same readers, the
same folds. Nothing can be known of them, so a reader that beats chance there shows a leak; how well it fits
them on the rows that it was trained on shows what it could learn by heart. Accuracy less that of the control
task is the reader's selectivity; both are of the same rows, so its interval is a paired one. NumPy and SciPy
only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from duecare.core import DataError
from duecare.measure.cluster import Sums, gather
from duecare.measure.compare import sums_difference
from duecare.measure.interval import Interval, cluster_mean, silent

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Fitter = Callable[[Floats, Codes], Callable[[Floats], Floats]]
Reader = Literal["linear", "mlp"]
READERS: tuple[Reader, ...] = ("linear", "mlp")
FOLDS = 5
LEAST = 10
"""Clusters of each group, at least, for a reading."""
HIDDEN = 16
"""Units of the hidden layer of "mlp"."""
DECAY = 1.0
"""Weight of half the squared norm of a reader's weights, against the sum of all losses."""
LEVEL = 0.975
"""Of each reader's interval: both together hold at 95 % (Bonferroni)."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Which rows were read right, gathered by cluster with each group counting alike: of the group, and of
    the random labels."""

    group: Sums
    chance: Sums


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader read: `accuracy` on rows not seen, `control` on random labels, and how well it fitted
    those on the rows that it saw (`learnt`, no interval). `hits` is None where nothing could be read."""

    reader: Reader
    accuracy: Interval
    control: Interval
    learnt: float | None
    hits: Hits | None = None

    def selectivity(self) -> Interval:
        """Accuracy less accuracy on random labels, over the same clusters (Hewitt and Liang 2019)."""
        if self.hits is None:
            return self.accuracy
        return sums_difference(self.hits.group, self.hits.chance, self.accuracy.level)

    def gain_over(self, earlier: Reading) -> Interval:
        """Accuracy less that of `earlier`, read of the same rows (another layer, another checkpoint)."""
        if self.hits is None or earlier.hits is None:
            return self.accuracy if self.hits is None else earlier.accuracy
        if set(self.hits.group.ids) != set(earlier.hits.group.ids):
            raise DataError("readings of different rows cannot be compared as pairs")
        return sums_difference(self.hits.group, earlier.hits.group, self.accuracy.level)


def probe(
    states: npt.NDArray[np.floating],
    group: Codes,
    clusters: Sequence[str],
    seed: int,
    *,
    readers: Sequence[Reader] = READERS,
    eraser: Fitter | None = None,
    level: float = LEVEL,
) -> list[Reading]:
    """Each of `readers` on `states` [N, D]: `group` int [N] from 0, or -1 for none declared (left out).

    `eraser` is fitted anew on the rows that each reader is trained on, and takes the group out of all;
    `level` is that of the intervals."""
    known = group >= 0
    x, z = np.asarray(states, dtype=np.float64)[known], group[known]
    unit = np.unique(np.asarray(clusters, dtype=object)[known].astype(str), return_inverse=True)[1]
    if not np.isfinite(x).all():
        raise DataError("probe: expected states that are finite")
    if reason := _too_few(z, unit):
        nothing = silent(reason, len(z), None, "balanced accuracy of a fresh probe", level)
        return [Reading(reader, nothing, nothing, None) for reader in readers]
    rng = np.random.default_rng([seed, 0xF5])
    fold = _folds(z, unit, rng)
    chance = rng.integers(0, z.max() + 1, unit.max() + 1)[unit]
    found = []
    for reader in readers:
        folds = [_changed(x, z, fold == number, eraser) for number in range(FOLDS)]
        said, _ = _read_all(reader, folds, z, fold, seed)
        guess, learnt = _read_all(reader, folds, chance, fold, seed)
        hits = Hits(_hits(said, z, unit), _hits(guess, chance, unit))
        read, control = balanced(said, z, unit, level), balanced(guess, chance, unit, level)
        found.append(Reading(reader, read, control, learnt, hits))
    return found


def balanced(said: Codes, truth: Codes, unit: Codes, level: float = LEVEL) -> Interval:
    """Balanced accuracy of what was `said`, with its interval over clusters."""
    share = 1.0 / np.bincount(truth)[truth]
    return cluster_mean((said == truth).astype(float), unit.tolist(), level, weights=share, within=(0.0, 1.0))


def _hits(said: Codes, truth: Codes, unit: Codes) -> Sums:
    return gather((said == truth).astype(float), unit.tolist(), 1.0 / np.bincount(truth)[truth])


def _too_few(group: Codes, unit: Codes) -> str | None:
    counts = [len(np.unique(unit[group == each])) for each in np.unique(group)]
    if len(counts) < 2:
        return "rows of two groups are needed to read one from the other"
    if min(counts) < LEAST:
        return f"{LEAST} independent rows of each group are needed, there are {min(counts)}"
    return None


def _folds(group: Codes, unit: Codes, rng: np.random.Generator) -> Codes:
    """A fold for each row: clusters dealt out in random order, group by group, so that folds are alike."""
    of = np.zeros(unit.max() + 1, dtype=np.int64)
    first = np.zeros_like(of)
    first[unit[::-1]] = group[::-1]
    order = rng.permutation(len(of))
    order = order[np.argsort(first[order], kind="stable")]
    of[order] = np.arange(len(order)) % FOLDS
    return of[unit]


def _changed(x: Floats, z: Codes, out: npt.NDArray[np.bool_], eraser: Fitter | None) -> Floats:
    """The states as a reader meets them that is judged on the rows `out`."""
    return x if eraser is None else eraser(x[~out], z[~out])(x)


def _read_all(
    reader: Reader, states: Sequence[Floats], z: Codes, fold: Codes, seed: int
) -> tuple[Codes, float]:
    """What each row is read as by a reader that has not seen it; balanced accuracy on the rows seen."""
    said, learnt = np.zeros(len(z), dtype=np.int64), []
    for number in range(FOLDS):
        out, x = fold == number, states[number]
        read = fit(reader, x[~out], z[~out], int(z.max()) + 1, seed)
        said[out] = read(x[out])
        right = (read(x[~out]) == z[~out]).astype(float)
        learnt.append(np.average(right, weights=1.0 / np.bincount(z[~out])[z[~out]]))
    return said, float(np.mean(learnt))


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained reader: moments of the states, and its layers (weights and bias)."""

    mean: Floats
    deviation: Floats
    layers: tuple[tuple[Floats, Floats], ...]

    def __call__(self, states: Floats) -> Codes:
        """The group that each of `states` [N, D] is read as."""
        x = (states - self.mean) / self.deviation
        for w, b in self.layers[:-1]:
            x = np.tanh(x @ w + b)
        w, b = self.layers[-1]
        said: Codes = np.argmax(x @ w + b, axis=-1)
        return said


def fit(reader: Reader, x: Floats, z: Codes, groups: int, seed: int) -> Fitted:
    """Train a reader by L-BFGS on all rows at once: cross-entropy, each group weighing alike, and decay."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation = np.where(deviation > 1e-8 * max(1.0, float(np.abs(x).max())), deviation, 1.0)
    ready = (x - mean) / deviation
    counts = np.bincount(z, minlength=groups)
    weight = (len(z) / (counts > 0).sum() / np.maximum(counts, 1))[z]
    sizes = [x.shape[1], groups] if reader == "linear" else [x.shape[1], HIDDEN, groups]
    rng = np.random.default_rng([seed, 0x1D])
    start = np.concatenate(
        [np.concatenate([rng.standard_normal(a * b) / np.sqrt(a), np.zeros(b)]) for a, b in pairwise(sizes)]
    )
    if reader == "linear":
        start[:] = 0.0
    told = np.eye(groups)[z]
    found = minimize(
        _loss, start, (ready, told, weight, sizes), jac=True, method="L-BFGS-B", options={"maxiter": 200}
    )
    return Fitted(mean, deviation, tuple(_layers(found.x, sizes)))


def _layers(flat: Floats, sizes: Sequence[int]) -> list[tuple[Floats, Floats]]:
    found, place = [], 0
    for a, b in pairwise(sizes):
        w = flat[place : place + a * b].reshape(a, b)
        found.append((w, flat[place + a * b : place + a * b + b]))
        place += a * b + b
    return found


def _loss(
    flat: Floats, x: Floats, told: Floats, weight: Floats, sizes: Sequence[int]
) -> tuple[float, Floats]:
    """Weighted cross-entropy with decay of the weights, and its gradient."""
    layers = _layers(flat, sizes)
    inner = [x]
    for w, b in layers[:-1]:
        inner.append(np.tanh(inner[-1] @ w + b))
    w, b = layers[-1]
    logits = inner[-1] @ w + b
    logits -= logits.max(axis=1, keepdims=True)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    value = -float((weight * (logs * told).sum(axis=1)).sum())
    slope = weight[:, None] * (np.exp(logs) - told)
    slopes: list[Floats] = []
    for place in range(len(layers) - 1, -1, -1):
        w = layers[place][0]
        value += 0.5 * DECAY * float((w**2).sum())
        slopes = [(inner[place].T @ slope + DECAY * w).ravel(), slope.sum(axis=0), *slopes]
        slope = (slope @ w.T) * (1 - inner[place] ** 2) if place else slope
    return value, np.concatenate(slopes)
