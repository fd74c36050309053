"""What is kept, told and drawn, from figures alone (no model)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from training_toys import Told, chat

from duecare.core import Estimate, Progress
from duecare.core.table import table
from duecare.train.batch import Plan
from duecare.train.probe import Probe, account
from duecare.train.rows import Passage
from duecare.train.watch import CURVES, Groups, StepLog, StepRecord, Watch, window_ends

ROWS = table([chat(i, "q", "a", ("women", "men", None)[i % 3]) for i in range(12)])
GROUPS = Groups.read(ROWS, ())


def records(steps: int, seed: int = 0) -> list[StepRecord]:
    rng = np.random.default_rng(seed)
    return [
        StepRecord(
            step=step,
            loss=float(rng.normal(3, 1)),
            rows=[int(row) for row in rng.integers(0, 12, 4)],
            figures={"loss": rng.normal(3, 1, 4).tolist()},
        )
        for step in range(1, steps + 1)
    ]


def watch(log: StepLog, steps: int, every: int) -> Watch:
    return Watch(method="sft", about={"source": "chats"}, steps=steps, every=every, groups=GROUPS, log=log)


def followed(path: Path, seen: list[StepRecord], every: int, upto: int = 0) -> tuple[Watch, Told]:
    told = Told()
    made = watch(StepLog(path, upto), 7, every)
    for record in seen:
        made.step(record, told)
    return made, told


def test_each_window_is_told_per_group_when_it_ends(tmp_path: Path):
    _, told = followed(tmp_path / "log", records(7), every=3)
    assert window_ends(3, 7) == [3, 6, 7]
    everyone = told.estimates("sft.loss", source="chats", split="train")
    assert sorted({each.step for each in everyone}) == [3, 6, 7]
    assert {each.slice.get("group") for each in everyone} == {None, "women", "men"}
    kinds = [type(each) for each in told.all]
    assert kinds[:3] == [Progress] * 3
    assert kinds[3] is Estimate
    assert sum(kind is Progress for kind in kinds) == 7


def test_a_window_is_the_mean_over_its_rows_with_students_interval(tmp_path: Path):
    seen = [
        StepRecord(step=1, loss=1.0, rows=[0, 3], figures={"loss": [1.0, 3.0]}),
        StepRecord(step=2, loss=1.0, rows=[6, 1], figures={"loss": [5.0, 9.0]}),
    ]  # without skewness, so that the interval is Student's
    _, told = followed(tmp_path / "log", seen, every=2)
    (women,) = told.estimates("sft.loss", group="women")
    half = stats.t.ppf(0.975, 2) * np.std([1, 3, 5], ddof=1) / np.sqrt(3)
    assert women.value == pytest.approx(3.0)
    assert (women.low, women.high) == pytest.approx((3 - half, 3 + half))
    assert (women.n, women.unit, women.step) == (3, "nats per token", 2)
    (men,) = told.estimates("sft.loss", group="men")
    assert men.value is None
    assert men.reason
    # Control: had the one man been given an interval, it would have no width.
    assert men.n == 1


def test_a_row_seen_twice_counts_as_one_independent_unit(tmp_path: Path):
    twice = [StepRecord(step=1, loss=1.0, rows=[0, 0, 3, 6], figures={"loss": [1.0, 1.0, 2.0, 6.0]})]
    _, told = followed(tmp_path / "log", twice, every=1)
    (women,) = told.estimates("sft.loss", group="women")
    assert (women.n, women.clusters) == (4, 3)


def test_curves_do_not_depend_on_where_a_run_was_killed(tmp_path: Path):
    seen = records(7)
    whole, _ = followed(tmp_path / "whole", seen, every=3)
    followed(tmp_path / "killed", seen[:5], every=3)
    with (tmp_path / "killed").open("ab") as file:
        file.write(b'{"step": 6, "lo')
    resumed, _ = followed(tmp_path / "killed", seen[3:], every=3, upto=3)
    assert resumed.curves([]).equals(whole.curves([]))
    assert whole.curves([]).schema == CURVES
    # Control: figures of another run draw something else.
    other, _ = followed(tmp_path / "other", records(7, seed=1), every=3)
    assert not other.curves([]).equals(whole.curves([]))


def test_a_log_that_lacks_steps_says_so(tmp_path: Path):
    followed(tmp_path / "log", records(5), every=3)
    assert StepLog(tmp_path / "log", upto=5).complete
    lines = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    (tmp_path / "log").write_bytes(b"".join([*lines[:2], b"damaged\n", *lines[3:]]))
    log = StepLog(tmp_path / "log", upto=5)
    assert not log.complete
    assert len(log.records) == 2


def probe(before: list[float], after: list[float]) -> Probe:
    return Probe(
        method="sft",
        source="chats",
        steps=7,
        rows=np.arange(12, dtype=np.int64),
        groups=GROUPS,
        watched=Groups.read(table([chat(0, "q", "a", "others")]), ()),
        before={"loss": np.array(before, np.float32)},
        after={"loss": np.array(after, np.float32)},
    )


def found(made: Probe, metric: str, **slice: str) -> Estimate:
    (one,) = [e for e in made.estimates() if e.metric == metric and slice.items() <= e.slice.items()]
    return one


def test_held_out_rows_tell_level_change_and_gap():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.1, 12)
    worse = np.array([1.0 if i % 3 == 0 else 0.0 for i in range(12)])
    made = probe((3 + noise).tolist(), (2 + worse + 2 * noise).tolist())
    women = found(made, "sft.loss", when="after", group="women")
    assert women.value == pytest.approx(float((2 + worse + 2 * noise)[::3].mean()), abs=1e-5)
    assert women.slice["split"] == "held_out"
    gap = found(made, "sft.loss.gap", when="after", group="women")
    assert gap.low is not None
    assert gap.low > 0.5
    assert found(made, "sft.loss.gap", when="before", group="women").low < 0  # type: ignore[operator]
    assert found(made, "sft.loss.gap.change", group="women").low > 0.5  # type: ignore[operator]
    assert found(made, "sft.loss.change", group="men").high < -0.5  # type: ignore[operator]
    other = found(made, "sft.loss", group="others")
    assert other.value is None
    assert other.reason


def test_swapping_the_groups_flips_the_sign_of_the_gap():
    rng = np.random.default_rng(2)
    made = probe(rng.normal(3, 1, 12).tolist(), rng.normal(3, 1, 12).tolist())
    women, men = (found(made, "sft.loss.gap", when="after", group=group) for group in ("women", "men"))
    assert women.value == pytest.approx(-(men.value or 0))


def test_no_held_out_rows_is_said_and_not_drawn():
    nothing = np.zeros(0, np.float32)
    made = Probe(
        method="dpo",
        source="pairs",
        steps=3,
        rows=np.zeros(0, np.int64),
        groups=Groups.read(ROWS.slice(0, 0), ("gender",)),
        watched=GROUPS,
        before=None,
        after={"loss": nothing, "accuracy": nothing},
    )
    assert made.readings() == []
    assert all(each.value is None and each.reason for each in made.estimates())
    assert len(made.estimates()) == 2 * 3


def test_what_was_cut_is_told_per_group():
    tokens = np.zeros(3, np.int32)
    read = tuple(Passage(tokens=tokens, taught=tokens > 0, cut=i % 3 == 0) for i in range(12))
    plan = Plan(slots=np.arange(12), read=read, rows=np.arange(12), unusable={"why": 2}, met=14)
    told = {
        (e.metric, e.slice.get("group"), e.slice.get("reason")): e for e in account("sft", "c", plan, GROUPS)
    }
    assert told["sft.rows.used", None, None].value == 12
    assert told["sft.rows.unusable", None, "why"].value == 2
    assert (told["sft.rows.cut", "women", None].value, told["sft.rows.cut", "women", None].n) == (4, 4)
    assert told["sft.rows.cut", "men", None].value == 0
