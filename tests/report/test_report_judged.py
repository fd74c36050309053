"""What a reward model came to stands on the page and on the card, with its intervals."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricated_report import Built, build
from fabricated_run import Fabricator

from duecare.core import Estimate, unknown
from duecare.report.gather import gather
from duecare.report.judged import judges


def told(metric: str, value: float, when: str, **about: str) -> Estimate:
    return Estimate(
        metric=f"reward-model.{metric}",
        value=value,
        low=value - 0.05,
        high=value + 0.05,
        n=211,
        method="Wilson",
        slice={"source": "pairs", "split": "held_out", "when": when, **about},
    )


WOMEN = {"axis": "gender", "group": "women"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("judged")
    run = Fabricator(folder / "run", folder / "keys")
    run.start(["base", "sft", "reward-model"])
    run.job("base", "duecare.model.fetch.Fetch")
    run.job("sft", "duecare.train.sft.Sft", inputs={"base": "base"})
    run.job(
        "reward-model",
        "duecare.train.reward_model.RewardModel",
        inputs={"base": "base", "model": "sft"},
        estimates=[
            told("margin", 0.77, "after"),
            told("accuracy", 0.63, "after"),
            told("accuracy", 0.48, "before"),
            told("accuracy", 0.71, "after", **WOMEN),
            told("accuracy.gap", 0.137, "after", **WOMEN, against="rest"),
            unknown("reward-model.loss", "no held-out row of this group can be measured", 0, WOMEN, "mean"),
        ],
    )
    return build(run.finish(), folder / "report")


def test_figures_come_in_order_with_what_was_before(judged: Built) -> None:
    (judge,) = judges(gather(judged.run))
    assert [(row.who, row.after.estimate.value) for row in judge.rows] == [
        ("all pairs", 0.63),
        ("gender: women", 0.71),
        ("gender: women against all others", 0.137),
        ("all pairs", 0.77),
    ]
    assert [row.before and row.before.estimate.value for row in judge.rows] == [0.48, None, None, None]


def test_they_stand_with_the_training_on_the_page(judged: Built) -> None:
    training = judged.html.split('<section id="training"')[1].split("</section>")[0]
    for said in ("reward-model: held-out pairs", "63.0%", "58.0% to 68.0%", "48.0%", "+13.7 pp", "+0.77"):
        assert said in training, said


def test_they_stand_on_the_card_with_every_training_job(judged: Built) -> None:
    training = judged.card.split("## Training\n")[1].split("\n## ")[0]
    assert "### reward-model: held-out pairs" in training
    assert "| all pairs | 48.0% | 63.0% | 58.0% to 68.0% | 211 |" in training
    assert "| sft |" in training
    assert "| reward-model |" in training


def test_control_a_run_without_a_reward_model_shows_none(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["base", "sft"])
    run.job("base", "duecare.model.fetch.Fetch")
    run.job("sft", "duecare.train.sft.Sft", estimates=[told("accuracy", 0.63, "after")])
    built = build(run.finish(), tmp_path / "report")
    assert not judges(gather(built.run))
    assert "held-out pairs" not in built.html
