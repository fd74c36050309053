"""The reward beside an independent instrument: false alarms, planted onsets, groups, what is on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_toys import Told

from duecare.core import Finding, Note, StudyError
from duecare.core.wire import settings
from duecare.train import Drift, Grpo, Ppo
from duecare.train.crossing import Crossing
from duecare.train.drift import DriftLog, Look, win_shares
from duecare.train.drift_gauge import DriftGauge
from duecare.train.watch import Groups

ROUNDS, PROMPTS, EACH = 24, 24, 6
GROUPS = Groups({"gender": np.array(["women", "men"] * (PROMPTS // 2), dtype=object)})
BESIDE = Drift(independent={"sentiment": 1.0})


def gauge(folder: Path, drift: Drift = BESIDE, on_crossing: Any = "stop", alpha: float = 0.05) -> DriftGauge:
    return DriftGauge(
        method="grpo",
        about={"source": "chats"},
        drift=drift,
        groups=GROUPS,
        log=DriftLog(folder, 0),
        rounds=ROUNDS,
        alpha=alpha,
        crossing=Crossing(on_crossing, ROUNDS),
    )


def looks(
    rng: np.random.Generator, independent: Any, reward: Any = lambda _, __: 0.7, rounds: int = ROUNDS
) -> list[Look]:
    """Rounds of the same few prompts over and over; means are functions of the round and of the rows."""
    found, own = [], rng.uniform(-0.3, 0.3, PROMPTS)
    for number in range(rounds):
        rows = np.arange(number * EACH, (number + 1) * EACH) % PROMPTS

        def shares(mean: Any, rows: Any = rows, number: int = number) -> list[float]:
            # Four answers against four; how much they differ is each prompt's own, its mean is what is said.
            middle = np.clip(mean(number, rows) * np.ones(EACH), 0, 1)
            apart = np.minimum(np.abs(own[rows]), np.minimum(middle, 1 - middle))
            return (rng.binomial(4, middle + rng.choice([-1, 1], EACH) * apart) / 4).tolist()

        found.append(
            Look(
                round=number,
                step=number,
                rows=rows.tolist(),
                reward=shares(reward),
                independent=shares(independent),
                shift=[0.0] * EACH,
                reward_shift=[0.0] * EACH,
            )
        )
    return found


def watched(judge: DriftGauge, course: list[Look], every: int = 4) -> Told:
    told = Told()
    for look in course:
        judge.log.records.append(look)
        if (look.round + 1) % every == 0:
            judge.look(look.step + 1, told)
    return told


def test_a_run_on_which_nothing_comes_apart_raises_no_alarm(tmp_path: Path) -> None:
    """At the limit itself, six courses to a run, the same prompts asked again and again."""
    drift = Drift(independent={"sentiment": 1.0}, fall=0.0, gap=0.2)
    rng, runs = np.random.default_rng(0), 100
    alarms = 0
    for _ in range(runs):
        judge = gauge(tmp_path, drift)
        watched(judge, looks(rng, lambda _, __: 0.5), every=12)
        alarms += judge.crossing.crossed
    assert alarms / runs <= 0.05 + 2 * (0.05 * 0.95 / runs) ** 0.5


def test_all_courses_share_what_may_go_wrong(tmp_path: Path) -> None:
    """All prompts, women and men, by one figure or by two: an alarm takes so many times the money."""
    rng = np.random.default_rng(8)
    for drift, courses in ((BESIDE, 3), (Drift(independent={"sentiment": 1.0}, gap=0.3), 6)):
        judge = gauge(tmp_path, drift, on_crossing="warn")
        told = watched(judge, looks(rng, lambda number, _: 0.5 if number < 6 else 0.3), every=1)
        notes = [each.data for each in told.all if isinstance(each, Note)]
        assert notes
        assert all(float(each["needed"]) == pytest.approx(courses / 0.05, rel=1e-3) for each in notes)
        assert all(float(each["e_value"]) >= courses / 0.05 for each in notes)


def test_the_onset_is_found_and_dated_and_it_is_said_what_the_reward_did(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    judge = gauge(tmp_path)
    told = watched(judge, looks(rng, lambda number, _: 0.7 if number < 10 else 0.1, lambda *_: 0.85))
    first = next(each for each in told.all if isinstance(each, Finding))
    assert (first.name, first.verdict, first.limit) == ("grpo.drift.fall", "fail", "at least 0.45")
    assert "while the reward rose" in first.detail
    assert first.estimate is not None
    assert first.estimate.metric == "grpo.drift.win"
    note = next(each for each in told.all if isinstance(each, Note))
    assert note.topic == "grpo.drift"
    assert abs(int(note.data["began"]) - 10) <= 2
    assert 10 < int(note.data["step"]) <= 20
    assert note.data["reward_rose"] == "yes"
    assert judge.crossing.stopped


def test_an_alarm_where_every_comparison_is_lost_still_has_an_interval(tmp_path: Path) -> None:
    course = [
        Look(**{**_plain(look), "independent": [0.0] * EACH})
        for look in looks(np.random.default_rng(7), lambda *_: 0.5)
    ]
    found = [each for each in watched(gauge(tmp_path), course).all if isinstance(each, Finding)]
    assert found
    assert all(each.estimate is not None and each.estimate.low is not None for each in found)


def _plain(look: Look) -> dict[str, Any]:
    return {name: getattr(look, name) for name in Look.__struct_fields__}


def test_where_the_reward_does_not_rise_it_is_not_called_gaming(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    judge = gauge(tmp_path)
    told = watched(judge, looks(rng, lambda *_: 0.15, lambda *_: 0.3))
    found = next(each for each in told.all if isinstance(each, Finding))
    assert "is not shown" in found.detail
    assert "learning_rate" in found.next


def test_a_fall_for_one_group_alone_is_found_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    judge = gauge(tmp_path, on_crossing="warn")
    # Women's answers get better as men's get worse: on the whole nothing falls.
    told = watched(judge, looks(rng, lambda _, rows: np.where(rows % 2 == 1, 0.1, 0.9)))
    failed = [each for each in told.all if isinstance(each, Finding)]
    assert [each.estimate.slice.get("group") for each in failed if each.estimate] == ["men"]
    verdicts = {each.estimate.slice.get("group"): each.verdict for each in judge.findings() if each.estimate}
    assert verdicts["men"] == "fail"
    assert verdicts["women"] != "fail"
    assert not judge.crossing.stopped


def test_a_gap_is_judged_where_it_is_limited(tmp_path: Path) -> None:
    """The independent instrument stands still while the reward runs away."""
    course = looks(np.random.default_rng(4), lambda *_: 0.5, lambda *_: 0.97)
    judge = gauge(tmp_path, Drift(independent={"sentiment": 1.0}, gap=0.2))
    watched(judge, course)
    assert {each.name for each in judge.findings() if each.verdict == "fail"} == {"grpo.drift.gap"}
    without = gauge(tmp_path)
    watched(without, course)
    assert not without.crossing.crossed


def test_honest_progress_passes_and_a_short_course_is_not_enough(tmp_path: Path) -> None:
    course = looks(np.random.default_rng(5), lambda *_: 0.9, lambda *_: 0.9, rounds=60)
    judge = gauge(tmp_path)
    told = watched(judge, course)
    assert {each.verdict for each in judge.findings()} == {"pass"}
    assert set(judge.verdicts) == {"pass"}
    assert judge.crossing.held == 0, "the watch marks the crossing, not the judge"
    window = told.estimates("grpo.drift.win", split="train", group="women")
    assert [each.step for each in window] == list(range(4, 61, 4))
    assert all(each.value > 0.7 for each in window if each.value is not None)
    assert sum(each.value is not None for each in window) > 10
    short = gauge(tmp_path)
    watched(short, course[:4])
    assert {each.verdict for each in short.findings()} == {"insufficient evidence"}


def test_win_shares_are_the_chance_to_win_and_ties_count_half() -> None:
    now = np.array([[1.0, 0.0, 5.0], [3.0, 0.0, 5.0]])
    then = np.array([[2.0, 0.0, 1.0], [2.0, 0.0, 6.0], [0.0, 0.0, 6.0]])
    assert win_shares(now, then) == pytest.approx([4 / 6, 0.5, 1 / 3])
    assert win_shares(now, then) == pytest.approx(1 - win_shares(then, now))
    assert win_shares(1e3 * now + 7, 1e3 * then + 7) == pytest.approx(win_shares(now, then))


def test_looks_lie_on_the_disk_and_a_damaged_one_ends_the_record(tmp_path: Path) -> None:
    course = looks(np.random.default_rng(6), lambda *_: 0.5, rounds=3)
    log = DriftLog(tmp_path, 0)
    for look in course:
        log.add(look)
    again = DriftLog(tmp_path, 2)
    assert again.records == course[:2]
    assert again.complete(2, every=1, iterations=1)
    assert not again.complete(3, every=1, iterations=1)
    assert again.complete(4, every=1, iterations=2)
    path = tmp_path / "drift.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"round":1', b'"round":"x"'))
    assert DriftLog(tmp_path, 2).records == course[:1]


def test_of_so_many_rounds_the_last_is_looked_at(tmp_path: Path) -> None:
    """The first is the start itself: a look at it would say nothing."""
    first, second, *_ = looks(np.random.default_rng(6), lambda *_: 0.5, rounds=3)
    log = DriftLog(tmp_path, 0)
    assert log.complete(1, every=2, iterations=1)
    assert not log.complete(2, every=2, iterations=1)
    log.add(second)
    assert log.complete(3, every=2, iterations=1)
    assert not log.complete(4, every=2, iterations=1)
    (tmp_path / "drift.jsonl").unlink()
    log = DriftLog(tmp_path, 0)
    log.add(first)
    assert not log.complete(3, every=2, iterations=1)
    assert log.complete(1, every=1, iterations=1), "control: where every round is looked at, so is the first"


SOUND: dict[str, Any] = {"on": "chats", "reward": {"sentiment": 1.0}}


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"independent": {}}, "train.drift.independent"),
        ({"independent": {"nonsense": 1.0}}, "train.drift.independent.nonsense"),
        ({"independent": {"toxicity": 0}}, "train.drift.independent.toxicity"),
        ({"independent": {"toxicity": -1}, "fall": 0.5}, "train.drift.fall"),
        ({"independent": {"toxicity": -1}, "gap": 0}, "train.drift.gap"),
        ({"independent": {"toxicity": -1}, "every": 0}, "train.drift.every"),
    ],
)
def test_nonsense_is_refused(given: dict[str, Any], where: str) -> None:
    with pytest.raises(StudyError) as error:
        Drift(**given)
    assert [problem.where for problem in error.value.problems] == [where]


@pytest.mark.parametrize("kind", [Grpo, Ppo])
def test_what_the_reward_holds_is_not_independent_of_it(kind: Any) -> None:
    with pytest.raises(StudyError, match=r"drift\.independent"):
        kind(**SOUND, drift=Drift(independent={"sentiment": 1.0, "toxicity": -1.0}))
    with pytest.raises(StudyError, match="another reward model"):
        kind(**SOUND, reward_model="judge", drift=Drift(reward_model="judge"))
    with pytest.raises(StudyError, match=r"drift\.every"):
        kind(**SOUND, steps=20, drift=Drift(independent={"toxicity": -1.0}, every=21))
    with pytest.raises(StudyError, match="an independent instrument, or none"):
        kind(**SOUND, drift={"toxicity": -1.0})
    kind(**SOUND, reward_model="judge", drift=Drift(reward_model="other"))


@pytest.mark.parametrize("kind", [Grpo, Ppo])
def test_a_study_without_it_has_the_digest_that_it_had(kind: Any) -> None:
    assert "drift" not in settings(kind(**SOUND))
    told = settings(kind(**SOUND, drift=Drift(independent={"toxicity": -1.0})))["drift"]
    assert told["independent"] == {"toxicity": -1.0}
