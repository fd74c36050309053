"""What `duecare forget` shows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from duecare.cli.forget import Hit, carry_out, find, request, resume
from duecare.cli.main import OK, REFUSED
from duecare.cli.reviewing import recording
from duecare.cli.run import write_report
from duecare.cli.show import console, run_folder
from duecare.cli.show_run import reporter_of
from duecare.core import LedgerError, Problem
from duecare.core.errors import StudyError
from duecare.ledger.entry import Entry
from duecare.ledger.forgotten import Forgotten
from duecare.ledger.record import Recorder
from duecare.vault import envelope


def show_forget(
    given: Path | None, subject: str | None, *, expired: bool, again: bool, models: bool, yes: bool
) -> int:
    """Find, say what would be destroyed, and with `yes` destroy it."""
    if sum((subject is not None, expired, again)) != 1:
        error = StudyError([Problem("forget", "", "one of --subject, --expired and --resume")])
        error.about = "the call"
        raise error
    folder, out = run_folder(given), console()
    with recording(folder) as recorder:
        for one in resume(folder, recorder):
            out.print(f"Completed what was interrupted: {escape(one.text)}", soft_wrap=True)
        if again:
            return _done(out, folder, recorder)
        if subject is not None:
            who = sys.stdin.readline().strip() if subject == "-" else subject
            hits = find(folder, recorder.entries, who)
            _say_hits(out, hits)
            reads = [hit.read for hit in hits if not hit.unknown]
            wanted = request(folder, recorder.entries, reads, who, models=models) if reads else None
        else:
            reads = _past(recorder.entries)
            wanted = request(folder, recorder.entries, reads, None, models=True)
        if wanted is None:
            return OK if not hits else REFUSED
        _say_plan(out, wanted)
        if not yes:
            out.print("[yellow]Nothing was destroyed.[/] With --yes this is done, and cannot be undone.")
            return REFUSED
        done = carry_out(folder, recorder, wanted)
        out.print(f"[green]Forgotten.[/] {escape(done.text)}", soft_wrap=True)
        return _done(out, folder, recorder)


def _done(out: Console, folder: Path, recorder: Recorder) -> int:
    report = write_report(folder, recorder, reporter_of(folder))
    out.print(f"Report: {escape(str(report / 'report.html'))}", soft_wrap=True)
    return OK


def _past(entries: Sequence[Entry]) -> list[Entry]:
    from duecare.cli.forget import readings

    started = [entry for entry in entries if entry.happened == "run.started"]
    until = (started[-1].settings.get("storage") or {}).get("keep_until") if started else None
    if not until:
        raise LedgerError(
            "the study of this run has no day (storage.keep_until) until which data may be kept"
        )
    if envelope.today().isoformat() <= str(until):
        raise LedgerError(f"the data of this run may be kept until {until}; that day is not past")
    return readings(entries)


def _say_hits(out: Console, hits: Sequence[Hit]) -> None:
    if not hits:
        out.print("Found nowhere: no source that this run read holds the subject.")
    for hit in hits:
        place = f"{hit.source} ({next(iter(hit.read.outputs))})"
        if hit.unknown:
            said = "cannot be read, and has no index that could be asked: nothing can be said"
        elif hit.rows is None:
            said = (
                f"probably, among {hit.within:,} rows that cannot be read (the index errs once in "
                f"{_once_in(hit.mistaken)})"
            )
        else:
            shown = ", ".join(hit.rows[:10])
            more = f" and {len(hit.rows) - 10:,} more" if len(hit.rows) > 10 else ""
            said = f"{len(hit.rows):,} rows: {shown}{more}"
        out.print(f"[bold]{escape(place)}[/]: {escape(said)}", soft_wrap=True)


def _once_in(chance: float) -> str:
    return f"{1 / chance:,.0f}" if chance > 1e-12 else "more than 1,000,000,000,000"


def _say_plan(out: Console, wanted: Forgotten) -> None:
    lines = {
        "keys to destroy": tuple(wanted.keys),
        "made unreadable": wanted.sealed,
        "rows in plain, which no key can take back": wanted.open,
        "models that learned from it": wanted.models,
        "results that rest on it": wanted.results,
    }
    for what, names in lines.items():
        if names:
            shown = ", ".join(name.removeprefix("artifacts/") for name in names)
            out.print(f"[dim]{what}:[/] {escape(shown)}", soft_wrap=True)
