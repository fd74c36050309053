"""Names, places, organisations and the like by a linear-chain CRF over tokens.

A label's score at a token is the sum of what the token's kind says of itself, what the kinds up to three
places away say of it, what the classes of adjoining tokens say together, and the label before (Lafferty,
McCallum and Pereira 2001; features after Ratinov and Roth 2009). All scores are whole numbers, so that every
way to add them up gives the same labels. `scripts/train_names.py` makes the weights.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np

from duecare.core.errors import DataError
from duecare.detect.packed import write_arrays
from duecare.detect.tokens import PAD, Lists, Token, describe

LABELS = (
    "O", "B-PERSON", "I-PERSON", "B-ADDRESS", "I-ADDRESS", "B-LOCATION", "I-LOCATION", "B-ORGANIZATION",
    "I-ORGANIZATION", "DATE", "TITLE", "AGE", "NRP", "PHONE", "LINK", "NUMBER",
)  # fmt: skip
"""B- begins a place and I- continues it; of the others a run of tokens is one place."""

REACH = 3
SCALE = 256
"""Whole numbers that make one unit of log-odds."""

FORBIDDEN = -(1 << 20)
_PLACES = tuple(range(-REACH, REACH + 1))
_UPPER, _LOWER = re.compile("[A-Z]"), re.compile("[a-z]")


def style(text: str) -> int:
    """0 for writing with small and capital letters (of a to z), 1 for capitals only, 2 for none."""
    if not _UPPER.search(text):
        return 2
    return 0 if _LOWER.search(text) else 1


def setting(found: Sequence[Token], at: int) -> int:
    """Whether the token touches the one before (1) and the one after (2)."""
    before = at > 0 and found[at - 1].end == found[at].start
    after = at + 1 < len(found) and found[at].end == found[at + 1].start
    return before + 2 * after


def features(text: str, found: Sequence[Token], lists: Lists) -> list[list[str]]:
    """The names of what speaks for or against a label at every token: the definition of the model."""
    pad, kinds = describe(PAD, lists), [describe(token.kind, lists) for token in found]
    looks, rows = style(text), []
    for at in range(len(found)):
        names = []
        for place in _PLACES:
            kind = kinds[at + place] if 0 <= at + place < len(found) else pad
            names += [f"{place}{name}" for name in (kind.own if place == 0 else kind.near)]
        here = kinds[at].group
        before = kinds[at - 1].group if at else pad.group
        after = kinds[at + 1].group if at + 1 < len(found) else pad.group
        names += [f"<{before} {here}", f">{here} {after}", f"@{looks}{setting(found, at)} {here}"]
        rows.append(names)
    return rows


@dataclass(frozen=True, slots=True)
class Model:
    """`names` of features, their `weight` [F, LABELS] and `step` [LABELS, LABELS] from label to label."""

    names: tuple[str, ...]
    weight: np.ndarray
    step: np.ndarray

    @classmethod
    def of_weights(
        cls, state: Mapping[tuple[str, str], float], transition: Mapping[tuple[str, str], float]
    ) -> Model:
        """From weights by (feature, label) and by (label, label); steps into the middle are forbidden."""
        place = {label: number for number, label in enumerate(LABELS)}
        names = sorted({name for name, _ in state})
        row = {name: number for number, name in enumerate(names)}
        weight = np.zeros((len(names), len(LABELS)), np.int32)
        for (name, label), value in state.items():
            weight[row[name], place[label]] = round(value * SCALE)
        step = np.zeros((len(LABELS), len(LABELS)), np.int32)
        for (one, other), value in transition.items():
            step[place[one], place[other]] = round(value * SCALE)
        for one in LABELS:
            for other in LABELS:
                if other.startswith("I-") and one[2:] != other[2:]:
                    step[place[one], place[other]] = FORBIDDEN
        kept = np.flatnonzero(weight.any(axis=1))
        return cls(tuple(names[row] for row in kept), weight[kept], step)


def pack(path: Path, model: Model) -> None:
    """Write a model as an `.npz` without pickle, the same bytes each time."""
    rows, columns = np.nonzero(model.weight)
    arrays: dict[str, np.ndarray] = {
        "names": np.frombuffer("\n".join(model.names).encode(), np.uint8),
        "counts": np.bincount(rows, minlength=len(model.names)).astype(np.uint8),
        "columns": columns.astype(np.uint8),
        "values": model.weight[rows, columns].astype(np.int16),
        "step": model.step,
    }
    write_arrays(path, arrays)


def unpack(content: bytes) -> Model:
    """The model from the bytes that `pack` wrote; DataError where they do not fit together."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = tuple(arrays["names"].tobytes().decode().split("\n"))
        counts, step = arrays["counts"].astype(np.int64), arrays["step"].astype(np.int32)
        weight = np.zeros((len(counts), len(LABELS)), np.int32)
        weight[np.repeat(np.arange(len(counts)), counts), arrays["columns"]] = arrays["values"]
    if len(names) != len(counts) or step.shape != (len(LABELS), len(LABELS)):
        raise DataError(f"names model has {len(names)} names, {len(counts)} rows and steps {step.shape}")
    return Model(names, weight, step)


@lru_cache(maxsize=1)
def shipped() -> Model:
    """The model that comes with duecare."""
    return unpack((resources.files("duecare.detect") / "weights" / "names.npz").read_bytes())
