"""What a reward pays for is found, by the nudge of it and by no other; a fair reward raises no alarm."""

from __future__ import annotations

import numpy as np
import pytest
from reward_toys import audited, constant, noise, padded, pairs, plus, quality, reported

from duecare.core import DataError
from duecare.reward.effect import effects_of, shift, spread_of
from duecare.reward.limits import AuditLimits
from duecare.reward.nudge import texts_of
from duecare.reward.plan import planned
from duecare.reward.rank import Ranked
from duecare.reward.verdict import findings

LENGTH = {("length", "some padding"), ("length", "much padding")}


@pytest.mark.parametrize(
    ("paid", "expected"),
    [
        (lambda prompt, text: len(text.split()) / 8, LENGTH),
        (lambda prompt, text: 2.0 * ("muslim" in (prompt + text).lower()), {("identity", "muslim")}),
        (lambda prompt, text: -2.0 * (" she " in prompt + text), None),
        (lambda prompt, text: 2.0 * ("**" in text), {("formatting", "bold")}),
        (lambda prompt, text: 2.0 * ("\n- " in text), {("formatting", "list")}),
        (lambda prompt, text: 2.0 * ("free" in text), {("word", "free")}),
        (lambda prompt, text: -2.0 * ("sorry" in text or "not able" in text), {("refusal", "refusal")}),
        (
            lambda prompt, text: (
                2.0 * any(word in text for word in ("clever", "better than", "gifted", "admire"))
            ),
            {("flattery", "flattery")},
        ),
        (
            lambda prompt, text: 2.0 * any(word in text for word in ("agree", "You are right", "share the")),
            {("agreement", "agreement")},
        ),
        (
            lambda prompt, text: 2.0 * any(word in text for word in ("wholly", "certain", "I know")),
            {("confidence", "confidence")},
        ),
        (lambda prompt, text: 2.0 * text.startswith(("Here is what", "This is meant", "The foll")), None),
    ],
)
def test_what_a_reward_pays_for_is_found_and_nothing_else(paid, expected) -> None:
    found = reported(audited(plus(paid), words=("free",)))
    if expected is None:
        kinds = {kind for kind, _ in found}
        assert kinds in ({"identity"}, {"position"})
        assert found <= {("identity", group) for group in ("she", "they", "women", "nonbinary")} | {
            ("position", "position")
        }
    else:
        assert found == expected


def test_a_name_that_is_paid_for_is_found_wherever_it_stands() -> None:
    found = audited(plus(lambda prompt, text: 1.0 * ("Haddad" in prompt + text)), count=200, nudges=4000)
    assert reported(found) <= {("identity", "arabic")}
    everyone = audited(
        plus(
            lambda prompt, text: (
                2.0
                * any(n in prompt + text for n in ("Haddad", "Khalil", "Nasser", "Amin", "Saleh", "Fares"))
            )
        ),
    )
    assert reported(everyone) == {("identity", "arabic")}


def test_only_the_margin_tells_that_a_dismissive_answer_is_let_pass_for_some() -> None:
    """All are paid alike for a respectful answer; only for some is a dismissive one not marked down."""
    from duecare.model.twins import ISSUES

    rude = {issue[2] for issue in ISSUES}
    found = audited(plus(lambda prompt, text: -3.0 * (text in rude and "hindu" not in prompt.lower())))
    places = {each.comparison.place for each in found.effects if each.found}
    assert reported(found) == {("identity", "hindu")}
    assert places == {"margin"}
    (effect,) = [each for each in found.effects if each.found]
    assert effect.at(0.95).value < 0


def test_a_function_without_chance_is_measured_as_well() -> None:
    """No spread between effects is seen; the exact bound on how often it differs stands in for it."""
    assert reported(audited(padded)) == LENGTH
    fair = audited(quality)
    assert reported(fair) == set()
    for each in fair.effects:
        interval = each.at(0.95)
        assert interval.value == 0
        assert interval.low < 0 < interval.high
        assert each.wins.value == 0.5


def test_effects_are_in_spreads_whatever_the_unit_of_the_reward() -> None:
    reward = plus(lambda prompt, text: len(text.split()) / 8)
    one = audited(reward)
    other = audited(lambda prompts, completions: [100 * each - 7 for each in reward(prompts, completions)])
    assert other.spread == pytest.approx(100 * one.spread)
    for mine, theirs in zip(one.effects, other.effects, strict=True):
        assert mine.at(0.95).value == pytest.approx(theirs.at(0.95).value)
        assert mine.found is theirs.found


def test_swapping_the_signs_flips_the_effect() -> None:
    reward = plus(lambda prompt, text: len(text.split()) / 8)
    other = audited(lambda prompts, completions: [-each for each in reward(prompts, completions)])
    for mine, theirs in zip(audited(reward).effects, other.effects, strict=True):
        assert mine.at(0.95).value == pytest.approx(-theirs.at(0.95).value)
        assert mine.wins.value == pytest.approx(1 - theirs.wins.value)


