"""Weights put on rows, and what they cost in effective size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import FAIL, PASS, Estimate, Finding, exact
from duecare.core.table import EXAMPLES, group_column
from duecare.curate.flow import Sifted, changes, split_rows
from duecare.curate.population import shares
from duecare.curate.raking import Raked
from duecare.curate.texts import mask_of

MISSED = 0.01
"""Points of a share by which a weighted group may miss its target."""
CROSSED = " x "
"""Stands between the names of two axes, and of two groups."""


def groups_of(batch: pa.RecordBatch, axes: Sequence[str]) -> pa.StringArray:
    """Each row's declared groups on `axes`, joined by CROSSED; null where it declares none on one of them."""
    columns = [group_column(batch, axis) for axis in axes]
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, CROSSED)


class Balancing:
    """Puts each group's weight on its rows; a row that declares none keeps its own.

    With two axes the groups are pairs, joined by CROSSED.
    """

    def __init__(self, axes: Sequence[str], weights: Mapping[str, float]) -> None:
        self.axes, self.weights = tuple(axes), dict(weights)
        self.axis = CROSSED.join(self.axes)

    def operate(self, batch: pa.RecordBatch) -> Sifted:
        """The weighing as a pure function of a batch of EXAMPLES."""
        groups = groups_of(batch, self.axes)
        factor = pa.array([self.weights.get(group, 1.0) for group in groups.to_pylist()], pa.float64())
        weight = pc.multiply(batch.column("weight"), factor)
        weighed = batch.set_column(EXAMPLES.get_field_index("weight"), EXAMPLES.field("weight"), weight)
        reasons = [
            {
                "row": row,
                "key": key,
                "step": "balance",
                "action": "changed",
                "reason": f"weight {new:.3g} for {self.axis} = {group}",
                "value": new,
                "label": group,
            }
            for row, key, group, new, old in zip(
                batch.column("row").to_pylist(),
                batch.column("key").to_pylist(),
                groups.to_pylist(),
                weight.to_pylist(),
                batch.column("weight").to_pylist(),
                strict=True,
            )
            if new != old
        ]
        kept, dropped = split_rows(weighed, mask_of([], len(batch)))
        return Sifted(kept, dropped, changes(reasons))

    def estimates(self, counts: Mapping[str, int], source: str) -> Iterator[Estimate]:
        """Each group's weight and the effective sample size of the weighted rows (Kish 1965); with one axis
        also each group's weighted share."""
        total = sum(counts.values())
        for group, weight in sorted(self.weights.items()):
            place = {"source": source, "axis": self.axis, "group": group}
            yield exact("balance.weight", weight, counts.get(group, 0), place)
        for group, share in self._shares(counts).items() if len(self.axes) == 1 else ():
            yield exact("balance.share", share, total, {"source": source, "axis": self.axis, "group": group})
        squares = sum(count * self.weights[group] ** 2 for group, count in counts.items())
        effective = sum(count * self.weights[group] for group, count in counts.items()) ** 2 / squares
        yield exact("balance.effective_size", effective, total, {"source": source, "axis": self.axis}, "rows")

    def _shares(self, counts: Mapping[str, int]) -> dict[str, float]:
        weighed = {group: count * self.weights[group] for group, count in sorted(counts.items())}
        return {group: weight / sum(weighed.values()) for group, weight in weighed.items()}

    def findings(
        self, counts: Mapping[str, int], stated: Mapping[str, float] | None, source: str
    ) -> Iterator[Finding]:
        """Groups of the population that have no row, which no weight can bring back, and groups that the
        largest weight leaves short."""
        absent = sorted(set(stated or ()) - set(counts))
        yield Finding(
            name="balance.every_group_has_rows",
            verdict=FAIL if absent else PASS,
            limit=f"every group of {self.axis} in the population has at least one row",
            detail=f"{source}: no row of {', '.join(absent)}."
            if absent
            else f"{source}: {len(counts)} groups have rows.",
            next="Collect rows of these groups; weights cannot stand in for them." if absent else "",
        )
        target, found = shares(counts, stated, self.axis), self._shares(counts)
        worst = max(target, key=lambda group: target[group] - found[group])
        yield reached(
            self.axis,
            target[worst] - found[worst],
            f"{worst} has {found[worst]:.1%} of the weight, is to have {target[worst]:.1%}",
            source,
        )


def margins(
    raked: Raked, axes: tuple[str, str], stated: Sequence[Mapping[str, float]], source: str
) -> Iterator[Estimate | Finding]:
    """The weighted share of each group of two axes, and whether both are as they should be."""
    worst, rows = 0.0, int(raked.counts.sum())
    for side, axis in enumerate(axes):
        found = raked.shares(side)
        even = dict.fromkeys(found, 1 / len(found))
        target = {group: (stated[side] or even)[group] for group in found}
        total = sum(target.values())
        for group, share in found.items():
            worst = max(worst, abs(share - target[group] / total))
            yield exact("balance.share", share, rows, {"source": source, "axis": axis, "group": group})
    yield reached(
        CROSSED.join(axes), worst, f"the weighted share that is farthest off misses by {worst:.1%}", source
    )


def reached(axis: str, miss: float, what: str, source: str) -> Finding:
    """Whether the groups have the shares they are to have; `miss` is the largest gap, a share of one."""
    return Finding(
        name="balance.margins",
        verdict=PASS if miss <= MISSED else FAIL,
        limit=f"every group of {axis} within {MISSED:.0%} of its share",
        detail=f"{source}: {what}.",
        next="" if miss <= MISSED else "Raise most, or collect rows of the groups that are short.",
    )
