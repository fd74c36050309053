"""Whose mention makes a row more likely to be set apart: shares by group mentioned, and the verdict.

A detector that confuses a name with an insult removes the very rows that speak of a group; the
representation of the data then falls by the tool that was to protect it (Dodge et al. 2021,
"Documenting large webtext corpora", EMNLP, found it in C4's list of bad words).
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import numpy as np
import pyarrow as pa

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, Finding, Verdict
from duecare.curate.mention import Named
from duecare.measure import Interval, decide_all, proportion, ratio

SHARE, RATIO = "curate.hit.share", "curate.hit.ratio"


class Mentioned:
    """Counts, while rows go by, how many that mention each group are hit, and how many others."""

    def __init__(self, axes: tuple[str, ...]) -> None:
        self._axes, self.named = frozenset(axes), Named()
        self.rows = self._hit = 0
        self._by_group: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, batch: pa.RecordBatch, hit: np.ndarray) -> None:
        """Count the rows of `batch` (EXAMPLES), of which `hit` [rows] are set apart."""
        self.rows += len(batch)
        self._hit += int(hit.sum())
        if not self._axes:
            return
        from duecare.detect.mentions import labels

        row, label = self.named.of(batch)
        of = np.bincount(label, minlength=len(labels())).tolist()
        its_hits = np.bincount(label[hit[row]], minlength=len(labels())).tolist()
        for name, hits, count in zip(labels(), its_hits, of, strict=True):
            if count and name.partition(":")[0] in self._axes:
                self._by_group[name][0] += hits
                self._by_group[name][1] += count

    def judge(self, source: str, most: float, instrument: str) -> tuple[list[Estimate], list[Finding]]:
        """Shares hit overall and by group mentioned, each group's share over that of all other rows, and a
        Finding for every group whose ratio lies above `most` for certain (Holm's correction)."""
        overall = proportion(self._hit, self.rows)
        estimates = [overall.estimate(SHARE, {"source": source}, rests_on=(instrument,))]
        labels = [label for label, (hit, _) in sorted(self._by_group.items()) if hit]
        for label, (hit, of) in sorted(self._by_group.items()):
            share = proportion(hit, of).estimate(SHARE, self._place(source, label), rests_on=(instrument,))
            estimates.append(share)
        verdicts = decide_all([partial(self._ratio, label) for label in labels], [(None, most)] * len(labels))
        findings = []
        for label, (verdict, level) in zip(labels, verdicts, strict=True):
            found = self._ratio(label, level).estimate(
                RATIO, self._place(source, label), rests_on=(instrument,)
            )
            estimates.append(found)
            if verdict == FAIL:
                findings.append(self._disproportion(source, label, most, found))
        if labels and not findings:
            certain = all(verdict == PASS for verdict, _ in verdicts)
            findings.append(self._even(source, most, len(labels), PASS if certain else INSUFFICIENT))
        return estimates, findings

    def _ratio(self, label: str, level: float) -> Interval:
        """How often rows that mention the group are hit, over how often all other rows are."""
        hit, of = self._by_group[label]
        return ratio(_outcomes(hit, of), _outcomes(self._hit - hit, self.rows - of), level=level)

    def _place(self, source: str, label: str) -> dict[str, str]:
        axis, _, group = label.partition(":")
        return {"source": source, "axis": f"mentions of {axis}", "group": group}

    def _disproportion(self, source: str, label: str, most: float, found: Estimate) -> Finding:
        hit, of = self._by_group[label]
        others = (self._hit - hit) / (self.rows - of)
        group = label.partition(":")[2]
        return Finding(
            name="curate.toxicity.disproportion",
            verdict=FAIL,
            limit=f"rows that mention a group are hit at most {most:g} times as often as the others",
            detail=f"{source}: {hit / of:.1%} of the rows that mention {group} are hit, against {others:.1%} "
            f"of the others ({found.value:.1f} times as often).",
            next="Read some of these rows: is it abuse of the group, or its mere mention? Use action: review "
            "or another detector.",
            estimate=found,
        )

    def _even(self, source: str, most: float, groups: int, verdict: Verdict) -> Finding:
        certain = "each stays below for certain" if verdict == PASS else "none lies above for certain"
        return Finding(
            name="curate.toxicity.disproportion",
            verdict=verdict,
            limit=f"rows that mention a group are hit at most {most:g} times as often as the others",
            detail=f"{source}: of {groups} groups that hit rows mention, {certain}.",
        )


def _outcomes(hit: int, of: int) -> np.ndarray:
    found = np.zeros(of)
    found[:hit] = 1
    return found
