"""Read a run folder into a Story: what was planned, what was done, every figure and who said it.

Nothing but the run folder is read. Which step's artifact is current follows from the latest
`run.started` entry: its note names the planned jobs, and those that were kept from earlier runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duecare.core import DuecareError, Estimate, Finding, LedgerError, Note
from duecare.core.wire import decode
from duecare.ledger.digest import file_digest
from duecare.ledger.duties import Account
from duecare.ledger.entry import Entry
from duecare.ledger.layout import MANIFEST
from duecare.ledger.manifest import File, manifest_digest, read_manifest

READS = frozenset(
    {
        "answers.parquet",
        "attributions.parquet",
        "changes.parquet",
        "checks.parquet",
        "choices.parquet",
        "comparisons.json",
        "curves.parquet",
        "dropped.parquet",
        "explained.parquet",
        "heldout.parquet",
        "influence.parquet",
        "items.parquet",
        "kept.parquet",
        "layers.parquet",
        "patching.parquet",
        "reference.json",
        "scores.parquet",
        "set_aside.parquet",
        "twins.parquet",
    }
)
"""The files of artifacts that the report reads; weights are not among them and are not hashed here."""


@dataclass(frozen=True, slots=True)
class Figure:
    """An Estimate and the entry that put it on record; `id` is "entry.position"."""

    id: str
    entry: int
    job: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Ruling:
    """A Finding and the entry that put it on record; `figure` is the Estimate behind it."""

    id: str
    entry: int
    job: str
    finding: Finding
    figure: Figure | None


@dataclass(frozen=True, slots=True)
class Stage:
    """One finished job: the entry that sealed it, what it said, and the files of its artifact.

    `files` holds, of the files that the report reads (`READS`), those whose bytes are as recorded;
    `altered` names those that are missing or are not, which are therefore not shown. `listed` is every file
    that was sealed, as its manifest has it, by name; empty where that manifest is not the recorded one.
    """

    job: str
    entry: Entry
    figures: tuple[Figure, ...]
    rulings: tuple[Ruling, ...]
    notes: tuple[tuple[int, Note], ...]
    digest: str
    files: Mapping[str, Path]
    altered: tuple[str, ...]
    listed: Mapping[str, File] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The folder of its artifact, from the run's."""
        return next(iter(self.entry.outputs), "")

    @property
    def kind(self) -> str:
        """What sort of job: "toxicity" of "toxicity:chats"."""
        return self.job.split(":", 1)[0]

    @property
    def source(self) -> str | None:
        """The data source a job works on: "chats" of "toxicity:chats"."""
        return self.job.split(":", 1)[1] if ":" in self.job else None


@dataclass(frozen=True, slots=True)
class Story:
    """What one run folder tells. `entries` are those of the `ledger` that are not about reports; `duties` are
    what they say of people, where there is anything.
    """

    run: str
    name: str
    study: dict[str, Any]
    ledger: tuple[Entry, ...]
    entries: tuple[Entry, ...]
    stages: tuple[Stage, ...]
    planned: tuple[str, ...]
    started: str
    ended: str
    failed: Entry | None
    finished: bool
    duties: Account | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Planned jobs that no finished step stands for."""
        done = {stage.job for stage in self.stages}
        return tuple(job for job in self.planned if job not in done)

    @property
    def altered(self) -> tuple[str, ...]:
        """Files of artifacts that are not as recorded, and therefore not shown."""
        return tuple(f"{stage.job}: {name}" for stage in self.stages for name in stage.altered)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every current figure, in the order of the plan."""
        return tuple(figure for stage in self.stages for figure in stage.figures)

    @property
    def rulings(self) -> tuple[Ruling, ...]:
        """Every current finding, in the order of the plan."""
        return tuple(ruling for stage in self.stages for ruling in stage.rulings)

    def of(self, *kinds: str) -> tuple[Stage, ...]:
        """The finished jobs of these kinds, in the order of the plan."""
        return tuple(stage for stage in self.stages if stage.kind in kinds)

    def job(self, name: str) -> Stage | None:
        """The finished job of this name."""
        return next((stage for stage in self.stages if stage.job == name), None)

    def maker(self, digest: str, source: str | None = None) -> Stage | None:
        """The job whose artifact has this digest; of several with equal bytes the one of that source."""
        makers = [stage for stage in self.stages if stage.digest == digest]
        return next((stage for stage in makers if stage.source == source), makers[0] if makers else None)


def gather(run: Path) -> Story:
    """The story of the run folder `run`; a LedgerError where it holds no run at all."""
    from duecare.ledger.read import answering
    from duecare.ledger.read import entries as read

    ledger = tuple(read(run))
    entries = tuple(entry for entry in ledger if entry.happened != "report")
    if not entries:
        raise LedgerError(f"{run.name}: the ledger holds no entries, so there is nothing to report")
    start = _last(entries, "run.started")
    tail = tuple(entry for entry in entries if start is None or entry.index >= start.index)
    planned = _plan(start)
    stages = _stages(run, entries, planned, start)
    failed = _last(tail, "step.failed")
    if failed and any(entry.job == failed.job and entry.index > failed.index for entry in tail):
        failed = None
    study = dict(start.settings) if start else {}
    described = study.get("study")
    about = described if isinstance(described, dict) else {}
    done = {stage.job for stage in stages}
    return Story(
        run=entries[-1].run,
        name=str(about.get("name") or entries[-1].run),
        study=study,
        ledger=ledger,
        entries=entries,
        stages=stages,
        planned=planned,
        started=start.time if start else entries[0].time,
        ended=(_last(tail, "run.finished") or tail[-1]).time,  # what is signed later is no part of the run
        failed=failed,
        duties=answering(run)[1] if any(map(_lists_people, entries)) else None,
        finished=failed is None
        and ((bool(planned) and done >= set(planned)) or _last(tail, "run.finished") is not None),
    )


