"""Coefficients of agreement against published examples, a peer, plain loops and simulation."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import krippendorff
import numpy as np
import pytest

from duecare.core import DataError
from duecare.measure import agree, agree_interval, proportion
from duecare.measure.agree_interval import interval_of
from duecare.measure.ratings import Ratings

NONE = np.nan
# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section C: four observers, twelve units.
FOUR = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
]
# Fleiss (1971), table 1: thirty patients, six psychiatrists, five diagnoses.
PATIENTS = [
    "00060",
    "03003",
    "01401",
    "00006",
    "03030",
    "20400",
    "00402",
    "20310",
    "20040",
    "00006",
    "10050",
    "11040",
    "03300",
    "10050",
    "02031",
    "00501",
    "30012",
    "51000",
    "02040",
    "10203",
    "00006",
    "01050",
    "02013",
    "20040",
    "10041",
    "05010",
    "40002",
    "02040",
    "10500",
    "00006",
]


def counted(rows: list[str]) -> Ratings:
    """Items given as counts of each category, with raters who only fill places."""
    items, raters, values = [], [], []
    for item, row in enumerate(rows):
        said = [category for category, count in enumerate(row) for _ in range(int(count))]
        items += [item] * len(said)
        raters += list(range(len(said)))
        values += said
    return Ratings.of(items, raters, values, categories=range(5))


def crossed(table: list[list[int]]) -> Ratings:
    """Two raters, from their contingency table."""
    pairs = [(a, b) for a, row in enumerate(table) for b, count in enumerate(row) for _ in range(count)]
    return Ratings.table(np.array(pairs).T, categories=range(len(table)))


def random_table(rng: np.random.Generator) -> np.ndarray:
    people, items, scale = rng.integers(2, 7), rng.integers(4, 40), rng.integers(2, 9)
    found = rng.integers(0, scale, (people, items)).astype(float)
    alike = rng.random(items) < 0.5
    found[:, alike] = found[0, alike]
    found[rng.random(found.shape) < rng.choice([0.0, 0.2, 0.6])] = NONE
    return found


@pytest.mark.parametrize(
    ("scale", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_is_the_published_one(scale, published):
    assert agree.alpha_of(Ratings.table(FOUR), scale).value() == pytest.approx(published, abs=5e-4)


def test_gwet_fleiss_and_percent_are_the_published_ones():
    """irrCAC's documentation, `cac.raw4raters`: the same table (Gwet 2014)."""
    four = Ratings.table(FOUR)
    assert agree.gwet_of(four, "identity").value() == pytest.approx(0.77544, abs=5e-6)
    assert agree.fleiss_of(four).value() == pytest.approx(0.76117, abs=5e-6)
    assert agree.percent_of(four).value() == pytest.approx(9 / 11)


def test_kappas_of_fleiss_cohen_and_gwet_as_printed():
    assert agree.fleiss_of(counted(PATIENTS)).value() == pytest.approx(0.430, abs=5e-4)
    # Cohen (1960), table 1, as counts of 200.
    assert agree.cohen_of(crossed([[88, 14, 18], [10, 40, 10], [2, 6, 12]]), None).value() == pytest.approx(
        0.492, abs=5e-4
    )
    # Gwet (2002), "Kappa statistic is not satisfactory": 94 % agree, and kappa is below 0.
    skewed = crossed([[118, 5], [2, 0]])
    assert agree.percent_of(skewed).value() == pytest.approx(0.944)
    assert agree.cohen_of(skewed, None).value() == pytest.approx(-0.0234, abs=5e-5)
    assert agree.gwet_of(skewed, "identity").value() == pytest.approx(0.9408, abs=5e-5)


@pytest.mark.parametrize("scale", agree.SCALES)
def test_alpha_equals_the_peer_on_random_tables_with_missing_ratings(scale):
    rng, compared = np.random.default_rng(5), 0
    for _ in range(150):
        table = random_table(rng)
        ours = agree.alpha_of(Ratings.table(table), scale).value()
        pairable = [column[~np.isnan(column)] for column in table.T if (~np.isnan(column)).sum() > 1]
        if not pairable or len(np.unique(np.concatenate(pairable))) < 2:
            assert ours is None
            continue
        peer = krippendorff.alpha(reliability_data=table, level_of_measurement=scale)
        assert ours == pytest.approx(peer, abs=1e-10)
        compared += 1
    assert compared > 100


