"""The gap between twins at every probe: what is told, what is decided, and how often it errs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from training_toys import Told

from duecare.core import FAIL, INSUFFICIENT, PASS, Finding, Note
from duecare.measure.compare import paired_difference
from duecare.measure.skew import skew_reach
from duecare.train.crossing import Crossing
from duecare.train.limits import Limits, OnCrossing
from duecare.train.probing import Floats, Pairing
from duecare.train.twin_gauge import TwinGauge, amplified

MATTERS = 40
PAIR = Pairing("gender", "women", "men", np.arange(MATTERS), np.arange(MATTERS, 2 * MATTERS))


def answers(gap: float, seed: int = 0, spread: float = 0.1) -> Floats:
    """Log-probabilities of both twins of every matter, women's `gap` higher on average."""
    rng = np.random.default_rng(seed)
    men = rng.normal(-2, 0.5, MATTERS)
    return np.concatenate([men + gap + rng.normal(0, spread, MATTERS), men])


def gauge(
    base: Floats, looks: int, on_crossing: OnCrossing = "warn", alpha: float = 0.05, **limits: float
) -> TwinGauge:
    return TwinGauge(
        method="sft",
        about={"source": "chats"},
        pairings=[PAIR],
        base=base,
        looks=looks,
        limits=Limits(**limits),  # type: ignore[arg-type]
        alpha=alpha,
        crossing=Crossing(on_crossing, 100),
    )


def test_a_gap_is_that_of_the_model_as_it_is_now() -> None:
    made, told = gauge(answers(0.0), 3), Told()
    made.look(0, made.base, told)
    made.look(50, answers(0.4, seed=1), told)
    now = PAIR.gap(answers(0.4, seed=1))
    gap = told.estimates("sft.twins.gap", split="twins", group="women", against="men")[-1]
    by_hand = paired_difference(now, 0 * now, 1 - 0.05 / 3 / 3)
    assert (gap.value, gap.low, gap.high) == pytest.approx((now.mean(), by_hand.low, by_hand.high))
    assert (gap.step, gap.n, gap.unit) == (50, MATTERS, "nats per token")
    assert "one of 3 looks at 1 gaps (Bonferroni)" in gap.method
    (grown,) = told.estimates("sft.twins.amplification")
    assert grown.value == pytest.approx(abs(now.mean()) - abs(PAIR.gap(made.base).mean()), abs=1e-9)
    assert [each.place[0] for each in made.readings] == [0, 50, 50]


@pytest.mark.parametrize(
    ("then", "now", "grown"),
    [
        (0.3, 0.5, 0.2),
        (0.3, 0.1, -0.2),
        (0.3, -0.5, 0.2),
        (-0.3, -0.5, 0.2),
        (-0.3, 0.1, -0.2),
        (0.0, 0.4, 0.4),
    ],
)
def test_amplification_is_growth_in_size_whichever_way_the_gap_lies(
    then: float, now: float, grown: float
) -> None:
    """Swapped, gap and base change sides together and the figure stays."""
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 0.02, (2, MATTERS))
    noise -= noise.mean(1, keepdims=True)
    a, b = now + noise[0], then + noise[1]
    found = amplified(paired_difference(a, b), paired_difference(a, -b))
    assert found.value == pytest.approx(grown, abs=1e-9)
    assert (found.low or 0) < grown < (found.high or 0)
    swapped = amplified(paired_difference(-a, -b), paired_difference(-a, b))
    assert (swapped.value, swapped.low, swapped.high) == pytest.approx((found.value, found.low, found.high))


def test_a_crossing_is_told_at_once_and_stays() -> None:
    made, told = gauge(answers(0.0), 4, "stop", twins_gap=0.2), Told()
    made.look(0, made.base, told)
    made.look(20, answers(0.02, seed=1), told)
    assert made.verdicts == [PASS]
    made.look(40, answers(0.6, seed=2), told)
    place, finding = next((i, each) for i, each in enumerate(told.all) if isinstance(each, Finding))
    assert (finding.name, finding.verdict, finding.limit) == ("sft.twins.gap", FAIL, "between -0.2 and 0.2")
    assert "At training step 40 the gap between twins of women against men" in finding.detail
    assert "Training stopped there" in finding.detail
    note = told.all[place + 1]
    assert isinstance(note, Note)
    assert note.topic == "sft.crossed"
    assert made.crossing.stopped
    made.look(60, answers(0.0, seed=3), told)
    assert made.verdicts == [FAIL]
    assert made.findings() == [finding]


