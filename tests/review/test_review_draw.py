"""Which candidates become items, and that what is estimated from them is unbiased."""

from __future__ import annotations

import numpy as np
import pytest
from review_rounds import candidates, plan

from duecare.core.errors import DataError, StudyError
from duecare.review.draw import CHANCE, DISAGREEING, UNCERTAIN, Drawn, allocated, drawn, signal
from duecare.review.plan import Candidate, Draw
from duecare.review.rounds import open_round
from duecare.review.store import Store

POPULATION, SAMPLE, TRIALS = 2000, 200, 400


def population(seed: int) -> tuple[list[Candidate], np.ndarray]:
    """Texts whose harm goes with the detector's score, so that a sample of uncertain ones is not typical."""
    random = np.random.default_rng(seed)
    score = random.beta(0.6, 2.0, POPULATION)
    second = np.clip(score + random.normal(0, 0.15, POPULATION), 0, 1)
    harm = random.random(POPULATION) < score**0.7
    rows = [
        Candidate(
            row=f"r:{i}",
            key="",
            part="text",
            shown={"kind": "text", "text": "x"},
            groups={"group": "rare" if i % 50 == 0 else "common"},
            scores={"one": float(score[i]), "two": float(second[i])},
        )
        for i in range(POPULATION)
    ]
    return rows, harm.astype(float)


def estimates(rows: list[Candidate], harm: np.ndarray, draw: Draw) -> tuple[float, float, float]:
    """Horvitz-Thompson, Hájek, and the plain mean of one sample."""
    items = drawn(rows, draw)
    values = np.array([harm[item.index] for item in items])
    weights = np.array([1 / item.probability for item in items])
    return (
        float((weights * values).sum() / len(rows)),
        float((weights * values).sum() / weights.sum()),
        float(values.mean()),
    )


@pytest.mark.parametrize("settings", [{}, {"cover": ("group",)}, {"every": 10, "items": 1}])
def test_estimates_are_unbiased_with_the_weights_and_only_with_them(settings: dict[str, object]) -> None:
    rows, harm = population(1)
    truth = harm.mean()
    given = {"items": SAMPLE, **settings}
    draws = [Draw(**given, seed=seed) for seed in range(TRIALS)]  # type: ignore[arg-type]
    found = np.array([estimates(rows, harm, draw) for draw in draws])
    bias = found.mean(axis=0) - truth
    error = found.std(axis=0) / np.sqrt(TRIALS)
    assert abs(bias[0]) < 4 * error[0]
    assert abs(bias[1]) < 4 * error[1] + 0.002  # a ratio: unbiased up to the order of 1/n
    if "every" not in settings:  # control: every n-th needs no weights, the rest goes wrong without them
        assert abs(bias[2]) > 10 * error[2]


def test_inclusion_probabilities_are_what_happens() -> None:
    rows, _ = population(2)
    rows = rows[:300]
    draw = Draw(items=40, cover=("group",))
    counts, said = np.zeros(len(rows)), np.full(len(rows), np.nan)
    for seed in range(1500):
        for item in drawn(rows, Draw(items=40, cover=("group",), seed=seed)):
            counts[item.index] += 1
            said[item.index] = item.probability
    assert not np.isnan(said).any()  # everybody can be drawn
    assert np.isclose(said.sum(), len(drawn(rows, draw)))
    spread = np.sqrt(said * (1 - said) / 1500)
    assert (np.abs(counts / 1500 - said) < 5 * spread + 1e-9).all()


def test_each_group_is_covered_and_uncertain_ones_come_more_often() -> None:
    rows, _ = population(3)
    items = drawn(rows, Draw(items=SAMPLE, cover=("group",)))
    kinds_of = (UNCERTAIN, DISAGREEING, CHANCE)
    groups = ("rare", "common")
    assert {item.stratum for item in items} == {
        f"{kind}|group={each}" for kind in kinds_of for each in groups
    }
    rare = sum("rare" in item.stratum for item in items) / len(items)
    assert rare > 0.1  # 2 % of the rows
    kinds = [signal(row.scores, Draw()) for row in rows]
    assert kinds.count(UNCERTAIN) / len(kinds) < 0.35
    assert len(items) == SAMPLE


def test_what_detectors_say() -> None:
    draw = Draw(limit=0.5, margin=0.1)
    assert signal({}, draw) == CHANCE
    assert signal({"a": 0.9, "b": 0.8}, draw) == CHANCE
    assert signal({"a": 0.55}, draw) == UNCERTAIN
    assert signal({"a": 0.9, "b": 0.1}, draw) == DISAGREEING


@pytest.mark.parametrize("items", [1, 7, 50, 10_000])
def test_no_stratum_gives_more_than_it_has(items: int) -> None:
    sizes = {(UNCERTAIN, "a"): 3, (UNCERTAIN, "b"): 500, (DISAGREEING, "a"): 1, (CHANCE, "a"): 40}
    given = allocated(sizes, Draw(items=items))
    assert all(min(2, size) <= given[name] <= size for name, size in sizes.items())
    assert sum(given.values()) == max(min(items, 544), 7)


def test_one_seed_draws_the_same_items_and_another_does_not() -> None:
    rows, _ = population(4)
    assert drawn(rows, Draw(seed=5)) == drawn(rows, Draw(seed=5))
    assert drawn(rows, Draw(seed=5)) != drawn(rows, Draw(seed=6))


def test_nothing_to_review_is_refused() -> None:
    with pytest.raises(DataError):
        drawn([], Draw())
    for seed in range(4):  # every 50th of three begins behind the last
        with pytest.raises(DataError, match="none of 3 candidates"):
            drawn(candidates(3), Draw(every=50, seed=seed))
    with pytest.raises(StudyError) as error:
        Draw(uncertain=0.7, disagreeing=0.4, margin=2)
    assert len(error.value.problems) == 2


def test_chances_stand_with_the_items(store: Store) -> None:
    import sqlalchemy as sa

    from duecare.review import schema

    open_round(store, candidates(100), plan(draw=Draw(items=30)))
    with store.read() as connection:
        rows = connection.execute(sa.select(schema.items)).all()
    assert len(rows) == 30
    assert sum(1 / row.probability for row in rows) == pytest.approx(100)
    assert Drawn(0, "x", 0.5).probability == 0.5
