"""Probes: what is asked, how often the budget allows it, what of it lies on the disk. No model, no JAX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from duecare.core import StudyError
from duecare.train import Dpo, Limits, Probes, Sft
from duecare.train.probing import Asked, Plan, ProbeLog, pairings, plan


def test_every_group_is_asked_the_same_matters_and_compared_with_the_first() -> None:
    asked = Probes(axes=("gender", "age"), issues=12).twins()
    found = {(pair.axis, pair.group): pair for pair in pairings(asked)}
    assert set(found) == {
        ("gender", "women"),
        ("gender", "nonbinary"),
        ("age", "young"),
        ("age", "older"),
    }
    pair = found["gender", "women"]
    assert pair.against == "men"
    assert len(pair.mine) == len(pair.other) == 12
    for mine, other in zip(pair.mine, pair.other, strict=True):
        assert asked[mine].answer == asked[other].answer
        assert asked[mine].text != asked[other].text
        assert (asked[mine].group, asked[other].group) == ("women", "men")
    assert {twin.manner for twin in asked} == {"respectful"}
    values = np.arange(len(asked), dtype=np.float64)
    np.testing.assert_array_equal(pair.gap(values), values[pair.mine] - values[pair.other])


@pytest.mark.parametrize(
    ("seconds", "step_seconds", "steps", "every", "share"),
    [
        (5.0, 2.0, 600, 10, 0.1),
        (7.0, 2.5, 300, 10, 0.05),
        (0.01, 2.0, 100, 10, 0.1),
        (1.0, 1.0, 1000, 7, 0.2),
    ],
)
def test_the_interval_keeps_the_budget_and_uses_it(
    seconds: float, step_seconds: float, steps: int, every: int, share: float
) -> None:
    made = plan(
        Probes(share=share), steps=steps, every=every, at=3, seconds=seconds, step_seconds=step_seconds
    )
    asked = made.steps(steps, steps=steps, every=every)
    assert made.looks == 1 + len(asked)
    assert asked[-1] == steps
    assert made.share(steps) <= share
    if made.nth > 1:  # one reading more often would have cost too much
        closer = Plan(
            **{name: getattr(made, name) for name in ("known", "seconds", "step_seconds")},
            nth=made.nth - 1,
            looks=0,
        )
        looks = 1 + len(closer.steps(steps, steps=steps, every=every))
        assert (
            Plan(known=3, nth=1, looks=looks, seconds=seconds, step_seconds=step_seconds).share(steps) > share
        )


def test_a_short_run_measures_base_and_end_and_says_what_that_takes() -> None:
    made = plan(Probes(), steps=10, every=5, at=3, seconds=8.0, step_seconds=2.0)
    assert made.steps(10, steps=10, every=5) == [10]
    assert made.share(10) == pytest.approx(16 / 36)


def test_the_study_may_say_how_often() -> None:
    made = plan(Probes(every=25), steps=100, every=10, at=3, seconds=99.0, step_seconds=0.1)
    assert made.steps(100, steps=100, every=10) == [30, 60, 90, 100]
    assert made.looks == 5


def test_a_reading_before_the_times_are_known_is_not_probed() -> None:
    made = plan(Probes(every=1), steps=6, every=1, at=3, seconds=0.0, step_seconds=1.0)
    assert made.steps(6, steps=6, every=1) == [3, 4, 5, 6]


def test_the_log_goes_on_where_a_killed_run_was(tmp_path: Path) -> None:
    log = ProbeLog(tmp_path, upto=0)
    made = plan(Probes(every=10), steps=40, every=10, at=3, seconds=1.0, step_seconds=1.0)
    log.decide(made)
    for step in (10, 20, 30):
        log.add(Asked(step=step, values=[0.1 * step, -1.0]))
    with (tmp_path / "twins.jsonl").open("ab") as file:
        file.write(b'{"step": 40, "va')
    again = ProbeLog(tmp_path, upto=20)
    assert again.plan == made
    assert [each.step for each in again.records] == [10, 20]
    assert again.complete(20, steps=40, every=10)
    found = again.at(20)
    assert found is not None
    assert found.values == [2.0, -1.0]
    assert again.at(30) is None


def test_a_damaged_log_or_plan_says_so(tmp_path: Path) -> None:
    log = ProbeLog(tmp_path, upto=0)
    log.decide(plan(Probes(every=10), steps=40, every=10, at=3, seconds=1.0, step_seconds=1.0))
    log.add(Asked(step=10, values=[1.0]))
    log.add(Asked(step=20, values=[1.0]))
    lines = (tmp_path / "twins.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "twins.jsonl").write_bytes(b"damaged\n" + lines[1])
    assert not ProbeLog(tmp_path, upto=20).complete(20, steps=40, every=10)
    (tmp_path / "twins-plan.json").write_bytes(b"{")
    assert not ProbeLog(tmp_path, upto=20).complete(20, steps=40, every=10)
    assert ProbeLog(tmp_path, upto=0).complete(0, steps=40, every=10)  # control: a fresh start lacks nothing


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("axes", ()),
        ("axes", ("shoes",)),
        ("axes", ("gender", "gender")),
        ("issues", 9),
        ("issues", 41),
        ("every", 0),
        ("share", 0.0),
        ("share", 0.6),
    ],
)
def test_nonsense_is_refused(setting: str, value: object) -> None:
    with pytest.raises(StudyError, match=rf"train\.probe\.{setting} = "):
        Probes(**{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [Sft, Dpo])
def test_limits_on_twins_need_a_probe(step: type) -> None:
    with pytest.raises(StudyError, match="no limit on twins where there is no `probe`"):
        step(on="x", limits=Limits(twins_gap=0.1))
    made = step(on="x", limits=Limits(twins_gap=0.1, twins_amplification=0.05), probe=Probes())
    assert made.limits.twins == {"gap": 0.1, "amplification": 0.05}
    assert made.limits.given == {}
    with pytest.raises(StudyError, match="probe"):
        step(on="x", probe={"axes": ["gender"]})
