"""Heads of a reward model fitted on hidden states that were computed once. Free of JAX.

A head is linear, so what it is fitted on is small: the states of both answers of every pair. The loss is that
by which the head was trained (Bradley and Terry 1952, with centring), to which terms may be added that are
quadratic in the head; the whole is convex, has one minimum, and is found in seconds. That the last layer
alone, fitted anew, takes much of a bias out of a model is known of classifiers (Kirichenko et al. 2023).

- length: (covariance of reward and length between two answers to one prompt, the length in standard
  deviations)^2. Weighted ever higher it leaves no head that is paid by the token; people's own taste for
  length goes with it, which is its cost (Chen et al. 2024, "ODIN", separate the two by a second head)
- padding: mean square of what a sentence that says nothing adds to the reward of an answer
- twins: mean square of the difference in reward between counterfactual twins: one answer, one matter, two
  groups
- hold: squared distance from a head to begin with
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from duecare.core import DataError, refuse_unless
from duecare.model.heads import Combine, Heads
from duecare.model.people import AXES
from duecare.train.rules import Rule, real, whole

Floats = npt.NDArray[np.float64]
MOST_HEADS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Robust:
    """Fit the head anew on the trained model's states: several heads, and terms against wrong pay.

    - heads: how many; each but a single one is fitted on a draw of the pairs with replacement
    - combine: "mean" averages their weights into one head; "lower" scores by their mean less `k` standard
      deviations, "worst" by the lowest, both with all heads kept beside the model
    - k: standard deviations, for "lower"
    - length: weight of the term against pay by length, 0 for none
    - padding: weight of the term that pays an answer alike with a sentence more that says nothing, 0 for none
    - twins: weight of the term that pays counterfactual twins alike, 0 for none
    - axes: whose twins
    - hold: how strongly each head is held to the one that was trained
    """

    heads: int = 8
    combine: Combine = "mean"
    k: float = 1.0
    length: float = 0.0
    padding: float = 0.0
    twins: float = 0.0
    axes: tuple[str, ...] = ("gender",)
    hold: float = 0.01

    def __post_init__(self) -> None:
        known = isinstance(self.axes, tuple) and bool(self.axes) and set(self.axes) <= set(AXES)
        several = self.combine == "mean" or (whole(self.heads, 1) and self.heads > 1)
        refuse_unless(
            "train.robust",
            (whole(self.heads, 1, MOST_HEADS), "heads", self.heads, f"1 to {MOST_HEADS} heads"),
            (
                self.combine in get_args(Combine),
                "combine",
                self.combine,
                f"one of {', '.join(get_args(Combine))}",
            ),
            (several, "heads", self.heads, f'at least 2, for combine "{self.combine}" compares them'),
            (real(self.k, 0, 100, open_low=True), "k", self.k, "a number above 0 and at most 100"),
            (real(self.length, 0, 1e6), "length", self.length, "a number from 0 to 1000000"),
            (real(self.padding, 0, 1e6), "padding", self.padding, "a number from 0 to 1000000"),
            (real(self.twins, 0, 1e6), "twins", self.twins, "a number from 0 to 1000000"),
            (
                known and len(set(self.axes)) == len(self.axes),
                "axes",
                self.axes,
                f"distinct axes of {', '.join(AXES)}",
            ),
            (real(self.hold, 0, 1e6, open_low=True), "hold", self.hold, "a number above 0"),
        )


def robust_rules(step: Any) -> list[Rule]:
    """Rules of the setting `robust` of a reward model, and of what cannot stand beside it."""
    robust = getattr(step, "robust", None)
    if robust is None:
        return []
    if not isinstance(robust, Robust):
        return [(False, "robust", robust, "how heads are fitted anew, or none")]
    limits = getattr(getattr(step, "limits", None), "twins", {})
    return [
        (
            getattr(step, "privacy", None) is None,
            "robust",
            "with privacy",
            "no heads fitted anew where rows are private: that reads them once more",
        ),
        (
            getattr(step, "influence", None) is None,
            "robust",
            "with influence",
            "no heads fitted anew where influence is asked for: it follows the head that was trained",
        ),
        (
            not limits,
            "limits",
            ", ".join(f"twins_{name}" for name in limits),
            "no limit on twins beside `robust`: the last look is at the head before it is fitted anew",
        ),
    ]


@dataclass(frozen=True, slots=True)
class States:
    """What heads are fitted on.

    `chosen` and `rejected` [N, D] are the states of both answers, `weights` [N] what each pair counts,
    `longer` [N] by how many tokens the chosen answer is longer, `apart` [M, D] the differences between twins'
    states, `padded` [K, D] what a sentence that says nothing adds to the state of an answer.
    """

    chosen: Floats
    rejected: Floats
    weights: Floats
    longer: Floats
    apart: Floats
    padded: Floats | None = None

    @property
    def pads(self) -> Floats:
        """`padded`, of no rows where there is none."""
        return np.zeros((0, self.chosen.shape[1])) if self.padded is None else self.padded


def fit_heads(
    states: States, robust: Robust, *, centring: float, start: npt.NDArray[Any], seed: int
) -> Heads:
    """`robust.heads` heads, each held to `start` [D]. Raises DataError for states that are not finite."""
    read = (states.chosen, states.rejected, states.apart, states.pads)
    if not all(np.isfinite(each).all() for each in read):
        raise DataError("train.reward-model: some hidden states are not finite numbers")
    if len(states.chosen) < 2:
        raise DataError(f"train.reward-model: {len(states.chosen)} pairs: heads are fitted on two at least")
    rng, count = np.random.default_rng(seed), len(states.chosen)
    found = []
    for _ in range(robust.heads):
        # One head alone has all pairs; of several each has its own draw, by which they differ.
        drawn = (
            np.ones(count)
            if robust.heads == 1
            else np.bincount(rng.integers(count, size=count), minlength=count)
        )
        found.append(_fitted(states, states.weights * drawn, robust, centring, np.asarray(start, np.float64)))
    values = np.array(found, np.float32)
    both = np.concatenate([states.chosen, states.rejected])
    offsets = (both @ values.astype(np.float64).T).mean(axis=0)
    return Heads(values, offsets, robust.combine, robust.k)


def _fitted(states: States, weights: Floats, robust: Robust, centring: float, start: Floats) -> Floats:
    """The head [D] with the least loss; features are brought to one scale, so that `hold` has no unit."""
    from scipy.optimize import minimize  # a study is checked without it
    from scipy.special import expit

    margin = states.chosen - states.rejected
    scale = 1.0 / np.sqrt(np.maximum(np.mean(margin**2, axis=0), 1e-12))
    pairs, both = margin * scale, (states.chosen + states.rejected) * scale
    share = weights / weights.sum()
    spread = np.sqrt(np.mean(states.longer**2))
    by_length = (states.longer / spread) @ pairs / len(pairs) if spread > 0 else np.zeros(pairs.shape[1])
    first = start / scale
    alike = [(robust.twins, states.apart * scale), (robust.padding, states.pads * scale)]

    def loss(head: Floats) -> tuple[float, Floats]:
        margins, sums = pairs @ head, both @ head
        owed, off = by_length @ head, head - first
        value = share @ np.logaddexp(0.0, -margins) + centring * share @ sums**2
        value += robust.length * owed**2 + robust.hold * off @ off
        slope = -pairs.T @ (share * expit(-margins)) + 2 * centring * both.T @ (share * sums)
        slope += 2 * robust.length * owed * by_length + 2 * robust.hold * off
        for weight, apart in alike:
            if weight and len(apart):
                gaps = apart @ head
                value += weight * np.mean(gaps**2)
                slope += 2 * weight / len(apart) * apart.T @ gaps
        return float(value), slope

    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "maxcor": 30})
    return np.asarray(found.x * scale, np.float64)


def length_share(margin: Floats, longer: Floats) -> float | None:
    """The correlation [-1, 1] of reward and length between two answers to one prompt, about 0.

    None where all answers are equally long or equally paid.
    """
    below = np.sqrt(np.mean(margin**2) * np.mean(longer**2))
    return None if not below > 0 else float(np.mean(margin * longer) / below)


def differences(values: npt.NDArray[Any], sides: Sequence[tuple[int, int]]) -> Floats:
    """Of each pair of places the difference of what stands there: [N, ...] to [M, ...]."""
    mine = np.array([each[0] for each in sides], dtype=np.int64)
    other = np.array([each[1] for each in sides], dtype=np.int64)
    found: Floats = np.asarray(values, np.float64)[mine] - np.asarray(values, np.float64)[other]
    return found
