"""When a layer counts as knowing a group: beyond random labels, and beyond chance. Needs no JAX."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.explain.probes import Known, by_depth
from duecare.measure.cluster import Sums
from duecare.measure.interval import Interval, silent
from duecare.measure.reader import Hits, Reading


def known(low: float, high: float, groups: int, holm: float | None = 0.001) -> Known:
    """A depth whose readers are right within these bounds, and those of random labels far below."""
    weights = np.full(40, groups / 40)
    sums = Sums(tuple(range(40)), weights * 0.5, weights, 40)
    accuracy = Interval((low + high) / 2, low, high, 40, 40, "test")
    worse = Interval(0.2, 0.1, 0.3, 40, 40, "test")
    return Known(
        3,
        Reading("linear", accuracy, worse, 0.5, Hits(sums, sums)),
        Interval(0.3, 0.1, 0.5, 40, 40, "test"),
        holm,
    )


@pytest.mark.parametrize(
    ("low", "groups", "found"),
    [(0.46, 2, False), (0.51, 2, True), (0.32, 3, False), (0.35, 3, True), (0.35, 2, False)],
)
def test_better_than_random_labels_by_accident_is_no_knowledge(low: float, groups: int, found: bool) -> None:
    assert known(low, 0.9, groups).found is found
    assert not known(low, 0.9, groups, holm=0.2).found
    assert not known(low, 0.9, groups, holm=None).found


def test_where_nothing_could_be_read_nothing_is_known() -> None:
    nothing = silent("too few", 4, None, "test", 0.95)
    assert not Known(1, Reading("linear", nothing, nothing, None), nothing, None).found


def test_what_is_there_is_known_and_noise_is_not() -> None:
    rng, group = np.random.default_rng(1), np.arange(60) % 3
    noise = rng.standard_normal((60, 3))
    clusters = [f"issue-{number}" for number in range(60)]
    there, absent = by_depth({1: noise + 4 * np.eye(3)[group], 2: noise}, group, clusters, 0)
    assert there.found
    assert not absent.found
