"""Verification of the run's files: every recorded result hashed again, and nothing else there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from duecare.core.errors import LedgerError
from duecare.core.finding import INSUFFICIENT, Finding
from duecare.ledger.checkpoint import CHECKPOINT
from duecare.ledger.claims import ONE_FOLDER
from duecare.ledger.durable import PENDING, read_regular
from duecare.ledger.entry import Entry
from duecare.ledger.inspect_log import fail, hold, shorten
from duecare.ledger.layout import (
    ARTIFACTS,
    ATTESTATIONS,
    HEAD,
    LEDGER,
    LOCK,
    LOG,
    REPORT,
    REVIEW,
    SCRATCH,
    is_artifact_path,
)
from duecare.ledger.manifest import check, show
from duecare.ledger.stamp import stamp_size

_FOLDERS = (LEDGER, ARTIFACTS, REPORT, ATTESTATIONS, REVIEW, SCRATCH)
_LIMIT = "every recorded result is there, byte for byte"
_ALONE = "nothing lies in the run that no entry records"
_REMAKE = "Restore it from a copy, or let `duecare run` make it again (the ledger keeps both digests)."
_AGAIN = {
    REPORT: "Let `duecare report` write it again.",
    ATTESTATIONS: "Let `duecare attest` write them again.",
}
"""How a folder comes back that is made of the ledger and can be made again at any time."""
_TAKE_OUT = "Find out where it comes from and take it out of the run folder."


def inspect_files(run: Path, entries: Iterable[Entry]) -> list[Finding]:
    """Check every folder that entries record, as its latest entry says, and look for anything else."""
    entries = list(entries)
    recorded: dict[str, str] = {}
    for entry in entries:
        if entry.happened in ("step.finished", *ONE_FOLDER):
            recorded |= {p: d for p, d in entry.outputs.items() if p in _AGAIN or is_artifact_path(p)}
    findings = _results(run, recorded)
    strangers = [*_strangers_at_top(run), *_strangers_in_ledger(run / LEDGER)]
    strangers += _strangers_among_results(run, recorded)
    findings += shorten(strangers) or [hold("unrecorded", _ALONE, "No file or folder is unrecorded.")]
    return findings + _scratch(run, is_finished(entries))


def is_finished(entries: Iterable[Entry]) -> bool:
    """Whether the run, as last begun, was brought to its end."""
    ends = [entry.happened for entry in entries if entry.happened in ("run.started", "run.finished")]
    return bool(ends) and ends[-1] == "run.finished"


def _results(run: Path, recorded: dict[str, str]) -> list[Finding]:
    problems: list[Finding] = []
    parents = {path.partition("/")[0] for path in recorded}
    linked = {name for name in parents if (run / name).is_symlink()}  # named by _strangers_at_top
    for path, digest in recorded.items():
        if path.partition("/")[0] in linked:
            continue
        then = _AGAIN.get(path, _REMAKE)
        problems += [fail("result", _LIMIT, f"{path}: {text}.", then) for text in check(run / path, digest)]
    if problems or linked:
        return shorten(problems)
    return [hold("result", _LIMIT, f"{len(recorded)} folders, every file hashed again.")]


def _strangers_at_top(run: Path) -> list[Finding]:
    problems = []
    for path in _listed(run):
        if path.name not in _FOLDERS:
            problems.append(fail("unrecorded", _ALONE, f"{show(path.name)} is not recorded.", _TAKE_OUT))
        elif path.is_symlink() or not path.is_dir():
            problems.append(fail("unrecorded", _ALONE, f"{path.name} is not a folder of this run."))
    return problems


def _strangers_in_ledger(folder: Path) -> list[Finding]:
    problems = []
    for path in [] if folder.is_symlink() else _listed(folder):
        if path.name in (LOG, HEAD, CHECKPOINT) or stamp_size(path.name) is not None:
            continue
        name, then = f"{LEDGER}/{show(path.name)}", _TAKE_OUT
        if path.name == LOCK and _is_lock(path):
            continue
        if path.name == HEAD + PENDING:
            then = "It is left of an interrupted write; `duecare run` removes it."
        if path.name == CHECKPOINT + PENDING:
            then = "It is left of an interrupted write; `duecare checkpoint` removes it."
        if path.name.endswith(PENDING) and stamp_size(path.name.removesuffix(PENDING)) is not None:
            then = "It is left of an interrupted write; `duecare stamp` removes it."
        problems.append(fail("unrecorded", _ALONE, f"{name} is not recorded.", then))
    return problems


def _strangers_among_results(run: Path, recorded: dict[str, str]) -> list[Finding]:
    problems = []
    if not (run / ARTIFACTS).is_symlink():
        for path in _listed(run / ARTIFACTS):
            if f"{ARTIFACTS}/{path.name}" not in recorded:
                detail = f"{ARTIFACTS}/{show(path.name)} is not recorded."
                then = "If a step was interrupted at its end, `duecare run` moves it back; else take it out."
                problems.append(fail("unrecorded", _ALONE, detail, then))
    for folder, then in _AGAIN.items():
        if (run / folder).exists() and folder not in recorded:
            problems.append(fail("unrecorded", _ALONE, f"{folder} is not recorded.", then))
    return problems


def _scratch(run: Path, finished: bool) -> list[Finding]:
    limit = "a finished run has no work in progress"
    if (run / SCRATCH).is_symlink() or not _listed(run / SCRATCH):
        return []
    if finished:
        then = "If a report was interrupted let `duecare report` write it again; else take it out."
        return [fail("scratch", limit, f"{SCRATCH} is not empty though the run is finished.", then)]
    detail = f"{SCRATCH} holds work in progress, which nothing vouches for."
    then = "Let `duecare run` bring the run to its end."
    return [Finding(name="verify.scratch", verdict=INSUFFICIENT, limit=limit, detail=detail, next=then)]


def _is_lock(path: Path) -> bool:
    """An empty lock, or one that names a process."""
    try:
        return re.fullmatch(rb"(\d{1,20}\n)?", read_regular(path)) is not None
    except LedgerError:
        return False


def _listed(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing where there is none. Raises OSError where it may not be read."""
    return sorted(folder.iterdir()) if folder.is_dir() else []
