"""Is it true: does the gap between twins move when what was found is taken out, and more than by chance?

Two checks. *Erasure*: the group is erased from the stream at one depth (LEACE, one eraser for each region of
the prompt, fitted on one half of the issues and applied to the other, both ways). *Site*: what a part of the
run adds is replaced by its counterpart in the twin's run; the part was chosen on one half of the issues and
is tested on the other. Each has a control of the same rank and size: an eraser fitted on labels that were
shuffled within each issue and scaled so as to move the stream as far in mean square; a stand-in for the twin
that lies as far away, in a direction by lot. What does not beat its control is marked "not validated".

The price of an erasure is the KL per token, and the change of log-probability, of answers to prompts that
name nobody. Free of JAX: it works on what `engine_causal` measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from duecare.core import FAIL, INSUFFICIENT, PASS, DataError, Estimate, Finding, Verdict
from duecare.explain.patching import Cell, Effects, share
from duecare.explain.twinned import REGIONS, Side
from duecare.measure import leace
from duecare.measure.interval import LEVEL, Interval, cluster_mean
from duecare.measure.multiple import holm, p_value

Floats = npt.NDArray[np.float64]
Stacks = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]
DRAWS = 3
"""Controls by lot that each check is held against."""
NOT_VALIDATED = "not validated"


def erasers(
    states: Sequence[npt.NDArray[np.floating]],
    sides: Sequence[Side],
    group: npt.NDArray[np.int64],
    controls: Sequence[npt.NDArray[np.int64]] = (),
) -> list[Stacks]:
    """LEACE in every region, of texts whose stream at one depth is `states` [T, D] each: of `group` [N], then
    of each of `controls` [N], scaled so as to move the region's tokens as far in mean square.

    Each is means [R, D], left [R, D, K] and right [R, K, D].
    """
    labels = [group, *controls]
    if not states or len(np.unique(group)) < 2:
        raise DataError("erasing a group takes texts of two groups at least")
    width, rank = states[0].shape[1], len(np.unique(group)) - 1
    count = len(REGIONS)
    made: list[Stacks] = [
        (
            np.zeros((count, width), np.float32),
            np.zeros((count, width, rank), np.float32),
            np.zeros((count, rank, width), np.float32),
        )
        for _ in labels
    ]
    for number in range(count):
        tokens = [own[side.region == number] for own, side in zip(states, sides, strict=True)]
        told = [np.repeat(each, [len(own) for own in tokens]) for each in labels]
        if len(np.unique(told[0])) < 2:
            continue
        x = np.concatenate(tokens).astype(np.float64)
        found = leace.fit_each(x, told)
        far = [float((((x - each.mean) @ each.right.T @ each.left.T) ** 2).sum()) for each in found]
        for (mean, left, right), each, moved in zip(made, found, far, strict=True):
            scale = float(np.sqrt(far[0] / moved)) if moved > 0 else 0.0
            mean[number], left[number, :, : each.rank] = each.mean, scale * each.left
            right[number, : each.rank] = each.right
    return made


def shuffled(
    group: npt.NDArray[np.int64], clusters: Sequence[str], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Labels dealt out anew within each cluster: as many of each group, of nobody's group."""
    found, names = group.copy(), np.asarray(clusters, dtype=object).astype(str)
    for name in np.unique(names):
        here = np.flatnonzero(names == name)
        found[here] = group[rng.permutation(here)]
    return found


@dataclass(frozen=True, slots=True)
class Erased:
    """Gaps [P] of pairs before and after the group was erased at `depth`, in nats per token; `control` [P] is
    the mean absolute gap after erasing shuffled labels. `kl` and `moved` [M] are KL per token and change of
    log-probability per token of neutral answers, each its own cluster."""

    depth: int
    before: Floats
    after: Floats
    control: Floats
    clusters: tuple[str, ...]
    kl: Floats
    moved: Floats

    def removed(self, level: float = LEVEL) -> Interval:
        """Share of the absolute gap that the erasure removes."""
        return self._share(np.abs(self.before) - np.abs(self.after), level)

    def by_chance(self, level: float = LEVEL) -> Interval:
        """Share that erasing shuffled labels removes."""
        return self._share(np.abs(self.before) - self.control, level)

    def beyond(self, level: float = LEVEL) -> Interval:
        """Share removed less that of the control, on the same pairs."""
        return self._share(self.control - np.abs(self.after), level)

    def _share(self, part: Floats, level: float) -> Interval:
        return share(part, np.abs(self.before), self.clusters, level)

    def estimates(self, about: Mapping[str, str]) -> Iterator[Estimate]:
        """What the erasure did and what it cost."""
        place, units = {**about, "layer": str(self.depth)}, list(self.clusters)
        for name, values in (("before", self.before), ("after", self.after)):
            told = cluster_mean(values, units)
            yield told.estimate("explain.erase.gap", {**place, "when": name}, "nats per token")
        yield cluster_mean(self.after - self.before, units).estimate(
            "explain.erase.gap_moved", place, "nats per token"
        )
        yield self.removed().estimate("explain.erase.removed", place, "of the gap")
        yield self.by_chance().estimate("explain.erase.control", place, "of the gap")
        yield self.beyond().estimate("explain.erase.beyond_control", place, "of the gap")
        yield _above_zero(cluster_mean(self.kl)).estimate("explain.erase.kl", place, "nats per token")
        yield cluster_mean(self.moved).estimate("explain.erase.neutral_logprob", place, "nats per token")


