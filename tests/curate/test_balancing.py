"""Balancing by two axes and by drawing rows: targets are met, each row is recorded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import inputs, text

from duecare.core import FAIL, PASS, DataError, Example, Group, Outcome, StudyError
from duecare.core.table import examples
from duecare.curate.raking import rake
from duecare.curate.represent import Balance
from duecare.curate.sampling import plan

AXES = ("age", "sex")
cells = st.lists(st.integers(1, 400), min_size=4, max_size=4).map(
    lambda n: {("old", "f"): n[0], ("old", "m"): n[1], ("young", "f"): n[2], ("young", "m"): n[3]}
)


@given(cells, st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_raking_meets_both_margins_and_keeps_the_odds(counts: dict, old: float, f: float) -> None:
    """The fitted table has the margins asked for and the odds ratio of the data."""
    raked = rake(counts, ({"old": old, "young": 1 - old}, {"f": f, "m": 1 - f}), AXES, most=1e9)
    assert raked.shares(0)["old"] == pytest.approx(old, abs=1e-6)
    assert raked.shares(1)["f"] == pytest.approx(f, abs=1e-6)
    fitted = raked.counts * raked.weight
    odds = fitted[0, 0] * fitted[1, 1] / (fitted[0, 1] * fitted[1, 0])
    asked = raked.counts[0, 0] * raked.counts[1, 1] / (raked.counts[0, 1] * raked.counts[1, 0])
    assert np.log(odds) == pytest.approx(np.log(asked), abs=1e-5)
    assert (raked.counts * raked.weight).sum() == pytest.approx(raked.counts.sum())


def test_bounds_bind_and_the_miss_is_said(tmp_path: Path) -> None:
    rows = [text(n, "x", age="old" if n < 2 else "young", sex="f" if n % 2 else "m") for n in range(100)]
    step = Balance(by="age", cross="sex")
    kept, outcome = run(step, rows, tmp_path)
    by_group = {
        group: sum(row.weight for row in kept if row.group("age") == group) for group in ("old", "young")
    }
    assert by_group["old"] < by_group["young"] / 2
    (finding,) = outcome.findings
    assert finding.verdict == FAIL
    _, free = run(Balance(by="age", cross="sex", most=1000), rows, tmp_path)
    assert [each.verdict for each in free.findings] == [PASS]


def test_pairs_without_a_row_are_refused() -> None:
    with pytest.raises(DataError, match="old x m"):
        rake({("old", "f"): 3, ("young", "f"): 3, ("young", "m"): 3}, ({}, {}), AXES, 10)


def run(step: Balance, rows: list[Example], folder: Path) -> tuple[list[Example], Outcome]:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    outcome = step.run(inputs(folder / "in", rows), out, lambda _: None)
    return examples(pq.read_table(out / "kept.parquet")), outcome


def rows_of(age: str) -> tuple[Group, ...]:
    return (Group(axis="age", value=age),)


def crowd(old: int, young: int, silent: int = 0) -> list[Example]:
    rows = [text(n, f"t{n}", age="old" if n < old else "young") for n in range(old + young)]
    return rows + [text(1000 + n, "x") for n in range(silent)]


@pytest.mark.parametrize(("draw", "old", "young"), [("both", 50, 50), ("down", 20, 20), ("up", 80, 80)])
def test_rows_are_drawn_until_the_shares_are_met(draw: str, old: int, young: int, tmp_path: Path) -> None:
    rows = crowd(20, 80, silent=3)
    kept, outcome = run(Balance(by="age", mode="sampling", draw=draw), rows, tmp_path)  # type: ignore[arg-type]
    assert Counter(row.group("age") for row in kept) == {"old": old, "young": young, None: 3}
    dropped = pq.read_table(tmp_path / "out" / "dropped.parquet")["row"].to_pylist()
    changes = pq.read_table(tmp_path / "out" / "changes.parquet").to_pylist()
    assert sorted(c["row"] for c in changes if c["action"] == "dropped") == sorted(dropped)
    copies = [row for row in kept if "~copy:" in row.row]
    assert sorted(c["row"] for c in changes if c["action"] == "added") == sorted(row.row for row in copies)
    assert {row.row for row in rows} == {row.row for row in kept if "~" not in row.row} | set(dropped)
    assert len({row.row for row in kept}) == len(kept)
    for copy in copies:
        assert {field.name: field.value for field in copy.fields}["parent"] == copy.row.partition("~")[0]
    distinct = next(e.value for e in outcome.estimates if e.metric == "balance.distinct_rows")
    assert distinct == len([row for row in kept if row.group("age") and "~" not in row.row])


def test_a_copy_of_a_copy_names_the_row_that_the_source_gave(tmp_path: Path) -> None:
    twin = Example(
        row="a:0~gender:women>men", key="0" * 64, source="a", kind="text", text="x", groups=rows_of("old")
    )
    kept, _ = run(Balance(by="age", mode="sampling", draw="up"), [twin, *crowd(1, 4)], tmp_path)
    parents = {
        field.value for row in kept if row.row.startswith("a:0~gender:women>men~copy") for field in row.fields
    }
    assert parents == {"a:0"}


def test_the_draw_hangs_on_the_seed_alone(tmp_path: Path) -> None:
    rows = crowd(20, 80)
    drawn = [
        [
            row.row
            for row in run(Balance(by="age", mode="sampling", draw="down", seed=seed), rows, tmp_path)[0]
        ]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_removing_those_whom_it_should_serve_is_refused_with_the_numbers(tmp_path: Path) -> None:
    """ "b" is below its share; to come down to "a", which is further below, rows of "b" would go."""
    with pytest.raises(DataError, match=r"drop 5 of the 15 rows of age = b, which has 15.0% .* 20.0%"):
        plan({"a": 5, "b": 15, "c": 80}, {"a": 0.1, "b": 0.2, "c": 0.7}, "down", "age", 10)
    for draw in ("both", "up"):
        made = plan({"a": 5, "b": 15, "c": 80}, {"a": 0.1, "b": 0.2, "c": 0.7}, draw, "age", 10)  # type: ignore[arg-type]
        assert made["a"] >= 5
        assert made["b"] >= 15
    with pytest.raises(DataError, match="more than 3 times"):
        plan({"a": 1, "b": 99}, {"a": 0.5, "b": 0.5}, "both", "age", 3)
    with pytest.raises(DataError, match="no row declares"):
        run(Balance(by="age", mode="sampling"), [text(0, "x")], tmp_path)


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 500), min_size=2),
    st.sampled_from(["both", "down", "up"]),
)
def test_no_plan_takes_rows_from_a_group_below_its_share(counts: dict[str, int], draw: str) -> None:
    share = dict.fromkeys(counts, 1 / len(counts))
    total = sum(counts.values())
    try:
        made = plan(counts, share, draw, "age", 1e9)  # type: ignore[arg-type]
    except DataError:
        assert draw == "down"
        return
    for group, count in counts.items():
        assert made[group] >= count or count / total >= share[group]


@pytest.mark.parametrize(
    ("given_", "field"),
    [({"cross": "age"}, "cross"), ({"cross": "sex", "mode": "sampling"}, "cross"), ({"draw": "x"}, "draw"),
     ({"mode": "x"}, "mode")],
)  # fmt: skip
def test_nonsense_is_refused_by_field(given_: dict, field: str) -> None:
    with pytest.raises(StudyError, match=field):
        Balance(by="age", **given_)
