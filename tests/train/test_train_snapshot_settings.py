"""After which steps a low-rank update is kept, and what settings of it are refused. Needs no JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from duecare.core import StudyError
from duecare.core.wire import settings
from duecare.train import Dpo, RewardModel, Sft
from duecare.train.snapshots import planned


@pytest.mark.parametrize("steps", [2, 7, 12, 60, 151])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_snapshots_are_spread_evenly_and_never_the_last_step(steps: int, accumulate: int) -> None:
    steps *= accumulate
    for count in range(1, min(steps // accumulate, 40)):
        found = planned(Sft(on="chats", steps=steps, accumulate=accumulate, snapshots=count))
        assert len(set(found)) == count
        assert found[0] > 0
        assert found[-1] < steps
        assert all(step % accumulate == 0 for step in found)
        apart = np.diff([0, *found, steps])
        assert apart.max() - apart.min() <= accumulate
    assert planned(Sft(on="chats", steps=steps, accumulate=accumulate)) == ()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"snapshots": -1}, "snapshots = -1"),
        ({"snapshots": 1.5}, "snapshots = 1.5"),
        ({"snapshots": True}, "snapshots = True"),
        ({"snapshots": 60}, "at most 59, one less than there are updates"),
        ({"snapshots": 15, "accumulate": 4}, "at most 14, one less than there are updates"),
        ({"snapshots": 2, "weights": "full"}, "0 beside full weights"),
    ],
)
def test_snapshots_that_cannot_be_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        Sft(on="chats", **fields)


def test_a_step_without_snapshots_has_the_digest_it_had() -> None:
    for made in (Sft, Dpo, RewardModel):
        assert "snapshots" not in settings(made(on="rows"))
        assert settings(made(on="rows", snapshots=2))["snapshots"] == 2
