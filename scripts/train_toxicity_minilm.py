"""Train the second tier of the toxicity detector: a small network over MiniLM's layers.

    python scripts/train_toxicity_minilm.py $DUECARE_DATA [FOLDER]

Needs `duecare[minilm]`, and the fast tier's weights as they are shipped. The encoder stays as it is; only the
head is trained, on a share of the rows that the fast tier was trained on. FOLDER keeps the encoded rows, so
that a second run need not encode them again. Deterministic on one machine.
"""

from __future__ import annotations

# ruff: noqa: E501 - a table is read whole
import hashlib
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from toxicity_sources import UNKNOWN, Labelled, everything

from duecare.detect.minilm import shipped_encoder
from duecare.detect.toxic import HEADS, shipped, weigh
from duecare.detect.toxic_minilm import Head, mask, pack_head

WEIGHTS = Path(__file__).parent.parent / "src/duecare/detect/weights/toxicity_minilm.npz"
ROWS = {
    "davidson": 1600, "toxigen": 4600, "surge": 1000, "convabuse": 1000, "twins": 500, "composed": 2800, "templates": 800,
    "hostile": 500, "names": 200, "banking77": 200, "bitext": 100, "cfpb": 300, "abcd": 60, "self-instruct": 100,
}  # fmt: skip
"""Rows of each source that are trained on, at most: those whose hash is smallest."""

SHARES = {
    "toxigen": 0.3,
    "composed": 0.22,
    "templates": 0.06,
    "davidson": 0.12,
    "surge": 0.08,
    "convabuse": 0.08,
}
"""Share of the total weight; the other sources share what is left evenly."""

UNITS, EPOCHS, BATCH, RATE, DECAY, DROPPED = 64, 24, 128, 1e-3, 2e-2, 0.3
CALM_SHARE = 0.75
"""Share of the total weight that texts without toxicity get."""


def main(data: Path, folder: Path | None) -> None:
    """Encode, train, write the weights."""
    rows = chosen([row for row in everything(data) if not row.held_out])
    masked = mask(shipped().words)
    texts = [row.text for row in rows]
    inputs = np.concatenate((encoded([masked(text) for text in texts], folder), margins(texts)), axis=1)
    targets = np.array([[row.toxic, row.attack] for row in rows])
    head = train(inputs, targets, weights(rows, targets))
    pack_head(WEIGHTS, head)
    print(f"trained on {len(rows)} texts", file=sys.stderr)


def chosen(rows: list[Labelled]) -> list[Labelled]:
    """At most ROWS of each source, the same ones each time."""
    found: list[Labelled] = []
    for source, most in ROWS.items():
        own = {row.text: row for row in rows if row.source == source}
        order = sorted(own, key=lambda text: hashlib.blake2b(text.encode(), digest_size=8).digest())
        found += [own[text] for text in order[:most]]
    return found


def encoded(texts: list[str], folder: Path | None) -> np.ndarray:
    """The encoder's layer means [N, LAYERS * WIDTH], from `folder` where they are there."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    kept = folder / f"{digest}.npy" if folder else None
    if kept and kept.exists():
        return np.load(kept).astype(np.float32)
    encoder, pieces = shipped_encoder(), []
    for first in range(0, len(texts), 1000):
        pieces.append(encoder.means(texts[first : first + 1000]).astype(np.float16))
        print(f"encoded {first + len(pieces[-1])} of {len(texts)}", file=sys.stderr, flush=True)
    found = np.concatenate(pieces)
    if kept:
        np.save(kept, found)
    return found.astype(np.float32)


def margins(texts: list[str]) -> np.ndarray:
    """What the fast tier says [N, 2]."""
    found, _ = weigh(pa.array(texts, type=pa.string()), shipped())
    return found.astype(np.float32)


def weights(rows: list[Labelled], targets: np.ndarray) -> np.ndarray:
    """Weight of each row for each head, mean 1: sources by SHARES, then the toxic and the others."""
    source = np.array([row.source for row in rows])
    rest = (1 - sum(SHARES.values())) / len(set(ROWS) - set(SHARES))
    each = np.array([SHARES.get(name, rest) for name in source])
    for name in ROWS:
        each[source == name] /= max(1, (source == name).sum())
    found = np.where(targets == UNKNOWN, 0.0, each[:, None])
    for head in range(len(HEADS)):
        toxic = targets[:, head] > 0.5
        calm = ~toxic & (targets[:, head] != UNKNOWN)
        found[toxic, head] *= (1 - CALM_SHARE) / found[toxic, head].sum()
        found[calm, head] *= CALM_SHARE / found[calm, head].sum()
    return found * len(rows)


def train(inputs: np.ndarray, targets: np.ndarray, weight: np.ndarray) -> Head:
    """A network of one hidden layer, by Adam with decay (Loshchilov and Hutter 2019) and dropped inputs."""
    chance = np.random.default_rng(0)
    centre, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    inputs = ((inputs - centre) / spread).astype(np.float32)
    sizes = (inputs.shape[1], UNITS, len(HEADS))
    values = [chance.normal(0, (2 / sizes[k]) ** 0.5, sizes[k : k + 2]).astype(np.float32) for k in (0, 1)]
    values += [np.zeros(UNITS, np.float32), np.zeros(len(HEADS), np.float32)]
    first, second = ([np.zeros_like(value) for value in values] for _ in range(2))
    averaged, steps = [np.zeros_like(value) for value in values], 0
    total = EPOCHS * (len(inputs) // BATCH)
    for _ in range(EPOCHS):
        order = chance.permutation(len(inputs))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            kept = (chance.random((BATCH, sizes[0]), dtype=np.float32) > DROPPED) / np.float32(1 - DROPPED)
            slopes = _slopes(values, inputs[batch] * kept, targets[batch], weight[batch])
            steps += 1
            rate = RATE * (1 - steps / total)
            for place, slope in enumerate(slopes):
                first[place] += 0.1 * (slope - first[place])
                second[place] += 0.001 * (slope * slope - second[place])
                step = (first[place] / (1 - 0.9**steps)) / (
                    np.sqrt(second[place] / (1 - 0.999**steps)) + 1e-8
                )
                values[place] -= rate * (step + (DECAY * values[place] if place < 2 else 0))
                if steps > total // 2:
                    averaged[place] += values[place] / (total - total // 2)
    inner, outer, inner_bias, outer_bias = averaged
    folded = inner / spread[:, None].astype(np.float32)
    return Head(folded, inner_bias - centre.astype(np.float32) @ folded, outer, outer_bias)


def _slopes(
    values: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray, weight: np.ndarray
) -> list[np.ndarray]:
    inner, outer, inner_bias, outer_bias = values
    hidden = np.maximum(inputs @ inner + inner_bias, 0)
    said = 1 / (1 + np.exp(-(hidden @ outer + outer_bias)))
    error = (weight * (said - np.where(targets == UNKNOWN, 0, targets)) / len(inputs)).astype(np.float32)
    back = (error @ outer.T) * (hidden > 0)
    return [inputs.T @ back, hidden.T @ error, back.sum(axis=0), error.sum(axis=0)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
