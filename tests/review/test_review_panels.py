"""Two rounds of choices by simulated people: a planted gap between panels shrinks where each panel counts.

Answers have a helpfulness and a manner. All people like what helps; the panel "m" likes a manner that the
panel "n" dislikes, and four of five people belong to "m". A model of preferences (Bradley and Terry 1952) is
fitted to the pairs that a round returns, starting from the model before, as DPO does from its reference; the
next round shows answers that this model picks. The gap is how much better what it picks suits "m" than "n".
"""

from __future__ import annotations

import numpy as np
import pytest
from invented_round import question, written

from duecare.core import Example, Message
from duecare.core.table import examples, table
from duecare.review.preferences import preference_pairs
from duecare.review.returned import read

TASTE = {"m": np.array([1.0, 1.0]), "n": np.array([1.0, -1.0])}
PEOPLE = {f"p-{place}": "m" if place < 8 else "n" for place in range(10)}
BETTER = question("better", "choose")
ITEMS = 120
PULL = 30.0


def gap(model: np.ndarray) -> float:
    """Mean utility of what the model picks among four answers: for "m" less for "n"."""
    answers = np.random.default_rng(1).normal(size=(4000, 4, 2))
    picked = answers[np.arange(4000), (answers @ model).argmax(1)]
    return float((picked @ (TASTE["m"] - TASTE["n"])).mean())


def fitted(before: np.ndarray, apart: np.ndarray, weights: np.ndarray, pull: float) -> np.ndarray:
    """Bradley-Terry on differences [n, 2] of chosen and rejected, held near `before`."""
    model = before.copy()
    for _ in range(300):
        push = (weights / (1 + np.exp(apart @ model))) @ apart
        model += 0.02 * (push - pull * (model - before))
    return model


def one_round(model: np.ndarray, seed: int, folder, axis: str | None, pull: float = PULL) -> np.ndarray:
    """Show pairs that the model picked, let people choose, take the export in, fit."""
    rng = np.random.default_rng(seed)
    several = rng.normal(size=(ITEMS, 4, 2))
    best = several[np.arange(ITEMS), (several @ model).argmax(1)]
    shown = np.stack([best, rng.normal(size=(ITEMS, 2))], axis=1)
    better = {panel: 1 / (1 + np.exp(-(shown[:, 0] - shown[:, 1]) @ taste)) for panel, taste in TASTE.items()}
    said = [
        {
            "row": f"pairs:{item}", "part": "pair", "person": person, "question": "better",
            "value": float(rng.random() < better[panel][item]),
        }
        for item in range(ITEMS)
        for person, panel in PEOPLE.items()
    ]  # fmt: skip
    export = read(written(folder, [BETTER], said, PEOPLE, name=f"round {seed}"))
    rows = table(
        [
            Example(
                row=f"pairs:{item}", key="", source="pairs", kind="preference", chosen="a", rejected="b",
                messages=(Message(role="user", content=str(item)),),
            )
            for item in range(ITEMS)
        ]
    )  # fmt: skip
    made = examples(preference_pairs(export, rows, b"0" * 32, axis=axis))
    place = [int(example.messages[0].content) for example in made]
    sign = np.array([1.0 if example.chosen == "a" else -1.0 for example in made])
    apart = (shown[place, 0] - shown[place, 1]) * sign[:, None]
    weights = np.array([example.weight for example in made])
    return fitted(model, apart, weights / weights.sum() * ITEMS, pull)


def gaps(seed: int, folder, axis: str | None) -> list[float]:
    """The gap of a model that learnt from everybody's choices as they come, and after two more rounds."""
    model = one_round(np.zeros(2), 10 * seed, folder / f"{seed}-0-{axis}", None, pull=0.0)
    found = [gap(model)]
    for number in (1, 2):
        model = one_round(model, 10 * seed + number, folder / f"{seed}-{number}-{axis}", axis)
        found.append(gap(model))
    return found


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_planted_gap_shrinks_over_two_rounds_where_each_panel_counts(seed, tmp_path):
    before, first, second = gaps(seed, tmp_path, "origin")
    assert before > 0.7
    assert first < 0.8 * before
    assert second < 0.8 * first
    assert second > -0.2  # nor does the other panel take over


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_control_without_weights_the_majority_keeps_its_gap(seed, tmp_path):
    before, _, second = gaps(seed, tmp_path, None)
    assert before > 0.7
    assert second > 0.8 * before