def test_alpha_of_far_away_numbers_loses_no_digits():
    table = np.array(FOUR) + 1e7
    assert agree.alpha_of(Ratings.table(table), "interval").value() == pytest.approx(0.8491071, abs=1e-6)


def by_hand_gwet(table: np.ndarray, agreeing: np.ndarray) -> Fraction:
    """AC2 by plain loops in fractions."""
    scale = len(agreeing)
    w = [[Fraction(float(x)).limit_denominator(10**6) for x in row] for row in agreeing]
    seen, shares, rated = [], [Fraction(0)] * scale, 0
    for column in table.T:
        said = [int(x) for x in column if not np.isnan(x)]
        if said:
            rated += 1
            for value in said:
                shares[value] += Fraction(1, len(said))
        if len(said) > 1:
            pairs = list(combinations(said, 2))
            seen.append(sum(w[a][b] for a, b in pairs) / len(pairs))
    shares = [share / rated for share in shares]
    chance = sum(map(sum, w)) / (scale * (scale - 1)) * sum(p * (1 - p) for p in shares)
    observed = sum(seen) / len(seen)
    return (observed - chance) / (1 - chance)


@pytest.mark.parametrize("weights", agree.WEIGHTS)
def test_gwet_equals_plain_loops(weights):
    rng, compared = np.random.default_rng(6), 0
    for _ in range(40):
        table = random_table(rng)
        if ((~np.isnan(table)).sum(0) > 1).any():
            scale = int(np.nanmax(table)) + 2  # one category that nobody chose
            ratings = Ratings.table(table, categories=range(scale))
            hand = by_hand_gwet(table, agree.agreement_weights(weights, scale))
            assert agree.gwet_of(ratings, weights).value() == pytest.approx(float(hand), abs=1e-6)
            compared += 1
    assert compared > 30


@pytest.mark.parametrize("weights", agree.WEIGHTS)
def test_cohen_equals_plain_loops(weights):
    rng = np.random.default_rng(7)
    for _ in range(40):
        table = rng.integers(0, 4, (2, 30)).astype(float)
        table[rng.random(table.shape) < 0.2] = NONE
        both = table[:, ~np.isnan(table).any(0)].astype(int)
        far = 1 - agree.agreement_weights(weights, 4)
        observed = np.mean([far[a, b] for a, b in both.T])
        expected = np.mean([[far[a, b] for b in both[1]] for a in both[0]])
        found = agree.cohen_of(Ratings.table(table, categories=range(4)), (0, 1), weights).value()
        assert found == pytest.approx(1 - observed / expected)


def test_krippendorff_of_two_categories_is_the_same_on_every_scale_and_swaps_change_nothing():
    rng = np.random.default_rng(8)
    table = rng.integers(1, 3, (3, 25)).astype(float)
    found = [
        agree.alpha_of(Ratings.table(table), scale).value() for scale in ("nominal", "ordinal", "interval")
    ]
    assert found == pytest.approx([found[0]] * 3)
    swapped = Ratings.table(3 - table[::-1, rng.permutation(25)])
    assert agree.alpha_of(swapped, "ordinal").value() == pytest.approx(found[0])


