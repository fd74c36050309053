"""What changed from one run to another, and which figures moved, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duecare.core import Estimate
from duecare.report.asked import ABSENT, Change, changes, flat
from duecare.report.gather import Story, gather

_EXTERNAL = "external:"
Name = tuple[str, str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Moved:
    """A figure of both runs whose value or interval differs.

    `apart`: the intervals have no point in common; `exact`: both are counts of all there is, which have none.
    Intervals apart are strong evidence of a difference; intervals that meet are no evidence of none, and of
    many figures some come apart by chance.
    """

    job: str
    metric: str
    slice: dict[str, str]
    before: Estimate
    after: Estimate
    apart: bool
    exact: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs between two runs; `same` counts the figures that are equal to the last digit."""

    before: str
    after: str
    settings: tuple[Change, ...]
    inputs: tuple[Change, ...]
    software: tuple[Change, ...]
    jobs: tuple[Change, ...]
    gates: tuple[Change, ...]
    moved: tuple[Moved, ...]
    same: int
    only_before: int
    only_after: int


def difference(before: Path, after: Path) -> Difference:
    """What differs between the runs in two folders. Raises LedgerError where one of them holds no run."""
    one, two = gather(before), gather(after)
    old, new = _figures(one), _figures(two)
    both = [name for name in old if name in new]
    moved = [_moved(name, old[name], new[name]) for name in both if old[name] != new[name]]
    return Difference(
        before=one.name if one.name != two.name else str(before),
        after=two.name if one.name != two.name else str(after),
        settings=changes(dict(flat(one.study)), dict(flat(two.study))),
        inputs=changes(_inputs(one), _inputs(two)),
        software=changes(_software(one), _software(two)),
        jobs=changes(_jobs(one), _jobs(two)),
        gates=changes(_gates(one), _gates(two)),
        moved=tuple(sorted(moved, key=lambda each: (not each.apart, each.exact, each.job, each.metric))),
        same=len(both) - len(moved),
        only_before=len(old.keys() - new.keys()),
        only_after=len(new.keys() - old.keys()),
    )


def _figures(story: Story) -> dict[Name, Estimate]:
    """Figures by job, metric, method and slice; those told midway in training are left out."""
    return {
        (
            figure.job,
            figure.estimate.metric,
            figure.estimate.method,
            tuple(sorted(figure.estimate.slice.items())),
        ): figure.estimate
        for figure in story.figures
        if figure.estimate.step is None
    }


def _moved(name: Name, before: Estimate, after: Estimate) -> Moved:
    exact, apart = False, False
    if (
        before.low is not None
        and before.high is not None
        and after.low is not None
        and after.high is not None
    ):
        exact = before.low == before.high and after.low == after.high
        apart = not exact and (before.high < after.low or after.high < before.low)
    return Moved(name[0], name[1], dict(name[3]), before, after, apart, exact)


def _inputs(story: Story) -> dict[str, str]:
    """What came from outside, by job and name, with its digest; and the base model's."""
    found = {
        f"{stage.job}: {name.removeprefix(_EXTERNAL)}": digest
        for stage in story.stages
        for name, digest in stage.entry.inputs.items()
        if name.startswith(_EXTERNAL)
    }
    return found | {f"{stage.job} (result)": stage.digest for stage in story.of("base")}


def _software(story: Story) -> dict[str, str]:
    """Package to its versions, in the order in which they were used."""
    used: dict[str, dict[str, None]] = {}
    for stage in story.stages:
        for package, version in stage.entry.software.items():
            used.setdefault(package, {})[version] = None
    return {package: ", ".join(versions) for package, versions in used.items()}


def _jobs(story: Story) -> dict[str, str]:
    """Job to what was done: its step and seed, where it was finished."""
    done = {
        stage.job: f"{stage.entry.step or stage.kind}, seed {stage.entry.seed}"
        if stage.entry.seed is not None
        else (stage.entry.step or stage.kind)
        for stage in story.stages
    }
    return {job: done.get(job, "planned, not done") for job in story.planned} | done


def _gates(story: Story) -> dict[str, str]:
    """Gate and limit to its verdict."""
    found: dict[str, str] = {}
    for ruling in story.rulings:
        if ruling.finding.gate:
            behind = ruling.finding.estimate
            of = ", ".join(f"{k} {v}" for k, v in sorted(behind.slice.items())) if behind else ""
            name = f"{ruling.finding.name} ({ruling.finding.limit}{', ' if of else ''}{of})"
            found[name] = ruling.finding.verdict
    return found


__all__ = ["ABSENT", "Difference", "Moved", "difference"]