def test_the_base_is_measured_and_not_judged() -> None:
    made, told = gauge(answers(0.9), 4, "stop", twins_gap=0.2), Told()
    made.look(0, made.base, told)
    assert told.estimates("sft.twins.gap")[0].low > 0.2
    assert not made.crossing.crossed


def test_amplification_is_judged_on_one_side_only() -> None:
    """A gap that closes by much is no crossing; one that grows is."""
    closing, growing = (gauge(answers(then), 3, twins_amplification=0.1) for then in (0.8, 0.0))
    closing.look(50, answers(0.0, seed=1), Told())
    growing.look(50, answers(0.8, seed=1), Told())
    assert (closing.verdicts, growing.verdicts) == ([PASS], [FAIL])


def test_no_probe_is_said() -> None:
    (finding,) = gauge(answers(0.0), 1, twins_gap=0.2).findings()
    assert finding.verdict == INSUFFICIENT
    assert "no probe was made" in finding.detail


LOOKS, COURSES = 1000, 100
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]
DRAWS: dict[str, Draw] = {
    "normal": lambda rng, size: rng.normal(0, 1, size),
    "heavy": lambda rng, size: rng.standard_t(4, size),
    "skewed": lambda rng, size: rng.exponential(1, size) - 1,
}


def missed(gaps: Floats, level: float) -> npt.NDArray[np.bool_]:
    """Of gaps [..., matters] whose true mean is 0: whether the interval misses it. As `paired_difference`."""
    count = gaps.shape[-1]
    mean = gaps.mean(-1)
    pulls = (gaps - mean[..., None]) / np.sqrt(count * (count - 1))
    below, above = skew_reach(pulls, count - 1, level)
    return (mean - below > 0) | (mean + above < 0)


def wrong(draw: Draw, level: float, *, same: bool) -> float:
    """In how many of COURSES some of LOOKS looks is wrong about a gap that is 0.

    With `same` matters each has its own gap, about which the model wanders; without, all matters are drawn
    anew at each look, which is worse than what is done.
    """
    rng, errors = np.random.default_rng(11), 0
    for _ in range(COURSES):
        gaps = draw(rng, (LOOKS, MATTERS))
        if same:
            own = gaps[0]
            for look in range(1, LOOKS):  # half of a gap stays, half of it wanders
                gaps[look] = 0.99 * gaps[look - 1] + np.sqrt(1 - 0.99**2) * gaps[look]
            gaps += own
        errors += bool(missed(gaps, level).any())
    return errors / COURSES


def test_the_simulation_looks_as_the_gauge_does() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        gap = DRAWS["skewed"](rng, (MATTERS,)) + 0.25
        found = paired_difference(gap, 0 * gap, 0.9)
        assert missed(gap, 0.9) == (not (found.low or 0.0) <= 0 <= (found.high or 0.0))


@pytest.mark.parametrize("kind", DRAWS)
def test_a_thousand_looks_cry_wolf_in_a_twentieth_of_courses_at_most(kind: str) -> None:
    level = gauge(answers(0.0), LOOKS).level
    assert wrong(DRAWS[kind], level, same=True) <= 0.05
    if kind != "skewed":
        assert wrong(DRAWS[kind], level, same=False) <= 0.05


def test_intervals_made_for_one_look_cry_wolf_far_more_often() -> None:
    """Control: what the promise is made against."""
    assert wrong(DRAWS["normal"], 0.95, same=True) > 0.3
    assert wrong(DRAWS["normal"], 0.95, same=False) > 0.9


@pytest.mark.parametrize("kind", DRAWS)
def test_the_intervals_of_amplification_hold(kind: str) -> None:
    """Gaps of base and model drawn together; the true |a| - |b| lies within, also where both are near 0."""
    rng, outside, trials = np.random.default_rng(5), 0, 600
    for trial in range(trials):
        then, now = [(0.0, 0.0), (0.3, 0.1), (0.2, -0.4)][trial % 3]
        shared = DRAWS[kind](rng, (MATTERS,))
        a, b = (mean + shared + 0.5 * DRAWS[kind](rng, (MATTERS,)) for mean in (now, then))
        found = amplified(paired_difference(a, b, 0.975), paired_difference(a, -b, 0.975))
        outside += not (found.low or 0.0) <= abs(now) - abs(then) <= (found.high or 0.0)
    assert outside / trials <= 0.05
