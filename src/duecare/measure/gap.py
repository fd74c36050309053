"""Per-group figures and the gaps between groups, as Estimates, from arrays with one label per draw.

`clusters` are the independent units: for counterfactual prompts the pair (the base prompt that all
twins were written from), so that comparisons between groups are paired by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from duecare.core import DataError, Estimate
from duecare.measure.cluster import Labels, Sums, column, gather
from duecare.measure.compare import rate_difference, rate_ratio
from duecare.measure.interval import LEVEL, Interval, mean_of, rate_of, silent

Groups = Sequence[str | None]


def group_rates(
    outcomes: object,
    groups: Groups,
    clusters: Labels = None,
    *,
    metric: str,
    axis: str,
    slice: Mapping[str, str] | None = None,
    level: float = LEVEL,
    rests_on: tuple[str, ...] = (),
    expected: Sequence[str] = (),
) -> list[Estimate]:
    """Rate of 0/1 `outcomes` [n] in each group, groups in the order they first appear.

    Draws whose group is None are left out. A group in `expected` without draws gives a reason. The slice of
    each Estimate gains "axis" and "group".
    """
    parts = _parts(outcomes, groups, clusters, expected, zero_one=True)
    return [
        rate_of(part, level).estimate(metric, about_group(slice, axis, group), "share", rests_on)
        for group, part in parts.items()
    ]


def group_means(
    values: object,
    groups: Groups,
    clusters: Labels = None,
    *,
    metric: str,
    axis: str,
    slice: Mapping[str, str] | None = None,
    level: float = LEVEL,
    within: tuple[float, float] | None = None,
    unit: str = "",
    rests_on: tuple[str, ...] = (),
    expected: Sequence[str] = (),
) -> list[Estimate]:
    """Mean of `values` [n] in each group; `within` are bounds that no value can leave.

    A group in `expected` without draws gives a reason.
    """
    return [
        mean_of(part, level, within, single=clusters is None).estimate(
            metric, about_group(slice, axis, group), unit, rests_on
        )
        for group, part in _parts(values, groups, clusters, expected, zero_one=False).items()
    ]


def group_gaps(
    outcomes: object,
    groups: Groups,
    clusters: Labels = None,
    *,
    metric: str,
    axis: str,
    reference: str,
    slice: Mapping[str, str] | None = None,
    level: float = LEVEL,
    rests_on: tuple[str, ...] = (),
    expected: Sequence[str] = (),
) -> list[Estimate]:
    """Each group against `reference`, as `metric`.difference and .disparate_impact_ratio; and .worst_group.

    The slice gains "axis", "group" and "against". Draws with a label in `clusters` that both groups
    share are compared within it. A reference without draws gives reasons, not figures, and so does a group
    in `expected` without draws: left out, it would be left out of every verdict on the groups.
    """
    parts = _parts(outcomes, groups, clusters, expected, zero_one=True)
    against = parts.get(reference)
    found: list[Estimate] = []
    for name, unit, compare in (
        ("difference", "share", rate_difference),
        ("disparate_impact_ratio", "ratio", rate_ratio),
    ):
        for group, part in parts.items():
            if group == reference:
                continue
            if against is None or against.n == 0:
                interval = no_reference(part.n, part.clusters, reference, name, level)
            else:
                interval = compare(part, against, level)
            about = about_group(slice, axis, group) | {"against": reference}
            found.append(interval.estimate(f"{metric}.{name}", about, unit, rests_on))
    if len(parts) > 1:
        group, interval = worst_of({name: partial(rate_of, part) for name, part in parts.items()}, level)
        about = about_group(slice, axis, group)
        found.append(interval.estimate(f"{metric}.worst_group", about, "share", rests_on))
    return found


def worst_of(looks: Mapping[str, Callable[[float], Interval]], level: float = LEVEL) -> tuple[str, Interval]:
    """The group with the highest figure; `looks` gives each group's interval at a level.

    The highest of several estimates is too high on average. The bounds come from intervals that hold
    for all groups at once (Bonferroni): then the highest true figure lies between the highest `low` and
    the highest `high`. A group of which nothing can be said might be the worst: then the name is empty
    and the interval gives the reason.
    """
    found = {group: look(1 - (1 - level) / len(looks)) for group, look in looks.items()}
    method = f"highest of {len(looks)} groups, bounds that hold for all at once (Bonferroni)"
    n = sum(each.n for each in found.values())
    missing = [group for group, each in found.items() if each.value is None]
    if missing:
        return "", silent(f"nothing can be said of: {', '.join(missing)}", n, None, method, level)
    rows = {group: _figures(each) for group, each in found.items()}
    group = max(rows, key=lambda name: rows[name][0])
    value, low, high = (max(row[place] for row in rows.values()) for place in range(3))
    return group, Interval(value, low, high, n, None, method, level)


def _figures(found: Interval) -> tuple[float, float, float]:
    if found.value is None or found.low is None or found.high is None:
        raise DataError(f"no figure: {found.reason}")
    return found.value, found.low, found.high


def _parts(
    values: object, groups: Groups, clusters: Labels, expected: Sequence[str], *, zero_one: bool
) -> dict[str, Sums]:
    """Draws gathered by cluster, for each group, those `expected` among them."""
    array = column(values, "outcomes" if zero_one else "values")
    if zero_one and not np.isin(array, (0.0, 1.0)).all():
        raise DataError("outcomes: expected 0 and 1 only")
    if len(groups) != len(array):
        raise DataError(f"groups: {len(groups)} labels for {len(array)} values")
    if clusters is not None and len(clusters) != len(array):
        raise DataError(f"clusters: {len(clusters)} labels for {len(array)} values")
    labels = list(range(len(array))) if clusters is None else list(clusters)
    rows: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        if group is not None:
            rows.setdefault(group, []).append(row)
    for group in expected:
        rows.setdefault(group, [])
    return {group: gather(array[where], [labels[row] for row in where]) for group, where in rows.items()}


def no_reference(n: int, clusters: int, reference: str, method: str, level: float) -> Interval:
    """The reason where the group to compare with was never seen."""
    reason = f"no observations of the reference group {reference!r}"
    return silent(reason, n, clusters, method, level)


def about_group(slice: Mapping[str, str] | None, axis: str, group: str) -> dict[str, str]:
    """What a figure speaks of: `slice`, the axis, and the group unless it is empty."""
    return dict(slice or {}) | {"axis": axis} | ({"group": group} if group else {})
