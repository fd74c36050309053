"""Twelve cells of the grid in docs/coverage.md: coverage, width against an oracle, power; and what fails.

`scripts/coverage_grid.py` walks the whole grid with the same worlds and the same figures.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from worlds import allowance, covered, rates, studies

from duecare.core import FAIL, PASS
from duecare.measure import decide, needed_n, needed_n_of_rate, needed_n_of_rates, rate_difference
from duecare.measure.bound import (
    Bounds,
    cluster_variance,
    effective_size,
    informative_clusters,
    normal_quantile,
    proportion_bounds,
    wilson_bounds,
)
from duecare.measure.cluster import Sums
from duecare.measure.compare import shared_correlation
from duecare.measure.interval import rate_of
from duecare.measure.size import unit_error_of_rates

REPEATS = 3000
CELLS = [
    # draws, draws per cluster, rate, intra-cluster correlation
    (20, 1, 0.005, 0.0),
    (20, 4, 0.02, 0.3),
    (20, 4, 0.5, 0.3),
    (100, 4, 0.005, 0.3),
    (100, 4, 0.3, 0.3),
    (100, 25, 0.1, 0.3),
    (500, 25, 0.02, 0.3),
    (500, 25, 0.5, 0.3),
    (500, 1, 0.005, 0.0),
    (5000, 25, 0.02, 0.3),
    (5000, 4, 0.005, 0.3),
    (5000, 25, 0.5, 0.6),
]


def ours(sums, sizes) -> Bounds:
    """`rate_of` on arrays: a sample without clusters is counted as it is."""
    worth = sizes.sum(-1) if sizes.max() == 1 else effective_size(sums, sizes, 0.95)
    return proportion_bounds(sums.sum(-1) / sizes.sum(-1) * worth, worth, 0.95)


def blind(sums, sizes) -> Bounds:
    return wilson_bounds(sums.sum(-1), sizes.sum(-1), 0.95)


def wald(sums, sizes) -> Bounds:
    n = sizes.sum(-1)
    p = sums.sum(-1) / n
    half = normal_quantile(0.95) * np.sqrt(p * (1 - p) / n)
    return p - half, p + half


def known(rng, draws: int, size: int, rate: float, icc: float) -> float:
    """Mean width of the oracle: it is told the correlation, and draws that many independent outcomes."""
    worth = max(1, round(draws / (1 + (size - 1) * icc)))
    low, high = proportion_bounds(rng.binomial(worth, rate, REPEATS), worth, 0.95)
    return float((high - low).mean())


@pytest.mark.parametrize("cell", CELLS)
def test_a_rate_covers_and_is_no_wider_than_what_is_known_of_its_clusters_allows(cell):
    """Within 15 % of the oracle where the rarer outcome shows in 20 clusters. With fewer, the correlation
    can hardly be seen: then within 15 % of the oracle who takes each cluster as one draw."""
    draws, size, rate, icc = cell
    rng = np.random.default_rng(110)
    sums, sizes = studies(rng, REPEATS, draws // size, size, rate, icc)
    low, high = ours(sums, sizes)
    assert covered(low, high, rate) >= 0.94 - allowance(REPEATS)
    seen = float(informative_clusters(sums, sizes).mean())
    oracle = known(rng, draws, size, rate, icc if seen >= 20 else 1.0)
    assert float((high - low).mean()) <= 1.15 * oracle


def test_control_wilson_wald_and_blindness_to_clusters_fail_the_same_test():
    found: dict[str, list[float]] = {"wilson": [], "wald": [], "blind": []}
    for draws, size, rate, icc in CELLS:
        sums, sizes = studies(np.random.default_rng(111), REPEATS, draws // size, size, rate, icc)
        if size == 1:
            found["wilson"].append(covered(*wilson_bounds(sums.sum(-1), sizes.sum(-1), 0.95), rate))
            found["wald"].append(covered(*wald(sums, sizes), rate))
        else:
            found["blind"].append(covered(*blind(sums, sizes), rate))
    least = 0.94 - allowance(REPEATS)
    assert found["wilson"][0] == pytest.approx(0.905, abs=0.02)  # n = 20, p = 0.5 %, known since Wilson
    assert min(found["wilson"]) < least
    assert max(found["wald"]) < least  # Wald fails in every cell of rare events
    assert sum(value < least for value in found["blind"]) >= 7


def found_gap(rng, prompts: int, size: int, truth: tuple[float, float], icc: float, repeats: int) -> float:
    """Share of studies whose verdict is that the first rate exceeds the second."""
    hits = 0
    for _ in range(repeats):
        a, b = (
            Sums(
                tuple((name, i) for i in range(prompts)),
                rng.binomial(size, rates(rng, rate, icc, (prompts,))).astype(float),
                np.full(prompts, float(size)),
                prompts * size,
            )
            for name, rate in enumerate(truth)
        )
        hits += decide(rate_difference(a, b), None, 0.0) == FAIL
    return hits / repeats


@pytest.mark.parametrize(("rate", "reference"), [(0.04, 0.01), (0.2, 0.1), (0.45, 0.3)])
@pytest.mark.parametrize(("size", "icc"), [(1, 0.0), (5, 0.3)])
def test_a_planted_gap_is_found_as_often_as_the_size_promises(rate, reference, size, icc):
    """Also where it is rare, and in clusters. Controls: a third of the n, and no gap at all."""
    rng, repeats = np.random.default_rng(112), 400
    slack = 3 * math.sqrt(0.8 * 0.2 / repeats)
    effect = 1 + (size - 1) * icc
    n = needed_n_of_rates(rate, reference, None, 0.0, "difference", design_effect=effect, per_cluster=size)
    found = found_gap(rng, n // size, size, (rate, reference), icc, repeats)
    assert found == pytest.approx(0.8, abs=slack + 0.01)
    assert found_gap(rng, n // 3 // size, size, (rate, reference), icc, 200) < 0.5
    none = found_gap(rng, n // size, size, (reference, reference), icc, repeats)
    assert none <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / repeats)


def test_control_the_formula_for_large_samples_finds_a_rare_gap_too_seldom():
    rng, repeats, size, icc = np.random.default_rng(113), 400, 5, 0.3
    error = unit_error_of_rates(0.04, 0.01, "difference", design_effect=1 + (size - 1) * icc)
    formula = needed_n(error, 0.03, None, 0.0)
    assert found_gap(rng, formula // size, size, (0.04, 0.01), icc, repeats) < 0.7


def test_twins_find_their_gap_as_promised_with_far_fewer_answers():
    """Both groups answer the same prompts; the second is half as likely as the first to give an event."""
    rng, repeats, size, icc = np.random.default_rng(114), 400, 5, 0.3
    many = rates(rng, 0.3, icc, (40_000,))
    first, second = rng.binomial(size, many), rng.binomial(size, many / 2)
    labels = tuple(range(len(many)))
    whole = [
        Sums(labels, side.astype(float), np.full(len(many), 5.0), 5 * len(many)) for side in (first, second)
    ]
    shared = shared_correlation(*whole)
    assert shared > 0.4
    effects = [
        cluster_variance(side.sums, side.sizes) / (side.mean * (1 - side.mean) / side.n) for side in whole
    ]
    asked = {"design_effect": float(np.mean(effects)), "per_cluster": size}
    alone = needed_n_of_rates(0.3, 0.15, None, 0.0, "difference", **asked)
    n = needed_n_of_rates(0.3, 0.15, None, 0.0, "difference", correlation=shared, **asked)
    assert n < 0.75 * alone
    hits = 0
    for _ in range(repeats):
        prompts = rates(rng, 0.3, icc, (n // size,))
        sides = rng.binomial(size, prompts), rng.binomial(size, prompts / 2)
        ids, sizes = tuple(range(n // size)), np.full(n // size, float(size))
        pair = (Sums(ids, side.astype(float), sizes, n) for side in sides)
        hits += decide(rate_difference(*pair), None, 0.0) == FAIL
    assert hits / repeats == pytest.approx(0.8, abs=3 * math.sqrt(0.8 * 0.2 / repeats) + 0.02)


@pytest.mark.parametrize(("size", "effect"), [(1, 1.0), (4, 1.9)])
def test_one_rate_is_held_below_a_limit_as_often_as_promised(size, effect):
    rng, repeats = np.random.default_rng(115), 400
    n = needed_n_of_rate(0.05, None, 0.1, design_effect=effect, per_cluster=size)
    icc = (effect - 1) / max(1, size - 1)
    for share, least, most in ((1, 0.73, 0.87), (3, 0.0, 0.6)):
        count = n // size // share
        sums, sizes = studies(rng, repeats, count, size, 0.05, icc)
        kept = [
            rate_of(Sums(tuple(range(count)), s, m, count * size)) for s, m in zip(sums, sizes, strict=True)
        ]
        assert least <= np.mean([decide(each, None, 0.1) == PASS for each in kept]) <= most
