"""The epsilon that canaries prove beside the one that was accounted for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, Finding, Verdict, unknown
from duecare.memorise.figures import PRIMARY, Scored
from duecare.memorise.placed import Canary, Promise
from duecare.privacy.canary import lower_bound, most_provable, needed_canaries

METRIC = "memorise.epsilon"


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """A promise, and what canaries prove: `lower` at least, `most` if all had been told apart.

    `count` canaries were tossed for and placed once; `alpha` is the accepted chance that `lower` is above the
    true epsilon.
    """

    promise: Promise
    source: str
    model: str
    lower: float
    most: float
    count: int
    places: int
    alpha: float

    @property
    def verdict(self) -> Verdict:
        """Fail where the bound refutes the promise; no evidence where it never could have."""
        if self.lower > self.promise.epsilon:
            return FAIL
        return PASS if self.most > self.promise.epsilon else INSUFFICIENT

    def estimate(self) -> Estimate:
        """The accountant's bound from above, the canaries' from below."""
        claimed, promise = self.promise.epsilon, self.promise
        about = {"model": self.model, "source": self.source, "unit": promise.unit}
        about["delta"] = f"{promise.delta:g}"
        method = "upper bound: the accountant; lower bound: canaries (Steinke, Nasr and Jagielski 2023)"
        if self.lower > claimed:
            reason = f"at most {claimed:.4g} was accounted for, canaries prove {self.lower:.4g} at least"
            return unknown(METRIC, reason, self.count, about, method)
        return Estimate(
            metric=METRIC,
            value=claimed,
            low=self.lower,
            high=claimed,
            n=self.count,
            method=method,
            slice=about,
            level=1 - self.alpha,
        )

    def finding(self) -> Finding:
        """Whether the two agree; a promise that is refuted is a gate that fails."""
        promise, verdict = self.promise, self.verdict
        jobs = ", ".join(promise.jobs)
        detail = (
            f"{self.count} canaries, each placed once or not at all by a coin, bound epsilon of {jobs} from"
            f" below by {self.lower:.3g} at delta {promise.delta:g} with confidence {1 - self.alpha:g};"
            f" {promise.epsilon:.3g} was accounted for. Canaries placed k times are k rows, for which a"
            " promise to single rows is k times weaker: they do not count here."
        )
        more, then = {
            PASS: ("This attack does not refute the promise; a better one might.", ""),
            FAIL: (
                "The promise is refuted.",
                "Do not release this model: noise, clipping or sampling is not what was accounted for, or"
                " another step read the rows.",
            ),
            INSUFFICIENT: (
                f"Had every one been told apart the bound would be {self.most:.3g}: so few cannot refute it.",
                "Place more canaries, or promise a smaller epsilon.",
            ),
        }[verdict]
        needed = None
        if verdict == INSUFFICIENT:
            each = needed_canaries(promise.epsilon, promise.delta, self.alpha / max(self.places, 1))
            needed = None if each is None else each * self.places
        return Finding(
            name=METRIC,
            verdict=verdict,
            limit="the lower bound that canaries give on epsilon is at most the epsilon accounted for",
            detail=f"{detail} {more}",
            next=then,
            estimate=self.estimate(),
            needed_n=needed,
            gate=verdict == FAIL,
        )


def agreement(scored: Scored, promise: Promise, source: str, model: str, alpha: float) -> Agreement:
    """What the canaries of a source say of what was promised for its rows.

    Those count that a coin put in, or left out, once. The score was chosen beforehand: the loss against the
    base model, or the margin of a reward. Each place has its share of `alpha`.
    """
    attack = next(name for name in PRIMARY if name in scored.scores)
    places: dict[str, list[tuple[float, bool]]] = {}
    for score, one in zip(scored.scores[attack].tolist(), scored.canaries, strict=True):
        if _counts(one, source):
            places.setdefault(one.place, []).append((score, one.placed))
    share = alpha / max(len(places), 1)
    bounds = [_bounds(here, promise.delta, share) for here in places.values()] or [(0.0, 0.0)]
    return Agreement(
        promise=promise,
        source=source,
        model=model,
        lower=max(lower for lower, _ in bounds),
        most=max(most for _, most in bounds),
        count=sum(map(len, places.values())),
        places=len(places),
        alpha=alpha,
    )


def _counts(one: Canary, source: str) -> bool:
    return one.source == source and one.tossed and one.repeats == 1 and one.lost is None


def _bounds(here: list[tuple[float, bool]], delta: float, alpha: float) -> tuple[float, float]:
    """The bound that scores of one place prove, and the most that so many could."""
    inside, outside = (np.array([score for score, put in here if put is side]) for side in (True, False))
    proved = lower_bound(inside, outside, delta=delta, alpha=alpha)
    return proved, most_provable(len(inside), len(outside), delta=delta, alpha=alpha)
