"""From a drawn sample back to all: mended rates hold the truth of the rows that a round was drawn from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from invented_round import SCALE, question, written

from duecare.core.table import SCORES
from duecare.measure import proportion
from duecare.review.corrected import Correction
from duecare.review.draw import drawn
from duecare.review.plan import Candidate, Draw
from duecare.review.returned import people_scores, read

TOXIC = question("toxic", "rate", SCALE)
STUDIES = 60


def study(seed: int, tmp_path):
    """Truth, the mended rate, and the plain share of the labels."""
    rng, n = np.random.default_rng(seed), 1500
    truth = rng.random(n) < 0.15
    # One detector is unsure of what is toxic and often wrong; two disagree on some of it.
    first = np.clip(np.where(truth, rng.normal(0.5, 0.2, n), rng.normal(0.25, 0.15, n)), 0, 1)
    second = np.clip(first + rng.normal(0, 0.1, n), 0, 1)
    candidates = [
        Candidate(
            row=f"r:{place}", key="", part="text", shown={"kind": "text", "text": "x"},
            scores={"toxicity@1": float(first[place]), "other@1": float(second[place])},
        )
        for place in range(n)
    ]  # fmt: skip
    sample = drawn(candidates, Draw(items=250, seed=seed))
    said = [
        {"row": f"r:{each.index}", "person": f"p-{person}", "question": "toxic",
         "value": 1.0 + float(truth[each.index]), "probability": each.probability}
        for each in sample
        for person in range(2)
    ]  # fmt: skip
    export = read(written(tmp_path / str(seed), [TOXIC], said))
    rows = [
        {"row": f"r:{place}", "key": "", "part": "text", "instrument": "toxicity@1", "reason": None,
         "value": float(first[place])}
        for place in range(n)
    ]  # fmt: skip
    (rate,) = Correction(export=export).figures(pa.Table.from_pylist(rows, schema=SCORES), metric="toxicity")
    said_so = people_scores(export).column("value").to_numpy()
    plain = proportion(int(said_so.sum()), len(said_so))
    return float(truth.mean()), rate, plain


def test_mended_rates_hold_the_truth_under_the_rounds_own_sampling(tmp_path):
    found = [study(seed, tmp_path) for seed in range(STUDIES)]
    hits = sum(rate.low <= truth <= rate.high for truth, rate, _ in found)
    assert hits >= STUDIES * (0.94 - 3 * np.sqrt(0.94 * 0.06 / STUDIES))
    assert np.mean([rate.high - rate.low for _, rate, _ in found]) < 0.12
    # Control: the plain share of the labels is too high, as uncertain rows were drawn more often.
    assert np.mean([plain.value - truth for truth, _, plain in found]) > 0.03
    assert sum(plain.low <= truth <= plain.high for truth, _, plain in found) < STUDIES * 0.75
