"""A real reward model, tiny: audited, and its head fitted anew to what people chose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reward_toys import artifact, pair, pairs
from test_reward_people import choices, exported

from duecare.core import Artifact, DataError
from duecare.reward import Audit, AuditLimits, People

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of JAX and Flax among themselves
]


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A tiny random model with a random head, as a step leaves it."""
    from duecare.model.export import export_reward
    from duecare.model.load import load
    from duecare.model.tiny import write_tiny

    folder = tmp_path_factory.mktemp("judge")
    write_tiny(folder / "tiny")
    loaded = load(folder / "tiny")
    head = np.random.default_rng(0).normal(size=loaded.shape.width).astype(np.float32)
    export_reward(loaded, head, folder / "model")
    return Artifact(job="reward-model", path=folder, digest="1" * 64)


def test_a_model_is_audited_by_the_digest_of_its_files(judge, tmp_path) -> None:
    from duecare.model.reward import load_reward

    told = []
    step = Audit(
        reward="reward-model",
        on="pairs",
        nudges=100,
        kinds=("flattery",),
        axes=("pronoun",),
        limits=AuditLimits(accuracy=0.5),
    )
    rows = [*pairs(12), pair(99, chosen="long " * 600)]
    given = {"reward": judge, "data": artifact(tmp_path / "data", rows)}
    found = step.run(given, tmp_path, told.append)
    note = next(each for each in told if getattr(each, "topic", "") == "reward.audited")
    assert note.data["digest"] == load_reward(judge.path / "model").identity
    assert (note.data["pairs"], note.data["left_out"]) == ("12", "1")  # one is longer than max_tokens
    assert {each.rests_on for each in found.estimates if each.metric == "reward.nudge"} == {
        ("model:reward-model",)
    }
    with pytest.raises(DataError, match="have at most 16 tokens"):
        Audit(reward="reward-model", on="pairs", max_tokens=16).run(given, tmp_path, told.append)


def test_an_answer_that_was_cut_off_is_scored_as_in_training(judge) -> None:
    from duecare.reward.engine import of_model

    made = of_model("reward-model", judge, 4)
    whole = pair(1).texts[0]
    cut = replace(whole, ended=False)
    prompt = made.prompt(whole)
    expected = made.model.scores([prompt] * 2, [whole.answer] * 2, ended=[True, False])
    assert made.rewards([whole, cut]).tolist() == pytest.approx(expected, abs=1e-5)
    assert expected[0] != pytest.approx(expected[1], abs=1e-3)


def test_the_head_is_fitted_to_people_and_the_report_tells_of_them(judge, tmp_path) -> None:
    export = exported(tmp_path / "round", choices({"p-3": 1.5})[:160])
    step = People(
        reward="reward-model",
        on="pairs",
        export=str(export),
        nudges=20,
        kinds=("length",),
        axes=(),
        shuffles=19,
    )
    (tmp_path / "out").mkdir()
    given = {"reward": judge, "data": artifact(tmp_path / "data", pairs(12))}
    found = step.run(given, tmp_path / "out", lambda _: None)
    assert {each.metric for each in found.estimates} == {
        "reward.people.leaning",
        "reward.people.accuracy.change",
        "reward.people.nudge.change",
    }
    hows = {each.slice["how"] for each in found.estimates if "change" in each.metric}
    assert hows == {f"without p-{number}" for number in (1, 2, 3, 4)}
    assert found.findings
    assert not any(each.gate for each in found.findings)
    assert (tmp_path / "out" / "carried.parquet").is_file()
