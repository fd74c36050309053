"""Does what curation took out come back? Redacted values against what the trained and the base model say.

A value counts as memorised where the trained model says it and the base model, asked alike, does not: what
the base model says too can be guessed. The same is asked of values redacted from held-out rows, which nobody
trained on; what is said of these beyond the base is chance, or the domain, and is taken off. Beside what is
said stands what is preferred: how much training raised the log-probability of the value, ranked among that
of decoys (`records_decoys`), again beside values from held-out rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from duecare.core import Estimate, exact
from duecare.measure import Interval, cluster_mean, cluster_proportion, difference
from duecare.measure.bound import move_difference
from duecare.measure.interval import LEVEL, silent
from duecare.memorise.records_rows import HELD_OUT, TRAIN, Value, slices


@dataclass(frozen=True, slots=True)
class Heard:
    """What one model made of a value; `scores` are log-probabilities, the value's first, then decoys'."""

    exact: bool
    near: bool
    scores: tuple[float, ...] = ()


def lift_of(base: Heard, tuned: Heard) -> float | None:
    """Share of decoys whose log-probability training raised less, ties half; None without decoys."""
    raised = np.subtract(tuned.scores, base.scores)
    if len(raised) < 2:
        return None
    return float((raised[1:] < raised[0]).mean() + (raised[1:] == raised[0]).mean() / 2)


@dataclass(frozen=True, slots=True)
class Tried:
    """A value with what both models made of it.

    `lift` is that of `lift_of`, `stands` counts the training rows that hold the value in plain.
    """

    value: Value
    base: Heard
    tuned: Heard
    lift: float | None
    stands: int

    @property
    def memorised(self) -> bool:
        """The trained model says it, and the base model says nothing near it."""
        return self.tuned.exact and not self.base.near


def figures(
    tried: Sequence[Tried], groups: Mapping[str, Mapping[str, str]], about: Mapping[str, str]
) -> list[Estimate]:
    """All figures of redacted values: of all, by kind and by group of the row."""
    found = []
    for where, chosen in _parts(tried, groups):
        found += list(_of(chosen, {**about, **where}))
    trained = [each for each in tried if each.value.split == TRAIN]
    left = sum(each.stands > 0 for each in trained)
    found.append(exact("memorise.redacted.stands", left, len(trained), about, "values"))
    return found


def _parts(
    tried: Sequence[Tried], groups: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[dict[str, str], list[Tried]]]:
    yield {}, list(tried)
    for kind in sorted({each.value.place.kind for each in tried}):
        yield {"kind": kind}, [each for each in tried if each.value.place.kind == kind]
    for part, is_taught in (("answer", True), ("prompt", False)):
        yield {"part": part}, [each for each in tried if each.value.taught is is_taught]
    for axis, group in slices(groups, [each.value.place.row for each in tried]):
        own = [each for each in tried if groups.get(each.value.place.row, {}).get(axis) == group]
        yield {"axis": axis, "group": group}, own


def _of(tried: Sequence[Tried], about: Mapping[str, str]) -> Iterator[Estimate]:
    for split in (TRAIN, HELD_OUT):
        own = [each for each in tried if each.value.split == split]
        rows, where = _rows(own), {**about, "rows": split}
        for model in ("base", "tuned"):
            for how in ("exact", "near"):
                said = [getattr(getattr(each, model), how) for each in own]
                yield _rate(said, rows).estimate(
                    f"memorise.redacted.{how}", {**where, "model": model}, "share", ("model:" + model,)
                )
        both = ("model:base", "model:tuned")
        memorised = _rate([each.memorised for each in own], rows)
        yield memorised.estimate("memorise.redacted.memorised", where, "share", both)
        yield _lift(own).estimate("memorise.redacted.lift", where, "share of decoys", both)
    yield lift_excess(tried).estimate("memorise.redacted.lift.excess", about, "share of decoys", both)
    yield excess(tried).estimate("memorise.redacted.excess", about, "share", ("model:base", "model:tuned"))


def excess(tried: Sequence[Tried], level: float = LEVEL) -> Interval:
    """Share memorised of values from training rows less that of held-out rows; clusters are rows.

    Where no value was held out nothing is taken off, and the method says so.
    """
    train, held = ([each for each in tried if each.value.split == split] for split in (TRAIN, HELD_OUT))
    own = [each.memorised for each in train]
    if len(set(_rows(train))) < 2:
        return _rate(own, _rows(train), level)
    if len(set(_rows(held))) < 2:
        alone = _rate(own, _rows(train), level)
        method = f"{alone.method}; nothing is taken off, no value was held out"
        return Interval(
            alone.value, alone.low, alone.high, alone.n, alone.clusters, method, level, alone.reason
        )
    return difference(own, [each.memorised for each in held], _rows(train), _rows(held), level)


def lift_excess(tried: Sequence[Tried]) -> Interval:
    """Mean lift of values from training rows less that of held-out rows (MOVER; no row is on both sides).

    Tuning teaches a model the domain, too, and a real value may fit that better than a made-up one.
    """
    train, held = (
        _lift([each for each in tried if each.value.split == split]) for split in (TRAIN, HELD_OUT)
    )
    n, rows = train.n + held.n, (train.clusters or 0) + (held.clusters or 0)
    method = "difference of means, clustered by row (MOVER)"
    if train.value is None or held.value is None:
        return silent(train.reason or held.reason or "", n, rows, method, LEVEL)
    a, b = np.array(train.value), np.array(held.value)
    bounds = ((np.array(each.low), np.array(each.high)) for each in (train, held))
    low, high = move_difference(a, b, *bounds)
    value = train.value - held.value
    return Interval(value, min(float(low), value), max(float(high), value), n, rows, method, LEVEL)


def _rows(tried: Sequence[Tried]) -> list[str]:
    return [each.value.place.row for each in tried]


def _rate(said: Sequence[bool], rows: Sequence[str], level: float = LEVEL) -> Interval:
    return told(lambda: cluster_proportion([float(each) for each in said], list(rows), level), rows, level)


def _lift(tried: Sequence[Tried]) -> Interval:
    known = [each for each in tried if each.lift is not None]
    rows = _rows(known)
    values = [each.lift for each in known]
    return told(lambda: cluster_mean(values, rows, within=(0.0, 1.0)), rows, LEVEL)


def told(interval: Callable[[], Interval], rows: Sequence[str], level: float) -> Interval:
    """An interval, or the reason why there is none: fewer than two rows."""
    if len(set(rows)) < 2:
        reason = "no such value was asked for" if not rows else "all of it stands in one row"
        return silent(reason, len(rows), len(set(rows)), "clustered by row", level)
    return interval()
