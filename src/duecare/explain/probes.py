"""What each layer knows of a group: linear readers by depth, with control tasks, for one model or several.

A reader is trained on the stream at one depth and one place of every prompt (the last token before the
answer, or the mean over the prompt) and judged on prompts of issues that it has not seen; `measure.reader`
says how. A depth "knows" the group where its selectivity, accuracy less that on random labels, is above zero
after Holm's correction over depths, and accuracy itself above chance. Of several models (base, on the way,
after fine-tuning, after preference tuning) the change of accuracy is a paired Estimate over the same
prompts. Free of JAX.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from duecare.core import DataError, Estimate
from duecare.explain.twinned import REGIONS, Side
from duecare.measure.compare import sums_difference
from duecare.measure.interval import Interval
from duecare.measure.multiple import holm, p_value
from duecare.measure.reader import Reading, probe

Floats = npt.NDArray[np.floating]
Place = Literal["last", "mean"]
PLACES: tuple[Place, ...] = ("last", "mean")


def pooled(states: Floats, side: Side, at: Place) -> npt.NDArray[np.float64]:
    """One vector of a prompt, float64 [D], of its states [T, D]: that of the last token before the answer, or
    the mean over the prompt from where twins differ on."""
    if at == "last":
        return np.asarray(states[side.first - 1], dtype=np.float64)
    inside = (side.region >= 0) & (side.region < REGIONS.index("answer"))
    return np.asarray(states[inside].mean(axis=0), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Known:
    """What one depth knows: the reading, its selectivity, and Holm's p-value that this is not above zero."""

    depth: int
    reading: Reading
    selectivity: Interval
    holm: float | None

    @property
    def found(self) -> bool:
        """Whether the group can be read there for certain, at 5 % over all depths.

        Readers of random labels may by accident do worse than chance; to do better than they is then no
        knowledge, so accuracy itself is to lie above chance, too.
        """
        beyond = self.holm is not None and self.holm <= 0.05 and (self.selectivity.value or 0.0) > 0
        low, hits = self.reading.accuracy.low, self.reading.hits
        if hits is None or low is None:
            return False
        return beyond and low > 1 / float(hits.group.sizes.sum())  # rows weigh 1 over their group's size


def by_depth(
    vectors: Mapping[int, npt.NDArray[np.float64]],
    group: npt.NDArray[np.int64],
    clusters: Sequence[str],
    seed: int,
) -> list[Known]:
    """A linear reader at every depth of `vectors` (depth -> [N, D]); all on the same folds and random
    labels."""
    read = {
        depth: probe(each, group, clusters, seed, readers=("linear",), level=0.95)[0]
        for depth, each in sorted(vectors.items())
    }
    p = {depth: _p(reading) for depth, reading in read.items()}
    known = [value for value in p.values() if value is not None]
    stepped = iter(holm(known).tolist() if known else [])
    return [
        Known(depth, reading, reading.selectivity(), None if p[depth] is None else next(stepped))
        for depth, reading in read.items()
    ]


def _p(reading: Reading) -> float | None:
    hits = reading.hits
    if hits is None:
        return None
    return p_value(partial(sums_difference, hits.group, hits.chance), 0.0)


def estimates(known: Sequence[Known], about: Mapping[str, str]) -> Iterator[Estimate]:
    """`explain.probe.accuracy`, `.control` and `.selectivity` of every depth."""
    for each in known:
        place = {**about, "layer": str(each.depth)}
        yield each.reading.accuracy.estimate("explain.probe.accuracy", place)
        yield each.reading.control.estimate("explain.probe.control", place)
        yield each.selectivity.estimate("explain.probe.selectivity", place)


def changes(
    later: Sequence[Known], earlier: Sequence[Known], about: Mapping[str, str], against: str
) -> Iterator[Estimate]:
    """`explain.probe.change` of every depth: accuracy less that of another model on the same prompts."""
    if [each.depth for each in later] != [each.depth for each in earlier]:
        raise DataError("probes of two models cannot be compared: they were read at other depths")
    for now, was in zip(later, earlier, strict=True):
        place = {**about, "layer": str(now.depth), "against": against}
        yield now.reading.gain_over(was.reading).estimate("explain.probe.change", place)


def first_known(known: Sequence[Known]) -> int | None:
    """The lowest depth at which the group can be read for certain."""
    return next((each.depth for each in known if each.found), None)
