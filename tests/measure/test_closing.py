"""What closing a gap cost; and a fix that moved only refusals, or only length, is called that."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.core import DataError
from duecare.measure.closing import Answers, Sides, closed, price, what_moved

N = 400
MINE = np.arange(N) % 2 == 0
REST = ~MINE


def answers(seed: int = 0, *, worse: float = 0.0, refuse: float = 0.0, shorter: float = 0.0) -> Answers:
    """Scores that the group's answers have `worse`, plus 0.1 a word; `refuse` of the group's are refused."""
    rng = np.random.default_rng(seed)
    length = 10 + rng.standard_normal(N) - shorter * MINE
    score = worse * MINE + 0.1 * length + 0.2 * rng.standard_normal(N)
    refused = MINE & (rng.random(N) < refuse)
    return Answers(np.where(refused, 0.0, score), refused, np.where(refused, 4.0, length))


def moved(before: Answers, after: Answers) -> str:
    return what_moved(before, after, MINE, REST).kind


def test_a_gap_that_closed_is_called_closed() -> None:
    assert moved(answers(worse=0.5), answers(1, worse=0.0)) == "closed"


def test_a_fix_that_only_refuses_is_called_that() -> None:
    found = what_moved(answers(worse=0.5), answers(1, worse=0.5, refuse=0.35), MINE, REST)
    assert found.kind == "only refusals"
    assert found.all.low > 0
    assert found.answered.low <= 0
    assert "Only refusals" in found.text


def test_a_fix_that_only_shortens_is_called_that() -> None:
    found = what_moved(answers(worse=0.3), answers(1, worse=0.3, shorter=3.0), MINE, REST)
    assert found.kind == "only length"
    assert found.answered.low > 0
    assert found.at_length.low <= 0


def test_nothing_moved_and_a_gap_that_opened_are_not_called_a_fix() -> None:
    assert moved(answers(worse=0.5), answers(1, worse=0.5)) == "not shown"
    assert moved(answers(worse=0.0), answers(1, worse=0.5)) == "not shown"
    # Turned round is not closed.
    assert moved(answers(worse=0.5), answers(1, worse=-0.5)) == "not shown"


def test_a_real_fix_that_refuses_a_little_more_is_still_one() -> None:
    assert moved(answers(worse=0.6), answers(1, worse=0.0, refuse=0.1)) == "closed"


def test_where_all_refuse_nothing_is_known_of_answers() -> None:
    found = what_moved(answers(worse=0.5), answers(1, worse=0.5, refuse=1.0), MINE, REST)
    assert found.answered.value is None
    assert found.kind in ("only refusals", "not shown")


def test_prices_are_costs_over_what_closed_and_only_where_it_did() -> None:
    rng = np.random.default_rng(0)
    sides = Sides.drawn(MINE, REST, 0)
    before = 1.0 * MINE + 0.3 * rng.standard_normal(N)
    after = 0.25 * MINE + 0.3 * rng.standard_normal(N)
    kl = 0.3 + 0.05 * rng.standard_normal(N)
    found = price(sides, before, after, {"kl": kl})
    assert found["closed"].low < 0.75 < found["closed"].high
    assert found["kl.per_gap"].value == pytest.approx(found["kl"].value / found["closed"].value)
    assert found["kl.per_gap"].low < 0.4 < found["kl.per_gap"].high
    none = price(sides, before, before + 0.01 * rng.standard_normal(N), {"kl": kl})
    assert none["kl"].value is not None
    assert none["kl.per_gap"].value is None
    assert "not shown that the gap closed" in (none["kl.per_gap"].reason or "")


def test_the_interval_of_what_closed_covers_it() -> None:
    """Of 200 worlds in which 0.5 closes, the interval holds it in about 95 of 100."""
    rng, held = np.random.default_rng(5), 0
    mine = np.arange(80) % 2 == 0
    for seed in range(200):
        noise = rng.standard_normal((2, 80)) * 0.5
        found, _ = closed(Sides.drawn(mine, ~mine, seed), 1.0 * mine + noise[0], 0.5 * mine + noise[1])
        held += found.low <= 0.5 <= found.high
    assert 180 <= held <= 199


def test_few_rows_and_rows_on_both_sides_are_refused() -> None:
    few = np.arange(12) < 4
    assert price(Sides.drawn(few, ~few, 0), np.ones(12), np.ones(12), {})["closed"].value is None
    with pytest.raises(DataError, match="no row on both sides"):
        Sides.drawn(MINE, MINE, 0)
