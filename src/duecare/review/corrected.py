"""Figures that rest on a detector, mended by what people said of a sample of the same texts.

The detector scored all texts, people some of them, drawn with known chances. Prediction-powered inference
(Angelopoulos, Duchi and Zrnic 2023; `measure.powered`) learns the detector's error from the sample, in each
group by itself, and takes it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from duecare.core import DataError, Estimate, exact
from duecare.core.table import SCORES, expect
from duecare.measure import Checked, powered_gaps, powered_rates
from duecare.measure.interval import LEVEL
from duecare.review.returned import Export, people_scores

EVERYBODY = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """How labels of people mend a detector.

    - export: of the round
    - question: which was asked; not needed where it is the only one that was scored
    - limit: at which score the detector calls a text an event
    - event_at: at which answer, from 0 to 1, people do
    """

    export: Export
    question: str | None = None
    limit: float = 0.5
    event_at: float = 0.5

    @property
    def asked(self) -> str:
        """The question's name."""
        return str(self.export.question(self.question, "rate", "choose")["name"])

    def checked(
        self,
        scores: pa.Table,
        groups: Mapping[str, str | None] | None = None,
        clusters: Mapping[str, str] | None = None,
    ) -> Checked:
        """All texts of `scores` (SCORES of one detector) with people's labels and their sampling weights.

        `groups` and `clusters` are looked up by row; without `groups` all texts are one group. Where no label
        fits any text there is a DataError: then the export speaks of other texts.
        """
        instrument, rows = _detector(scores), [row for row in scores.to_pylist() if row["value"] is not None]
        said, weight = _by_address(self.export, self.asked)
        single = len({row["row"] for row in rows}) == len(rows)
        # Where every row has one text, an export may call that text by another name.
        address = [(row["row"], "" if single else row["part"]) for row in rows]
        if single:
            said, weight = ({(row, ""): value for (row, _), value in each.items()} for each in (said, weight))
        if said and not any(each in said for each in address):
            raise DataError(
                f"review: none of {len(said)} labelled texts is among those that {instrument} scored"
            )
        return Checked.of(
            [row["value"] for row in rows],
            [None if each not in said else float(said[each] >= self.event_at) for each in address],
            [EVERYBODY if groups is None else groups.get(row["row"]) for row in rows],
            None if clusters is None else [clusters.get(row["row"], row["row"]) for row in rows],
            [weight.get(each, 1.0) for each in address],
            limit=self.limit,
        )

    def figures(
        self,
        scores: pa.Table,
        *,
        metric: str,
        axis: str | None = None,
        reference: str | None = None,
        groups: Mapping[str, str | None] | None = None,
        clusters: Mapping[str, str] | None = None,
        slice: Mapping[str, str] | None = None,
        level: float = LEVEL,
    ) -> list[Estimate]:
        """`<metric>.corrected.rate` of all texts, or of each group on `axis` and its gaps to `reference`."""
        name, about = f"{metric}.corrected", dict(slice or {})
        rests_on = _detector(scores), self.export.instrument(self.asked)
        checked = self.checked(scores, groups if axis is not None else None, clusters)
        on = axis or EVERYBODY
        found = powered_rates(
            checked, metric=f"{name}.rate", axis=on, slice=about, level=level, rests_on=rests_on
        )
        if axis is not None and reference is not None:
            found += powered_gaps(
                checked,
                metric=name,
                axis=on,
                reference=reference,
                slice=about,
                level=level,
                rests_on=rests_on,
            )
        return found

    def settled(self, metric: str, slice: Mapping[str, str] | None = None) -> Estimate:
        """`<metric>.people.settled`: of the items that people finished, how many have a label that counts.

        Ties that nobody settled are left out of a correction, so this should be nearly all.
        """
        values = people_scores(self.export, self.asked).column("value")
        return exact(
            f"{metric}.people.settled",
            len(values) - values.null_count,
            len(values),
            dict(slice or {}),
            "items",
        )


def _detector(scores: pa.Table) -> str:
    """The one instrument that gave these scores."""
    expect(scores, SCORES, "scores")
    instruments = scores.column("instrument").unique().to_pylist()
    if len(instruments) != 1:
        raise DataError(f"scores: of {len(instruments)} instruments, expected those of one detector")
    return str(instruments[0])


def _by_address(
    export: Export, asked: str
) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """What counts, and the sampling weight, of each drawn text by row and part."""
    weights = {
        (row["row"], row["part"]): row["weight"]
        for row in export.settled.to_pylist()
        if row["question"] == asked and row["weight"] is not None
    }
    said = {
        (row["row"], row["part"]): row["value"]
        for row in people_scores(export, asked).to_pylist()
        if row["value"] is not None and (row["row"], row["part"]) in weights
    }
    return said, weights
