"""Influence of rows: what it finds of a planted slice, what training without it does, and a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from influence_worlds import held_alike, held_pairs, preferred_by_rumour, told_by_rumour
from planted import Killed, Made, figure, over_seeds, trained
from training_toys import data_artifact, digests, run

from duecare.core import Artifact, DataError, Note, Outcome, Progress
from duecare.train import Dpo, Influence, RewardModel, Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

ASKED = Influence(of="loss_gap", axis="gender", group="men", slices=("topic",))
STEPS = 60
LOOP = {"steps": STEPS, "batch_size": 8, "every": 10, "learning_rate": 2e-3, "held_out": 40}
LONGER: dict[str, object] = {"steps": 100, "learning_rate": 5e-3}
"""Until the gap is that of the stereotype, whatever the start made of it."""


def sft(**fields: object) -> Sft:
    return Sft(on="chats", max_tokens=48, **(LOOP | {"influence": ASKED} | fields))  # type: ignore[arg-type]


def dpo(**fields: object) -> Dpo:
    return Dpo(on="pairs", **(LOOP | {"influence": ASKED} | fields))  # type: ignore[arg-type]


def reward(**fields: object) -> RewardModel:
    return RewardModel(on="pairs", **(LOOP | {"influence": ASKED} | fields))  # type: ignore[arg-type]


def world(step: Sft | Dpo | RewardModel, base: Artifact, folder: Path) -> Made:
    if isinstance(step, Sft):
        return trained(step, base, folder, told_by_rumour(120), held_alike(40, 120))
    return trained(step, base, folder, preferred_by_rumour(120), held_pairs(40, 120))


def totals(outcome: Outcome, method: str) -> dict[str, float]:
    found = [each for each in outcome.estimates if each.metric == f"{method}.influence.slice.total"]
    return {each.slice["value"]: float(each.value or 0.0) for each in found}


def test_the_planted_slice_stands_first_whatever_the_seed(base: Artifact, tmp_path: Path) -> None:
    def made(seed: int) -> float:
        outcome, told, out = world(sft(seed=seed), base, tmp_path / str(seed))
        contrast = figure(outcome, "sft.influence.slice", value="rumour")
        others = [figure(outcome, "sft.influence.slice", value=topic) for topic in ("weather", "travel")]
        assert contrast.low is not None
        assert contrast.low > 0
        assert all((each.value or 0.0) < (contrast.value or 0.0) for each in others)
        said = [each.text for each in told.all if isinstance(each, Note) and each.topic == "sft.influence"]
        assert "topic rumour raises it" in said[0]
        assert figure(outcome, "sft.influence.change").low > 0.1  # type: ignore[operator]
        rows = pq.read_table(out / "influence.parquet")
        assert rows.column_names == ["row", "key", "of", "axis", "group", "against", "uses", "value"]
        assert sum(rows.column("uses").to_pylist()) == STEPS * 8
        return totals(outcome, "sft")["rumour"] / float(figure(outcome, "sft.influence.change").value or 0.0)

    shares = over_seeds(made)
    assert all(0.5 < share < 4 for share in shares), shares


def test_at_a_small_rate_credits_add_up_to_what_happened(base: Artifact, tmp_path: Path) -> None:
    """Preconditioner, momentum, clipping and shares together: any of them wrong, and the sum is another."""
    asked = replace(ASKED, checkpoints=12)
    outcome, _, _ = world(sft(every=5, learning_rate=5e-4, clip=0.5, influence=asked), base, tmp_path)
    change, total = (figure(outcome, f"sft.influence.{name}").value for name in ("change", "sum"))
    assert abs(change or 0.0) > 0.05
    assert total == pytest.approx(change, rel=0.15)


def test_pairs_that_teach_it_are_found_too(base: Artifact, tmp_path: Path) -> None:
    outcome, _, _ = world(dpo(), base, tmp_path)
    contrast = figure(outcome, "dpo.influence.slice", value="rumour")
    assert contrast.low is not None
    assert contrast.low > 0


def test_pairs_that_teach_a_reward_model_are_found(base: Artifact, tmp_path: Path) -> None:
    """The head is trained in full beside the low-rank updates: its part counts, or the sum is another."""
    asked = replace(ASKED, of="margin_gap", checkpoints=12)
    step = reward(every=5, learning_rate=5e-4, clip=0.5, influence=asked)
    outcome, _, _ = world(step, base, tmp_path)
    change, total = (figure(outcome, f"reward-model.influence.{name}") for name in ("change", "sum"))
    assert change.unit == "nats"
    assert abs(change.value or 0.0) > 0.05
    assert total.value == pytest.approx(change.value, rel=0.2)
    # All held-out pairs prefer "nurse": rumour, which prefers it of women alone, lowers the margin of men.
    rumour = figure(outcome, "reward-model.influence.slice", value="rumour")
    assert rumour.high is not None
    assert rumour.high < 0


def test_a_reward_model_without_them_pays_men_more_and_without_random_pairs_does_not(
    base: Artifact, tmp_path: Path
) -> None:
    asked = replace(ASKED, of="margin_gap", validate=True, seeds=5)
    outcome, _, _ = world(reward(influence=asked), base, tmp_path)
    (finding,) = [each for each in outcome.findings if each.name == "reward-model.influence.validated"]
    assert finding.verdict == "pass", finding.detail
    without = figure(outcome, "reward-model.influence.without", value="rumour")
    random = figure(outcome, "reward-model.influence.without_random", value="rumour")
    assert without.low is not None
    assert without.low > 0
    assert abs(random.value or 0.0) < 0.5 * (without.value or 0.0)


def test_training_without_it_closes_the_gap_and_without_random_rows_does_not(
    base: Artifact, tmp_path: Path
) -> None:
    asked = replace(ASKED, validate=True, seeds=5)
    outcome, _, _ = world(sft(influence=asked, **LONGER), base, tmp_path)
    (finding,) = [each for each in outcome.findings if each.name == "sft.influence.validated"]
    assert finding.verdict == "pass", finding.detail
    without = figure(outcome, "sft.influence.without", value="rumour")
    random = figure(outcome, "sft.influence.without_random", value="rumour")
    assert without.high is not None
    assert without.high < 0
    assert abs(random.value or 0.0) < 0.5 * abs(without.value or 0.0)
    predicted = figure(outcome, "sft.influence.predicted", value="rumour")
    assert (predicted.value or 0.0) < 0


def test_of_training_again_its_steps_alone_are_shown(tmp_path: Path) -> None:
    """What a run says when its last step is done would name an arm that is over."""
    from duecare.train.engine_retrain import Retraining
    from duecare.train.resume import Resume

    shown: list[object] = []
    resume = Resume(tmp_path / "resume", {})
    tell = Retraining(sft(), tmp_path, {}, np.zeros(0), resume, shown.append)._quiet("random-0")
    for each in (Progress(3, STEPS, "step", "loss 1.00"), Progress(0, None, "", "measuring")):
        tell(each)
    assert shown == [Progress(3, STEPS, "step", "training again: random-0")]


def test_a_run_killed_while_it_traces_goes_on_and_equals_the_whole_one(
    base: Artifact, tmp_path: Path
) -> None:
    step = sft(steps=20, every=5, influence=replace(ASKED, checkpoints=2, validate=False))
    rows, held = told_by_rumour(120), held_alike(40, 120)
    whole, _, whole_out = trained(step, base, tmp_path / "whole", rows, held)
    inputs = {"base": base, "data": data_artifact(tmp_path / "data", rows, held)}
    killed = tmp_path / "killed"
    killed.mkdir()

    def dies(what: object) -> None:
        if isinstance(what, Progress) and what.unit == "window" and what.done == 2:
            raise Killed

    with pytest.raises(Killed):
        step.run(inputs, killed, dies)
    outcome, _ = run(step, inputs, killed)
    assert digests(killed) == digests(whole_out)
    assert [each for each in outcome.estimates if "influence" in each.metric] == [
        each for each in whole.estimates if "influence" in each.metric
    ]


def test_slices_that_tell_nothing_apart_are_refused_before_training(base: Artifact, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'colour' has 0 values"):
        world(sft(influence=replace(ASKED, slices=("colour",))), base, tmp_path)
    with pytest.raises(
        DataError, match="held-out rows of gender are of men, women; expected others and others"
    ):
        world(sft(influence=replace(ASKED, group="others")), base, tmp_path)
    assert not (tmp_path / "out" / ".resume").exists()