def _alarms(seeds: int, draw, alpha: float = 0.05) -> tuple[float, float]:
    """How often any nudge of a reward that pays for nothing is reported, with the correction and without."""
    chosen = planned(
        pairs(60),
        kinds=("length", "flattery", "refusal"),
        axes=("pronoun",),
        words=(),
        nudges=400,
        seed=0,
    )
    texts = list(texts_of(chosen))
    corrected = plain = 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        rewards = dict(zip(texts, draw(rng, len(texts)).tolist(), strict=True))
        effects = effects_of(chosen, rewards, 1.0, worth=0.0, alpha=alpha)
        corrected += any(each.found for each in effects)
        plain += any(not each.at(1 - alpha).low <= 0 <= each.at(1 - alpha).high for each in effects)
    return corrected / seeds, plain / seeds


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, count: rng.normal(size=count),
        lambda rng, count: rng.exponential(size=count) ** 1.5,
        lambda rng, count: rng.integers(0, 2, size=count).astype(float),
    ],
    ids=["normal", "skewed", "two values"],
)
def test_a_fair_reward_raises_no_alarm(draw) -> None:
    corrected, plain = _alarms(150, draw)
    assert corrected <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
    assert plain > 0.2  # the control: without the correction most audits would cry wolf


def test_what_is_worth_no_mention_is_not_reported_however_surely_it_is_there() -> None:
    """Effects as large as `worth`: the null hypothesis at its edge, over all nudges together."""
    chosen = planned(
        pairs(60), kinds=("flattery", "refusal", "confidence"), axes=(), words=(), nudges=400, seed=0
    )
    alarms, plain, runs = 0, 0, 150
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        rewards = {text: 0.2 * float(rng.normal()) for text in texts_of(chosen)}
        for each in chosen:
            for item in each.items:
                rewards[item.nudged[0]] += 0.3
        told = [effects_of(chosen, rewards, 1.0, worth=worth, alpha=0.05) for worth in (0.3, 0.0)]
        alarms += any(each.found for each in told[0])
        plain += all(each.found for each in told[1])
    assert alarms / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)
    assert plain == runs  # the control: all of them are beyond chance


def test_power_grows_with_the_nudges() -> None:
    reward = plus(lambda prompt, text: 0.35 * ("muslim" in (prompt + text).lower()), jitter=0.5)
    few, many = (reported(audited(reward, count=300, nudges=nudges)) for nudges in (300, 9000))
    assert ("identity", "muslim") not in few
    assert many == {("identity", "muslim")}


def test_equal_effects_have_bounds_that_more_of_them_narrow() -> None:
    widths = []
    for count in (10, 100, 1000):
        found = shift(np.full(count, 0.5), 4.0, [str(each) for each in range(count)], 0.95)
        assert found.value == pytest.approx(0.5)
        assert found.low < 0.5 < found.high
        widths.append(found.high - found.low)
    assert widths[0] > widths[1] > widths[2]
    assert shift(np.full(3, 0.5), 4.0, ["a", "b", "c"], 0.95).low < 0  # three tell next to nothing


def _verdict(effects: np.ndarray) -> str:
    """On the limit of one spread, of nudges with these effects."""
    chosen = planned(pairs(len(effects)), kinds=("flattery",), axes=(), words=(), nudges=100, seed=0)
    rewards = dict.fromkeys(texts_of(chosen), 0.0)
    rewards |= {item.nudged[0]: own for item, own in zip(chosen[0].items, effects.tolist(), strict=True)}
    ranked = Ranked("it", tuple(pairs(9)), np.ones(9), np.zeros(9))
    limits = AuditLimits(accuracy=None, identity=None, flattery=1.0)
    found = effects_of(chosen, rewards, 1.0, worth=0.05, alpha=0.05)
    (decided,) = findings(ranked, found, limits, alpha=0.05, about={}, rests_on=())
    return decided.verdict


@pytest.mark.parametrize("count", [3, 12])
def test_no_limit_holds_because_nothing_beyond_it_was_seen(count: int) -> None:
    """The mean lies beyond the limit, and few effects do not always show it: that is no pass."""
    rng, runs = np.random.default_rng(0), 200
    passed = [_verdict(rng.choice([0.8, 3.0], count, p=[0.9, 0.1])) == "pass" for _ in range(runs)]
    assert np.mean(passed) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)
    assert _verdict(np.full(3, 0.0)) == _verdict(np.full(3, 0.5)) == "insufficient evidence"
    assert _verdict(np.full(90, 0.5)) == _verdict(rng.normal(0.5, 0.3, 90)) == "pass"  # the control


def test_one_cluster_says_nothing_and_says_why() -> None:
    found = shift(np.array([0.5, 0.5]), 4.0, ["a", "a"], 0.95)
    assert found.value is None
    assert "independent" in found.reason


def test_a_spread_is_that_of_two_answers_to_one_prompt() -> None:
    rng = np.random.default_rng(0)
    prompts = 50 * rng.normal(size=20_000)  # the share of a prompt is nothing that answers compete for
    both = prompts[:, None] + rng.normal(size=(20_000, 2)) * 3
    assert spread_of(both[:, 0], both[:, 1]) == pytest.approx(3.0, rel=0.03)
    with pytest.raises(DataError, match="constant"):
        spread_of(np.full(9, 0.25), np.full(9, 0.25))


def test_a_constant_reward_is_refused() -> None:
    with pytest.raises(DataError, match="the reward is constant: both answers of all 120 pairs"):
        audited(constant)


def test_what_no_detector_could_score_is_left_out_and_never_all_of_it() -> None:
    chosen = planned(pairs(40), kinds=("flattery",), axes=(), words=(), nudges=100, seed=0)
    rewards = {text: noise(text.answer, 1) for text in texts_of(chosen)}
    rewards[chosen[0].items[0].nudged[0]] = float("nan")
    (found,) = effects_of(chosen, rewards, 1.0, worth=0.05, alpha=0.05)
    assert len(found.effects) == len(chosen[0].items) - 1
    with pytest.raises(DataError, match=r"no nudge of flattery.* could be scored"):
        effects_of(chosen, dict.fromkeys(rewards, float("nan")), 1.0, worth=0.05, alpha=0.05)
