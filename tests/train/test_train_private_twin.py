"""What privacy costs each group: found where it is planted, not found where it is not, told by a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from private_toys import STEP, private, trained
from training_toys import base_artifact

from duecare.core import Estimate
from duecare.train.watch import Groups

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

GROUPS = Groups({"gender": np.array(["women", "men"] * 30, dtype=object)})
ROWS = np.arange(60)


def told(women: float, men: float) -> dict[tuple[str, str | None], Estimate]:
    """Costs where the private model is worse by so much for each group; rows differ much among themselves."""
    from duecare.train.private_twin import compared

    rng = np.random.default_rng(0)
    twin = rng.normal(3, 1, 60).astype(np.float32)
    worse = np.where(GROUPS.of["gender"] == "women", women, men) + rng.normal(0, 0.05, 60)
    found = compared("sft", "c", GROUPS, ROWS, {"loss": (twin + worse).astype(np.float32)}, {"loss": twin})
    return {(each.metric, each.slice.get("group")): each for each in found}


def test_a_cost_that_falls_on_one_group_is_found_row_by_row() -> None:
    found = told(women=0.5, men=0.1)
    assert found["sft.private.cost.loss", "women"].low > 0.4
    assert found["sft.private.cost.loss.gap", "women"].low > 0.3
    assert found["sft.private.cost.loss.gap", "men"].high < -0.3
    assert found["sft.private.cost.loss", None].unit == "nats per token"


def test_control_an_equal_cost_is_no_gap() -> None:
    found = told(women=0.3, men=0.3)
    gap = found["sft.private.cost.loss.gap", "women"]
    assert gap.low < 0 < gap.high
    assert found["sft.private.cost.loss", "men"].low > 0.25


def test_a_run_with_a_twin_says_what_its_noise_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    step = replace(private(STEP, epsilon=0.3, twin=True), steps=8)
    outcome, _ = trained(step, base_artifact(tmp_path), tmp_path)
    cost = {e.slice.get("group"): e for e in outcome.estimates if e.metric == "sft.private.cost.loss"}
    assert cost.keys() == {None, "women", "men"}
    assert cost[None].low > 0.1  # at epsilon 0.3 noise is most of what is learnt
    assert all(each.slice["release"] == "withheld" for each in cost.values())
