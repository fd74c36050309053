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
