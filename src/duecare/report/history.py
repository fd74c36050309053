"""All that was tried in a run folder before what it shows: stopped, failed and superseded runs stay."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duecare.core import DuecareError
from duecare.core.wire import decode
from duecare.ledger.entry import Entry
from duecare.ledger.read import entries as read
from duecare.report.asked import Change, changes, flat

_SIGNALS = ("stopped by", "by SIG")
"""How the reason begins where a person or the system stopped a step; else the step failed."""
_OF_PEOPLE = ("signed", "released")
_WAITS = "is required before"
"""Stands in the reason where a run waits for a round of human review."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of `duecare run`: how it ended, what it did, and what of that counts no more.

    `ended` is "finished", "failed" (a step stopped with an error), "waiting" (for a round of human review),
    "stopped" (by a signal, or it just ends: a kill, a power cut), "running or stopped" for the latest.
    `superseded` are its results that count no more: a later run has another result of that job, or none.
    `beside` are results that its plan did not hold: rounds of review that were taken in later. `gates` are
    the verdicts it came to, `signed` what people signed about it, incidents and releases among it.
    """

    number: int
    entry: int
    actor: str
    began: str
    last: str
    ended: str
    verdict: str
    planned: int
    kept: int
    done: tuple[str, ...]
    failed: tuple[str, ...]
    superseded: tuple[str, ...]
    beside: tuple[str, ...]
    unfinished: tuple[str, ...]
    changed: tuple[Change, ...]
    gates: dict[str, str]
    repairs: tuple[str, ...]
    signed: tuple[str, ...] = ()


def history(run: Path) -> tuple[Attempt, ...]:
    """Every attempt on record, oldest first. Raises LedgerError where the log is not what its head signs."""
    entries = read(run)
    starts = [entry.index for entry in entries if entry.happened == "run.started"]
    bounds = [*starts, len(entries)]
    planned = _names(entries[starts[-1]], "plan") if starts else []
    standing = {
        entry.job: entry.step_key
        for entry in entries
        if entry.happened == "step.finished" and entry.job in planned
    }
    found: list[Attempt] = []
    for number, (begin, end) in enumerate(itertools.pairwise(bounds)):
        before = entries[bounds[number - 1]] if number else None
        found.append(_attempt(number + 1, entries[begin:end], before, standing, latest=end == len(entries)))
    return tuple(found)


def _attempt(
    number: int,
    entries: Sequence[Entry],
    before: Entry | None,
    standing: dict[str, str | None],
    *,
    latest: bool,
) -> Attempt:
    start, plan = entries[0], _names(entries[0], "plan")
    made = [entry for entry in entries if entry.happened == "step.finished" and not _again(entry)]
    done = [entry for entry in made if entry.job in plan]
    worked = {entry.job for entry in entries if entry.job in plan and entry.happened == "told"}
    ended_jobs = {entry.job for entry in entries if entry.happened in ("step.finished", "step.failed")}
    failed = [entry for entry in entries if entry.happened == "step.failed"]
    end = next((entry for entry in entries if entry.happened == "run.finished"), None)
    return Attempt(
        number=number,
        entry=start.index,
        actor=start.actor,
        began=start.time,
        last=entries[-1].time,
        ended=_ended(end, failed, latest=latest),
        verdict=end.note.text if end is not None and end.note is not None else "",
        planned=len(plan),
        kept=len(_names(start, "standing")) + sum(map(_again, entries)),
        done=tuple(entry.job or "" for entry in done),
        failed=tuple(f"{entry.job}: {_reason(entry)}" for entry in failed),
        superseded=tuple(e.job or "" for e in done if standing.get(e.job or "") != e.step_key),
        beside=tuple(entry.job or "" for entry in made if entry.job not in plan),
        unfinished=tuple(sorted(str(job) for job in worked - ended_jobs)),
        changed=changes(dict(flat(before.settings)), dict(flat(start.settings))) if before else (),
        gates={
            f"{finding.name} ({finding.limit})": finding.verdict
            for entry in entries
            for finding in entry.findings
            if finding.gate
        },
        repairs=tuple(entry.note.text for entry in entries if entry.happened == "repair" and entry.note),
        signed=_signed(entries),
    )


def _signed(entries: Sequence[Entry]) -> tuple[str, ...]:
    """What people signed, and the bundles of releases, a line each."""
    of_people = [entry for entry in entries if entry.happened in _OF_PEOPLE and entry.note]
    return tuple(f"entry {entry.index}: {entry.note.text}" for entry in of_people if entry.note)


def _ended(end: Entry | None, failed: Sequence[Entry], *, latest: bool) -> str:
    if end is not None:
        return "finished"
    if failed:
        why = _reason(failed[-1])
        return "stopped" if why.startswith(_SIGNALS) else "waiting" if _WAITS in why else "failed"
    return "running or stopped" if latest else "stopped"


def _reason(entry: Entry) -> str:
    return entry.note.text if entry.note is not None else "no reason noted"


def _again(entry: Entry) -> bool:
    """Whether an entry only enters again what an earlier one had done."""
    return entry.happened == "step.finished" and entry.note is not None and entry.note.topic == "kept"


def _names(start: Entry, what: str) -> list[str]:
    written = start.note.data.get(what, "[]") if start.note is not None else "[]"
    try:
        return decode(written, list[str])
    except DuecareError:
        return []
