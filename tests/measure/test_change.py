"""A planted change is found, and false alarms stay below what is promised; the naive search breaks it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from duecare.core import DataError
from duecare.measure.change import LEAST, change_point

STUDIES = 1500
ERROR = 3 * math.sqrt(0.05 * 0.95 / STUDIES)


@pytest.mark.parametrize(("n", "rate"), [(40, 0.5), (200, 0.1), (1000, 0.5)])
def test_false_alarms_stay_below_five_per_cent(n, rate):
    rng = np.random.default_rng(n)
    alarms = sum((change_point(rng.random(n) < rate).p_value or 1) < 0.05 for _ in range(STUDIES))
    assert alarms / STUDIES <= 0.05 + ERROR


def test_control_trying_every_place_cries_wolf():
    rng = np.random.default_rng(1)
    n, alarms = 200, 0
    for _ in range(300):
        values = rng.random(n) < 0.5
        sums, places = np.cumsum(values), np.arange(10, n - 10)
        first, last = sums[places - 1] / places, (sums[-1] - sums[places - 1]) / (n - places)
        spread = np.sqrt(values.mean() * (1 - values.mean()) * (1 / places + 1 / (n - places)))
        alarms += (np.abs(first - last) / spread).max() > 1.96
    assert alarms / 300 > 0.3


def test_a_planted_change_is_found_where_it_is():
    rng = np.random.default_rng(2)
    found = [change_point(np.concatenate([rng.random(120) < 0.8, rng.random(80) < 0.3])) for _ in range(200)]
    assert sum((each.p_value or 1) < 0.05 for each in found) > 195
    assert abs(np.median([each.place for each in found]) - 120) <= 2
    assert found[0].before.value > 0.6 > 0.5 > found[0].after.value


def test_where_nothing_can_be_said_there_is_a_reason():
    assert "19 observations" in change_point([True] * 10 + [False] * 9).reason
    assert "alike" in change_point([True] * LEAST).reason
    assert change_point([]).p_value is None
    with pytest.raises(DataError, match="one series"):
        change_point([0.5, 1.0])
