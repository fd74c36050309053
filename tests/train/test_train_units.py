"""What privacy protects: a row with all copies of it, or a person with all their rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]


def test_a_row_and_the_copies_made_of_it_are_one_unit() -> None:
    """Apart, what a row holds would count as often as it was copied, for the promise to one row."""
    from duecare.train.private import Privacy
    from duecare.train.units import members

    names = ["chats:1", "chats:2", "chats:1~copy:1", "chats:3", "chats:1~copy:2", "chats:2~swap"]
    data: Any = SimpleNamespace(names=names)
    units = members(data, np.array([0, 1, 2, 3, 4, 5]), Privacy(epsilon=8, delta=1e-5))
    assert [unit.tolist() for unit in units] == [[0, 2, 4], [1, 5], [3]]
    some = members(data, np.array([4, 3, 0]), Privacy(epsilon=8, delta=1e-5))  # places of what could be read
    assert [unit.tolist() for unit in some] == [[0, 2], [1]]


def test_room_is_made_for_a_short_unit_whose_long_row_fills_it_up() -> None:
    """A unit of one row is read as often as the largest unit has rows, and asks each time."""
    from duecare.train.batch import ASKED_TOGETHER
    from duecare.train.units import filled, most_of_a_unit

    short, large = np.array([0]), np.array([1, 2, 3])
    sizes = np.array([ASKED_TOGETHER, 1, 1, 1])
    assert filled(short, 3).tolist() == [0, 0, 0]
    assert most_of_a_unit([short, large], sizes) == 3 * ASKED_TOGETHER
    assert most_of_a_unit([large], sizes) == ASKED_TOGETHER
