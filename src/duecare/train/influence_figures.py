"""What is told of influence: slices against the rest, with intervals and Holm's correction. Free of JAX.

The influence of a row is the change of a gap that its gradients account for, summed over training: above 0 it
raised the gap. A slice is compared with all other rows that were read, by the mean influence of a row; rows
are the units, and copies of one row are one unit. The interval speaks of rows like these and of the gap as it
was measured: what is asked (twins or held-out rows) is taken as given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from duecare.core import FAIL, INSUFFICIENT, Estimate, Verdict, exact, unknown
from duecare.measure.compare import mean_difference
from duecare.measure.decide import decide_all
from duecare.measure.interval import LEVEL, Interval, proportion
from duecare.train.influence import Floats
from duecare.train.influence_slices import Slice

FEWEST_UNITS = 5
"""Independent rows that a slice, and the rest, must have for anything to be said of their means."""

SHUFFLES, MOST_SHUFFLED = 200, 8_000_000
"""How often labels are shuffled, at most, to see how often something is found where nothing is; and how many
rows all comparisons of all shufflings may read: many rows are shuffled less often, 40 times at least."""

_PAIRS = {"twins_gap": "nats per token", "loss_gap": "nats", "margin_gap": "nats"}
UNITS = {
    "sft": {"twins_gap": "nats per token", "loss_gap": "nats per token"},
    "dpo": _PAIRS,
    "orpo": _PAIRS,
    "reward-model": _PAIRS | {"twins_gap": "nats"},
}
"""Of each gap, by training method; scores of a reward model are log-odds."""

ROWS = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("of", pa.string(), nullable=False),
        pa.field("axis", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("against", pa.string(), nullable=False),
        pa.field("uses", pa.int32(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
"""One row that training read and one gap a row: `value` is what of the gap it accounts for, in the gap's
unit, above 0 where it raised it; `uses` how often training read it. No text."""


@dataclass(frozen=True, slots=True)
class About:
    """Whose gap: `of` as `Influence.of`, the axis, the group and whom it is compared with."""

    of: str
    axis: str
    group: str
    against: str

    @property
    def place(self) -> dict[str, str]:
        """As part of the slice of an Estimate."""
        return {"of": self.of, "axis": self.axis, "group": self.group, "against": self.against}


@dataclass(frozen=True, slots=True)
class Contrast:
    """A slice against the rest for one gap: `interval` at the level that the verdict was reached at.

    `verdict` "fail" means that the slice's rows raise the gap more than others, "pass" that they lower it
    more; `total` is what all of its rows account for, `rows` how many of it training read.
    """

    about: About
    slice: Slice
    interval: Interval
    verdict: Verdict
    total: float
    rows: int
    share: float

    @property
    def named(self) -> bool:
        """Whether the slice stands out beyond chance."""
        return self.verdict != INSUFFICIENT

    @property
    def expected(self) -> float:
        """By how much the gap should move without the slice, more than without as many random rows.

        Random rows take their share of the slice with them.
        """
        return -self.rows * (1 - self.share) * (self.interval.value or 0.0)


@dataclass(frozen=True, slots=True)
class Found:
    """Influence of every row read on every gap.

    `values` [G, N], `moved` [G] by how much each gap changed in training, `rows` int [N] places in the table
    of `slices`, `clusters` [N] the row each stems from.
    """

    abouts: Sequence[About]
    values: Floats
    moved: Sequence[float]
    rows: npt.NDArray[np.int64]
    clusters: Sequence[str]
    slices: Sequence[Slice]
    source: str
    method: str
    unit: str
    checkpoints: int
    contrasts: tuple[Contrast, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "contrasts", tuple(self._contrasts()))

    @property
    def chosen(self) -> list[Contrast]:
        """The slices that stand out: first those that moved their gap the way it went, the most first.

        Of two slices that are each the rest of the other the first one stands for both.
        """
        way = dict(zip(self.abouts, np.sign(self.moved), strict=True))

        def rank(each: Contrast) -> tuple[bool, float, str, str]:
            along = -np.sign(each.expected) == way[each.about]
            return (not along, -abs(each.expected), each.slice.by, each.slice.value)

        found: list[Contrast] = []
        for each in sorted((each for each in self.contrasts if each.named), key=rank):
            mine = each.slice.mine[self.rows]
            mirrors = [one for one in found if (one.slice.mine[self.rows] != mine).all()]
            if not any(one.about == each.about for one in mirrors):
                found.append(each)
        return found

    def _contrasts(self) -> Iterator[Contrast]:
        compared = [(about, one) for about in range(len(self.abouts)) for one in self._told]
        reached = self._decided([(about, one.mine[self.rows]) for about, one in compared])
        for (about, one), (verdict, interval) in zip(compared, reached, strict=True):
            mine = one.mine[self.rows]
            total, count = float(self.values[about][mine].sum()), int(mine.sum())
            yield Contrast(self.abouts[about], one, interval, verdict, total, count, count / len(mine))

    @property
    def _told(self) -> list[Slice]:
        """Slices large enough to be compared."""
        return [one for one in self.slices if self._large(one.mine[self.rows])]

    def _large(self, mine: npt.NDArray[np.bool_]) -> bool:
        labels = np.array(self.clusters, dtype=object)
        return min(len(set(labels[mine])), len(set(labels[~mine]))) >= FEWEST_UNITS

    def _decided(
        self, compared: Sequence[tuple[int, npt.NDArray[np.bool_]]]
    ) -> list[tuple[Verdict, Interval]]:
        """Each comparison's verdict by Holm's rule, with the interval that it was reached by."""
        looks = [partial(self._interval, about, mine) for about, mine in compared]
        reached = decide_all(looks, [(None, 0.0)] * len(looks), 1 - LEVEL)
        return [(verdict, look(level)) for (verdict, level), look in zip(reached, looks, strict=True)]

    def _interval(self, about: int, mine: npt.NDArray[np.bool_], level: float) -> Interval:
        labels, values = np.array(self.clusters, dtype=object), self.values[about]
        return mean_difference(
            values[mine], values[~mine], labels[mine].tolist(), labels[~mine].tolist(), level
        )

    def control(self, seed: int) -> Estimate:
        """The share of shufflings of the slices over the rows in which some slice stands out."""
        rng, several = np.random.default_rng([seed, SHUFFLES]), 0
        told = [one.mine[self.rows] for one in self._told]
        work = max(1, len(told) * len(self.abouts) * len(self.rows))
        count = max(40, min(SHUFFLES, MOST_SHUFFLED // work))
        for _ in range(count if told else 0):
            order = self._shuffled(rng)
            compared = [(about, mine[order]) for about in range(len(self.abouts)) for mine in told]
            several += any(verdict != INSUFFICIENT for verdict, _ in self._decided(compared))
        name, place = f"{self.method}.influence.control", {"source": self.source, "of": self.abouts[0].of}
        if not told:
            return unknown(name, self._too_small, len(self.rows), place, "shuffled slices")
        return proportion(several, count).estimate(name, place)

    def _shuffled(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """For each row the row whose memberships it is dealt; copies go where their original goes.

        Clusters of one size change places with each other, so that a cluster stays a cluster.
        """
        members: dict[str, list[int]] = {}
        for place, label in enumerate(self.clusters):
            members.setdefault(label, []).append(place)
        order = np.arange(len(self.rows))
        by_size: dict[int, list[list[int]]] = {}
        for places in members.values():
            by_size.setdefault(len(places), []).append(places)
        for alike in by_size.values():
            table = np.array(alike)
            order[table] = table[rng.permutation(len(table))]
        return order

    @property
    def _too_small(self) -> str:
        return f"no slice and its rest have {FEWEST_UNITS} independent rows each"

    def estimates(self) -> list[Estimate]:
        """`<method>.influence.slice`, a row of the slice less a row of the rest, and `.slice.total`."""
        found = []
        for each in self.contrasts:
            place = {"source": self.source, **each.about.place, **each.slice.place}
            name = f"{self.method}.influence.slice"
            found.append(each.interval.estimate(name, place, unit=f"{self.unit} per row"))
            found.append(exact(f"{name}.total", each.total, each.rows, place, unit=self.unit))
        small = [one for one in self.slices if not self._large(one.mine[self.rows])]
        for about in self.abouts:
            for one in small:
                place = {"source": self.source, **about.place, **one.place}
                reason = f"slice or rest have fewer than {FEWEST_UNITS} independent rows that were read"
                count = int(one.mine[self.rows].sum())
                name = f"{self.method}.influence.slice"
                found.append(unknown(name, reason, count, place, "difference of means"))
        return found

    def accounted(self, changes: Mapping[About, Interval]) -> list[Estimate]:
        """`.change`, what a gap moved by in training; `.sum`, what all rows together account for of it."""
        found = []
        for about, values in zip(self.abouts, self.values, strict=True):
            place = {"source": self.source, **about.place}
            name = f"{self.method}.influence"
            found.append(changes[about].estimate(f"{name}.change", place, unit=self.unit))
            found.append(exact(f"{name}.sum", float(values.sum()), len(values), place, unit=self.unit))
        return found

    def table(self, names: Sequence[str], keys: Sequence[str], uses: npt.NDArray[np.int64]) -> pa.Table:
        """Every row and gap as ROWS, the largest first; `names`, `keys` and `uses` are those of `rows`."""
        lines = [
            {"row": name, "key": key, **about.place, "uses": int(count), "value": float(value)}
            for about, values in zip(self.abouts, self.values, strict=True)
            for value, name, key, count in sorted(
                zip(values, names, keys, uses, strict=True), key=lambda line: (-abs(line[0]), line[1])
            )
        ]
        return pa.Table.from_pylist(lines, schema=ROWS)


def said(each: Contrast) -> str:
    """ "topic rumour raises"."""
    return f"{each.slice.by} {each.slice.value} {'raises' if each.verdict == FAIL else 'lowers'} it"