def _lists_people(entry: Entry) -> bool:
    return entry.happened == "run.started" and bool({"people", "rules"} & entry.settings.keys())


def _last(entries: Iterable[Entry], happened: str) -> Entry | None:
    found = None
    for entry in entries:
        if entry.happened == happened:
            found = entry
    return found


def _plan(start: Entry | None) -> tuple[str, ...]:
    """The planned jobs in order; empty where the ledger names none."""
    return _names(start, "plan")


def _names(start: Entry | None, what: str) -> tuple[str, ...]:
    """A list of jobs in the note of `run.started`."""
    written = start.note.data.get(what, "") if start is not None and start.note is not None else ""
    try:
        names = decode(written, list[str])
    except DuecareError:
        return ()
    return tuple(names)


def _stages(
    run: Path, entries: Sequence[Entry], planned: Sequence[str], start: Entry | None
) -> tuple[Stage, ...]:
    """For each planned job the latest entry that finished it, if that is of this run or was kept by it."""
    kept = set(_names(start, "standing"))
    sealed: dict[str, Entry] = {}
    for entry in entries:
        current = start is None or entry.index > start.index or entry.job in kept
        if current and entry.happened == "step.finished" and entry.job is not None:
            sealed[entry.job] = entry
    order = [job for job in planned if job in sealed] if planned else list(sealed)
    standing = {digest for job in order for digest in sealed[job].outputs.values()}
    further = _further_rounds(entries, standing)
    sealed = further | sealed
    order += [job for job in further if job not in order]
    return tuple(_stage(run, sealed[job], entries) for job in order)


def _further_rounds(entries: Sequence[Entry], standing: set[str]) -> dict[str, Entry]:
    """The latest entry of each round of review of an artifact that stands, whether a plan holds it or not."""
    return {
        entry.job: entry
        for entry in entries
        if entry.job is not None
        and entry.happened == "step.finished"
        and entry.job.startswith("review:")
        and entry.inputs.get("reviewed") in standing
    }


def _stage(run: Path, sealed: Entry, entries: Sequence[Entry]) -> Stage:
    told = [
        entry
        for entry in entries
        if entry.happened == "told"
        and entry.job == sealed.job
        and entry.step_key in (None, sealed.step_key)
        and entry.index < sealed.index
    ]
    figures: dict[tuple[object, ...], Figure] = {}
    rulings: dict[tuple[object, ...], Ruling] = {}
    notes: list[tuple[int, Note]] = []
    for entry in [*told, sealed]:
        said = _figures(entry)
        for figure in said:
            estimate = figure.estimate
            about = tuple(sorted(estimate.slice.items()))
            figures[estimate.metric, estimate.method, about, estimate.step] = figure
        for ruling in _rulings(entry, said):
            behind = ruling.finding.estimate
            of = tuple(sorted(behind.slice.items())) if behind else ()
            rulings[ruling.finding.name, ruling.finding.limit, of] = ruling
        if entry.note is not None:
            notes.append((entry.index, entry.note))
    folder, digest = next(iter(sealed.outputs.items()), ("", ""))
    files, altered, listed = _files(_inside(run, folder), digest) if folder else ({}, (), {})
    return Stage(
        job=sealed.job or "",
        entry=sealed,
        figures=tuple(figures.values()),
        rulings=tuple(rulings.values()),
        notes=tuple(notes),
        digest=digest,
        files=files,
        altered=altered,
        listed=listed,
    )


def _inside(run: Path, folder: str) -> Path | None:
    """The folder of an artifact if it is there and nowhere but below the run."""
    path = (run / folder).resolve()
    return path if folder and path.is_relative_to(run.resolve()) and path.is_dir() else None


def _files(folder: Path | None, digest: str) -> tuple[dict[str, Path], tuple[str, ...], dict[str, File]]:
    """The files the report reads whose bytes are those the ledger recorded, the names of the others,
    and every file that was sealed."""
    if folder is None:
        return {}, ("the whole folder",), {}
    try:
        sealed = manifest_digest(folder) == digest
        listed = {file.path: file for file in read_manifest(folder).files} if sealed else {}
    except LedgerError:
        sealed, listed = False, {}
    if not sealed:
        return {}, (MANIFEST,), {}
    files: dict[str, Path] = {}
    altered: list[str] = []
    for name in sorted(listed.keys() & READS):
        try:
            same = file_digest(folder / name) == listed[name].sha256
        except (OSError, LedgerError):
            same = False
        if same:
            files[name] = folder / name
        else:
            altered.append(name)
    return files, tuple(altered), listed


def _figures(entry: Entry) -> list[Figure]:
    return [
        Figure(f"{entry.index}.{position}", entry.index, entry.job or "", estimate)
        for position, estimate in enumerate(entry.estimates)
    ]


def _rulings(entry: Entry, said: Sequence[Figure]) -> list[Ruling]:
    """Findings of an entry; an Estimate that the entry does not list itself gets an id after the others."""
    rulings = []
    for position, finding in enumerate(entry.findings):
        figure = None
        if finding.estimate is not None:
            figure = next((figure for figure in said if figure.estimate == finding.estimate), None) or Figure(
                f"{entry.index}.f{position}", entry.index, entry.job or "", finding.estimate
            )
        rulings.append(Ruling(f"{entry.index}.{position}", entry.index, entry.job or "", finding, figure))
    return rulings
