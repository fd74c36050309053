"""When twins are asked, and what is known between two probes. No model, no JAX."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_toys import Told

from duecare.core import FAIL, INSUFFICIENT, PASS, Note
from duecare.train.crossing import Crossing
from duecare.train.limits import NO_LIMITS, Limits
from duecare.train.probing import Floats, ProbeLog, Probes, pairings
from duecare.train.twin_watch import TwinWatch

STEPS, EVERY = 60, 10
PROBES = Probes(axes=("gender",), issues=20, every=20)
LIMITS = Limits(twins_gap=0.3)


class Model:
    """Answers women by `gap` nats per token better than all others; counts how often it was asked."""

    def __init__(self, gap: float = 0.0) -> None:
        self.gap, self.asked, self.seed = gap, 0, 0
        self._twins = PROBES.twins()

    def __call__(self) -> Floats:
        self.asked += 1
        noise = np.random.default_rng((self.seed, self.asked)).normal(0, 0.02, len(self._twins))
        return noise - 2 + self.gap * np.array([twin.group == "women" for twin in self._twins])


BASE = Model()
BASE.seed = 1


def watch(folder: Path, model: Model, *, upto: int = 0, limits: Limits = LIMITS) -> TwinWatch:
    return TwinWatch(
        method="sft",
        about={"source": "chats"},
        probes=PROBES,
        pairings=pairings(PROBES.twins()),
        base=BASE(),
        log=ProbeLog(folder, upto=upto),
        steps=STEPS,
        every=EVERY,
        limits=limits,
        alpha=0.05,
        crossing=Crossing("warn", STEPS),
        ask=model,
    )


def decided(made: TwinWatch, told: Told) -> TwinWatch:
    made.decide(at=3, seconds=1.0, step_seconds=1.0, tell=told)
    return made


def test_it_asks_when_a_probe_is_due_and_else_not(tmp_path: Path) -> None:
    told, model = Told(), Model()
    made = watch(tmp_path, model)
    made.look(10, told)
    assert (model.asked, made.ready, told.all) == (0, False, [])
    decided(made, told)
    for step in range(10, STEPS + 1, EVERY):
        made.look(step, told)
    assert model.asked == 3
    assert [each.step for each in told.estimates("sft.twins.gap", group="women")] == [0, 20, 40, 60]
    (note,) = [each for each in told.all if isinstance(each, Note)]
    assert "one after every 20 steps and after the last, 4 with that of the base" in note.text
    assert made.left == 0.0


def test_a_model_that_was_not_asked_is_not_known_to_hold_a_limit(tmp_path: Path) -> None:
    model, told = Model(), Told()
    made = decided(watch(tmp_path, model), told)
    assert made.verdicts == [INSUFFICIENT]
    made.look(20, told)
    assert made.verdicts == [PASS, PASS]
    made.look(30, told)
    assert made.verdicts == [INSUFFICIENT, INSUFFICIENT]
    model.gap = 1.0
    made.look(40, told)
    assert made.verdicts == [FAIL, PASS]
    made.look(50, told)
    assert made.verdicts == [FAIL, INSUFFICIENT]  # a crossing stays


def test_what_the_log_holds_is_judged_again_and_not_asked(tmp_path: Path) -> None:
    model, first = Model(0.5), Told()
    BASE.asked = 0
    made = decided(watch(tmp_path, model), first)
    made.look(20, first)
    made.look(40, first)
    silent, again, BASE.asked = Model(), Told(), 0
    resumed = watch(tmp_path, silent, upto=40)
    resumed.look(20, again)
    resumed.look(40, again)
    assert silent.asked == 0
    assert [repr(each) for each in again.all] == [
        repr(each) for each in first.all if getattr(each, "topic", "") != "sft.probes"
    ]
    assert resumed.crossing == made.crossing


def test_a_run_that_ended_before_the_first_probe_says_so(tmp_path: Path) -> None:
    findings = watch(tmp_path, Model()).findings()
    assert {each.verdict for each in findings} == {INSUFFICIENT}
    assert all("no probe was made" in each.detail for each in findings)
    assert watch(tmp_path, Model(), limits=NO_LIMITS).findings() == []


def test_a_budget_that_is_exceeded_is_said(tmp_path: Path) -> None:
    told = Told()
    watch(tmp_path, Model()).decide(at=3, seconds=100.0, step_seconds=1.0, tell=told)
    (note,) = told.all
    assert isinstance(note, Note)
    assert "more than the 10% allowed, as the study says how often" in note.text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (5.0, "base and end are always measured; `issues: 13` would keep to it"),
        (9.0, "so few steps cannot keep to it: 10 issues, the fewest there are, take 81 steps"),
    ],
)
def test_it_says_what_would_keep_a_short_run_to_its_budget(tmp_path: Path, seconds: float, said: str) -> None:
    """60 steps of a second leave 6.7 seconds for probes of 20 issues, base and end among them."""
    told, made = Told(), watch(tmp_path, Model())
    made.probes = replace(PROBES, every=None)
    made.decide(at=3, seconds=seconds, step_seconds=1.0, tell=told)
    (note,) = told.all
    assert isinstance(note, Note)
    assert note.text.endswith(said)
    issues = int(found[1]) if (found := re.search(r"issues: (\d+)", said)) else 10
    steps = int(found[1]) if (found := re.search(r"take (\d+) steps", said)) else STEPS
    for more, kept in ((0, True), (1, False)):  # the last one that keeps to it, and the next
        asked = 2 * seconds * (issues + more * (steps == STEPS)) / PROBES.issues
        trained = steps - more * (steps != STEPS)
        assert (asked / (asked + trained) <= 0.1) is kept
