"""Evidence of an onset: false alarms over whole courses, the delay against evidence that remembers, state."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from duecare.core import DataError
from duecare.measure import capital
from duecare.measure.interval import cluster_mean
from duecare.measure.onset import MOST, Onset
from duecare.measure.sequential import Evidence

ALPHA, COURSES, LOOKS, EACH = 0.05, 400, 30, 6


def shares(rng: np.random.Generator, mean: float) -> np.ndarray:
    """Win shares of EACH prompts, four comparisons each, around a mean that differs by prompt."""
    own = np.clip(mean + rng.uniform(-0.2, 0.2, EACH), 0, 1)
    return rng.binomial(4, own) / 4


def alarms(mean_at, *, limit: float = 0.5, seed: int = 0, courses: int = COURSES) -> list[int | None]:
    """The look at which each course raised an alarm, if it did."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(courses):
        state = Onset(limit=limit, side="below", **Onset.spread(LOOKS, 10))
        at = None
        for look in range(LOOKS):
            state = state.add(shares(rng, mean_at(look)))
            if state.p_value <= ALPHA:
                at = look
                break
        found.append(at)
    return found


def test_a_course_on_which_nothing_goes_wrong_raises_no_alarm() -> None:
    """At the edge of the limit, which is the worst case, looked at after every batch."""
    rate = np.mean([each is not None for each in alarms(lambda _: 0.5)])
    assert rate <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / COURSES)


def test_control_an_interval_for_one_look_at_each_look_cries_wolf() -> None:
    rng, cried = np.random.default_rng(1), 0
    for _ in range(COURSES):
        seen = [shares(rng, 0.5) for _ in range(LOOKS)]
        looks = (cluster_mean(np.concatenate(seen[: number + 1])) for number in range(LOOKS))
        cried += any(look.high is not None and look.high < 0.5 for look in looks)
    assert cried / COURSES > 2 * ALPHA


def test_a_turn_after_a_good_time_is_found_and_dated() -> None:
    turn = 15
    found = alarms(lambda look: 0.75 if look < turn else 0.2, seed=2, courses=60)
    assert all(each is not None and each >= turn for each in found)
    assert np.mean([each - turn for each in found if each is not None]) < 5
    rng = np.random.default_rng(3)
    state = Onset(limit=0.5, side="below", **Onset.spread(LOOKS, 10))
    whole = Evidence(limit=0.5, side="below")
    for look in range(LOOKS - 8):
        values = shares(rng, 0.75 if look < turn else 0.2)
        state, whole = state.add(values), whole.add(values)
    assert state.began is not None
    assert abs(state.began - turn) <= state.apart
    # Control: evidence that remembers the good time has not seen the turn yet.
    assert state.p_value < ALPHA < whole.p_value


def test_what_was_made_once_still_counts_when_it_is_lost_again() -> None:
    state, most = Onset(limit=0.5, starts=4), 0.0
    for value in [0.9] * 6 + [0.05] * 12:
        state = state.add([value] * 4)
        most = max(most, state.log_now)
        assert state.p_value == pytest.approx(math.exp(-most))
    assert state.log_now < most - 1


def test_one_gambler_is_evidence_and_many_are_its_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capital, "MOST", MOST)  # what a bet may be at most is what the two differ in
    rng = np.random.default_rng(4)
    batches = [rng.uniform(0.3, 1, 5) for _ in range(6)]
    state = Onset(limit=0.5, starts=3, apart=2)
    alone = [Evidence(limit=0.5) for _ in range(3)]
    for number, batch in enumerate(batches):
        state = state.add(batch)
        alone = [each.add(batch) if number >= 2 * place else each for place, each in enumerate(alone)]
    assert state.logs == pytest.approx([each.log_now for each in alone])
    assert max(state.logs) > 1
    assert state.e_value == pytest.approx(np.mean([each.e_value for each in alone]))


@pytest.mark.parametrize("side", ["above", "below"])
def test_both_sides_mirror_each_other(side: str) -> None:
    values = np.random.default_rng(5).uniform(-1, 1, 40)
    sign = 1 if side == "above" else -1
    state = Onset(limit=0.1 * sign, side=side, within=(-1, 1), starts=2).add(sign * values)
    other = Onset(limit=0.1, side="above", within=(-1, 1), starts=2).add(values)
    assert state.logs == pytest.approx(other.logs)


def test_a_state_goes_on_to_the_same_bits() -> None:
    rng = np.random.default_rng(6)
    batches = [rng.random(3) for _ in range(5)]
    whole = half = Onset(limit=0.5, starts=2, apart=2)
    for batch in batches:
        whole = whole.add(batch)
    for batch in batches[:3]:
        half = half.add(batch)
    half = Onset.resume(json.loads(json.dumps(half.plain())))
    for batch in batches[3:]:
        half = half.add(batch)
    assert half == whole
    assert whole.add([]) == whole


def test_nonsense_is_refused() -> None:
    with pytest.raises(DataError, match=r"limit=1\.0"):
        Onset(limit=1.0)
    with pytest.raises(DataError, match="side='left'"):
        Onset(limit=0.5, side="left")
    with pytest.raises(DataError, match="starts=0"):
        Onset(limit=0.5, starts=0)
    with pytest.raises(DataError, match="expected numbers"):
        Onset(limit=0.5).add([0.2, 1.5])
    assert Onset(limit=0.5).began is None
