"""Membership inference: one number for each text, higher where the model seems to have been trained on it.

Each attack is a function of what the model says of every token of a text (`Said`), and of what the base
model says of it. None trains anything; of reference models there is one, the base.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Attack = Literal["loss", "ratio", "min-k", "zlib", "ez"]
SHARE = 0.2
"""Of the tokens, those that Min-K%++ looks at: as is usual (Zhang et al. 2024)."""
SPREAD = 1e-6
"""Spreads of a distribution of log-probabilities below it are taken as this."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one model says of the tokens of one text that are asked about: float64 [T] each, bool [T].

    `logp` is the natural log-probability of each token, `mean` and `spread` are those of the log-probability
    of a token drawn from the model there, `first` says whether the token is the likeliest.
    """

    logp: Floats
    mean: Floats
    spread: Floats
    first: npt.NDArray[np.bool_]


def loss(said: Said, _base: Said, _text: str) -> float:
    """Mean log-probability of a token (Yeom et al. 2018, arXiv:1709.01604: low loss speaks for a member)."""
    return float(said.logp.mean())


def ratio(said: Said, base: Said, _text: str) -> float:
    """How much likelier a token is than under the base model, in nats (Carlini et al. 2021,
    arXiv:2012.07805)."""
    return float((said.logp - base.logp).mean())


def min_k(said: Said, _base: Said, _text: str) -> float:
    """Min-K%++: the mean standardised log-probability of the least likely tokens (Zhang et al. 2024,
    2404.02936)."""
    standard = np.sort((said.logp - said.mean) / np.maximum(said.spread, SPREAD))
    return float(standard[: max(1, math.ceil(SHARE * len(standard)))].mean())


def compressed(said: Said, _base: Said, text: str) -> float:
    """Log-probability by bytes of the text when compressed (Carlini et al. 2021): what zlib finds easy
    counts less."""
    return float(said.logp.sum() / len(zlib.compress(text.encode("utf-8", "surrogatepass"))))


def ez(said: Said, base: Said, _text: str) -> float:
    """EZ-MIA: where the model would say another token, the share of all shifts from the base that go up.

    Ilić et al. (2026, arXiv:2601.12104) take the sum of shifts up by that of shifts down. Their share of
    both ranks alike and is finite; a text of which the model misses no token counts 1, one that did not
    shift 0.5.
    """
    missed = ~said.first
    if not missed.any():
        return 1.0
    shift = (said.logp - base.logp)[missed]
    up, down = float(shift[shift > 0].sum()), float(-shift[shift < 0].sum())
    return up / (up + down) if up + down > 0 else 0.5


SCORERS: Mapping[Attack, Callable[[Said, Said, str], float]] = {
    "loss": loss,
    "ratio": ratio,
    "min-k": min_k,
    "zlib": compressed,
    "ez": ez,
}
"""By the name in a study."""
