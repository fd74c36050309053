"""Train the second tier of the toxicity detector: low-rank changes of MiniLM's upper layers, and a head.

    python scripts/train_toxicity_minilm.py $DUECARE_DATA

Needs `duecare[minilm]`, JAX, and the weights of the fast tier and of the group reading as they are shipped. Trained
on a share of the rows that the fast tier was trained on, and on sentences of our own by what they do
(`toxicity_functions`). Deterministic on one machine with one thread.
"""

from __future__ import annotations

# ruff: noqa: E501 - a table is read whole
import hashlib
import sys
from pathlib import Path

import numpy as np
from toxicity_adapt import Rows, adapt, changed, lower
from toxicity_functions import functional_sentences
from toxicity_sources import UNKNOWN, Labelled, everything
from toxicity_templates import all_terms

from duecare.detect.minilm import shipped_encoder
from duecare.detect.toxic import HEADS, shipped
from duecare.detect.toxic_minilm import Head, Reader, pack_head

WEIGHTS = Path(__file__).parent.parent / "src/duecare/detect/weights/toxicity_minilm.npz"
ROWS = {
    "davidson": 1000, "toxigen": 3000, "surge": 700, "convabuse": 600, "composed": 1300, "templates": 300, "functions": 3500,
    "hostile": 300, "names": 150, "banking77": 150, "bitext": 60, "cfpb": 250, "abcd": 60, "self-instruct": 60,
}  # fmt: skip
"""Rows of each source that are trained on, at most: those whose hash is smallest."""

SHARES = {
    "toxigen": 0.26,
    "composed": 0.12,
    "functions": 0.22,
    "templates": 0.04,
    "davidson": 0.12,
    "surge": 0.08,
    "convabuse": 0.06,
}
"""Share of the total weight; the other sources share what is left evenly."""

EPOCHS, CAUTION = 2, 0.75
"""Turns over the rows; what is taken from every margin, so that fewer than one everyday dialogue in a hundred is
called toxic."""

CALM_SHARE = 0.75
"""Share of the total weight that texts without toxicity get."""

UNREAD = 5
"""Of so many rows one keeps its names of groups, as the second tier sees a name that it does not know for one."""


def main(data: Path) -> None:
    """Read, train, write the weights."""
    rows = chosen([row for row in everything(data) if not row.held_out] + functions())
    write(rows, WEIGHTS)


def write(rows: list[Labelled], path: Path) -> None:
    """Train on `rows` and write the head and the changes to `path`."""
    encoder = shipped_encoder()
    read = Reader(encoder, shipped())([row.text for row in rows])
    texts = [
        row.text if _number(row.text) % UNREAD == 0 else text
        for row, text in zip(rows, read.texts, strict=True)
    ]
    target = np.array([[row.toxic, row.attack] for row in rows])
    given = (read.fast.astype(np.float32), np.maximum(target, 0), weights(rows, target))
    found = adapt(encoder, Rows(*lower(encoder, texts), *given), EPOCHS)
    changes = {name: (found["down"][name], found["up"][name]) for name in changed()}
    bias = found["outer_bias"] - np.float32(CAUTION)
    pack_head(path, Head(found["inner"], found["inner_bias"], found["outer"], bias, changes))
    print(f"trained on {len(rows)} texts", file=sys.stderr)


def functions() -> list[Labelled]:
    """Our own sentences by what they do."""
    return [
        Labelled("functions", text, toxic, attack, 1.0)
        for _, text, toxic, attack in functional_sentences(all_terms())
    ]


def chosen(rows: list[Labelled]) -> list[Labelled]:
    """At most ROWS of each source, the same ones each time."""
    found: list[Labelled] = []
    for source, most in ROWS.items():
        own = {row.text: row for row in rows if row.source == source}
        found += [own[text] for text in sorted(own, key=_number)[:most]]
    return found


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