def test_what_is_undefined_is_none_with_a_reason():
    rng = np.random.default_rng(0)
    same = Ratings.table([[1, 1, 1], [1, 1, 1]])
    apart = Ratings.table([[1, 2, NONE, NONE], [NONE, NONE, 1, 2]])
    lone = Ratings.table([[1], [2]])
    for ratings, word in (
        (same, "one category"),
        (apart, "no item was rated by two"),
        (lone, "one independent"),
    ):
        for name, found in agree.agreements(ratings, rng, "ordinal").items():
            if name == "percent" and ratings is same:
                assert (found.value, found.high) == (1.0, 1.0)
                assert 0.2 < found.low < 0.5
            elif name.startswith("gwet") and ratings is same:
                assert "one category" in (found.reason or "")
            else:
                assert found.value is None
                assert found.low is None
                assert word in (found.reason or "")
    assert [figure(apart).value() for figure in (agree.percent_of, agree.fleiss_of)] == [None, None]
    assert agree.gwet_of(apart, "identity").value() is None
    empty = Ratings.of([], [], [])
    assert all(found.value is None for found in agree.agreements(empty, rng, "interval").values())


def test_an_unused_category_must_be_declared_for_gwet():
    rng = np.random.default_rng(0)
    found = agree.gwet_ac1(Ratings.table([[1, 1, 1], [1, 1, 1]], categories=[0, 1]), rng)
    assert found.value == 1.0
    assert found.low is not None
    assert found.low < 0.5


def test_nonsense_is_refused():
    with pytest.raises(DataError, match="second one"):
        Ratings.of(["a", "a"], ["x", "x"], [1, 2])
    with pytest.raises(DataError, match="belongs to two"):
        Ratings.of(["a", "a"], ["x", "y"], [1, 2], units=["u", "v"])
    with pytest.raises(DataError, match="differ in length"):
        Ratings.of(["a"], ["x", "y"], [1, 2])
    with pytest.raises(DataError, match="not among"):
        Ratings.of(["a"], ["x"], [7], categories=[0, 1])
    with pytest.raises(DataError, match="below zero"):
        agree.alpha_of(Ratings.table([[-1, 2], [1, 2]]), "ratio")
    with pytest.raises(DataError, match="expected numbers"):
        agree.alpha_of(Ratings.of(["a", "a"], ["x", "y"], ["no", "yes"]), "interval")
    with pytest.raises(DataError, match="expected two"):
        agree.cohen_of(Ratings.table(FOUR), None)
    with pytest.raises(DataError, match="weights="):
        agree.agreement_weights("cubic", 3)  # type: ignore[arg-type]  # the mistake under test


def world(rng, items: int, people: int, *, right: float, shares: list[float], missing: float) -> np.ndarray:
    """Raters who see the truth with chance `right` and guess otherwise; truth of items drawn by `shares`."""
    truth = rng.choice(len(shares), items, p=shares)
    knows = rng.random((people, items)) < right
    said = np.where(knows, truth, rng.integers(0, len(shares), (people, items))).astype(float)
    said[rng.random(said.shape) < missing] = NONE
    return said


FIGURES = {
    "percent": agree.percent_of,
    "fleiss": agree.fleiss_of,
    "nominal": lambda ratings: agree.alpha_of(ratings, "nominal"),
    "ordinal": lambda ratings: agree.alpha_of(ratings, "ordinal"),
    "ac1": lambda ratings: agree.gwet_of(ratings, "identity"),
    "cohen": lambda ratings: agree.cohen_of(ratings, (0, 1), "quadratic"),
}
REPEATS = 150


@pytest.mark.parametrize("items", [20, 60])
@pytest.mark.parametrize("shares", [[0.5, 0.3, 0.2], [0.9, 0.07, 0.03]])
def test_intervals_cover_the_value_of_the_population(items, shares):
    rng = np.random.default_rng(11)
    settings = {"people": 3, "right": 0.7, "shares": shares, "missing": 0.2}
    everybody = Ratings.table(world(rng, 200_000, **settings), categories=range(3))
    truth = {name: figure(everybody).value() for name, figure in FIGURES.items()}
    hits, resampled = dict.fromkeys(FIGURES, 0), 0
    for _ in range(REPEATS):
        ratings = Ratings.table(world(rng, items, **settings), categories=range(3))
        for name, figure in FIGURES.items():
            found = interval_of(figure(ratings), rng, 0.95, 500)
            hits[name] += found.value is None or found.low <= truth[name] <= found.high
            resampled += "bootstrap" in found.method
    # Three standard errors below 94 %.
    assert min(hits.values()) >= REPEATS * (0.94 - 3 * np.sqrt(0.94 * 0.06 / REPEATS))
    if items == 60:
        assert resampled > REPEATS * len(FIGURES) / 2


