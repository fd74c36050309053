"""Held-out rows before and after training, per group; and which rows were read at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from duecare.core import Estimate, exact, unknown
from duecare.measure.compare import difference, mean_difference, paired_difference
from duecare.measure.interval import Interval
from duecare.train.batch import Plan
from duecare.train.rows import Pair, Passage, Prompt
from duecare.train.watch import UNITS, Groups, Reading, mean_of_rows, readings

Figures = Mapping[str, npt.NDArray[np.float32]]
Chosen = npt.NDArray[np.bool_]
NONE = "no held-out row of this group can be measured"


def account(
    method: str, source: str, plan: Plan[Passage] | Plan[Pair] | Plan[Prompt], groups: Groups
) -> Iterator[Estimate]:
    """How many distinct rows training reads, how many it passed over and why, how many were cut.

    Cutting is told per group: if one group's rows are longer, it is taught less of them.
    """
    place = {"source": source}
    yield exact(f"{method}.rows.used", len(plan.read), plan.met, place)
    for reason, count in plan.unusable.items():
        yield exact(f"{method}.rows.unusable", count, plan.met, {**place, "reason": reason})
    cut = np.array([one.cut for one in plan.read])
    yield exact(f"{method}.rows.cut", int(cut.sum()), len(cut), place)
    for axis, group, mine in groups.slices(plan.rows):
        there = {**place, "axis": axis, "group": group}
        yield exact(f"{method}.rows.cut", int(cut[mine].sum()), int(mine.sum()), there)


@dataclass(frozen=True, slots=True)
class Probe:
    """What the model made of held-out rows: `before` (None where it means nothing) and `after`.

    Figures are by name, one number per row; `rows` are the rows' places in their table, `groups` the
    groups of that table, `watched` those of the training rows (a group may lack held-out rows).
    """

    method: str
    source: str
    steps: int
    rows: npt.NDArray[np.int64]
    groups: Groups
    watched: Groups
    before: Figures | None
    after: Figures

    def readings(self) -> list[Reading]:
        """Points of the curves: step 0 and the last step, split "probe"."""
        if not len(self.rows):
            return []
        first = (
            [] if self.before is None else readings(0, "probe", _wide(self.before), self.rows, self.groups)
        )
        return first + readings(self.steps, "probe", _wide(self.after), self.rows, self.groups)

    def estimates(self) -> list[Estimate]:
        """Level, change and gap of every figure, for all rows and for each group.

        `<method>.<figure>` with slice "when"; `.change` is after minus before on the same rows;
        `.gap` is the group minus all other rows that declare a group on that axis; `.gap.change` is
        by how much more than theirs the group's figure moved.
        """
        found: list[Estimate] = []
        for name in sorted(self.after):
            found += self._of_all(name)
            for axis in sorted(self.groups.of):
                declared = self.groups.of[axis][self.rows]
                for group in self._names(axis):
                    mine = declared == group
                    rest = np.array([label is not None for label in declared], dtype=np.bool_) & ~mine
                    found += self._of_group(name, {"axis": axis, "group": group}, mine, rest)
        return found

    def _names(self, axis: str) -> list[str]:
        labels = {*self.groups.of[axis], *self.watched.of.get(axis, ())}
        return sorted(label for label in labels if label is not None)

    def _of_all(self, name: str) -> list[Estimate]:
        everyone = np.ones(len(self.rows), dtype=np.bool_)
        return self._levels(name, {}, everyone)

    def _of_group(self, name: str, place: Mapping[str, str], mine: Chosen, rest: Chosen) -> list[Estimate]:
        found = self._levels(name, place, mine)
        if not mine.any() or not rest.any():
            return found
        here = {**place, "against": "rest"}
        for when, figures in self._times():
            compare = difference if name == "accuracy" else mean_difference
            gap = compare(figures[name][mine], figures[name][rest])
            found.append(self._told(f"{name}.gap", gap, {**here, "when": when}))
        if self.before is not None and name != "accuracy":
            moved = self.after[name].astype(np.float64) - self.before[name]
            found.append(self._told(f"{name}.gap.change", mean_difference(moved[mine], moved[rest]), here))
        return found

    def _levels(self, name: str, place: Mapping[str, str], mine: Chosen) -> list[Estimate]:
        if not mine.any():
            there = {"source": self.source, "split": "held_out", **place}
            return [unknown(f"{self.method}.{name}", NONE, 0, there, "mean over rows")]
        found = [
            self._told(
                name, mean_of_rows(name, figures[name][mine], self.rows[mine]), {**place, "when": when}
            )
            for when, figures in self._times()
        ]
        if self.before is not None:
            change = self._change(name, mine)
            found.append(self._told(f"{name}.change", change, place))
        return found

    def _change(self, name: str, mine: Chosen) -> Interval:
        """After minus before on the same rows."""
        before: Figures = self.before or {}
        if name == "accuracy":
            rows = self.rows[mine].tolist()
            return difference(self.after[name][mine], before[name][mine], rows, rows)
        return paired_difference(self.after[name][mine], before[name][mine])

    def _times(self) -> list[tuple[str, Figures]]:
        first = [] if self.before is None else [("before", self.before)]
        return [*first, ("after", self.after)]

    def _told(self, name: str, interval: Interval, place: Mapping[str, str]) -> Estimate:
        there = {"source": self.source, "split": "held_out", **place}
        unit = UNITS.get((self.method, name.split(".", maxsplit=1)[0]), "")
        return interval.estimate(f"{self.method}.{name}", there, unit=unit)


def _wide(figures: Figures) -> Mapping[str, npt.NDArray[np.float64]]:
    return {name: values.astype(np.float64) for name, values in figures.items()}
