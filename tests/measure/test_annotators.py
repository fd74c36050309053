"""Dawid-Skene and MACE on simulated raters: better than a majority, honest about each rater."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.core import DataError
from duecare.measure.annotators import competences, dawid_skene, mace, vote_shares
from duecare.measure.ratings import Ratings

SHARES = (0.5, 0.3, 0.2)


def study(seed: int, *, items: int = 200, good: int = 5, spam: int = 5, trust: float = 0.0, each: int = 4):
    """Ratings, true labels, trust of each rater and the true chance that its label is right."""
    rng = np.random.default_rng(seed)
    people, scale = good + spam, len(SHARES)
    truth = rng.choice(scale, items, p=SHARES)
    looks = np.r_[rng.uniform(0.65, 0.9, good), np.full(spam, trust)]
    habit = np.vstack([np.full((good, scale), 1 / scale), rng.dirichlet(np.full(scale, 0.5), spam)])
    table = np.full((people, items), np.nan)
    for item in range(items):
        for rater in rng.choice(people, each, replace=False):
            seen = rng.random() < looks[rater]
            table[rater, item] = truth[item] if seen else rng.choice(scale, p=habit[rater])
    right = looks + (1 - looks) * (habit @ np.array(SHARES))
    return Ratings.table(table, categories=range(scale)), truth, looks, right


def accuracy(labels: np.ndarray, truth: np.ndarray) -> float:
    return float((labels.argmax(1) == truth).mean())


@pytest.mark.parametrize("model", [dawid_skene, mace])
def test_better_than_the_majority_where_half_of_the_raters_spam(model):
    gains = []
    for seed in range(12):
        ratings, truth, looks, _ = study(seed)
        found = model(ratings)
        gains.append(accuracy(found.labels, truth) - accuracy(vote_shares(ratings), truth))
        assert found.competence[looks == 0].max() < found.competence[looks > 0].min()
        assert found.labels.sum(1) == pytest.approx(1.0)
        assert found.confusion.sum(2) == pytest.approx(1.0)
    assert min(gains) > 0
    assert np.mean(gains) > 0.05


@pytest.mark.parametrize("model", [dawid_skene, mace])
def test_control_without_spammers_and_with_equal_raters_there_is_nothing_to_gain(model):
    gains = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 300)
        table = np.where(rng.random((5, 300)) < 0.8, truth, 1 - truth)
        ratings = Ratings.table(table)
        gains.append(accuracy(model(ratings).labels, truth) - accuracy(vote_shares(ratings), truth))
    assert abs(np.mean(gains)) < 0.02


def test_soft_labels_are_calibrated_where_the_model_is_true():
    """Among labels believed with about 80 %, about 80 % are right."""
    believed, right = [], []
    for seed in range(8):
        ratings, truth, _, _ = study(seed, items=400)
        found = dawid_skene(ratings)
        believed += found.labels.max(1).tolist()
        right += (found.labels.argmax(1) == truth).tolist()
    believed, right = np.array(believed), np.array(right)
    for low, high in ((0.5, 0.8), (0.8, 0.95), (0.95, 1.0)):
        here = (believed > low) & (believed <= high)
        assert right[here].mean() == pytest.approx(believed[here].mean(), abs=0.06)


@pytest.mark.parametrize("model", [dawid_skene, mace])
def test_the_likelihood_never_falls_but_for_the_smoothing_and_the_fit_is_deterministic(model):
    ratings, *_ = study(3)
    likelihoods = [model(ratings, rounds=rounds, smoothing=1e-3).likelihood for rounds in range(1, 25)]
    assert (np.diff(likelihoods) > -0.05).all()
    assert likelihoods[-1] > likelihoods[0]
    first, again = model(ratings), model(ratings)
    assert (first.labels == again.labels).all()
    assert first.trust() == again.trust()


def test_dawid_skene_of_one_category_pair_by_hand():
    """One round of EM from the votes, worked out by plain loops."""
    table = np.array([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 1, 0]])
    found = dawid_skene(Ratings.table(table), rounds=1, smoothing=1e-9)
    votes = np.array([[(table[:, i] == k).mean() for k in (0, 1)] for i in range(4)])
    confusion = np.zeros((3, 2, 2))
    for rater in range(3):
        for item in range(4):
            confusion[rater, :, table[rater, item]] += votes[item]
        confusion[rater] /= confusion[rater].sum(1, keepdims=True)
    shares = (votes.sum(0) + 1) / (4 + 2)
    for item in range(4):
        joint = [shares[k] * np.prod([confusion[r, k, table[r, item]] for r in range(3)]) for k in (0, 1)]
        assert found.labels[item] == pytest.approx(np.array(joint) / sum(joint), abs=1e-6)


@pytest.mark.parametrize(("model", "which"), [(dawid_skene, 3), (mace, 2)])
def test_intervals_of_competence_cover(model, which):
    hits = []
    for seed in range(12):
        made = study(100 + seed, good=6, spam=3, trust=0.2, each=5, items=150)
        found = competences(model(made[0]), np.random.default_rng(seed), resamples=120)
        hits += [each.low <= made[which][rater] <= each.high for rater, each in found.items()]
    assert np.mean(hits) > 0.85
    few = competences(
        dawid_skene(Ratings.table([[0, 1, 1], [0, 1, 0]])), np.random.default_rng(0), resamples=20
    )
    assert all(each.value is None and "10 are needed" in each.reason for each in few.values())


def test_an_item_without_ratings_has_no_soft_label_and_nonsense_is_refused():
    ratings = Ratings.table([[0, 1, np.nan], [0, 1, np.nan]])
    assert list(dawid_skene(ratings).soft()) == [0, 1]
    with pytest.raises(DataError, match="none"):
        dawid_skene(Ratings.of([], [], []))
    with pytest.raises(DataError, match="above zero"):
        mace(ratings, smoothing=0.0)
