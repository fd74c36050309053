"""What the report tells of the people behind a reward: who leans, and what changes without them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricated_report import Built, build
from fabricated_run import Fabricator

from duecare.core import Estimate, Finding, Note
from duecare.report.behind_reward import people_behind
from duecare.report.gather import gather


def told(metric: str, value: float, unit: str, **about: str) -> Estimate:
    return Estimate(
        metric=metric,
        value=value,
        low=value - 0.1,
        high=value + 0.1,
        n=80,
        method="mean",
        unit=unit,
        slice={"reward": "judge", "round": "taste"} | about,
        rests_on=("model:judge", "people"),
    )


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("looked")
    run = Fabricator(folder / "run", folder / "keys")
    run.start(["reward-people"])
    padding = {"how": "without p-3", "kind": "length", "nudge": "much padding", "shuffled_p": "0.01"}
    bold = {"how": "without p-3", "kind": "formatting", "nudge": "bold", "shuffled_p": "0.7"}
    change = told("reward.people.nudge.change", -0.8, "spreads", **padding, beyond_chance="yes")
    run.job(
        "reward-people",
        "duecare.reward.people.People",
        estimates=[
            told("reward.people.leaning", 0.31, "share", rater="p-3", holm_p="0.001", beyond_chance="yes"),
            told("reward.people.panel_leaning", 0.12, "share", panel="near"),
            told("reward.people.accuracy.change", 0.02, "share", how="without p-3", shuffled_p="0.5"),
            change,
            told("reward.people.nudge.change", 0.02, "spreads", **bold, beyond_chance="no"),
        ],
        findings=[
            Finding(
                name="reward.people.carried",
                verdict="fail",
                limit="no single person moves it",
                detail="Fitted without p-3 the reward pays 0.80 spreads less for much padding.",
                estimate=change,
            )
        ],
        notes=[
            Note(topic="reward.people", text="4 people and 160 items of the round taste stand behind judge.")
        ],
    )
    return build(run.finish(), folder / "report")


def test_leanings_and_changes_stand_with_their_intervals_and_words_for_readers_of_screens(looked: Built):
    (one,) = people_behind(gather(looked.run))
    assert [len(plot.rows) for plot in one.plots] == [1, 1, 1, 1]
    assert len(one.further) == 1
    part = looked.html.split("The people behind the reward judge")[1].split("</section>")[0]
    for said in (
        "4 people and 160 items",
        "pays 0.80 spreads less",
        "p-3",
        "+31.0 pp",
        "+12.0 pp",
        "Twice as long, without content",
        "p 0.01, corrected, beyond chance",
        "without p-3",
    ):
        assert said in part, said
    assert part.count('role="img" aria-label="') == 5


def test_what_was_noticed_of_a_reward_does_not_stand_with_the_data(looked: Built):
    data = looked.html.split('<section id="data"')[1].split("</section>")[0]
    assert "much padding" not in data


def test_control_a_run_that_looked_at_nobody_shows_none(tmp_path: Path):
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["base"])
    run.job("base", "duecare.model.fetch.Fetch")
    built = build(run.finish(), tmp_path / "report")
    assert not people_behind(gather(built.run))
    assert "The people behind" not in built.html
