"""Train the fast tier of the toxicity detector that ships with duecare.

    python scripts/train_toxicity.py $DUECARE_DATA

Two logistic models over the same hashed n-grams (`duecare.detect.ngrams`): one for toxicity, one for
attacks on people for who they are. Deterministic: the same data give the same bytes. Needs NumPy and
SciPy only. `toxicity_card.py` measures it on rows, terms and data sets that were never trained on.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy import optimize, sparse
from toxicity_groups import group_words
from toxicity_sources import UNKNOWN, Labelled, everything

from duecare.detect.ngrams import BUCKETS, features, hash_words
from duecare.detect.toxic import HEADS, pack, quantised

WEIGHTS = Path(__file__).parent.parent / "src/duecare/detect/weights/toxicity.npz"
PENALTY = 1.5e-6
"""Strength of the squared penalty on the weights, per unit of total row weight."""

CAUTION = 0.2
"""Taken from every margin, so that fewer than one everyday dialogue in a hundred is called toxic."""

POSITIVE_SHARE = 0.04
"""Share of the total weight that toxic texts get, whatever the sources' own mix."""


def main(data: Path) -> None:
    """Fit both heads on the training part, write the weights, measure, write the card."""
    rows = everything(data)
    train = [row for row in rows if not row.held_out]
    began = time.perf_counter()
    matrix = design([row.text for row in train])
    weight = np.array([row.weight for row in train])
    fitted = [fit(matrix, _targets(train, head), weight) for head in HEADS]
    weight, bias = np.stack([each[:-1] for each in fitted]), np.array([each[-1] for each in fitted]) - CAUTION
    pack(WEIGHTS, quantised(weight, bias, group_words()))
    print(f"trained on {len(train)} texts in {time.perf_counter() - began:.0f} s", file=sys.stderr)


def design(texts: list[str]) -> sparse.csr_matrix:
    """Texts as a sparse matrix [N, BUCKETS + 1]; the last column is the constant."""
    owners, buckets, values = [], [], []
    groups = hash_words(group_words())
    for first, _, found in features(pa.array(texts, type=pa.string()), groups, whole=True):
        for bucket, window, root in found.blocks():
            owners.append(found.window_text[window] + first)
            buckets.append(bucket)
            values.append(1 / root[window])
    everyone = np.arange(len(texts))
    row = np.concatenate([*owners, everyone])
    column = np.concatenate([*buckets, np.full(len(texts), BUCKETS)])
    value = np.concatenate([*values, np.ones(len(texts))])
    return sparse.csr_matrix((value, (row, column)), shape=(len(texts), BUCKETS + 1))


def fit(matrix: sparse.csr_matrix, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights [BUCKETS + 1] of the logistic model with the smallest penalised loss."""
    known = target != UNKNOWN
    matrix, target, weight = matrix[known], target[known], weight[known]
    # A score of 0.5 is meant for data where one text in 1 / POSITIVE_SHARE is toxic.
    for side, share in ((target > 0.5, POSITIVE_SHARE), (target <= 0.5, 1 - POSITIVE_SHARE)):
        weight = np.where(side, weight * share / weight[side].sum(), weight)
    transposed = matrix.T.tocsr()

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = matrix @ beta
        error = weight * (1 / (1 + np.exp(-margin)) - target)
        value = weight @ (np.logaddexp(0, margin) - target * margin)
        penalised = beta.copy()
        penalised[-1] = 0
        return value + PENALTY / 2 * penalised @ penalised, transposed @ error + PENALTY * penalised

    start = np.zeros(matrix.shape[1])
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return found.x


def _targets(rows: list[Labelled], head: str) -> np.ndarray:
    return np.array([row.toxic if head == "toxicity" else row.attack for row in rows])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
