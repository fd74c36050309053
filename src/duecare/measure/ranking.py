"""How well scores put events before the rest: area under the ROC curve and average precision, with intervals.

Both are turned into a proportion of as many independent draws as their variance is worth, so that the
interval stays within [0, 1], leans the right way near 1 and has no zero width when the scores separate
the classes without a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from duecare.core import DataError
from duecare.measure.bound import Floats, normal_quantile, proportion_bounds, student_quantile
from duecare.measure.cluster import Labels, column, places
from duecare.measure.interval import LEVEL, Interval, silent


@dataclass(frozen=True, slots=True)
class Ranked:
    """Scores [n] beside yes or no [n], with the place of each one's cluster."""

    scores: Floats
    event: NDArray[np.bool_]
    place: NDArray[np.int64]
    clustered: bool

    @classmethod
    def of(cls, scores: object, labels: object, clusters: Labels = None) -> Ranked:
        """Check shapes and values; a DataError names what is wrong."""
        told, said = column(scores, "scores"), column(labels, "labels")
        if said.shape != told.shape or not np.isin(said, (0.0, 1.0)).all():
            raise DataError(f"labels: expected {len(told)} times 0 or 1")
        if clusters is not None and len(clusters) != len(told):
            raise DataError(f"clusters: {len(clusters)} labels for {len(told)} scores")
        place = np.arange(len(told)) if clusters is None else places(clusters)
        return cls(told, said == 1, place, clusters is not None)

    @property
    def units(self) -> int | None:
        """How many clusters; None where each draw is one."""
        return len(np.unique(self.place)) if self.clustered else None

    def few(self) -> int:
        """Independent units of the rarer class."""
        return min(len(np.unique(self.place[side])) for side in (self.event, ~self.event))

    def refusal(self) -> str | None:
        """Why nothing can be said, if so."""
        events = int(self.event.sum())
        if not len(self.event):
            return "no observations"
        if not events or events == len(self.event):
            return f"{events} events among {len(self.event)}: both kinds are needed"
        if self.few() < 2:
            return "one independent unit of one of the two kinds: nothing shows the spread between units"
        return None

    def interval(self, value: float, influence: Floats, method: str, level: float) -> Interval:
        """`value` as a proportion of the draws that its variance is worth, at least the rarer class's units.

        No ranking varies more than a proportion of so many draws (Birnbaum and Klose 1957). The variance
        is known as well as the few units allow that make most of it up: near 1 those are the misplaced.
        """
        pull, few = self.summed(influence), self.few()
        squares = float((pull**2).sum())
        if squares <= 0 or not 0 < value < 1:
            worth = float(few)
        else:
            uneven = float((pull**4).sum()) / squares**2 - 1 / len(pull)
            df = max(min(few - 1.0, 2 / max(uneven, 1e-300)), 1.0)
            shrink = (normal_quantile(level) / float(student_quantile(level, df))) ** 2
            variance = squares * few / (few - 1)
            worth = max(value * (1 - value) / variance * shrink, float(few))
        low, high = proportion_bounds(value * worth, worth, level)
        bounds = min(float(low), value), max(float(high), value)
        return Interval(value, *bounds, len(self.event), self.units, method, level)

    def summed(self, influence: Floats) -> Floats:
        """Influences [n] gathered by cluster, [G]."""
        return np.asarray(np.bincount(self.place, weights=influence), dtype=np.float64)


def roc_auc(scores: object, labels: object, clusters: Labels = None, level: float = LEVEL) -> Interval:
    """Chance that an event has a higher score than another text, ties counting one half.

    `scores` [n], `labels` [n] 0 or 1, `clusters` [n] of dependent draws. Variance: DeLong, DeLong and
    Clarke-Pearson (1988, Biometrics 44) from midranks, by cluster Obuchowski (1997, Biometrics 53).
    """
    ranked = Ranked.of(scores, labels, clusters)
    method = "area under the ROC curve (DeLong" + (", clustered)" if ranked.clustered else ")")
    if (reason := ranked.refusal()) is not None:
        return silent(reason, len(ranked.event), ranked.units, method, level)
    value, influence = auc_influence(ranked)
    return ranked.interval(value, influence, method, level)


def auc_influence(ranked: Ranked) -> tuple[float, Floats]:
    """The area, and how each draw moves it [n]."""
    from scipy.stats import rankdata  # takes a third of a second, which curation does without

    event, m, n = ranked.event, int(ranked.event.sum()), int((~ranked.event).sum())
    ranks = rankdata(ranked.scores)
    placement = np.empty(len(event))
    placement[event] = (ranks[event] - rankdata(ranked.scores[event])) / n
    placement[~event] = 1 - (ranks[~event] - rankdata(ranked.scores[~event])) / m
    value = float(placement[event].mean())
    return value, (placement - value) / np.where(event, m, n)


def average_precision(
    scores: object, labels: object, clusters: Labels = None, level: float = LEVEL
) -> Interval:
    """Mean over events of the share of events among texts with that score or a higher one.

    Arguments as `roc_auc`. The step-wise definition without interpolation. Its variance is that of the
    influence each draw has on it, by cluster; at least that of a proportion of the events (Boyd, Eng
    and Page 2013) where no influence shows.
    """
    ranked = Ranked.of(scores, labels, clusters)
    method = "average precision (influence" + (", clustered)" if ranked.clustered else ")")
    if (reason := ranked.refusal()) is not None:
        return silent(reason, len(ranked.event), ranked.units, method, level)
    value, influence = precision_influence(ranked)
    return ranked.interval(value, influence, method, level)


def precision_influence(ranked: Ranked) -> tuple[float, Floats]:
    """Average precision, and how each draw moves it [n]."""
    event = ranked.event.astype(float)
    order = np.argsort(-ranked.scores, kind="stable")
    falling = ranked.scores[order]
    last = np.searchsorted(-falling, -falling, side="right") - 1
    above = last + 1.0
    precision = event[order].cumsum()[last] / above
    m = event.sum()
    value = float((precision * event[order]).sum() / m)
    # Adding draw j changes the precision at every event that stands at j's score or lower.
    first = np.searchsorted(-falling, -falling, side="left")
    from_below = [
        np.concatenate([(event[order] * part)[::-1].cumsum()[::-1], [0.0]])[first]
        for part in (1 / above, precision / above)
    ]
    pull = event[order] * (precision - value) + event[order] * from_below[0] - from_below[1]
    influence = np.empty(len(event))
    influence[order] = pull / m
    return value, influence
