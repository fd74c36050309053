"""From a census to Estimates and Findings: shares, lengths of answers, outcomes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, Finding, Verdict
from duecare.curate.census import Census
from duecare.measure import Interval, cluster_proportion, decide, mean_difference, mean_t, proportion, ratio

VALUES = 12
"""Values of an outcome column that are compared; rarer ones are left to their table."""
LEAST = 20
"""Rows of a pair of groups from which on its answers are told."""
CROSSED = " x "
Judged = tuple[list[Estimate], list[Finding]]


def judge(census: Census, source: str, stated: Mapping[str, Mapping[str, float]], tolerance: float) -> Judged:
    """All that the audit says of a source."""
    estimates: list[Estimate] = []
    findings: list[Finding] = []
    for axis, labels in census.groups.items():
        for found in (
            _shares(axis, labels, source, stated.get(axis), tolerance),
            _lengths(axis, labels, census, source, tolerance),
            *(_outcomes(axis, labels, name, values, source) for name, values in census.outcomes.items()),
            *([_outcomes(axis, labels, "answer", census.answers, source)] if census.answered else []),
            (_outcomes(axis, labels, "topic", census.topics, source)[0], []),  # told, and nobody's fault
        ):
            estimates += found[0]
            findings += found[1]
    estimates += _intersections(census, source)
    for (axis, group), rows in census.mentions.items():
        place = {"source": source, "axis": axis, "group": group}
        estimates.append(proportion(rows, census.rows).estimate("audit.mentions.share", place))
    return estimates, findings


def _names(labels: np.ndarray) -> list[str]:
    return sorted({label for label in labels if label is not None})


def _shares(
    axis: str, labels: np.ndarray, source: str, stated: Mapping[str, float] | None, tolerance: float
) -> Judged:
    counted = Counter(label for label in labels if label is not None)
    total = sum(counted.values())
    estimates: list[Estimate] = []
    findings: list[Finding] = []
    for group in sorted(counted.keys() | (stated or {}).keys()):
        place = {"source": source, "axis": axis, "group": group}
        share = proportion(counted[group], total).estimate("audit.share", place)
        estimates.append(share)
        if stated is not None and group in stated:
            findings.append(_represented(share, group, axis, stated[group], tolerance))
    return estimates, findings


def _represented(share: Estimate, group: str, axis: str, expected: float, tolerance: float) -> Finding:
    least = (1 - tolerance) * expected
    verdict = decide(share, low=least)
    said = {PASS: "represented", FAIL: "under-represented", INSUFFICIENT: "too close to the limit to tell"}
    value = "no row" if share.value is None else f"{share.value:.1%} of the rows"
    return Finding(
        name="audit.representation",
        verdict=verdict,
        limit=f"share of {group} at least {least:.1%} ({1 - tolerance:.0%} of the stated {expected:.1%})",
        detail=f"{share.slice['source']}: {axis} = {group} is {said[verdict]}, with {value}.",
        next="" if verdict == PASS else "Collect more rows of this group, or balance by weights.",
        estimate=share,
    )


def _lengths(axis: str, labels: np.ndarray, census: Census, source: str, tolerance: float) -> Judged:
    """Words of answers by group, and each group's geometric mean over that of all other groups.

    Where nobody answers, the length of what people wrote themselves is told but not judged.
    """
    words, name = census.words, f"audit.{'answer' if census.answered else 'text'}_words"
    estimates: list[Estimate] = []
    findings: list[Finding] = []
    declared = np.array([label is not None for label in labels], dtype=bool)
    for group in _names(labels):
        mine = labels == group
        rest = declared & ~mine
        place = {"source": source, "axis": axis, "group": group}
        estimates.append(mean_t(words[mine]).estimate(name, place, unit="words"))
        if not rest.any():
            continue
        gap = mean_difference(np.log1p(words[mine]), np.log1p(words[rest]))
        compared = _exponential(gap).estimate(f"{name}.ratio", {**place, "against": "rest"})
        estimates.append(compared)
        if census.answered:
            findings.append(_answered(compared, group, axis, 1 - tolerance))
    return estimates, findings


def _exponential(gap: Interval) -> Interval:
    """A difference of mean logarithms as a ratio of geometric means."""
    if gap.value is None or gap.low is None or gap.high is None:
        return gap
    bounds = (math.exp(gap.value), math.exp(gap.low), math.exp(gap.high))
    return Interval(
        value=bounds[0],
        low=bounds[1],
        high=bounds[2],
        n=gap.n,
        clusters=gap.clusters,
        method=f"geometric means of words + 1: {gap.method}",
        level=gap.level,
    )


def _answered(compared: Estimate, group: str, axis: str, least: float) -> Finding:
    verdict: Verdict = decide(compared, low=least)
    size = "too few to compare"
    if compared.value is not None:
        size = f"{compared.value:.0%} as long as those to everyone else"
    return Finding(
        name="audit.answer_length",
        verdict=verdict,
        limit=f"answers to {group} at least {least:.0%} as long as those to the rest",
        detail=f"{compared.slice['source']}: answers to {axis} = {group} are {size}.",
        next="" if verdict == PASS else "Read answers to this group beside others: are they answered worse?",
        estimate=compared,
    )


def _outcomes(axis: str, labels: np.ndarray, name: str, values: np.ndarray, source: str) -> Judged:
    """How often each group meets each outcome, against the rest."""
    estimates: list[Estimate] = []
    findings: list[Finding] = []
    known = np.array([value is not None for value in values], dtype=bool)
    declared = np.array([label is not None for label in labels], dtype=bool) & known
    common = [value for value, _ in Counter(values[known].tolist()).most_common(VALUES)]
    for value in sorted(common):
        met = (values == value).astype(np.float64)
        for group in _names(labels):
            mine, rest = declared & (labels == group), declared & (labels != group)
            if not mine.any() or not rest.any():
                continue
            place = {"source": source, "axis": axis, "group": group, "outcome": f"{name}: {value}"}
            estimates.append(cluster_proportion(met[mine]).estimate("audit.outcome.rate", place))
            compared = ratio(met[mine], met[rest]).estimate(
                "audit.outcome.ratio", {**place, "against": "rest"}
            )
            estimates.append(compared)
            findings += _disparity(compared, group, axis)
    return estimates, findings


def _disparity(compared: Estimate, group: str, axis: str) -> Iterator[Finding]:
    """Only a ratio that lies wholly outside four fifths to five fourths is a finding of its own."""
    if decide(compared, low=0.8, high=1.25) == FAIL:
        yield Finding(
            name="audit.outcome",
            verdict=FAIL,
            limit="ratio of outcome rates between 0.8 and 1.25 (the four-fifths rule)",
            detail=(
                f"{compared.slice['source']}: {compared.slice['outcome']} is {compared.value:.2f} times as "
                f"frequent for {axis} = {group} as for the rest."
            ),
            next="Find out why before a model learns from it.",
            estimate=compared,
        )


def _intersections(census: Census, source: str) -> Iterator[Estimate]:
    """Shares of pairs of declared groups; of pairs with enough rows also how they are answered, not judged.

    Every pair judged on every figure would cry wolf by their number alone.
    """
    for (one, left), (two, right) in combinations(census.groups.items(), 2):
        both = np.array(
            [
                f"{a}{CROSSED}{b}" if a is not None and b is not None else None
                for a, b in zip(left, right, strict=True)
            ],
            dtype=object,
        )
        pairs = Counter(label for label in both if label is not None)
        total, axis = sum(pairs.values()), f"{one}{CROSSED}{two}"
        for pair, count in sorted(pairs.items()):
            place = {"source": source, "axis": axis, "group": pair}
            yield proportion(count, total).estimate("audit.share", place)
        common = np.array([label if pairs[label] >= LEAST else None for label in both], dtype=object)
        if not _names(common):
            continue
        yield from _lengths(axis, common, census, source, 0.5)[0]
        told = {**census.outcomes, **({"answer": census.answers} if census.answered else {})}
        for name, values in told.items():
            yield from _outcomes(axis, common, name, values, source)[0]
