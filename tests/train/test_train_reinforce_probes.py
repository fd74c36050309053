"""Twins asked of a model that is rewarded for its own answers: at temperature 1, and changing nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_train_reinforce import CRITIC, QUICK, asks
from training_toys import Told, curves, data_artifact, digests, run

from duecare.core import FAIL, Artifact, Artifacts, Finding, Message, Note, Progress, StudyError
from duecare.train import Grpo, Limits, Ppo, Probes, Sampled

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

PROBES = Probes(axes=("gender",), issues=10, every=2)
LOOP: dict[str, Any] = {"steps": 6, "every": 2, "iterations": 2, "held_out": 4, "temperature": 0.5}
STEPS = {
    "grpo": dataclasses.replace(QUICK, **LOOP, probe=PROBES),
    "ppo": dataclasses.replace(CRITIC, **LOOP, probe=PROBES),
}


def world(base: Artifact, folder: Path) -> Artifacts:
    return {"base": base, "data": data_artifact(folder / "data", asks(40)[4:], asks(40)[:4])}


def gap_of(folder: Path, probes: Probes | None = PROBES) -> float:
    """The gap of women against men of the model in `folder`, as the evaluation reads it."""
    from duecare.model.load import load
    from duecare.model.logprob import answer_logprobs

    assert probes is not None
    loaded, asked = load(folder), probes.twins()
    prompts = [
        loaded.tokenizer.chat([Message(role="user", content=twin.text)], answer=True) for twin in asked
    ]
    scored = answer_logprobs(loaded, prompts, [twin.answer for twin in asked])
    mean = {
        who: np.mean([e.total / e.tokens for twin, e in zip(asked, scored, strict=True) if twin.group == who])
        for who in ("women", "men")
    }
    return float(mean["women"] - mean["men"])


class Stopped(Exception):
    """Stands in for a kill: nothing of the run survives it but the disk."""


@pytest.mark.parametrize("method", STEPS)
def test_the_gap_is_that_of_the_model_and_asking_changes_nothing(
    method: str, base: Artifact, tmp_path: Path
) -> None:
    step, inputs, out = STEPS[method], world(base, tmp_path), tmp_path / "out"
    _, told = run(step, inputs, out)
    gaps = told.estimates(f"{method}.twins.gap", group="women")
    assert [each.step for each in gaps] == [0, 6]  # how often is known once two rounds are timed
    # At temperature 0.5, by which answers are drawn, the gap would be another.
    assert gaps[0].value == pytest.approx(gap_of(base.path.parent / "tiny"), abs=1e-4)
    assert gaps[-1].value == pytest.approx(gap_of(out / "model"), abs=1e-3)
    assert gaps[-1].value != pytest.approx(gaps[0].value, abs=1e-3)
    drawn = curves(out).to_pandas()
    assert set(drawn[drawn.metric == "twins.amplification"].step) == {6}

    run(dataclasses.replace(step, probe=None), inputs, tmp_path / "unasked")
    unasked, asked = digests(tmp_path / "unasked"), digests(out)
    assert unasked["model/model.safetensors"] == asked["model/model.safetensors"]

    def dying(what: object) -> None:
        if isinstance(what, Progress) and what.done == 3:
            raise Stopped

    (tmp_path / "died").mkdir()
    with pytest.raises(Stopped):
        step.run(inputs, tmp_path / "died", dying)
    run(step, inputs, tmp_path / "died")
    assert digests(tmp_path / "died") == asked


def test_a_crossing_between_twins_rolls_back(base: Artifact, tmp_path: Path) -> None:
    """A reward that asks for small letters alone, at a high rate, brings a gap where none could be told."""
    step = dataclasses.replace(
        STEPS["grpo"],
        iterations=1,
        steps=10,
        learning_rate=5e-2,
        held_out=0,
        probe=Probes(axes=("gender", "age"), issues=40, every=2),
        limits=Limits(twins_gap=5e-4),
        on_crossing="rollback",
    )
    _, told = run(step, world(base, tmp_path), tmp_path / "out")
    (back,) = [each for each in told.all if isinstance(each, Note) and each.topic == "grpo.rolled_back"]
    kept, crossed = int(back.data["kept"]), int(back.data["crossed"])
    assert 0 < kept < crossed < 10
    at = [each for each in told.estimates("grpo.twins.gap") if each.step == crossed]
    assert any(each.low > 5e-4 or each.high < -5e-4 for each in at)
    fails = {each.name for each in told.all if isinstance(each, Finding) and each.verdict == FAIL}
    assert fails == {"grpo.twins.gap"}
    assert gap_of(tmp_path / "out" / "model", step.probe) == pytest.approx(
        next(e.value for e in told.estimates("grpo.twins.gap", group="women") if e.step == kept), abs=1e-3
    )


def test_answers_to_twins_are_scored_beside_the_reward(base: Artifact, tmp_path: Path) -> None:
    sampled = Sampled(detectors=("refusal",), issues=10, max_tokens=4)
    step = dataclasses.replace(STEPS["grpo"], probe=dataclasses.replace(PROBES, sampled=sampled))
    _, told = run(step, world(base, tmp_path), tmp_path / "out")
    looked: Told = told
    assert {each.step for each in looked.estimates("grpo.twins.refusal_gap")} >= {0, 6}


@pytest.mark.parametrize("kind", [Grpo, Ppo])
def test_limits_on_twins_need_a_probe(kind: type[Grpo] | type[Ppo]) -> None:
    fields: dict[str, Any] = {"on": "chats", "reward": {"refusal": -1.0}}
    with pytest.raises(StudyError, match=r"limits = 'twins_gap': expected no limit on twins"):
        kind(**fields, limits=Limits(twins_gap=0.1))
    kind(**fields, limits=Limits(twins_gap=0.1), probe=Probes())
