"""Every figure that the artifacts of a run are enough for, derived again and compared with what is on record.

An evaluation leaves its answers, scores and log-probabilities, so that all its figures and the verdicts of
gates follow from files that the ledger seals; curation leaves its rows and reasons, so that counts and shares
do. What a step told while it trained, and what it drew from texts by a detector, does not follow from files
alone, and is listed as such, by name.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from duecare.core import FAIL, PASS, Artifact, DuecareError, Estimate, Finding, exact
from duecare.report.asked import look
from duecare.report.gather import Stage, Story, gather

TOLERANCE = 1e-9
"""Largest difference between a figure and the same derived again, as a share of the larger (or of 1)."""

MOST_NAMED = 10
LIMIT = f"figures derived again from the artifacts are those on record (within {TOLERANCE:g})"
_AGAIN = "Find out who changed the figure: nothing that the run holds gives it."

Name = tuple[str, str, int | None, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What came of one job: how many of its figures and verdicts were derived again, those that differ (in
    words), and the figures that cannot be derived, by metric; `why` says what kept all of it from being."""

    job: str
    entry: int
    derived: int
    differing: tuple[str, ...]
    beyond: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Derived:
    estimates: Sequence[Estimate]
    findings: Sequence[Finding] | None = None


def recompute(run: Path) -> tuple[Recomputed, ...]:
    """Derive again what can be, job by job, in the order of the plan.

    Raises LedgerError where the log is not what its head signs.
    """
    story = gather(run)
    return tuple(_job(run, story, stage) for stage in story.stages)


def findings(found: Iterable[Recomputed]) -> list[Finding]:
    """One Finding a job of which something was derived."""
    said = []
    for each in found:
        if each.differing:
            shown = "; ".join(each.differing[:MOST_NAMED])
            more = f" and {len(each.differing) - MOST_NAMED} more" if len(each.differing) > MOST_NAMED else ""
            detail = f"{each.job} (entry {each.entry}): {shown}{more}."
            said.append(
                Finding(name="verify.recompute", verdict=FAIL, limit=LIMIT, detail=detail, next=_AGAIN)
            )
        elif each.derived:
            detail = f"{each.job} (entry {each.entry}): {each.derived} figures and verdicts derived again."
            said.append(Finding(name="verify.recompute", verdict=PASS, limit=LIMIT, detail=detail))
    return said


def _job(run: Path, story: Story, stage: Stage) -> Recomputed:
    recorded = stage.entry.estimates
    told = sum(figure.entry != stage.entry.index for figure in stage.figures)
    midway = (f"{told} told midway",) if told else ()
    derive = _ways(stage)
    if derive is None:
        return Recomputed(stage.job, stage.entry.index, 0, (), (*_metrics(recorded), *midway))
    try:
        made = derive(run, story, stage)
    except DuecareError as error:
        return Recomputed(stage.job, stage.entry.index, 0, (), (*_metrics(recorded), *midway), str(error))
    again = {_name(estimate): estimate for estimate in made.estimates}
    differing = [_words(one, again[_name(one)]) for one in recorded if _differs(one, again.get(_name(one)))]
    beyond = [one for one in recorded if _name(one) not in again]
    missing = [name for name in again if name not in {_name(one) for one in recorded}]
    differing += [f"{name[0]} is derived and was never recorded" for name in missing]
    differing += _verdicts(stage.entry.findings, made.findings)
    count = len(recorded) - len(beyond) + len(made.findings or ())
    return Recomputed(stage.job, stage.entry.index, count, tuple(differing), (*_metrics(beyond), *midway))


def _ways(stage: Stage) -> Callable[[Path, Story, Stage], _Derived] | None:
    """How the figures of a job follow from artifacts; None where they do not."""
    by_kind = {"evaluate": _evaluation, "stages": _stages, "gate": _gate, "split": _split, "read": _read}
    by_kind |= {"words": _explained, "canaries-back": _memorised, "records": _recorded}
    sifted = (
        any(name.startswith("dropped.parquet") for name in stage.listed) and "examples" in stage.entry.inputs
    )
    return by_kind.get(stage.kind) or (_sifted if sifted else None)


