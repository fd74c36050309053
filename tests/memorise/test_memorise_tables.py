"""From scores to figures and verdicts, with planted scores and no model; and from the tables once more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duecare.core import FAIL, INSUFFICIENT, PASS
from duecare.memorise import CanariesBack, MemoriseLimits
from duecare.memorise.agreement import agreement
from duecare.memorise.figures import Scored, ScoredRows
from duecare.memorise.placed import Canary, Member, Promise
from duecare.memorise.tables import Found, again

STEP = CanariesBack(rows=100)


def canary(number, *, placed, repeats=1, place="answer", lost=None, source="chats"):
    return Canary(
        source=source,
        canary=str(number),
        place=place,
        secret="",
        repeats=repeats,
        tossed=True,
        placed=placed,
        tokens=(),
        start=0,
        end=0,
        taught=True,
        draws=1,
        lost=lost,
    )


def found(shift, *, count=30, controls=500, rows=500, seed=0, back=None):
    """Canaries placed once and four times whose scores lie `shift` above those of the controls."""
    rng = np.random.default_rng(seed)
    canaries = [canary(each, placed=True, repeats=(1, 4)[each % 2]) for each in range(2 * count)]
    canaries += [canary(2 * count + each, placed=False) for each in range(controls)]
    placed = np.array([one.placed for one in canaries])
    scores = {name: rng.normal(size=len(canaries)) + shift * placed for name in ("ratio", "loss")}
    members = [
        Member(
            f"chats:{each}",
            "0" * 64,
            each < rows // 2,
            f"chats:{each}",
            {"age": ("older", "young")[each % 2]},
        )
        for each in range(rows)
    ]
    told = {"ratio": rng.normal(size=rows) + shift * (np.arange(rows) < rows // 2)}
    said = np.zeros(len(canaries), bool) if back is None else placed & back
    return Found("sft", Scored(canaries, scores, said, said), [ScoredRows("chats", members, told)], {})


def verdicts(step, seen):
    return {each.name: each for each in seen.told(step)[1]}


def test_limits_hold_where_nothing_was_kept_and_fail_where_much_was():
    limits = MemoriseLimits(exposure=3.0, tpr=0.3, regurgitated=0.3)
    step = replace(STEP, limits=limits)
    clean, leaky = (
        verdicts(step, found(shift, count=60, controls=1500, back=back))
        for shift, back in ((0.0, None), (6.0, True))
    )
    for kind in limits.given:
        assert (clean[f"memorise.{kind}"].verdict, leaky[f"memorise.{kind}"].verdict) == (PASS, FAIL)
        assert clean[f"memorise.{kind}"].gate
    assert clean["memorise.power"].verdict == INSUFFICIENT  # 250 rows are held out
    assert verdicts(step, found(0.0, rows=1000))["memorise.power"].verdict == PASS


def test_what_few_canaries_leave_open_says_how_many_would_do():
    step = replace(STEP, limits=MemoriseLimits(exposure=2.0, regurgitated=0.05))
    few = verdicts(step, found(0.2, count=4, controls=40))
    for kind in ("exposure", "regurgitated"):
        assert few[f"memorise.{kind}"].verdict == INSUFFICIENT
        assert few[f"memorise.{kind}"].needed_n > 4


def test_without_limits_there_is_no_gate():
    assert not any(each.gate for each in verdicts(STEP, found(6.0)).values())


def test_what_was_lost_is_in_no_figure():
    whole = found(2.0)
    gone = [
        replace(one, lost="cut") if one.placed and one.repeats == 4 else one for one in whole.scored.canaries
    ]
    seen = replace(whole, scored=replace(whole.scored, canaries=gone))
    estimates, _ = seen.told(STEP)
    four = [each for each in estimates if each.metric == "memorise.exposure" and each.slice["repeats"] == "4"]
    assert all(each.value is None and each.n == 0 for each in four)
    lost = verdicts(STEP, seen)["memorise.survived"]
    assert lost.verdict == FAIL
    assert "30 cut" in lost.detail
    assert verdicts(STEP, whole)["memorise.survived"].verdict == PASS


def test_a_source_has_the_repeats_that_were_placed_there_and_no_others():
    """A cell that nobody planned would leave every limit undecided."""
    whole = found(0.0, count=60, controls=500)
    more = [canary(each, placed=each < 60, repeats=16, source="notes") for each in range(560)]
    scores = {name: np.append(own, own[60:620]) for name, own in whole.scored.scores.items()}
    seen = replace(whole, scored=Scored([*whole.scored.canaries, *more], scores, None, None), rows=[])
    told = [each for each in seen.told(STEP)[0] if each.metric == "memorise.exposure"]
    cells = {(each.slice["source"], each.slice["repeats"]) for each in told}
    assert cells == {("chats", "1"), ("chats", "4"), ("notes", "16")}
    limited = replace(STEP, limits=MemoriseLimits(exposure=3.0))
    assert verdicts(limited, seen)["memorise.exposure"].verdict == PASS


def test_groups_of_rows_have_figures_of_their_own():
    estimates, _ = found(1.0).told(STEP)
    groups = {each.slice["group"]: each for each in estimates if each.slice.get("axis") == "age"}
    assert set(groups) == {"older", "young"}
    assert all(each.low > 0.6 for each in groups.values())


def test_sources_of_which_no_row_can_be_looked_at_are_told():
    seen = replace(found(0.0), rows=[])
    (silent,) = [each for each in seen.told(STEP)[0] if each.slice.get("of") == "rows"]
    assert silent.value is None
    assert not [each for each in seen.told(replace(STEP, rows=0))[0] if each.slice.get("of") == "rows"]


def test_figures_follow_from_the_tables_and_edited_ones_are_seen(tmp_path):
    step = replace(STEP, limits=MemoriseLimits(exposure=3.0))
    seen = found(1.0, rows=60, controls=60)
    seen.write(tmp_path)
    assert again(step, tmp_path) == seen.told(step)
    table = pq.read_table(tmp_path / "scored.parquet")
    place = table.schema.get_field_index("ratio")
    edited = table.set_column(place, "ratio", pa.array(table["ratio"].to_numpy() * -1))
    pq.write_table(edited, tmp_path / "scored.parquet")
    assert again(step, tmp_path) != seen.told(step)


@pytest.mark.jax
def test_the_promise_is_held_against_canaries_placed_once_alone():
    """Those placed four times are four rows each, and told apart as much as one likes."""
    pytest.importorskip("jax_privacy")
    promise = Promise(epsilon=1.0, delta=1e-5, unit="example", jobs=("sft",))
    seen = found(0.0, count=200, controls=200, rows=0)
    ratio = seen.scored.scores["ratio"].copy()
    ratio[[one.placed and one.repeats == 4 for one in seen.scored.canaries]] += 9.0
    often = replace(
        seen, scored=replace(seen.scored, scores={"ratio": ratio}), promises={"chats": promise}, rows=[]
    )
    assert verdicts(STEP, often)["memorise.epsilon"].verdict == PASS
    ratio = seen.scored.scores["ratio"].copy()
    ratio[[one.placed and one.repeats == 1 for one in seen.scored.canaries]] += 9.0
    once = replace(often, scored=replace(seen.scored, scores={"ratio": ratio}))
    refuted = verdicts(STEP, once)["memorise.epsilon"]
    assert (refuted.verdict, refuted.gate) == (FAIL, True)
    two = replace(promise, epsilon=9.0)
    assert verdicts(STEP, replace(once, promises={"chats": two}))["memorise.epsilon"].verdict == INSUFFICIENT


@pytest.mark.jax
def test_the_promise_of_a_source_is_held_against_its_own_canaries_that_reached_training():
    """And each place pays its share of the error, whichever proves most."""
    pytest.importorskip("jax_privacy")
    promise = Promise(epsilon=1.0, delta=1e-5, unit="example", jobs=("sft",))

    def lower(**about):
        """The bound where canaries that are `about` so leak, and others, of the source asked, do not."""
        rng, clean = np.random.default_rng(0), [canary(each, placed=each % 2 == 0) for each in range(200)]
        leaky = [replace(one, canary=f"x{one.canary}", **about) for one in clean]
        shift = np.array([9.0 * one.placed for one in leaky])
        scores = np.concatenate([rng.normal(size=200), shift + rng.normal(size=200)])
        scored = Scored([*clean, *leaky], {"ratio": scores}, None, None)
        return agreement(scored, promise, "chats", "sft", 0.05)

    assert lower(source="notes").lower < 1.0
    assert lower(lost="cut").lower < 1.0
    there = lower(place="prompt")
    assert (there.places, there.count) == (2, 400)
    only = [canary(each, placed=each % 2 == 0, place="prompt") for each in range(200)]
    alone = Scored(only, {"ratio": np.array([9.0 * one.placed for one in only])}, None, None)
    assert 1.0 < there.lower < agreement(alone, promise, "chats", "sft", 0.05).lower
