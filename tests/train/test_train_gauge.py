"""The followed gap: what is counted, what is told, what is decided. No model, no JAX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from training_toys import Told

from duecare.core import FAIL, INSUFFICIENT, PASS, DataError, Estimate, Finding, Note, StudyError
from duecare.measure.sequential import Asymptotic, Bernstein
from duecare.train import Dpo, Sft
from duecare.train.gauge import START, Gauge, gaps
from duecare.train.limits import Limits
from duecare.train.watch import Groups, StepLog, StepRecord, Watch

ROWS = 4


def labelled(steps: int, names: Sequence[str | None] = ("men", "women")) -> Groups:
    """Labels by turns, so that each step of `ROWS` rows holds rows of both groups."""
    every = [names[place % len(names)] for place in range(steps * ROWS)]
    return Groups({"gender": np.array(every, dtype=object)})


def course(steps: int, gap: float, seed: int = 0, figure: str = "loss") -> list[StepRecord]:
    """Losses that fall from 5 to 1, where rows at even places (men) lie `gap` higher; each row once."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(steps):
        values = 1 + 4 * np.exp(-5 * number / steps) + rng.gamma(2, 0.3, ROWS) + gap * np.array([1, 0] * 2)
        if figure == "accuracy":
            values = (rng.random(ROWS) < 0.5 + gap * np.array([1, 0] * 2)).astype(float)
        rows = list(range(number * ROWS, (number + 1) * ROWS))
        figures = {figure: values.tolist()}
        if figure == "accuracy":
            figures |= {"margin": values.tolist(), "loss": values.tolist()}
        found.append(StepRecord(step=number + 1, loss=1.0, rows=rows, figures=figures))
    return found


def gauge(groups: Groups, steps: int, **settings: object) -> Gauge:
    method = str(settings.pop("method", "sft"))
    return Gauge(method=method, about={"source": "chats"}, steps=steps, groups=groups, **settings)  # type: ignore[arg-type]


def looked(made: Gauge, records: Sequence[StepRecord], every: int = 10) -> Told:
    """All that is told when the records are followed, window by window."""
    told = Told()
    for start in range(0, len(records), every):
        made.look(records[start : start + every], told)
    return told


def findings(told: Told) -> list[Finding]:
    return [each for each in told.all if isinstance(each, Finding)]


def test_the_gap_is_the_mean_over_steps_of_the_difference_within_each() -> None:
    records = course(120, 0.5)
    told = looked(gauge(labelled(120), 120), records)
    differences = [
        np.mean(record.figures["loss"][::2]) - np.mean(record.figures["loss"][1::2]) for record in records
    ]
    last = told.estimates("sft.loss.gap", split="train", group="men", against="women")[-1]
    assert last.value == pytest.approx(np.mean(differences))
    assert (last.step, last.n, last.clusters, last.unit) == (120, 480, 120, "nats per token")
    assert "confidence sequence" in last.method
    by_hand = Asymptotic(level=0.95, start=START, tightest=120).add(np.array(differences)).look()
    assert (last.low, last.high) == pytest.approx((by_hand.low, by_hand.high))


def test_nothing_is_said_before_the_first_look_and_why_is_said_at_the_end() -> None:
    told = looked(gauge(labelled(200), 200), course(200, 0.5))
    assert [each.step for each in told.estimates("sft.loss.gap")] == list(range(START, 201, 10))
    (only,) = looked(gauge(labelled(60), 60), course(60, 0.5)).estimates("sft.loss.gap")
    assert only.value is None
    assert f"the first look is at {START}" in str(only.reason)


def test_accuracy_is_bounded_and_said_from_the_first_window_on() -> None:
    made = gauge(labelled(40), 40, method="dpo")
    told = looked(made, course(40, 0.4, figure="accuracy"))
    first = told.estimates("dpo.accuracy.gap")[0]
    assert (first.step, first.unit) == (10, "")
    assert "Bernstein" in first.method
    assert -1 <= (first.low or 0) <= (first.high or 0) <= 1
    assert {type(each.state) for each in made.courses} == {Asymptotic, Bernstein}
    assert not [each for each in told.all if isinstance(each, Estimate) and each.metric == "dpo.loss.gap"]


