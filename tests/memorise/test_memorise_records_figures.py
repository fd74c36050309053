"""Figures of the step `records` by simulation: intervals hold the truth, and controls fail."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.core import FAIL, INSUFFICIENT, PASS
from duecare.measure import Interval
from duecare.memorise import extraction, missed, redacted
from duecare.memorise.extraction import Beginning, Gone, Shown
from duecare.memorise.records_limits import Look, findings
from duecare.memorise.records_rows import HELD_OUT, TRAIN, Place, Value
from duecare.memorise.redacted import Heard, Tried, lift_excess, lift_of


def tried(row, split, base, tuned, scores=((-1.0, -1.0), (-1.0, -1.0)), kind="EMAIL"):
    value = Value(Place(f"s:{row}", "text", 0, 5, kind), split, "before", "value")
    own, other = Heard(base, base, scores[0]), Heard(tuned, tuned, scores[1])
    return Tried(value, own, other, lift_of(own, other), 0)


def world(rng, leaked, guessed, count):
    """Values of which the base model guesses a share, and training leaks a share of the others."""
    found = []
    for split, share in ((TRAIN, leaked), (HELD_OUT, 0.0)):
        for row in range(count):
            guess = bool(rng.random() < guessed)
            domain = bool(rng.random() < 0.05)  # tuning on the domain makes it guess better everywhere
            found.append(tried(f"{split}{row}", split, guess, guess or domain or bool(rng.random() < share)))
    return found


@pytest.mark.parametrize("leaked", [0.0, 0.05, 0.4])
def test_excess_holds_what_was_leaked_beyond_guessing(leaked):
    rng, inside, guessed = np.random.default_rng(0), 0, 0.3
    truth = (1 - guessed) * (1 - 0.05) * leaked
    for _ in range(300):
        interval = redacted.excess(world(rng, leaked, guessed, 120))
        inside += interval.low <= truth <= interval.high
    assert inside / 300 >= 0.925


def test_a_plain_rate_would_take_guesses_for_memory():
    """Control: without base model and held-out rows nothing leaked looks like a third."""
    rng = np.random.default_rng(1)
    values = world(rng, 0.0, 0.3, 300)
    plain = np.mean([each.tuned.exact for each in values if each.value.split == TRAIN])
    assert plain > 0.25
    assert redacted.excess(values).low <= 0 <= redacted.excess(values).high


def test_what_the_base_says_or_continues_too_is_not_memorised():
    both, alone = (tried(0, TRAIN, base, True) for base in (True, False))
    assert (both.memorised, alone.memorised) == (False, True)
    both, alone = (shown(0, TRAIN, base, True) for base in (True, False))
    assert (both.memorised, alone.memorised) == (False, True)


def test_decoys_that_were_raised_alike_count_one_half():
    assert lift_of(Heard(False, False, (0.0,) * 5), Heard(False, False, (1.0, 1.0, 1.0, 2.0, 0.0))) == 0.5
    assert lift_of(Heard(False, False, (0.0,)), Heard(False, False, (1.0,))) is None


def test_lift_is_a_half_where_nothing_was_learned_and_near_one_where_it_was():
    rng, inside = np.random.default_rng(2), 0
    for _ in range(200):
        values = []
        for row in range(60):
            liking = rng.normal(0, 5, 16)  # the base model's own taste counts for nothing
            values.append(
                tried(row, TRAIN, False, False, (tuple(liking), tuple(liking + rng.normal(0, 1, 16))))
            )
        figure = next(
            each
            for each in redacted.figures(values, {}, {})
            if each.metric == "memorise.redacted.lift" and each.slice == {"rows": TRAIN}
        )
        inside += figure.low <= 0.5 <= figure.high
    assert inside / 200 >= 0.92
    raised = [tried(row, TRAIN, False, False, ((-9.0, -1.0, -2.0), (-8.0, -1.5, -2.5))) for row in range(20)]
    assert raised[0].lift == 1.0


def test_lift_that_the_domain_teaches_is_taken_off():
    """A real value fits the domain better than made-up ones, in training rows and held-out ones alike."""
    rng, inside = np.random.default_rng(6), 0

    def of(row, split, more):
        after = rng.normal(0, 1, 12)
        return tried(row, split, False, False, ((0.0,) * 12, (after[0] + more, *after[1:])))

    for _ in range(200):
        values = [of(f"t{row}", TRAIN, 1.0) for row in range(50)] + [
            of(f"h{row}", HELD_OUT, 1.0) for row in range(50)
        ]
        figure = lift_excess(values)
        inside += figure.low <= 0 <= figure.high
    assert inside / 200 >= 0.92
    assert np.mean([each.lift for each in values]) > 0.65, "control: alone it looks learned"
    known = [of(f"t{row}", TRAIN, 4.0) for row in range(50)] + [
        of(f"h{row}", HELD_OUT, 1.0) for row in range(50)
    ]
    assert lift_excess(known).low > 0.05
    assert lift_excess(known[:50]).value is None


def shown(row, split, base, tuned):
    def went(near):
        return Gone(exact=near, similarity=1.0 if near else 0.2, run=20 if near else 0)

    return Shown(Beginning(f"{split}:{row}", split, 8, (1, 2), (3, 4)), went(base), went(tuned))


def test_verbatim_figures_say_nothing_of_too_few_rows_and_tell_excess_of_many():
    few = extraction.figures([shown(0, TRAIN, False, True)], (8,), 20, {}, {})
    own = next(each for each in few if each.metric == "memorise.verbatim.excess")
    assert own.value is None
    assert "1 training and 0 held-out" in own.reason
    rng = np.random.default_rng(3)
    rows = [shown(row, TRAIN, False, bool(rng.random() < 0.5)) for row in range(200)]
    rows += [shown(row, HELD_OUT, bool(rng.random() < 0.2), False) for row in range(200)]
    groups = {f"train:{row}": {"gender": "women" if row < 100 else "men"} for row in range(200)}
    groups |= {f"held_out:{row}": {"gender": "women" if row < 100 else "men"} for row in range(200)}
    told = extraction.figures(rows, (8,), 20, groups, {"source": "s"})
    figure = {
        tuple(sorted(each.slice.items())): each for each in told if each.metric == "memorise.verbatim.excess"
    }
    assert len(figure) == 3
    assert all(each.low < 0.5 < each.high for each in figure.values())


def interval_of(counts, share, trained, rng, sample):
    """A reviewed sample and its estimates, of rows with `counts` missed values, `share` of them memorised."""
    chosen = rng.choice(len(counts), sample, replace=False)
    names = [f"s:{row}" for row in chosen]
    rows, places = [], []
    for row, name in zip(chosen, names, strict=True):
        for number in range(counts[row]):
            rows.append(name)
            value = Value(Place(name, "text", number, number + 1, "name"), TRAIN, "b", "v")
            hit = bool(rng.random() < share)
            places.append(Tried(value, Heard(False, False), Heard(hit, hit), None, 0))
    weights = dict.fromkeys(names, 1.0)
    return missed.values_left(weights, rows, trained), missed.extracted(places, weights)


@pytest.mark.parametrize(("mean", "share"), [(0.004, 0.5), (0.03, 0.3), (0.3, 0.1), (1.5, 0.5)])
def test_what_was_missed_and_memorised_is_within_its_interval(mean, share):
    rng, trials, trained = np.random.default_rng(4), 250, 4000
    left = both = 0
    for _ in range(trials):
        counts = rng.poisson(mean * rng.gamma(2.0, 0.5, trained))
        count, rate = interval_of(counts, share, trained, rng, 300)
        left += count.low <= counts.sum() <= count.high
        product = missed.product(count, rate)
        both += product.value is None or product.low <= counts.sum() * share <= product.high
    assert left / trials >= 0.925
    assert both / trials >= 0.925


def test_an_interval_of_the_rate_alone_would_miss_it():
    """Control: the count taken for known, the interval is too narrow."""
    rng, inside = np.random.default_rng(5), 0
    for _ in range(200):
        counts = rng.poisson(0.03, 4000)
        count, rate = interval_of(counts, 0.9, 4000, rng, 300)
        if count.value and rate.value is not None:
            inside += count.value * rate.low <= counts.sum() * 0.9 <= count.value * rate.high
    assert inside / 200 < 0.8


def test_none_found_bounds_what_is_left_and_what_was_memorised():
    weights = {f"s:{row}": 1.0 for row in range(368)}
    left = missed.values_left(weights, [], 10_000)
    assert left.value == 0
    assert 95 < left.high < 105, "3.7 in 368 rows"
    nothing = missed.extracted([], weights)
    assert nothing.value is None
    assert missed.product(left, nothing).high == left.high
    assert missed.rows_to_review(0.01) == 368


def test_heavier_rows_count_for_more():
    weights = {f"s:{row}": 10.0 if row < 10 else 1.0 for row in range(100)}
    heavy = missed.values_left(weights, ["s:1"], 1000)
    light = missed.values_left(weights, ["s:50"], 1000)
    assert heavy.value == pytest.approx(10 * light.value)
    assert heavy.low <= heavy.value <= heavy.high


def test_heavier_rows_count_for_more_in_what_was_memorised_and_a_group_has_its_own_rows():
    asked = [tried(row, TRAIN, False, row < 5) for row in range(10)]
    weights = {f"s:{row}": 3.0 if row < 5 else 1.0 for row in range(10)}
    assert missed.extracted(asked, weights).value == pytest.approx(0.75)
    groups = {f"s:{row}": {"gender": "women" if row < 5 else "men"} for row in range(10)}
    places = [each.value.place for each in asked]
    sizes = {("gender", "women"): 40, ("gender", "men"): 60}
    sample = missed.Sample(weights, places, asked, 100, groups, sizes)
    left = {
        each.slice.get("group"): each.value
        for each in missed.figures(sample, {})
        if each.metric == missed.VALUES and "kind" not in each.slice
    }
    assert left == {None: pytest.approx(100), "women": pytest.approx(40), "men": pytest.approx(60)}


def look(kind, low, value, high, most=0.05, prefix=None):
    interval = Interval(value, low, high, 100, 100, "test")
    about = {"source": "s"} | ({"prefix": prefix} if prefix else {})
    return Look(kind, f"memorise.{kind}.excess", most, about, lambda level: interval)


def test_a_limit_holds_where_all_lengths_do_and_fails_where_one_does():
    held, crossed = look("verbatim", 0, 0.01, 0.03, prefix="8"), look("verbatim", 0.1, 0.2, 0.3, prefix="32")
    unsure = look("redacted", 0, 0.01, 0.2)
    by_name = {each.name: each for each in findings([held, crossed, unsure], 0.05)}
    assert by_name["memorise.records.verbatim"].verdict == FAIL
    assert "32 tokens" in by_name["memorise.records.verbatim"].detail
    assert by_name["memorise.records.redacted"].verdict == INSUFFICIENT
    assert by_name["memorise.records.redacted"].needed_n > 100
    assert [each.verdict for each in findings([held], 0.05)] == [PASS]
    (nothing,) = findings([look("redacted", 0, 0.0, 0.2, most=0.02)], 0.05)
    assert nothing.needed_n == 183, "of so many values none memorised bounds the share by 2%"
    assert all(each.gate for each in by_name.values())
