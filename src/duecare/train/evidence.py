"""What debiasing came to, told of held-out rows: what can still be read of the group, and what it cost.

Free of JAX: it works on what `engine_evidence` measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, Finding, Verdict
from duecare.measure import leace, reader
from duecare.measure.closing import Sides, price
from duecare.measure.interval import Interval, cluster_mean
from duecare.train.debias import Debias

Floats = npt.NDArray[np.float32]
BEFORE, AFTER, ERASED = "before", "after", "after, LEACE"

MEASURED = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("group", pa.string()),
        pa.field("when", pa.string(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("loss", pa.float64(), nullable=False),
        pa.field("kl", pa.float64(), nullable=False),
        pa.field("length", pa.int32()),
        pa.field("refused", pa.bool_()),
    ]
)
"""One held-out row under one model: taught tokens, loss and KL to the start in nats per token; length (in
characters) and refusal of a sampled answer, null where none was sampled. No text."""


@dataclass(frozen=True, slots=True)
class Model:
    """Held-out rows under one model, [N] each: `loss` and `kl` (to the start) in nats per token, `states`
    [N, D], and of sampled answers `length` in characters and `refused` (None where none were sampled)."""

    loss: Floats
    kl: Floats
    states: Floats
    length: npt.NDArray[np.int32] | None = None
    refused: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The held-out rows: names, group numbers (-1 where none is declared), names of groups, taught tokens."""

    rows: tuple[str, ...]
    group: npt.NDArray[np.int64]
    groups: tuple[str, ...]
    tokens: npt.NDArray[np.int64]

    @property
    def clusters(self) -> list[str]:
        """Rows and their copies by the row that they come from."""
        return [row.partition("~")[0] for row in self.rows]

    def readable(self) -> tuple[npt.NDArray[np.int64], dict[str, int]]:
        """Group numbers for readers, those of groups too rare to be read -1; and how many rows these have.

        A reader that is to tell all groups apart says nothing at all where one has a handful of rows.
        Nobody is left out where fewer than two groups would remain: then the reader says what is missing.
        """
        unit = np.array(self.clusters)
        count = [len(np.unique(unit[self.group == number])) for number in range(len(self.groups))]
        rare = [number for number, rows in enumerate(count) if rows < reader.LEAST]
        if len(self.groups) - len(rare) < 2:
            return self.group, {}
        kept = np.setdiff1d(np.arange(len(self.groups)), rare)
        numbers = np.full(len(self.groups), -1, dtype=np.int64)
        numbers[kept] = np.arange(len(kept))
        group = np.where(self.group >= 0, numbers[self.group], -1)
        return group, {self.groups[number]: count[number] for number in rare if count[number]}


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was measured; `erased` is the model after training with LEACE before its head.

    Its `states` are those of `after`: readers are given an eraser fitted on the rows that they learn from.
    """

    method: str
    source: str
    debias: Debias
    seed: int
    held: Held
    before: Model
    after: Model
    erased: Model

    def told(self) -> tuple[list[Estimate], list[Finding]]:
        """Everything that is told, and the verdict that the setting `probe` asks for."""
        told = [*self._costs()]
        if self.debias.probe == "none":
            return told, []
        read = {when: self._read(model, when) for when, model in self._models()}
        for when, readings in read.items():
            told += self._readings(when, readings)
        shown = self.debias.probe == "chance"
        return told, [self._verdict(read[BEFORE], read[AFTER])] if shown else []

    def table(self) -> pa.Table:
        """Every held-out row under each model, as MEASURED."""
        lines = []
        for when, model in self._models():
            for place, row in enumerate(self.held.rows):
                group = self.held.group[place]
                lines.append(
                    {
                        "row": row,
                        "group": None if group < 0 else self.held.groups[group],
                        "when": when,
                        "tokens": int(self.held.tokens[place]),
                        "loss": float(model.loss[place]),
                        "kl": float(model.kl[place]),
                        "length": None if model.length is None else int(model.length[place]),
                        "refused": None if model.refused is None else bool(model.refused[place]),
                    }
                )
        return pa.Table.from_pylist(lines, schema=MEASURED)

    def _models(self) -> list[tuple[str, Model]]:
        return [(BEFORE, self.before), (AFTER, self.after), (ERASED, self.erased)]

    def _figure(self, name: str, interval: Interval, unit: str = "", **place: str) -> Estimate:
        there = {"source": self.source, "split": "held_out", "axis": self.debias.axis, **place}
        return interval.estimate(f"{self.method}.{name}", there, unit=unit)

    # What can be read.

    def _read(self, model: Model, when: str) -> list[reader.Reading]:
        eraser = leace.fit if when == ERASED else None
        group, _ = self.held.readable()
        return reader.probe(model.states, group, self.held.clusters, self.seed, eraser=eraser)

    def _readings(self, when: str, readings: list[reader.Reading]) -> Iterator[Estimate]:
        for each in readings:
            about = {"reader": each.reader, "when": when}
            yield self._figure("probe.accuracy", each.accuracy, **about)
            yield self._figure("probe.control", each.control, **about)

    def _verdict(self, before: list[reader.Reading], after: list[reader.Reading]) -> Finding:
        group, rare = self.held.readable()
        chance = 1 / max(1, len(np.unique(group[group >= 0])))
        verdict = at_chance([each.accuracy for each in after], chance, self.debias.tolerance)
        leaks = [each.reader for each in after if each.control.low is not None and each.control.low > chance]
        if leaks:
            verdict = INSUFFICIENT
        worst = max(after, key=lambda each: each.accuracy.value or 0.0)
        detail = " ".join([_said("After training", after), _said("before,", before)])
        if leaks:
            detail += f" Random labels were read above chance too ({', '.join(leaks)}): the probe leaks."
        if rare:
            named = ", ".join(f"{name} ({rows})" for name, rows in rare.items())
            detail += f" Not read, for they have fewer than {reader.LEAST} rows here: {named}."
        return Finding(
            name=f"{self.method}.probe.chance",
            verdict=verdict,
            limit=f"balanced accuracy at chance ({chance:.3g}), by {self.debias.tolerance:g} above at most",
            detail=f"Fresh readers of {self.debias.axis} in hidden states of held-out rows. {detail}",
            next="" if verdict == PASS else _NEXT[verdict],
            estimate=self._figure("probe.accuracy", worst.accuracy, reader=worst.reader, when=AFTER),
        )

    # What it cost.

    def _costs(self) -> Iterator[Estimate]:
        tokens = self.held.tokens.astype(np.float64)
        for when, model in self._models():
            nats = cluster_mean(model.loss, self.held.clusters, weights=tokens)
            yield self._figure("debias.perplexity", _exponential(nats), when=when)
            if when != BEFORE:
                kl = cluster_mean(model.kl, self.held.clusters, weights=tokens)
                yield self._figure("debias.kl", kl, "nats per token", when=when)
            if model.length is not None and model.refused is not None:
                yield self._figure("debias.length", cluster_mean(model.length), "characters", when=when)
                refused = cluster_mean(model.refused.astype(float), within=(0.0, 1.0))
                yield self._figure("debias.refusals", refused, when=when)
        for group, mine, rest in self._sides():
            yield from self._prices(group, mine, rest)

    def _sides(self) -> Iterator[tuple[str, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
        """Each group against all others; of two, one, which mirrors the other."""
        names = self.held.groups
        for number, name in enumerate(names[:1] if len(names) == 2 else names):
            yield name, self.held.group == number, (self.held.group >= 0) & (self.held.group != number)

    def _prices(
        self, group: str, mine: npt.NDArray[np.bool_], rest: npt.NDArray[np.bool_]
    ) -> Iterator[Estimate]:
        """What a unit of loss gap closed since the start came to."""
        costs = {
            "perplexity": np.exp(self.after.loss.astype(float)) - np.exp(self.before.loss.astype(float)),
            "kl": self.after.kl.astype(float),
        }
        if self.after.length is not None and self.before.length is not None:
            costs["length"] = self.after.length.astype(float) - self.before.length
        if self.after.refused is not None and self.before.refused is not None:
            costs["refusals"] = self.after.refused.astype(float) - self.before.refused
        sides = Sides.drawn(mine, rest, self.seed)
        before, after = self.before.loss.astype(float), self.after.loss.astype(float)
        for name, found in price(sides, before, after, costs).items():
            if name == "closed" or name.endswith(".per_gap"):
                yield self._figure(f"debias.{name}", found, group=group, against="rest", since="start")


def at_chance(read: list[Interval], chance: float, tolerance: float) -> Verdict:
    """Fail where a reader beats chance for certain; pass where chance lies within every reader's interval and
    none reaches further than `tolerance` above it; else the evidence is too thin to say.

    Readers of few rows do worse than chance on rows left out (their training rows lean the other way), so an
    interval below chance, or one wider than `tolerance` to either side, proves nothing.
    """
    if any(each.low is not None and each.low > chance for each in read):
        return FAIL
    narrow = [
        each.low is not None
        and each.high is not None
        and chance <= each.high <= chance + tolerance
        and each.high - each.low <= 2 * tolerance
        for each in read
    ]
    return PASS if narrow and all(narrow) else INSUFFICIENT


_NEXT: Mapping[str, str] = {
    FAIL: "Push harder or longer (weight, ramp, steps), reach more layers (targets: all-linear), or erase.",
    INSUFFICIENT: "Hold out more rows of each group (debias.rows, and split), so that the interval narrows.",
}


def _said(when: str, readings: list[reader.Reading]) -> str:
    parts = []
    for each in readings:
        found = each.accuracy
        told = (
            f"cannot tell ({found.reason})"
            if found.value is None
            else f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
        )
        parts.append(f"{each.reader} {told}")
    return f"{when} {', '.join(parts)}{';' if when.startswith('After') else '.'}"


def _exponential(found: Interval) -> Interval:
    """The interval of exp(x) from that of x."""
    if found.value is None or found.low is None or found.high is None:
        return found
    value, low, high = (float(np.exp(each)) for each in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high)


def erased_states(states: Floats, group: npt.NDArray[np.int64]) -> leace.Eraser:
    """LEACE fitted on the pooled states of rows that declare a group; no change where there are not two."""
    known = group >= 0
    if len(np.unique(group[known])) < 2:
        width = states.shape[1]
        return leace.Eraser(np.zeros(width), np.zeros((width, 0)), np.zeros((0, width)))
    return leace.fit(states[known], group[known])
