"""What a private step claims and what it does not: on record before it starts, and beside its model."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from duecare.core import (
    FAIL,
    PASS,
    Artifact,
    DataError,
    Estimate,
    Finding,
    Note,
    Outcome,
    Progress,
    Tell,
    unknown,
)
from duecare.core.wire import plain
from duecare.privacy.account import Plan, epsilon_of
from duecare.privacy.canary import Audit
from duecare.train.engine_loop import Data
from duecare.train.private import Privacy
from duecare.train.resume import write_whole

FILE = "privacy.json"
WITHHELD = {"release": "withheld"}
"""Mark, in the slice of an Estimate, that it was read off private rows outside the promise."""

UNRELEASABLE = ("curves.parquet", "read.parquet")
"""Files of the artifact that were read off private rows outside the promise; the second is written beside
canaries alone."""

COVERED = (
    "Covered: the adapter, the merged model and snapshots on the way to it, whoever holds them and whatever"
    " they do with them; one unit more or less among the rows given to this step."
)
OUTSIDE = (
    "Not covered: how many units there are (taken as known); what curation did that looks at several rows at"
    " once (duplicates, balance, split); settings chosen after looking at these rows; figures per group, clip"
    " rates and curves of training, the loss of held-out rows (all marked release: withheld); how long a step"
    " takes; rounding of the noise to float32. Another run on the same rows adds its own epsilon and delta, a"
    " failed or discarded one too if anything of it was seen."
)
RANDOMNESS = (
    "Noise and sampling come from the operating system's entropy, not from the seed: the secret lies beside"
    " the checkpoints until the run is done and nowhere else, so another run of this study gives another"
    " model."
)


class Named(Protocol):
    """What a claim needs of its step."""

    @property
    def on(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The claim of one step, named `method`; `before` is the trained model that it starts from, if any."""

    method: str
    step: Named
    privacy: Privacy
    plan: Plan
    before: Artifact | None

    @property
    def _unit(self) -> str:
        if self.privacy.unit == "example":
            return "one row"
        return (
            f"all rows of one person ({self.privacy.person}; {self.privacy.rows_per_person} at most are read)"
        )

    def note(self) -> Note:
        """What is about to be done, in words and figures."""
        plan, promise = self.plan, self.plan.promise
        text = (
            f"Private training on {self.step.on}: epsilon {plan.epsilon:.4g} at delta {promise.delta:g} for"
            f" {self._unit}, after {plan.steps} steps. {COVERED} {OUTSIDE} {RANDOMNESS} {self._composed}"
        )
        return Note(topic=f"{self.method}.private", text=text.strip(), data=self._figures())

    def _figures(self) -> dict[str, str]:
        plan = self.plan
        return {
            "epsilon": f"{plan.epsilon:.6g}",
            "epsilon_limit": f"{plan.promise.epsilon:g}",
            "delta": f"{plan.promise.delta:g}",
            "unit": self.privacy.unit,
            "neighbours": "add or remove one unit",
            "accountant": plan.accountant,
            "noise_multiplier": f"{plan.noise_multiplier:.6g}",
            "clip": f"{self.privacy.clip:g}",
            "sampling": f"Poisson, rate {plan.rate:.6g}",
            "steps": str(plan.steps),
            "capacity": str(plan.capacity),
            "delta_of_overflow": f"{plan.overflow_delta:.3g}",
        }

    @property
    def _composed(self) -> str:
        """How this step adds to the one before it."""
        if self.before is None:
            return ""
        earlier = read_claim(self.before.path)
        if earlier is None:
            return (
                f"It starts from {self.before.job}, which was trained without such a promise: of the rows"
                " used there nothing is claimed."
            )
        epsilon, delta = earlier["total"]["epsilon"], earlier["total"]["delta"]
        whom = "one whose rows are" if self._summed_unit(earlier) == "person" else "a row that is"
        return (
            f"It starts from {self.before.job}; for {whom} in both, the two add up to"
            f" epsilon {epsilon + self.plan.epsilon:.4g} at delta {delta + self.plan.promise.delta:g}."
        )

    def _summed_unit(self, earlier: Mapping[str, Any]) -> str:
        """For whom two promises add up: for people where both are theirs, else for single rows.

        A promise to a person holds for each of their rows; one to rows says less of who has several.
        """
        both = (self.privacy.unit, earlier["total"].get("unit", earlier["claim"]["unit"]))
        return "person" if both == ("person", "person") else "example"

    def write(self, path: Path, done: int, audit: Audit | None) -> None:
        """The claim as JSON, beside the model."""
        earlier = None if self.before is None else read_claim(self.before.path)
        spent = self.spent(done)
        total: dict[str, Any] = {"epsilon": spent, "delta": self.plan.promise.delta}
        if earlier is not None:
            total = {name: value + earlier["total"][name] for name, value in total.items()}
        total["unit"] = self.privacy.unit if earlier is None else self._summed_unit(earlier)
        told = {
            "claim": {**self._figures(), "epsilon": spent, "steps": done},
            "total": total,
            "unprotected_before": self.before is not None and earlier is None,
            "audit": None if audit is None else plain(audit),
            "unreleasable": list(UNRELEASABLE),
            "covered": COVERED,
            "not_covered": OUTSIDE,
            "randomness": RANDOMNESS,
        }
        write_whole(path, (json.dumps(told, indent=2, sort_keys=True) + "\n").encode())

    def spent(self, done: int) -> float:
        """Epsilon of the steps done."""
        plan = self.plan
        return epsilon_of(plan.noise_multiplier, plan.rate, done, plan.gaussian_delta)

    def estimate(self, done: int, audit: Audit | None) -> Estimate:
        """Epsilon: the accountant's bound from above, the canaries' from below."""
        spent, promise = self.spent(done), self.plan.promise
        place = {"source": self.step.on, "unit": self.privacy.unit, "delta": f"{promise.delta:g}"}
        name, lower = f"{self.method}.private.epsilon", 0.0 if audit is None else audit.lower
        if lower > spent:
            reason = f"the accountant says {spent:.4g} at most, the canaries {lower:.4g} at least"
            return unknown(name, reason, self.plan.units, place, self.plan.accountant)
        return Estimate(
            metric=name,
            value=spent,
            low=lower,
            high=spent,
            n=self.plan.units,
            method=f"upper bound: {self.plan.accountant}",
            slice=place,
            level=1 - self.privacy.audit_alpha,
        )

    def finding(self, done: int, audit: Audit | None) -> Finding:
        """Whether the budget held."""
        spent, promise = self.spent(done), self.plan.promise
        held = spent <= promise.epsilon
        return Finding(
            name=f"{self.method}.private.budget",
            verdict=PASS if held else FAIL,
            limit=f"epsilon at most {promise.epsilon:g} at delta {promise.delta:g}, for {self._unit}",
            detail=(
                f"After {done} steps epsilon is {spent:.4g} by the accountant ({self.plan.accountant},"
                f" Poisson sampling at rate {self.plan.rate:.4g}, noise"
                f" {self.plan.noise_multiplier:.4g} x clip). {OUTSIDE}"
            ),
            next="" if held else "Do not release this model.",
            estimate=self.estimate(done, audit),
        )