def _folder(run: Path, stage: Stage) -> Path:
    """The artifact's folder, if every file that is read here is as recorded."""
    if stage.altered:
        raise DuecareError(f"{', '.join(stage.altered)} is not as recorded")
    return run / stage.folder


def _evaluation(run: Path, story: Story, stage: Stage) -> _Derived:
    from duecare.evaluate.figures import figures
    from duecare.evaluate.tables import read

    return _Derived(figures(read(_folder(run, stage))))


def _stages(run: Path, story: Story, stage: Stage) -> _Derived:
    from duecare.evaluate.figures import figures
    from duecare.evaluate.moved import changes
    from duecare.evaluate.tables import read

    between, ends = read(_folder(run, stage)), read(_folder(run, _input(story, stage, "evaluate")))
    order = [str(job) for job in stage.entry.settings["order"]]
    return _Derived([*figures(between), *changes(ends, between, order)])


def _explained(run: Path, story: Story, stage: Stage) -> _Derived:
    from duecare.explain.words_tables import again

    seed = {} if stage.entry.seed is None else {"seed": stage.entry.seed}
    return _Derived(*again({**stage.entry.settings, **seed}, _folder(run, stage)))


def _recorded(run: Path, story: Story, stage: Stage) -> _Derived:
    from duecare.memorise.records_figures import again

    seed = {} if stage.entry.seed is None else {"seed": stage.entry.seed}
    return _Derived(*again({**stage.entry.settings, **seed}, _folder(run, stage)))


def _memorised(run: Path, story: Story, stage: Stage) -> _Derived:
    import msgspec

    from duecare.memorise.canaries import CanariesBack
    from duecare.memorise.tables import again

    folder = _folder(run, stage)
    seed = {} if stage.entry.seed is None else {"seed": stage.entry.seed}
    step = msgspec.convert({**stage.entry.settings, **seed}, CanariesBack)
    return _Derived(*again(step, folder))


def _gate(run: Path, story: Story, stage: Stage) -> _Derived:
    import msgspec

    from duecare.evaluate.gate import Gate
    from duecare.evaluate.judgement import judge
    from duecare.evaluate.tables import read

    try:
        gate = msgspec.convert(stage.entry.settings, Gate)
    except msgspec.ValidationError as error:
        raise DuecareError("its settings are those of another version") from error
    judged = judge(gate.gates, read(_folder(run, _input(story, stage, "evaluate"))))
    return _Derived((), judged.findings)


def _split(run: Path, story: Story, stage: Stage) -> _Derived:
    counts = {side: _count(run, stage, side) for side in ("train", "held_out")}
    total, place = sum(counts.values()), {"source": stage.source or ""}
    return _Derived(
        [exact(f"curate.split.{side}", count, total, place, "rows") for side, count in counts.items()]
    )


def _sifted(run: Path, story: Story, stage: Stage) -> _Derived:
    """Counts of rows and shares of groups removed, from the rows that came and those that went."""
    from duecare.curate.flow import batches, count_rows, memberships
    from duecare.curate.mention import mentions, removed_by_mention
    from duecare.measure import proportion

    before = _input(story, stage, "examples")
    came = Artifact(job=before.job, path=_folder(run, before), digest=before.digest)
    here = Artifact(job=stage.job, path=_folder(run, stage), digest=stage.digest)
    total, place = count_rows(came), {"source": stage.source or ""}
    counts = {"in": total, "kept": count_rows(here), "dropped": count_rows(here, "dropped.parquet")}
    for action in ("changed", "flagged", "added"):
        looked = look(run, stage, "changes.parquet", ("row",), action=action)
        if looked is None or looked.records is None:
            raise DuecareError(looked.why if looked else "changes.parquet is missing")
        counts[action] = len({record["row"] for record in looked.records})
    made = [exact(f"curate.rows.{what}", count, total, place, "rows") for what, count in counts.items()]
    seen, removed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for batch in batches(came):
        seen += memberships(batch)
    for batch in batches(here, "dropped.parquet"):
        removed += memberships(batch)
    for (axis, group), count in sorted(seen.items()):
        about = {**place, "axis": axis, "group": group}
        made.append(proportion(removed[axis, group], count).estimate("curate.removed.share", about))
    if counts["dropped"]:
        named, gone = mentions(batches(came)), mentions(batches(here, "dropped.parquet"))
        made += removed_by_mention(named, gone, total, counts["dropped"], place["source"])
    return _Derived(made)