def _above_zero(found: Interval) -> Interval:
    """The interval of what cannot be negative."""
    if found.value is None or found.low is None:
        return found
    return replace(found, value=max(found.value, 0.0), low=max(found.low, 0.0))


@dataclass(frozen=True, slots=True)
class Site:
    """One cell on pairs that did not choose it: by how much patching closes each gap, [P], from the twin and
    from its stand-in by lot; `gap` [P] in absolute nats per token."""

    cell: Cell
    twin: Floats
    lot: Floats
    gap: Floats
    clusters: tuple[str, ...]

    def restored(self, level: float = LEVEL) -> Interval:
        """Share of the gap that patching from the twin closes."""
        return share(self.twin, self.gap, self.clusters, level)

    def beyond(self, level: float = LEVEL) -> Interval:
        """That share less that of the stand-in, on the same pairs."""
        return share(self.twin - self.lot, self.gap, self.clusters, level)

    def estimates(self, about: Mapping[str, str]) -> Iterator[Estimate]:
        """What patching it did, beside its control."""
        place = {**about, **self.cell.place()}
        yield self.restored().estimate("explain.site.restored", place, "of the gap")
        yield share(self.lot, self.gap, self.clusters).estimate("explain.site.control", place, "of the gap")
        yield self.beyond().estimate("explain.site.beyond_control", place, "of the gap")


def sites(real: Effects, by_lot: Sequence[Effects]) -> list[Site]:
    """Cells that were patched from the twin, and by lot several times over, on the same pairs."""
    if any(real.cells != each.cells or real.clusters != each.clusters for each in by_lot):
        raise DataError("a site and its control are of the same cells and pairs")
    found = []
    for number, cell in enumerate(real.cells):
        lot = np.mean([each.toward(number) for each in by_lot], axis=0)
        found.append(Site(cell, real.toward(number), lot, np.abs(real.gap), real.clusters))
    return found


Check = tuple[Callable[[float], Interval], Callable[[float], Interval]]


def verdicts(checks: Sequence[Check]) -> list[tuple[Verdict, float | None]]:
    """Of each check, (what it closes of the gap, that less its control), the verdict and Holm's p over all.

    Pass: both are above zero (so the larger of their p-values counts, Berger 1982). Fail: the interval of one
    of them ends at or below zero. Anything else is insufficient evidence."""
    p = [_larger(p_value(own, 0.0), p_value(beyond, 0.0)) for own, beyond in checks]
    known = [value for value in p if value is not None]
    stepped = iter(holm(known).tolist() if known else [])
    found: list[tuple[Verdict, float | None]] = []
    for check, value in zip(checks, p, strict=True):
        adjusted = None if value is None else next(stepped)
        told = [each(LEVEL) for each in check]
        if any(each.high is not None and each.high <= 0 for each in told):
            found.append((FAIL, adjusted))
            continue
        above = all(each.low is not None and each.low > 0 for each in told)
        found.append(
            (PASS if above and adjusted is not None and adjusted <= 0.05 else INSUFFICIENT, adjusted)
        )
    return found


def _larger(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


_NEXT = {
    FAIL: "Do not rest on this explanation: look at other layers, or at readers that are not linear.",
    INSUFFICIENT: "Do not rest on this explanation yet: explain more issues, so that the interval narrows.",
    PASS: "",
}


def erasure_findings(found: Sequence[Erased], about: Mapping[str, str]) -> list[Finding]:
    """Whether what the probes read at each erased depth is what makes the gap."""
    judged = verdicts([(each.removed, each.beyond) for each in found])
    return [
        _finding(
            "explain.probe.causal",
            verdict,
            f"What a linear reader finds of the group behind layer {each.depth}",
            "erasing it closes some of the twins' gap, and more than erasing as much by shuffled labels",
            each.beyond().estimate(
                "explain.erase.beyond_control", {**about, "layer": str(each.depth)}, "of the gap"
            ),
        )
        for each, (verdict, _) in zip(found, judged, strict=True)
    ]


def site_findings(found: Sequence[Site], about: Mapping[str, str]) -> list[Finding]:
    """Whether the parts of the map that looked strongest on one half carry the gap on the other."""
    judged = verdicts([(each.restored, each.beyond) for each in found])
    return [
        _finding(
            "explain.site.causal",
            verdict,
            f"The part {named(each.cell)}",
            "replacing it by its twin's closes some of the gap, and more than a change of that size by lot",
            each.beyond().estimate(
                "explain.site.beyond_control", {**about, **each.cell.place()}, "of the gap"
            ),
        )
        for each, (verdict, _) in zip(found, judged, strict=True)
    ]


def named(cell: Cell) -> str:
    """A cell in words."""
    part = f"head {cell.head}" if cell.head is not None else cell.part
    where = "" if cell.region is None else f" at {cell.region}"
    return f"{part} of layer {cell.depth}{where}"


def _finding(name: str, verdict: Verdict, what: str, limit: str, estimate: Estimate) -> Finding:
    if estimate.value is None:
        told = f"cannot be told ({estimate.reason})"
    else:
        told = f"{estimate.value:.0%} of the gap ({estimate.low:.0%} to {estimate.high:.0%})"
    said = "is causal: it closes" if verdict == PASS else f"is {NOT_VALIDATED}: it closes"
    return Finding(
        name=name,
        verdict=verdict,
        limit=limit,
        detail=f"{what} {said} beyond its control {told}.",
        next=_NEXT[verdict],
        estimate=estimate,
    )
