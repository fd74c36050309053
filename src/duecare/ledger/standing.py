"""Where a run stands, told from its ledger alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from duecare.core.finding import FAIL, INSUFFICIENT, PASS, Finding
from duecare.core.wire import decode
from duecare.ledger.entry import Entry

NO_GATES = "no gates"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """The latest run of a folder: its plan, what of it is done, and what stopped it, if anything did.

    `gates` are those of what is done, and what refused to let a step start.
    """

    name: str
    planned: tuple[str, ...]
    done: dict[str, Entry]
    failed: Entry | None
    finished: bool
    gates: tuple[Finding, ...]

    @property
    def next(self) -> str | None:
        """The job that the next `duecare run` begins with."""
        return next((job for job in self.planned if job not in self.done), None)


def standing(entries: Sequence[Entry]) -> Standing:
    """How far the latest run of these entries came; entries that say nothing of jobs may be left out."""
    starts = [entry for entry in entries if entry.happened == "run.started"]
    started = starts[-1] if starts else entries[0] if entries else None
    begun = starts[-1].index if starts else 0
    data = started.note.data if started and started.note else {}
    planned = decode(data.get("plan", "[]"), list[str])
    kept = decode(data.get("standing", "[]"), list[str])
    done: dict[str, Entry] = {}
    for entry in entries:
        if entry.happened == "step.finished" and entry.job and (entry.index > begun or entry.job in kept):
            done[entry.job] = entry
    tail = [entry for entry in entries if entry.index >= begun]
    failed = next((e for e in reversed(tail) if e.happened == "step.failed" and e.job not in done), None)
    about = started.settings.get("study", {}) if started else {}
    return Standing(
        name=str(about.get("name", "")),
        planned=tuple(planned),
        done=done,
        failed=failed,
        finished=any(entry.happened == "run.finished" for entry in tail),
        gates=(
            *gates(entries, [done[job] for job in planned if job in done]),
            *(finding for finding in (failed.findings if failed else ()) if finding.gate),
        ),
    )


def gates(entries: Iterable[Entry], counting: Iterable[Entry]) -> tuple[Finding, ...]:
    """Every declared condition of release that the `counting` step.finished entries stand for, also what
    their steps told midway; said twice counts once."""
    told: dict[tuple[str | None, str | None], list[Finding]] = {}
    for entry in entries:
        if entry.happened == "told":
            told.setdefault((entry.job, entry.step_key), []).extend(entry.findings)
    found: list[Finding] = []
    for entry in counting:
        for finding in [*told.get((entry.job, entry.step_key), []), *entry.findings]:
            if finding.gate and finding not in found:
                found.append(finding)
    return tuple(found)


def verdict(found: Iterable[Finding]) -> str:
    """The worst verdict among declared gates, or "no gates"."""
    verdicts = {finding.verdict for finding in found}
    return next((each for each in (FAIL, INSUFFICIENT, PASS) if each in verdicts), NO_GATES)