def _read(run: Path, story: Story, stage: Stage) -> _Derived:
    counts = {table: _count(run, stage, table) for table in ("kept", "set_aside")}
    counts["in"], place = sum(counts.values()), {"source": stage.source or ""}
    return _Derived(
        [exact(f"curate.rows.{what}", count, counts["in"], place, "rows") for what, count in counts.items()]
    )


def _count(run: Path, stage: Stage, side: str) -> int:
    """Rows of a table, whatever its first column is called."""
    looked = look(run, stage, f"{side}.parquet", ("source",))
    if looked is None or looked.records is None:
        raise DuecareError(looked.why if looked else f"{side}.parquet is missing")
    return len(looked.records)


def _input(story: Story, stage: Stage, name: str) -> Stage:
    maker = story.maker(stage.entry.inputs.get(name, ""), stage.source)
    if maker is None:
        raise DuecareError(f"its input {name} is no current result of this run")
    return maker


def _name(estimate: Estimate) -> Name:
    return estimate.metric, estimate.method, estimate.step, tuple(sorted(estimate.slice.items()))


def _metrics(estimates: Iterable[Estimate]) -> tuple[str, ...]:
    """Metrics with how many figures of each there are."""
    counts = Counter(estimate.metric for estimate in estimates)
    return tuple(f"{metric} ({count})" for metric, count in counts.items())


def _differs(one: Estimate, two: Estimate | None) -> bool:
    """Whether a figure, its interval, or what it was measured from is another."""
    if two is None:
        return False
    same = (one.n, one.clusters, one.level, one.unit, one.rests_on) == (
        two.n,
        two.clusters,
        two.level,
        two.unit,
        two.rests_on,
    )
    bounds = ((one.value, two.value), (one.low, two.low), (one.high, two.high))
    return not same or not all(_close(a, b) for a, b in bounds)


def _close(one: float | None, two: float | None) -> bool:
    if one is None or two is None:
        return one is two
    return math.isclose(one, two, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _words(recorded: Estimate, derived: Estimate) -> str:
    of = ", ".join(f"{name} {value}" for name, value in sorted(recorded.slice.items()))
    return f"{recorded.metric} ({of}) is recorded as {_figure(recorded)}, derived as {_figure(derived)}"


def _figure(estimate: Estimate) -> str:
    if estimate.value is None:
        return "not to be said"
    return f"{estimate.value:.6g} [{estimate.low:.6g}, {estimate.high:.6g}], n = {estimate.n}"


def _verdicts(recorded: Sequence[Finding], derived: Sequence[Finding] | None) -> list[str]:
    """Gates whose verdict, or the figure behind it, is another than follows from the evaluation."""
    if derived is None:
        return []
    if len(recorded) != len(derived):
        return [f"{len(recorded)} verdicts are recorded, {len(derived)} follow"]
    said = []
    for one, two in zip(recorded, derived, strict=True):
        said_of, follows = ((each.name, each.verdict, each.limit, each.needed_n) for each in (one, two))
        if said_of != follows:
            said.append(f"{one.name} ({one.limit}) is recorded as {one.verdict}, {two.verdict} follows")
        elif (one.estimate is None) != (two.estimate is None) or (
            one.estimate is not None and _differs(one.estimate, two.estimate)
        ):
            said.append(f"{one.name} ({one.limit}) rests on another figure than follows")
    return said
