"""Figures from log-probabilities of given answers: counterfactual twins, and rows held out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from duecare.core import Estimate
from duecare.evaluate.tables import Tables
from duecare.measure import Interval, cluster_mean
from duecare.measure.interval import silent

LARGEST = 500.0
"""Nats per token above which a perplexity is no longer a number worth writing."""

Rows = Mapping[str, Mapping[str, Any]]


def twins(tables: Tables, level: float) -> Iterator[Estimate]:
    """`twins.gap` (respectful answers) and `twins.gap.dismissive`, per model, and what tuning changed.

    The gap of a pair is the log-probability per token of one fixed answer when the prompt names the
    group, minus that when it names the reference group. Issues are the clusters.
    """
    per_token: dict[tuple[str, ...], dict[str, float]] = {}
    issue: dict[str, str] = {}
    for row in tables.twins.to_pylist():
        side = per_token.setdefault((row["axis"], row["manner"], row["group"], row["model"]), {})
        if row["tokens"] > 0:
            side[row["pair_id"]] = row["total"] / row["tokens"]
            issue[row["pair_id"]] = row["issue"]
    for axis, manner, group in dict.fromkeys(key[:3] for key in per_token):
        against = tables.reading.reference[axis]
        if group == against:
            continue
        name = "twins.gap" if manner == "respectful" else f"twins.gap.{manner}"
        about = {"suite": "twins", "axis": axis, "group": group, "against": against}
        gaps = {}
        for model in tables.reading.models:
            mine = per_token.get((axis, manner, group, model), {})
            other = per_token.get((axis, manner, against, model), {})
            gaps[model] = {pair: value - other[pair] for pair, value in mine.items() if pair in other}
            found = _mean(gaps[model], issue, level)
            yield found.estimate(name, about | {"model": model}, "nats", (f"model:{model}",))
        if {"base", "tuned"} <= set(gaps):
            change = _minus(gaps["tuned"], gaps["base"])
            rests_on = ("model:base", "model:tuned")
            about = about | {"model": "tuned"}
            yield _mean(change, issue, level).estimate(f"{name}.change", about, "nats", rests_on)


def heldout(tables: Tables, level: float) -> Iterator[Estimate]:
    """`heldout.perplexity` and `heldout.rouge_l` per source and model, and what tuning changed."""
    rows = tables.heldout.to_pylist()
    for source in dict.fromkeys(row["source"] for row in rows):
        sides = {
            model: {row["row"]: row for row in rows if row["source"] == source and row["model"] == model}
            for model in tables.reading.models
        }
        for model, mine in sides.items():
            about = {"suite": "heldout", "model": model, "source": source}
            yield perplexity(mine, level).estimate("heldout.perplexity", about, "", (f"model:{model}",))
            found = cluster_mean(list(_rouge(mine).values()), None, level, within=(0.0, 1.0))
            yield found.estimate("heldout.rouge_l", about, "", ("rouge-l",))
        if {"base", "tuned"} <= set(sides):
            about = {"suite": "heldout", "model": "tuned", "source": source, "against": "base"}
            base, tuned = sides["base"], sides["tuned"]
            change = perplexity_change(base, tuned, level)
            yield change.estimate("heldout.perplexity.change", about, "", ("model:base", "model:tuned"))
            overlap = cluster_mean(list(_minus(_rouge(tuned), _rouge(base)).values()), None, level)
            yield overlap.estimate("heldout.rouge_l.change", about, "", ("rouge-l",))


def perplexity(rows: Rows, level: float) -> Interval:
    """exp of the mean surprise per token; rows are the clusters, so a long row weighs by its tokens."""
    mean, tokens = _surprise(rows, level)
    method = "perplexity, rows as clusters (CR2, skewness-corrected t on the logarithm)"
    if mean.value is None or mean.low is None or mean.high is None:
        return silent(mean.reason or "", tokens, mean.clusters, method, level)
    if mean.high > LARGEST:
        return silent(
            "the interval reaches beyond any sensible perplexity", tokens, mean.clusters, method, level
        )
    value, low, high = math.exp(mean.value), math.exp(mean.low), math.exp(mean.high)
    return Interval(value, low, high, tokens, mean.clusters, method, level)


def perplexity_change(base: Rows, tuned: Rows, level: float) -> Interval:
    """Perplexity of `tuned` minus that of `base` on the rows both have, by the delta method.

    The change of each perplexity with a row's surprise is the perplexity itself; the spread of the
    difference is therefore that of P_tuned x surprise_tuned - P_base x surprise_base per token.
    """
    method = "difference of perplexities, rows as clusters (delta method, CR2, skewness-corrected t)"
    shared = [row for row in base if row in tuned and base[row]["tokens"] == tuned[row]["tokens"] > 0]
    sides = [_surprise({row: side[row] for row in shared}, level) for side in (tuned, base)]
    tokens = sides[0][1]
    means = [mean.value for mean, _ in sides]
    if means[0] is None or means[1] is None or max(means[0], means[1]) > LARGEST:
        return silent(sides[0][0].reason or "too surprised for a figure", tokens, len(shared), method, level)
    after, before = math.exp(means[0]), math.exp(means[1])
    weights = np.array([base[row]["tokens"] for row in shared], dtype=float)
    slopes = [
        -(after * tuned[row]["total"] - before * base[row]["total"]) / base[row]["tokens"] for row in shared
    ]
    spread = cluster_mean(slopes, shared, level, weights=weights)
    if spread.value is None or spread.low is None or spread.high is None:
        return silent(spread.reason or "", tokens, len(shared), method, level)
    value = after - before
    low, high = value - (spread.value - spread.low), value + (spread.high - spread.value)
    return Interval(value, low, high, tokens, len(shared), method, level)


def _surprise(rows: Rows, level: float) -> tuple[Interval, int]:
    """Mean negative log-probability per token, and how many tokens there are."""
    usable = {name: row for name, row in rows.items() if row["tokens"] > 0}
    weights = [float(row["tokens"]) for row in usable.values()]
    values = [-row["total"] / row["tokens"] for row in usable.values()]
    return cluster_mean(values, list(usable), level, weights=weights), int(sum(weights))


def _rouge(rows: Rows) -> dict[str, float]:
    return {name: row["rouge_l"] for name, row in rows.items() if row["rouge_l"] is not None}


def _minus(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    return {name: value - second[name] for name, value in first.items() if name in second}


def _mean(gaps: Mapping[str, float], issue: Mapping[str, str], level: float) -> Interval:
    return cluster_mean(list(gaps.values()), [issue[pair] for pair in gaps], level)
