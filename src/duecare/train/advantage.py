"""How much better an answer was than expected: within its prompt's answers, or token by token.

Rewards come from the run, so these are plain arithmetic in float64, free of JAX.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SMALL = 1e-6
"""Added to a standard deviation that divides: where all answers earn alike, their advantages are 0."""


def group_advantages(rewards: Floats) -> Floats:
    """Rewards [G, B] of G answers to each of B prompts, standardised over each prompt's answers: [G, B].

    Shao et al. 2024 (GRPO), section 4.1.2. With the sample's standard deviation (ddof 1), as Tunix takes it.
    """
    centred = rewards - rewards.mean(axis=0)
    found: Floats = centred / (rewards.std(axis=0, ddof=1) + SMALL)
    return found


def gae(
    rewards: Floats, values: Floats, lengths: npt.NDArray[np.int64], gamma: float, decay: float
) -> Floats:
    """Generalised advantage estimates (Schulman et al. 2016, equation 16), [R, T].

    `rewards` and `values` [R, T] of R answers; what lies beyond an answer's length is not read, and 0 in
    the result. `decay` is lambda. After an answer's last token nothing is to come: its next value is 0.
    """
    found = np.zeros_like(rewards)
    later = np.zeros(len(rewards))
    following = np.zeros(len(rewards))
    for place in range(rewards.shape[1] - 1, -1, -1):
        inside = place < lengths
        surprise = rewards[:, place] + gamma * following - values[:, place]
        later = np.where(inside, surprise + gamma * decay * later, later)
        following = np.where(inside, values[:, place], following)
        found[:, place] = np.where(inside, later, 0.0)
    return found


def whitened(advantages: Floats, lengths: npt.NDArray[np.int64]) -> Floats:
    """Advantages [R, T] with mean 0 and variance 1 over all tokens of all answers; 0 beyond them."""
    real = np.arange(advantages.shape[1]) < lengths[:, None]
    own = advantages[real]
    spread = own.std(ddof=1) if len(own) > 1 else 0.0
    return np.where(real, (advantages - own.mean()) / (spread + SMALL), 0.0)
