"""Where time goes, and what a run costs: counted once, estimated from the steps that were timed."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.train.clock import Clock, size_note, span, time_note


class Ticking:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


def steps(clock: Clock, ticking: Ticking, seconds: list[float]) -> None:
    for each in seconds:
        clock.begin()
        ticking.time += each
        clock.stepped()


def test_the_first_step_is_compiled_and_does_not_count(ticking: Ticking) -> None:
    clock = Clock(ticking)
    steps(clock, ticking, [30.0, 2.0])
    assert not clock.measured
    steps(clock, ticking, [4.0])
    assert clock.measured
    assert clock.step_seconds == 3.0
    only = Clock(ticking)
    steps(only, ticking, [30.0])
    assert only.step_seconds == 30.0  # better than nothing


def test_of_steps_that_learn_from_one_round_of_answers_the_round_is_timed(ticking: Ticking) -> None:
    """Answering falls to the first of them: the two steps behind it say nothing of the price of a step."""
    clock = Clock(ticking, turn=4)
    steps(clock, ticking, [90.0, 1.0, 1.0, 1.0, 9.0, 1.0, 1.0])
    assert not clock.measured
    steps(clock, ticking, [1.0, 9.0, 1.0, 1.0, 5.0])
    assert clock.measured
    assert clock.step_seconds == (3.0 + 4.0) / 2
    steps(clock, ticking, [9.0])  # no whole round
    assert not clock.measured
    assert clock.step_seconds == (3.0 + 4.0) / 2
    short = Clock(ticking, turn=4)
    steps(short, ticking, [30.0, 2.0, 2.0, 2.0])
    assert short.step_seconds == 9.0


def test_time_inside_is_not_counted_twice(ticking: Ticking) -> None:
    clock = Clock(ticking)
    with clock.of("telemetry"):
        ticking.time += 1.0
        with clock.of("probes"):
            ticking.time += 5.0
        ticking.time += 0.5
    assert clock.spent == {"probes": 5.0, "telemetry": 1.5}
    steps(clock, ticking, [3.5])
    note = clock.told("sft")
    assert note.text == "1 training step took 10 s, of it probes 50.0%, telemetry 15.0%"
    assert note.data == {"steps": "3.500", "probes": "5.000", "telemetry": "1.500"}


def test_time_spent_is_counted_also_where_it_ends_in_an_error(ticking: Ticking) -> None:
    clock = Clock(ticking)

    def fail() -> None:
        with clock.of("checkpoints"):
            ticking.time += 2.0
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert clock.spent == {"checkpoints": 2.0}


def test_what_is_still_to_come_is_estimated_with_probes_and_overhead(ticking: Ticking) -> None:
    clock = Clock(ticking)
    steps(clock, ticking, [30.0, 2.0, 2.0])
    with clock.of("telemetry"):
        ticking.time += 1.5
    note = time_note("sft", clock, left=40, probing=20.0, memory=3 * 2**30, of_device=False)
    assert note.data["seconds_left"] == "120.0"  # 40 steps of 2.5 s and the probes
    assert "about 2 min for the 40 still to come, 20 s of it for probes" in note.text
    assert "at most 3.0 GiB held by this process so far" in note.text
    silent = time_note("sft", clock, left=1, probing=0.0, memory=None, of_device=False)
    assert "GiB" not in silent.text


def test_the_size_of_a_run_is_told(ticking: Ticking) -> None:
    batch = {"tokens": np.zeros((4, 128), np.int32), "counts": np.array([1.0, 1.0, 0.0], np.float32)}
    note = size_note("sft", trained=460_800, parameters=134_515_008, steps=60, batch=batch)
    assert "trains 460,800 of 134,515,008 parameters (0.34%) in 60 steps of 512 tokens" in note.text
    assert note.data["taught_in_the_first"] == "2"
    other = size_note("ppo", trained=1, parameters=2, steps=3, batch={"prompts": np.zeros(3)})
    assert "tokens" not in other.text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.123, "0.12 s"), (42.2, "42 s"), (125, "2 min"), (5300, "88 min"), (8000, "2 h 13 min")],
)
def test_spans(seconds: float, words: str) -> None:
    assert span(seconds) == words
