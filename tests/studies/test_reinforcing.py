"""The studies of preference and reinforcement learning on made-up data: here a tiny model, a few steps."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from duecare.cli.study import Study
from duecare.ledger.read import entries
from duecare.model.fetch import Fetch
from duecare.model.tiny import write_tiny

STUDIES = Path(__file__).parent.parent.parent / "studies"
JOBS = {"reinforce": {"grpo"}, "orpo-ppo": {"dpo", "ppo"}}
FIGURES = {"reinforce": {"grpo.reward", "grpo.kl"}, "orpo-ppo": {"orpo.margin", "ppo.reward", "ppo.kl"}}


def small(step: Any) -> Any:
    """The step with four updates of two rows."""
    return dataclasses.replace(step, steps=4, batch_size=2, every=2, held_out=4)


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Tunix 0.1.7 on the JAX and Flax of today
@pytest.mark.parametrize("name", list(JOBS))
def test_the_study_trains_by_its_methods(
    name: str, written: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "demo-data").mkdir()
    for file, text in written.items():
        (tmp_path / "demo-data" / file).write_text(text, encoding="utf-8", newline="\n")
    shutil.copy(STUDIES / f"{name}.yaml", tmp_path)
    study = Study.read(tmp_path / f"{name}.yaml")
    study.check()
    base = Fetch(name=str(write_tiny(tmp_path / "tiny")))
    made = dataclasses.replace(study, model=base, train=tuple(map(small, study.train)), evaluate=None)
    result = made.run(tmp_path / "run")
    assert set(result.done) >= JOBS[name]
    assert result.report is not None
    told = {each.metric for entry in entries(tmp_path / "run") for each in entry.estimates}
    assert told >= FIGURES[name]
