"""Every method ends when held-out rows get no better, and keeps the model that was best on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_train_reinforce import CRITIC, QUICK, asks
from training_toys import (
    Told,
    base_artifact,
    chat,
    curves,
    data_artifact,
    digests,
    preference,
    run,
    run_killed_once,
)

from duecare.core import Artifact, Artifacts, Example, Note, Outcome, StudyError
from duecare.train import Distill, Grpo, Ppo, RewardModel

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

CHOICE: dict[str, Any] = {"steps": 12, "every": 2, "patience": 2, "keep": "best"}
TURNED = {"toy_rewards:turned_for_women": 1.0}


def judged(count: int, *, turned: bool) -> list[Example]:
    return [
        preference(
            number, *(("well", "please") if turned else ("please", "well")), ("women", "men")[number % 2]
        )
        for number in range(count)
    ]


def of_men(count: int, *, turned: bool) -> list[Example]:
    """Prompts of men, or of women for whom the toy reward is turned."""
    return asks(2 * count)[turned is False :: 2]


def spoken(count: int, *, turned: bool) -> list[Example]:
    return [chat(number, "q", ("abc" if turned else "z") * (14 + number % 5)) for number in range(count)]


METHODS: dict[str, tuple[Any, str, Callable[..., list[Example]]]] = {
    "reward-model": (
        RewardModel(on="pairs", batch_size=8, learning_rate=1e-2, held_out=8, **CHOICE),
        "loss",
        judged,
    ),
    "distill": (
        Distill(
            on="chats",
            teacher="given",
            kd_ratio=0.01,
            targets="all-linear",
            learning_rate=5e-2,
            schedule="constant",
            held_out=8,
            **CHOICE,
        ),
        "objective",
        spoken,
    ),
    "grpo": (dataclasses.replace(QUICK, reward=TURNED, held_out=8, **CHOICE), "reward", of_men),
    "ppo": (dataclasses.replace(CRITIC, reward=TURNED, held_out=8, **CHOICE), "reward", of_men),
}


def world(method: str, base: Artifact, folder: Path, *, harm: bool) -> Artifacts:
    rows = METHODS[method][2]
    data = data_artifact(folder / "data", rows(40, turned=False), rows(8, turned=harm))
    inputs = {"base": base, "data": data}
    if method == "distill":
        (folder / "teacher").mkdir(parents=True)
        inputs["teacher"] = base_artifact(folder / "teacher", seed=1)
    return inputs


def looks(told: Told, method: str) -> dict[Any, Any]:
    """The mean that decides, by step, as told midway."""
    name = f"{method}.{METHODS[method][1]}"
    return {e.step: e.value for e in told.estimates(name, split="probe") if "group" not in e.slice}


def after(outcome: Outcome, method: str) -> float:
    name = f"{method}.{METHODS[method][1]}"
    (one,) = [
        each.value
        for each in outcome.estimates
        if each.metric == name and each.slice.get("when") == "after" and "group" not in each.slice
    ]
    assert one is not None
    return one


def kept(told: Told, method: str) -> Note:
    (one,) = [each for each in told.all if isinstance(each, Note) and each.topic == f"{method}.kept"]
    return one


@pytest.mark.parametrize("method", METHODS)
def test_it_ends_after_two_looks_that_are_no_better_and_the_best_is_kept(
    method: str, base: Artifact, tmp_path: Path
) -> None:
    """What is taught harms what is held out: at once, but in distillation after a few good steps."""
    step, figure, _ = METHODS[method]
    outcome, told = run(step, world(method, base, tmp_path, harm=True), tmp_path / "out")
    seen, best = looks(told, method), int(kept(told, method).data["step"])
    if method == "distill":
        assert {each.unit for each in told.estimates("distill.objective", split="probe")} == {
            "nats per token"
        }
    assert set(seen) == set(range(2, best + 5, 2))  # two looks without a better one, of six in all
    assert max(seen) < step.steps
    assert best == 0 or method == "distill"
    drawn = curves(tmp_path / "out").to_pandas()
    own = drawn[(drawn.split == "probe") & (drawn.metric == figure) & drawn.group.isna()]
    values = {0: own[own.step == 0].value.iloc[0], **seen}
    assert set(own.step) == set(values)
    assert after(outcome, method) == pytest.approx(values[best], abs=1e-5)
    worse = 1 if method in ("reward-model", "distill") else -1
    assert all(worse * (each - values[best]) > 0 for at, each in values.items() if at != best)


@pytest.mark.parametrize("method", ["reward-model", "grpo"])
def test_a_killed_run_chooses_as_the_whole_one(method: str, base: Artifact, tmp_path: Path) -> None:
    step, _, _ = METHODS[method]
    step = dataclasses.replace(step, patience=None, steps=6)
    inputs = world(method, base, tmp_path, harm=False)
    outcome, told = run(step, inputs, tmp_path / "whole")
    seen, best = looks(told, method), int(kept(told, method).data["step"])
    assert set(seen) == {2, 4, 6}
    assert best > 0  # control: here training helps
    assert after(outcome, method) == pytest.approx(seen[best], abs=1e-5)
    run_killed_once(step, inputs, tmp_path / "died", at=5)
    assert digests(tmp_path / "died") == digests(tmp_path / "whole")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (RewardModel, {}),
        (Distill, {"teacher": "t"}),
        (Grpo, {"reward": {"refusal": -1.0}}),
        (Ppo, {"reward": {"refusal": -1.0}}),
    ],
)
def test_what_cannot_be_chosen_by_is_refused(kind: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(StudyError, match=r"held_out = 0: expected at least 1 row, by which patience or keep"):
        kind(on="rows", held_out=0, keep="best", **fields)
    with pytest.raises(StudyError, match=r"patience = 0: expected a whole number of looks"):
        kind(on="rows", patience=0, **fields)
