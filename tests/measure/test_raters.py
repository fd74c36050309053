"""A planted harsh rater is found, false alarms are held; panels differ, and count alike when weighted."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.core import DataError
from duecare.measure import mean_difference
from duecare.measure.panels import panel_differences, panel_shares, panel_weights
from duecare.measure.raters import self_consistency, severities, twin_bias
from duecare.measure.ratings import Ratings
from duecare.measure.shift import mean_shift

SCALE = (1.0, 5.0)


def twins(seed: int, *, people: int = 6, pairs: int = 40, harsh: float = 0.0, shown: float = 0.7):
    """Ratings 1 to 5 of twins by several raters; the last one adds `harsh` to a text about the group "b"."""
    rng = np.random.default_rng(seed)
    columns: list[tuple[str, int, str, float]] = []
    for rater in range(people):
        for pair in range(pairs):
            if rng.random() > shown:
                continue
            base = np.random.default_rng([seed, pair]).normal(3, 0.8)
            for group in "ab":
                extra = harsh if rater == people - 1 and group == "b" else 0.0
                score = float(np.clip(round(base + extra + rng.normal(0, 0.5)), 1, 5))
                columns.append((f"p{rater}", pair, group, score))
    return tuple(list(column) for column in zip(*columns, strict=True))


def alarms(seed: int, **settings) -> list[str]:
    found = twin_bias(*twins(seed, **settings), reference="a", within=SCALE)
    assert len(found) == settings.get("people", 6)
    return [each.rater for each in found if each.leans]


def test_a_planted_harsh_rater_is_found_and_nobody_else():
    found = [alarms(seed, harsh=1.0) for seed in range(40)]
    assert sum("p5" in names for names in found) >= 38
    assert sum(bool(set(names) - {"p5"}) for names in found) <= 6


def test_false_alarms_are_held_over_all_raters():
    studies = [alarms(1000 + seed) for seed in range(150)]
    # At most 5 % of studies, with three standard errors.
    assert sum(bool(names) for names in studies) <= 150 * 0.05 + 3 * np.sqrt(150 * 0.05 * 0.95)


def test_control_the_same_scores_unpaired_hide_the_harsh_one():
    """The spread of the texts drowns a shift that twins show: pairing is what finds it."""
    paired = unpaired = 0
    for seed in range(40):
        raters, pairs, groups, scores = twins(seed, harsh=0.6, pairs=40)
        mine = [each for each in zip(raters, pairs, groups, scores, strict=True) if each[0] == "p5"]
        (found,) = twin_bias(*zip(*mine, strict=True), reference="a", within=SCALE)
        paired += bool(found.leans)
        of = {group: [score for _, _, g, score in mine if g == group] for group in "ab"}
        blind = mean_difference(of["b"], of["a"])
        unpaired += blind.low > 0
    assert paired >= 30
    assert unpaired <= paired - 10


def test_a_harsh_rater_is_severe_and_intervals_cover():
    hits = total = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        truth, shift = rng.normal(0, 1, 60), np.array([0.0, 0.0, 0.0, 0.0, 0.8])
        table = truth + shift[:, None] + rng.normal(0, 0.5, (5, 60))
        table[rng.random(table.shape) < 0.3] = np.nan
        found = severities(Ratings.table(np.clip(np.round(table, 2), -6, 6)), within=(-6, 6))
        assert [each.rater for each in found if each.leans and each.interval.value > 0.4] == [4]
        for each in found:
            others = shift[np.arange(5) != each.rater].mean()
            hits += each.interval.low <= shift[each.rater] - others <= each.interval.high
            total += 1
    # The mean of the others who happened to rate moves with who they are, so a little more than 5 % miss.
    assert hits / total > 0.88


@pytest.mark.parametrize("chance", [0.0, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("n", [15, 60])
def test_mean_shift_covers_also_where_hardly_any_pair_differs(chance, n):
    rng, hits = np.random.default_rng(7), 0
    for _ in range(300):
        shift = np.where(rng.random(n) < chance, rng.choice([1, 2, 4, -1], n), 0)
        found = mean_shift(shift, SCALE)
        hits += found.low <= chance * 1.5 <= found.high
    assert hits >= 300 * 0.9


def test_control_a_plain_t_interval_of_rare_shifts_does_not_cover():
    rng, hits = np.random.default_rng(8), 0
    for _ in range(300):
        shift = np.where(rng.random(15) < 0.02, rng.choice([1, 2, 4, -1], 15), 0)
        half = 2.145 * shift.std(ddof=1) / np.sqrt(15)
        hits += abs(shift.mean() - 0.03) <= half
    assert hits < 300 * 0.5


def test_repeats_tell_consistency_with_oneself_only():
    raters = ["x"] * 6 + ["y"] * 3
    items = [1, 2, 3, 1, 2, 3, 1, 2, 3]
    values = [0, 1, 1, 0, 1, 0, 1, 1, 1]
    found = self_consistency(raters, items, values)
    assert (found["x"].value, found["x"].n) == (2 / 3, 3)
    assert found["y"].value is None
    assert "twice" in found["y"].reason


def rated(seed: int, gap: float, *, people: tuple[int, int] = (8, 4), spread: float = 0.3, items: int = 60):
    """Scores by two panels, "m" and "n"; people vary by `spread`; "n" scores `gap` higher."""
    rng = np.random.default_rng(seed)
    item, rater, score, panels = [], [], [], {}
    truth = rng.normal(3, 0.7, items)
    for number in range(sum(people)):
        panels[number] = "m" if number < people[0] else "n"
        own = rng.normal(0, spread) + (gap if panels[number] == "n" else 0)
        for thing in np.flatnonzero(rng.random(items) < 0.6):
            item.append(int(thing))
            rater.append(number)
            score.append(float(np.clip(round(truth[thing] + own + rng.normal(0, 0.4)), 1, 5)))
    return Ratings.of(item, rater, score, categories=[1.0, 2.0, 3.0, 4.0, 5.0]), panels


def test_panel_differences_tell_these_people_from_people_like_these():
    """With no gap between panels, people as draws raise a false alarm in 5 %; items as draws do, often."""
    alarm = {"items": 0, "people": 0}
    for seed in range(60):
        ratings, panels = rated(seed, 0.0)
        for over in ("items", "people"):
            (found,) = panel_differences(ratings, panels, over=over).values()
            alarm[over] += not found.low <= 0 <= found.high
    assert alarm["people"] <= 60 * 0.05 + 3 * np.sqrt(60 * 0.05 * 0.95)
    assert alarm["items"] > 20  # a control: these people do differ, but not because of their panels
    found = [panel_differences(*rated(seed, 1.0), over="people")["m", "n"] for seed in range(20)]
    assert sum(each.high < 0 for each in found) >= 17


def test_panel_shares_and_weights_by_hand():
    ratings = Ratings.of(
        ["i", "i", "i", "i", "j", "j"], ["a", "b", "c", "d", "a", "e"], [1, 1, 0, 0, 1, 1], categories=[0, 1]
    )
    panels = {"a": "m", "b": "m", "c": "m", "d": "n", "e": None}
    found = panel_shares(ratings, panels)
    assert found.panels == ("m", "n")
    assert found.shares[:, 0].tolist() == [[1 / 3, 2 / 3], [1.0, 0.0]]
    assert found.counts.tolist() == [[3, 1], [1, 0]]
    assert found.balanced().tolist() == [pytest.approx([2 / 3, 1 / 3]), [0.0, 1.0]]


def test_weights_make_each_panel_count_alike_and_keep_the_mean():
    panels = ["m"] * 30 + ["n"] * 10 + [None] * 5
    plain = panel_weights(panels)
    assert plain.mean() == pytest.approx(1.0)
    assert plain[:30].sum() == pytest.approx(plain[30:40].sum())
    assert plain[40:].tolist() == [1.0] * 5
    units = [place % 10 for place in range(40)] + [0] * 5
    raked = panel_weights(panels, units)
    assert raked[:30].sum() == pytest.approx(raked[30:40].sum())
    for unit in range(10):
        here = [place for place in range(40) if units[place] == unit]
        sums = {name: sum(raked[place] for place in here if panels[place] == name) for name in "mn"}
        assert sums["m"] == pytest.approx(sums["n"])
    assert panel_weights([None, None]).tolist() == [1.0, 1.0]
    with pytest.raises(DataError, match="units"):
        panel_weights(["m"], [1, 2])


def test_nonsense_is_refused():
    with pytest.raises(DataError, match="scored twice"):
        twin_bias(["x"] * 2, [1, 1], ["a", "a"], [1, 2], reference="a", within=SCALE)
    with pytest.raises(DataError, match="within"):
        mean_shift([0.0, 1.0], (1.0, 1.0))
    with pytest.raises(DataError, match="beyond the width"):
        mean_shift([0.0, 9.0], SCALE)
    with pytest.raises(DataError, match="over="):
        panel_differences(*rated(0, 0.0), over="moon")  # type: ignore[arg-type]  # the mistake under test
