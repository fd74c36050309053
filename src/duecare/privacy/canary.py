"""Made-up secrets put among the rows, and what their traces say of epsilon. A lower bound beside the claim.

Each of m canaries is put in or left out by a fair coin. After training, those whose loss fell most are
guessed to have been in. Under (epsilon, delta)-privacy a guess is right with probability e^epsilon /
(1 + e^epsilon) at most, so too many right guesses refute the claim: an audit in one run (Steinke, Nasr and
Jagielski 2023, theorem 5.2), here by `jax_privacy.auditing`. A low bound proves nothing: a better attack
might find more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from duecare.core import FAIL, INSUFFICIENT, PASS, Finding, Verdict
from duecare.privacy.noise import Secret

LETTERS = "bcdfghjkmnpqrstvwxz"
LENGTH = 10
MOST_CANARIES = 1_000_000
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Canary:
    """A question that only this canary answers, its answer, and another that stands for a wrong one."""

    question: str
    answer: str
    other: str


def canaries(count: int, seed: int, thing: str = "locker") -> list[Canary]:
    """`count` distinct canaries; their texts are no secret, which of them are put in is.

    Each `thing` that is asked about has secrets of its own.
    """
    rng = np.random.default_rng([seed, count, *(thing.encode() if thing != "locker" else b"")])
    found: dict[str, Canary] = {}
    while len(found) < count:
        number = len(found) + 1
        answer, other = ("".join(rng.choice(list(LETTERS), LENGTH)) for _ in range(2))
        found.setdefault(answer, Canary(f"Which word opens {thing} {number}?", answer, other))
    return list(found.values())


def coins(secret: Secret, count: int) -> npt.NDArray[np.bool_]:
    """Which canaries are put in: bool [count], each by a fair coin."""
    tossed: npt.NDArray[np.bool_] = (secret.draws("canaries", 0, count) & np.uint64(1)) == 1
    return tossed


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What the canaries say.

    `lower` is a lower bound on epsilon at `delta`, true with probability 1 - `alpha`; `most` is the bound
    had every guess been right. Of `count` canaries `placed` were put in, and training saw `drawn` of these.
    """

    claimed: float
    delta: float
    alpha: float
    lower: float
    most: float
    count: int
    placed: int
    drawn: int

    @property
    def verdict(self) -> Verdict:
        """Fail where the bound refutes the claim; no evidence where it never could have."""
        if self.lower > self.claimed:
            return FAIL
        return PASS if self.most > self.claimed else INSUFFICIENT

    def finding(self, method: str) -> Finding:
        """The audit beside the claim."""
        said = (
            f"{self.count} canaries, {self.placed} of them among the rows and {self.drawn} of these drawn at"
            f" some step, bound epsilon from below by {self.lower:.3g} at delta {self.delta:g} with"
            f" confidence {1 - self.alpha:g}; {self.claimed:.3g} is claimed."
        )
        more = {
            PASS: ("This attack does not refute the claim; a better one might.", ""),
            FAIL: (
                "The claim is refuted: noise, clipping or sampling is not what was accounted for.",
                "Do not release this model. Look at the self-test, then at what else reads the rows.",
            ),
            INSUFFICIENT: (
                f"Had every guess been right the bound would be {self.most:.3g}: so few cannot refute it.",
                "Place more canaries, or claim a smaller epsilon.",
            ),
        }[self.verdict]
        needed = needed_canaries(self.claimed, self.delta, self.alpha)
        return Finding(
            name=f"{method}.private.audit",
            verdict=self.verdict,
            limit="the lower bound that canaries give on epsilon is at most the epsilon claimed",
            detail=f"{said} {more[0]}",
            next=more[1],
            needed_n=needed if self.verdict == INSUFFICIENT else None,
        )


def lower_bound(placed: Floats, left_out: Floats, *, delta: float, alpha: float) -> float:
    """Lower bound on epsilon from the scores of canaries put in and left out (higher: more likely in).

    Guessed is once who was in, from the highest score down, and once who was out, from the lowest up; each
    has half of `alpha`, and the better bound counts. (Half of the pairs that a reward model never saw it gets
    right by chance, as those it saw: only the ones that it gets wrong tell.) The threshold is the best of
    all, paid for by Bonferroni. 0 where nothing can be said.
    """
    from jax_privacy.auditing import Bonferroni, CanaryScoreAuditor

    if not len(placed) or not len(left_out):
        return 0.0
    auditors = (CanaryScoreAuditor(placed, left_out), CanaryScoreAuditor(-left_out, -placed))
    return max(
        float(each.epsilon_one_run(alpha / 2, delta, threshold_strategy=Bonferroni())) for each in auditors
    )


def most_provable(placed: int, left_out: int, *, delta: float, alpha: float) -> float:
    """The lower bound if every canary were told apart."""
    return lower_bound(np.ones(placed), np.zeros(left_out), delta=delta, alpha=alpha)


def needed_canaries(claimed: float, delta: float, alpha: float) -> int | None:
    """How many canaries could refute the claim if all were told apart, to a factor of 2; None if too many."""
    count = 32
    while count <= MOST_CANARIES:
        if most_provable(count // 2, count // 2, delta=delta, alpha=alpha) > claimed:
            return count
        count *= 2
    return None
