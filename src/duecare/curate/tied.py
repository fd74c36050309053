"""Which group texts tie to which job or trait, and weights that tie each to every group equally often.

A tie is counted by words: a sentence that names one job and one group of an axis ("the nurse ... she", "a
Sikh driver"), or that gives a group a trait. Weights come from iterative proportional fitting (Deming and
Stephan 1940) over the jobs and traits; what only one group is tied to no weight can balance, which is said.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from duecare.core import FAIL, PASS, Artifact, Estimate, Finding, exact
from duecare.core.table import EXAMPLES, texts
from duecare.curate.flow import batches
from duecare.curate.texts import owners

AXES = ("gender", "religion", "nationality", "age")
"""Axes on which a job is tied to the group that its sentence names."""
ENOUGH = 5
"""Rows from which on a job or trait of one group alone is worth a word."""
ROUNDS = 200
CLOSE = 1e-9
_SENTENCE = re.compile(r"[^.!?\n]+")
_TRAITS = frozenset(("trait", "ability", "duty"))
Tie = tuple[str, str, str]
"""Axis, group, and the job or trait."""


@dataclass(frozen=True, slots=True)
class Ties:
    """Every row's ties and the weight it had and gets, float64 [rows]."""

    rows: Mapping[Tie, np.ndarray]
    before: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, artifact: Artifact, most: float) -> Ties:
        """Counts the ties of an artifact's rows and fits the weights; no factor leaves [1 / most, most]."""
        found: dict[Tie, set[int]] = defaultdict(set)
        before: list[np.ndarray] = []
        done = 0
        for batch in batches(artifact):
            flat = texts(batch)
            for owner, text in zip(owners(batch).tolist(), flat.column("text").to_pylist(), strict=True):
                for tie in ties(text):
                    found[tie].add(done + owner)
            before.append(batch.column("weight").to_numpy())
            done += len(batch)
        start = np.concatenate(before) if before else np.zeros(0)
        rows = {tie: np.array(sorted(places), dtype=np.int64) for tie, places in sorted(found.items())}
        return cls(rows, start, fitted(rows, start, most))

    def weigh(self, batch: pa.RecordBatch, start: int) -> tuple[pa.RecordBatch, list[dict[str, object]]]:
        """The rows from position `start` with their weights, and CHANGES for those whose weight changed."""
        fresh = self.weight[start : start + len(batch)]
        weighed = batch.set_column(
            EXAMPLES.get_field_index("weight"), EXAMPLES.field("weight"), pa.array(fresh, pa.float64())
        )
        old = self.before[start : start + len(batch)]
        rows, keys = (batch.column(name).to_pylist() for name in ("row", "key"))
        reasons: list[dict[str, object]] = [
            {
                "row": rows[place], "key": keys[place], "step": "stereotypes", "action": "changed",
                "reason": f"weight {fresh[place]:.3g}: groups are tied to jobs and traits equally often",
                "value": float(fresh[place]),
            }
            for place in np.flatnonzero(np.abs(fresh - old) > CLOSE * np.maximum(old, 1))
        ]  # fmt: skip
        return weighed, reasons

    def estimates(self, source: str) -> list[Estimate]:
        """Each group's weighted share of each job or trait, and the effective number of rows (Kish 1965)."""
        made = []
        for (axis, what), groups in sorted(by_role(self.rows).items()):
            if len(groups) == 1:
                continue  # no weight changes it; `findings` lists it
            total = sum(float(self.weight[self.rows[axis, group, what]].sum()) for group in groups)
            for group in groups:
                rows = self.rows[axis, group, what]
                place = {"source": source, "axis": axis, "group": group, "tied_to": what}
                made.append(
                    exact("stereotypes.tie.share", float(self.weight[rows].sum()) / total, len(rows), place)
                )
        tied = self._tied()
        if len(tied):
            weight = self.weight[tied]
            effective = float(weight.sum() ** 2 / (weight**2).sum())
            made.append(exact("stereotypes.effective_size", effective, len(tied), {"source": source}, "rows"))
        return made

    def findings(self, source: str) -> Iterator[Finding]:
        """Jobs and traits that the texts tie to one group alone."""
        roles = by_role(self.rows)
        alone = {(what, groups[0]): len(self.rows[axis, groups[0], what])
                 for (axis, what), groups in roles.items() if len(groups) == 1}  # fmt: skip
        alone = {tie: count for tie, count in alone.items() if count >= ENOUGH}
        worst = sorted(alone.items(), key=lambda each: (-each[1], each[0]))[:5]
        listed = "; ".join(f"{what} to {group} ({count} rows)" for (what, group), count in worst)
        yield Finding(
            name="stereotypes.ties_balanced",
            verdict=FAIL if alone else PASS,
            limit=f"every job and trait that {ENOUGH} rows tie to a group is tied to another one too",
            detail=f"{source}: {len(alone)} of {len(roles)} jobs and traits are tied to one group: {listed}."
            if alone
            else f"{source}: none of {len(roles)} jobs and traits is tied to one group alone.",
            next="No weight can balance these: add counterfactual copies (mode: augment), or rephrase."
            if alone
            else "",
        )

    def _tied(self) -> np.ndarray:
        return np.unique(np.concatenate([*self.rows.values()])) if self.rows else np.zeros(0, dtype=np.int64)


def by_role(rows: Mapping[Tie, np.ndarray]) -> dict[tuple[str, str], list[str]]:
    """(axis, job or trait) -> the groups that are tied to it."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for axis, group, what in rows:
        found[axis, what].append(group)
    return dict(found)


def fitted(rows: Mapping[Tie, np.ndarray], start: np.ndarray, most: float) -> np.ndarray:
    """Weights by which the groups tied to a job or trait weigh the same, as far as bounds and rows allow."""
    weight = start.copy()
    shared = {role: groups for role, groups in by_role(rows).items() if len(groups) > 1}
    for _ in range(ROUNDS):
        last = weight.copy()
        for (axis, what), groups in shared.items():
            places = [rows[axis, group, what] for group in groups]
            sums = [float(weight[place].sum()) for place in places]
            for place, total in zip(places, sums, strict=True):
                weight[place] *= sum(sums) / len(sums) / total
        np.clip(weight, start / most, start * most, out=weight)
        if np.abs(weight - last).max(initial=0.0) < CLOSE:
            break
    return weight


def ties(text: str) -> set[Tie]:
    """The ties of one text."""
    from duecare.detect.identity import Identity
    from duecare.detect.stereotype import find_reasons

    found: set[Tie] = set()
    for sentence in _SENTENCE.findall(text):
        jobs = {job.lower() for job in _jobs().findall(sentence)}
        if len(jobs) != 1:
            continue
        (job,) = jobs
        named: dict[str, set[str]] = defaultdict(set)
        for span in Identity(AXES).mentions(sentence):
            axis, _, group = span.label.partition(":")
            named[axis].add(group)
        found |= {(axis, next(iter(groups)), job) for axis, groups in named.items() if len(groups) == 1}
    for each in find_reasons(text):
        if each.reason in _TRAITS and each.group and each.what:
            found.add((each.span.label, each.group, each.what))
    return found


@lru_cache(maxsize=1)
def _jobs() -> re.Pattern[str]:
    from duecare.detect.stereotype_words import JOBS

    listed: Sequence[str] = sorted(set(JOBS), key=lambda job: (-len(job), job))
    return re.compile(rf"\b({'|'.join(re.escape(job) for job in listed)})s?\b", re.I)
