"""What makes a reward robust, and what it costs: heads on SmolLM2's hidden states, over seeds.

    DUECARE_DATA=... python scripts/robust_states.py FOLDER      # until no piece is left
    python scripts/robust_rewards.py FOLDER [--seeds 5]

Every seed draws which 660 of 900 pairs of hh-rlhf-harmless are fitted on; ranks and nudges are of the other
240. Told of each way to fit: accuracy on held-out pairs; by how much a sentence that says nothing (one that
no head was fitted on) raises the reward of a chosen answer, on average and as a root mean square; how reward
and length go together between two answers to one prompt; and how differently twins (gender, age; matters and
wording that no head was fitted on) are paid: root mean square, and the widest mean gap. Nudges are in
spreads, as an audit's: what typically lies between the rewards of two answers to one prompt. Intervals are
over seeds (Student's t), differences against the plain head are paired by seed.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import robust_states

from duecare.measure.interval import mean_t
from duecare.model.fetch import resolve
from duecare.model.tokenize import Tokenizer
from duecare.train.heads import Robust, States, fit_heads, length_share

HOLD, CENTRING, HELD = 0.3, 0.01, 240
ALL = {"padding": 3.0, "twins": 3.0}
WAYS: dict[str, Robust] = {
    "plain head": Robust(heads=1, hold=HOLD),
    "weight average of 8": Robust(heads=8, hold=HOLD),
    "8 heads, mean - 1 sd": Robust(heads=8, combine="lower", hold=HOLD),
    "8 heads, mean - 3 sd": Robust(heads=8, combine="lower", k=3.0, hold=HOLD),
    "8 heads, worst": Robust(heads=8, combine="worst", hold=HOLD),
    "length term 3": Robust(heads=1, length=3.0, hold=HOLD),
    "length term 300": Robust(heads=1, length=300.0, hold=HOLD),
    "padding term 3": Robust(heads=1, padding=3.0, hold=HOLD),
    "padding term 300": Robust(heads=1, padding=300.0, hold=HOLD),
    "twins term 3": Robust(heads=1, twins=3.0, axes=("gender", "age"), hold=HOLD),
    "twins term 300": Robust(heads=1, twins=300.0, axes=("gender", "age"), hold=HOLD),
    "8 heads averaged, padding and twins 3": Robust(heads=8, **ALL, axes=("gender", "age"), hold=HOLD),
    "8 heads, mean - 1 sd, padding and twins 3": Robust(
        heads=8, combine="lower", **ALL, axes=("gender", "age"), hold=HOLD
    ),
}
FIGURES = ("accuracy", "filler", "moved", "length", "twins", "widest")


@dataclass(frozen=True)
class Read:
    """States of pairs [N, 2, D] with lengths [N, 2]; of fillers [N, D], NaN where none; and of twins."""

    pairs: np.ndarray
    lengths: np.ndarray
    filled: np.ndarray
    twins: np.ndarray
    names: list[str]
    fillers: np.ndarray


def read(folder: Path) -> Read:
    """All pieces in order; ends the program where some are missing."""
    pieces = {path.stem: np.load(path) for path in sorted(folder.glob("*.npz"))}
    pairs = [piece for name, piece in pieces.items() if name.startswith("pairs")]
    twins = [piece for name, piece in pieces.items() if name.startswith("twins")]
    if not pairs or not twins:
        raise SystemExit(f"{folder} holds no states: run robust_states.py first")
    tokenizer = Tokenizer(resolve(robust_states.MODEL))
    states, lengths, filled = [], [], []
    for piece in pairs:
        for place in np.unique(piece["place"]):
            mine = piece["place"] == place
            found = piece["states"][mine][np.argsort(piece["turn"][mine])]
            states.append(found[:2])
            lengths.append(piece["length"][mine][np.argsort(piece["turn"][mine])][:2])
            filled.append(found[2] if len(found) == 3 else np.full(found.shape[1], np.nan))
    return Read(
        pairs=np.array(states, np.float64),
        lengths=np.array(lengths, np.float64),
        filled=np.array(filled, np.float64),
        twins=np.concatenate([piece["states"] for piece in twins]).astype(np.float64),
        names=[str(name) for piece in twins for name in piece["name"]],
        fillers=np.array([one["filler"] for one in robust_states.pairs(tokenizer)])[: len(states)],
    )


def sides(names: list[str], *, fitted: bool) -> Iterator[tuple[str, int, int]]:
    """(axis and groups, place, other place) of twins: matters 0 to 19 in wording 1 are fitted on, the others
    in wording 0 are asked."""
    where: dict[str, dict[str, int]] = {}
    for place, name in enumerate(names):
        pair, group = name.split("|")
        where.setdefault(pair, {})[group] = place
    for pair, groups in where.items():
        axis, matter, wording = re.fullmatch(r"(\w+)/issue-(\d+)/(\d)/\w+", pair).groups()  # type: ignore[union-attr]
        if (int(matter) < 20, wording) == ((True, "1") if fitted else (False, "0")):
            first, *others = groups
            for other in others:
                yield f"{axis}: {other} for {first}", groups[other], groups[first]


def one(data: Read, way: Robust, seed: int) -> dict[str, float]:
    """The figures of one way with one seed."""
    order = np.random.default_rng(seed).permutation(len(data.pairs))
    held, taught = order[:HELD], order[HELD:]
    longer = data.lengths[:, 0] - data.lengths[:, 1]
    told = list(sides(data.names, fitted=True))
    there = np.isfinite(data.filled).all(axis=1)
    padded = np.intersect1d(taught, np.flatnonzero(there & (data.fillers < 2)))
    centre = data.pairs[taught].reshape(-1, data.pairs.shape[2]).mean(axis=0)
    heads = fit_heads(
        States(
            chosen=data.pairs[taught, 0] - centre,
            rejected=data.pairs[taught, 1] - centre,
            weights=np.ones(len(taught)),
            longer=longer[taught],
            apart=data.twins[[mine for _, mine, _ in told]] - data.twins[[other for _, _, other in told]],
            padded=(data.filled - data.pairs[:, 0])[padded],
        ),
        way,
        centring=CENTRING,
        start=np.zeros(data.pairs.shape[2]),
        seed=seed,
    )
    scores = heads.scores((data.pairs[held] - centre).reshape(-1, len(centre))).reshape(-1, 2)
    margin = scores[:, 0] - scores[:, 1]
    spread = float(np.sqrt(np.mean(margin**2) / 2))
    whole = there[held] & (data.fillers[held] == 2)
    filler = heads.scores(data.filled[held][whole] - centre) - scores[whole, 0]
    paid = heads.scores(data.twins - centre)
    gaps: dict[str, list[float]] = {}
    for name, mine, other in sides(data.names, fitted=False):
        gaps.setdefault(name, []).append((paid[mine] - paid[other]) / spread)
    every = np.concatenate([np.array(each) for each in gaps.values()])
    return {
        "accuracy": float((margin > 0).mean()),
        "filler": float(filler.mean()) / spread,
        "moved": float(np.sqrt(np.mean(filler**2))) / spread,
        "length": length_share(margin, longer[held]) or 0.0,
        "twins": float(np.sqrt(np.mean(every**2))),
        "widest": max(abs(float(np.mean(each))) for each in gaps.values()),
    }


def shown(values: list[float], sign: bool = False) -> str:
    """Mean and interval over seeds."""
    found = mean_t(values)
    form = "+.3f" if sign else ".3f"
    if found.low is None or found.high is None:
        return f"{np.mean(values):{form}}"
    return f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]"


def main() -> None:
    """Fit every way with every seed, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    data, begun = read(given.folder), time.monotonic()
    print(f"{len(data.pairs)} pairs, {len(data.names)} twins' answers, width {data.pairs.shape[2]}")
    found: dict[str, dict[str, list[float]]] = {}
    for name, way in WAYS.items():
        made: list[dict[str, Any]] = [one(data, way, seed) for seed in range(given.seeds)]
        found[name] = {figure: [each[figure] for each in made] for figure in FIGURES}
        print(
            f"| {name} | " + " | ".join(shown(found[name][figure]) for figure in FIGURES) + " |", flush=True
        )
    plain = found["plain head"]
    print("differences against the plain head")
    for name, figures in found.items():
        apart = {
            figure: [a - b for a, b in zip(figures[figure], plain[figure], strict=True)] for figure in FIGURES
        }
        print(f"| {name} | " + " | ".join(shown(apart[figure], sign=True) for figure in FIGURES) + " |")
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