def read_claim(folder: Path) -> Mapping[str, Any] | None:
    """The claim beside a trained model, or None where it has none."""
    path = folder / FILE
    if not path.is_file():
        return None
    found: Mapping[str, Any] = json.loads(path.read_bytes())
    return found


def unweighted(data: Data) -> None:
    """Refuse weights: they were worked out from all rows together, so each row would tell of the others."""
    if len(data.weights) and not np.all(data.weights == data.weights[0]):
        raise DataError(
            "privacy: the rows have different weights; expected equal ones, because weights from balancing"
            " depend on all rows at once and would leave the promise"
        )


def withheld(tell: Tell) -> Tell:
    """`tell`, which marks Estimates as read off private rows."""

    def marked(what: Estimate | Finding | Note | Progress) -> None:
        tell(mark(what) if isinstance(what, Estimate | Finding | Note) else what)

    return marked


def mark(what: Any) -> Any:
    """An Estimate, a Finding with its Estimate, or a Note of a crossing, marked as not for release."""
    if isinstance(what, Estimate):
        return msgspec.structs.replace(what, slice={**what.slice, **WITHHELD})
    if isinstance(what, Note) and what.topic.endswith(".crossed"):
        return msgspec.structs.replace(what, data={**what.data, **WITHHELD})
    if isinstance(what, Finding) and what.estimate is not None:
        return msgspec.structs.replace(what, estimate=mark(what.estimate))
    return what


def told_apart(outcome: Outcome, claim: Claim, done: int, audit: Audit | None) -> Outcome:
    """The outcome of a private step: its own claim, and all else marked as not for release."""
    mine = [claim.finding(done, audit)]
    if audit is not None:
        mine.append(audit.finding(claim.method))
    return dataclasses.replace(
        outcome,
        files={**outcome.files, "privacy": FILE},
        estimates=(claim.estimate(done, audit), *map(mark, outcome.estimates)),
        findings=(*mine, *map(mark, outcome.findings)),
    )