def test_a_row_read_again_changes_nothing() -> None:
    records = course(120, 0.5)
    again = [
        StepRecord(step=120 + each.step, loss=1.0, rows=each.rows, figures={"loss": [9.0, 0.0] * 2})
        for each in records
    ]
    once, twice = gauge(labelled(120), 240), gauge(labelled(120), 240)
    looked(once, records)
    looked(twice, [*records, *again])
    assert twice.courses[0].state == once.courses[0].state
    # Control: rows of their own would have moved it.
    fresh = gauge(labelled(240), 240)
    looked(fresh, [*records, *(_moved(each, 480) for each in again)])
    assert fresh.courses[0].state != once.courses[0].state


def _moved(record: StepRecord, by: int) -> StepRecord:
    rows = [row + by for row in record.rows]
    return StepRecord(step=record.step, loss=record.loss, rows=rows, figures=record.figures)


def test_rows_without_a_group_and_steps_of_one_side_do_not_count() -> None:
    groups = Groups({"gender": np.array(["men", "women", None, None] * 100 + ["men"] * 400, dtype=object)})
    made = gauge(groups, 200)
    looked(made, course(200, 0.5))
    assert (made.courses[0].state.units, made.courses[0].rows) == (100, 200)


def test_of_two_groups_one_gap_is_followed_of_three_all_and_of_one_none() -> None:
    def names(*labels: str | None) -> list[tuple[str, str]]:
        return [(each.group, each.against) for each in gaps(labelled(3, labels))]

    assert names("men", "women", None) == [("men", "women")]
    assert names("a", "b", "c") == [("a", "all others"), ("b", "all others"), ("c", "all others")]
    assert names("a", None) == []


def test_each_gap_is_followed_at_its_share_of_alpha() -> None:
    made = gauge(labelled(9, ("a", "b", "c")), 9, method="orpo", alpha=0.06)
    assert len(made.courses) == 6
    assert {round(1 - each.state.level, 12) for each in made.courses} == {0.01}


def test_swapping_the_groups_flips_the_sign() -> None:
    there = gauge(labelled(120), 120)
    back = gauge(labelled(120, ("women", "men")), 120)
    told = [looked(each, course(120, 0.5)).estimates("sft.loss.gap")[-1] for each in (there, back)]
    assert told[0].value == pytest.approx(-(told[1].value or 0))
    assert (told[0].low, told[0].high) == pytest.approx((-(told[1].high or 0), -(told[1].low or 0)))


def test_a_crossing_is_told_at_once_and_stays() -> None:
    made = gauge(labelled(300), 300, limits=Limits(loss_gap=0.3))
    told = looked(made, course(300, 0.8))
    (finding,) = findings(told)
    assert (finding.name, finding.verdict) == ("sft.loss.gap", FAIL)
    assert finding.limit == "between -0.3 and 0.3"
    assert finding.estimate is not None
    assert finding.estimate.low > 0.3  # type: ignore[operator]
    assert finding.estimate.step == START
    assert "Training went on" in finding.detail
    assert finding.next
    place = told.all.index(finding)
    note = told.all[place + 1]
    assert isinstance(note, Note)
    assert (note.topic, note.data["step"], note.data["group"]) == ("sft.crossed", str(START), "men")
    assert float(note.data["low"]) == finding.estimate.low
    assert made.findings() == [finding]
    assert not made.stopped


def test_a_gap_inside_its_limit_passes_at_the_end_and_a_narrow_one_is_left_open() -> None:
    verdicts = {}
    for limit in (0.3, 0.02):
        made = gauge(labelled(400), 400, limits=Limits(loss_gap=limit))
        told = looked(made, course(400, 0.0))
        assert not findings(told)
        (finding,) = made.findings()
        verdicts[limit] = finding.verdict
        assert finding.estimate is not None
        assert finding.estimate.step == 400
    assert verdicts == {0.3: PASS, 0.02: INSUFFICIENT}


def test_a_short_course_is_never_passed_by_its_figure_alone() -> None:
    made = gauge(labelled(60), 60, limits=Limits(loss_gap=5.0))
    looked(made, course(60, 0.0))
    (finding,) = made.findings()
    assert finding.verdict == INSUFFICIENT
    assert finding.next
    empty = gauge(labelled(60), 60, limits=Limits(loss_gap=5.0))
    assert [each.verdict for each in empty.findings()] == [INSUFFICIENT]