def test_control_pairs_of_ratings_as_independent_draws_do_not_cover():
    """Eight raters make 28 pairs an item, and all of them hang on that item."""
    rng = np.random.default_rng(12)
    settings = {"people": 8, "shares": [0.5, 0.5], "missing": 0.0}

    def study(items: int) -> np.ndarray:
        """Some items are hard: everybody guesses there."""
        hard = int(rng.binomial(items, 0.5))
        easy = world(rng, items - hard, right=0.95, **settings)
        return np.hstack([easy, world(rng, hard, right=0.0, **settings)])

    truth = agree.percent_of(Ratings.table(study(100_000))).value()
    ours = blind = 0
    for _ in range(REPEATS):
        table = study(60)
        found = interval_of(agree.percent_of(Ratings.table(table)), rng, 0.95, 500)
        ours += found.low <= truth <= found.high
        plain = proportion(round(found.value * 60 * 28), 60 * 28)
        blind += plain.low <= truth <= plain.high
    assert ours >= REPEATS * 0.89
    assert blind < REPEATS * 0.75


def test_units_that_share_items_widen_the_interval_and_blindness_to_them_does_not_cover():
    """Ten turns of one conversation are as hard as each other."""
    rng = np.random.default_rng(13)

    def study(talks: int) -> tuple[np.ndarray, list[int]]:
        settings = {"people": 3, "shares": [0.5, 0.5], "missing": 0.0}
        parts = [world(rng, 10, right=right, **settings) for right in rng.choice([0.1, 0.95], talks)]
        return np.hstack(parts), np.repeat(range(talks), 10).tolist()

    truth = agree.alpha_of(Ratings.table(study(5000)[0]), "nominal").value()
    ours = blind = 0
    for _ in range(REPEATS):
        table, talks = study(40)
        whole = agree.alpha_of(Ratings.table(table, units=talks), "nominal")
        found = interval_of(whole, rng, 0.95, 500)
        assert found.clusters == 40
        ours += found.low <= truth <= found.high
        alone = interval_of(agree.alpha_of(Ratings.table(table), "nominal"), rng, 0.95, 500)
        blind += alone.low <= truth <= alone.high
    assert ours >= REPEATS * 0.89
    assert blind < REPEATS * 0.8


def test_the_same_generator_gives_the_same_interval_and_more_items_a_narrower_one():
    rng = np.random.default_rng(14)
    settings = {"people": 4, "right": 0.6, "shares": [0.4, 0.3, 0.3], "missing": 0.1}
    small = Ratings.table(world(rng, 80, **settings))
    large = Ratings.table(world(rng, 30_000, **settings))
    first, again = (agree.krippendorff_alpha(small, np.random.default_rng(1), "ordinal") for _ in range(2))
    assert first == again
    wide = agree.krippendorff_alpha(large, np.random.default_rng(1), "ordinal")
    assert wide.high - wide.low < (first.high - first.low) / 10
    assert wide.clusters is not None
    assert wide.clusters > 29_000


@pytest.mark.parametrize("scale", agree.SCALES)
def test_drawing_sorts_of_units_is_drawing_units(scale, monkeypatch):
    rng = np.random.default_rng(15)
    ratings = Ratings.table(world(rng, 400, 4, right=0.6, shares=[0.4, 0.3, 0.3], missing=0.0))
    given = {"scale": scale, "resamples": 8000}
    sorts = agree.krippendorff_alpha(ratings, np.random.default_rng(1), **given)
    monkeypatch.setattr(agree_interval, "_REPEATED", 1e9)
    units = agree.krippendorff_alpha(ratings, np.random.default_rng(1), **given)
    assert sorts != units  # another way of drawing
    assert (sorts.low, sorts.high) == pytest.approx((units.low, units.high), abs=0.006)