def test_limits_without_groups_are_said_to_be_held_against_nothing() -> None:
    made = gauge(labelled(60, (None,)), 60, limits=Limits(loss_gap=0.5))
    looked(made, course(60, 0.0))
    (finding,) = made.findings()
    assert finding.verdict == INSUFFICIENT
    assert "groups.columns" in finding.next


def test_stop_means_stop_only_where_it_was_asked_for() -> None:
    for how, stops in (("stop", True), ("warn", False)):
        made = gauge(labelled(300), 300, limits=Limits(loss_gap=0.3), on_crossing=how)
        told = looked(made, course(300, 0.8)[:START])
        assert made.stopped is stops
        assert ("stopped there, of 300 steps planned" in findings(told)[0].detail) is stops
    unlimited = gauge(labelled(300), 300, on_crossing="stop")
    looked(unlimited, course(300, 0.8))
    assert not unlimited.stopped
    assert unlimited.findings() == []


@pytest.mark.parametrize("killed", [10, 130, 290])
def test_a_resumed_watch_decides_and_draws_bit_for_bit_as_a_whole_one(tmp_path: Path, killed: int) -> None:
    records = course(300, 0.45)

    def watched(path: Path, upto: int, upon: Sequence[StepRecord]) -> tuple[Watch, Told]:
        told = Told()
        made = Watch(
            method="sft",
            about={"source": "chats"},
            steps=300,
            every=10,
            groups=labelled(300),
            log=StepLog(path, upto),
            gauge=gauge(labelled(300), 300, limits=Limits(loss_gap=0.3)),
        )
        for record in upon:
            made.step(record, told)
        return made, told

    whole, all_told = watched(tmp_path / "whole", 0, records)
    _, before = watched(tmp_path / "killed", 0, records[: killed + 7])
    resumed, after = watched(tmp_path / "killed", killed, records[killed:])
    assert resumed.findings() == whole.findings()
    assert whole.findings()[0].verdict == FAIL
    assert resumed.curves([]).equals(whole.curves([]))
    assert resumed.gauge.courses[0].state == whole.gauge.courses[0].state  # type: ignore[union-attr]

    def kept(*parts: Told) -> set[str]:
        return {repr(each) for part in parts for each in part.all if not isinstance(each, int)}

    assert kept(before, after) == kept(all_told)
    # Control: other values are decided otherwise.
    other, _ = watched(tmp_path / "other", 0, course(300, 0.45, seed=1))
    assert other.findings() != whole.findings()


def test_the_curve_of_the_gap_is_drawn_with_its_band(tmp_path: Path) -> None:
    made = Watch(
        method="sft",
        about={},
        steps=120,
        every=10,
        groups=labelled(120),
        log=StepLog(tmp_path / "log", 0),
        gauge=gauge(labelled(120), 120),
    )
    for record in course(120, 0.5):
        made.step(record, Told())
    drawn = [row for row in made.curves([]).to_pylist() if row["metric"] == "loss.gap"]
    assert [row["step"] for row in drawn] == [100, 110, 120]
    assert all(row["low"] < row["value"] < row["high"] for row in drawn)
    assert {(row["split"], row["axis"], row["group"]) for row in drawn} == {("train", "gender", "men")}


def test_what_no_step_follows_is_refused() -> None:
    with pytest.raises(DataError, match="one of sft, distill, dpo, orpo"):
        gauge(labelled(3), 3, method="distil")
    with pytest.raises(StudyError, match=r"limits = 'accuracy_gap'.*loss_gap: sft follows"):
        Sft(on="chats", limits=Limits(accuracy_gap=0.2))
    with pytest.raises(StudyError, match="margin_gap and accuracy_gap: dpo follows"):
        Dpo(on="pairs", limits=Limits(loss_gap=0.2))
    with pytest.raises(StudyError, match="watch_alpha") as caught:
        Sft(on="chats", watch_alpha=0.0, on_crossing="halt")  # type: ignore[arg-type]
    assert len(caught.value.problems) == 2
    with pytest.raises(StudyError) as caught:
        Limits(loss_gap=-1.0, accuracy_gap=1.5)
    assert [each.where for each in caught.value.problems] == [
        "train.limits.loss_gap",
        "train.limits.accuracy_gap",
    ]
    assert Sft(on="chats", limits=Limits(loss_gap=0.5)).limits.given == {"loss": 0.5}
