"""What `duecare forget` shows."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from duecare.cli import signing
from duecare.cli.forget import (
    Hit,
    also_in,
    ask,
    begin,
    find,
    has_to_be_signed,
    request,
    resume,
    signed,
    unsigned,
)
from duecare.cli.main import OK, REFUSED
from duecare.cli.reviewing import recording
from duecare.cli.run import write_report
from duecare.cli.show import console, run_folder
from duecare.cli.show_people import By, settled
from duecare.cli.show_run import reporter_of
from duecare.core import LedgerError, Problem
from duecare.core.errors import StudyError
from duecare.ledger.entry import Entry
from duecare.ledger.forgotten import EXPIRED, Forgotten
from duecare.ledger.record import Recorder
from duecare.vault import envelope


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked: a subject ("-": read it), the data whose day is past, or that what was begun is gone on
    with; whether keys of models go, whether anything is done, and who signs it."""

    subject: str | None
    expired: bool = False
    again: bool = False
    models: bool = False
    yes: bool = False
    by: By | None = None


def show_forget(given: Sequence[Path | None], call: Call) -> int:
    """Find, say what would be destroyed, and with `yes` destroy it: in all runs, or, where somebody has to
    sign first, in none."""
    if sum((call.subject is not None, call.expired, call.again)) != 1:
        error = StudyError([Problem("forget", "", "one of --subject, --expired and --resume")])
        error.about = "the call"
        raise error
    folders, out = [run_folder(each) for each in given], console()
    subject = sys.stdin.readline().strip() if call.subject == "-" else call.subject
    with ExitStack() as open_ones:
        recorders = [open_ones.enter_context(recording(folder)) for folder in folders]
        for folder, recorder in zip(folders, recorders, strict=True):
            for one in resume(folder, recorder):
                out.print(f"Completed what was interrupted: {escape(one.text)}", soft_wrap=True)
        if not call.again:
            code, plans = _planned(out, folders, recorders, subject, call)
            if code is not None:
                return code
            for folder, recorder, plan in zip(folders, recorders, plans, strict=True):
                if plan is not None and (plan.why == EXPIRED or not has_to_be_signed(folder)):
                    continue
                if plan is not None:
                    entry = ask(recorder, plan).index
                    out.print(f"Entered in {escape(folder.name)}: entry {entry}.", soft_wrap=True)
    if call.by is not None and not _sign(folders, call.by):
        return REFUSED
    if _waits(out, folders):
        return REFUSED
    plain = [] if call.again else [_free(folder, plan) for folder, plan in zip(folders, plans, strict=True)]
    return _carry_out(out, folders, plain or [None] * len(folders))


def _planned(
    out: Console, folders: Sequence[Path], recorders: Sequence[Recorder], subject: str | None, call: Call
) -> tuple[int | None, list[Forgotten | None]]:
    """What it comes to in each run (None: nothing), or the code with which to end because it is not done."""
    plans: list[Forgotten | None] = []
    unknown = False
    number = secrets.token_hex(8)
    for folder, recorder in zip(folders, recorders, strict=True):
        if len(folders) > 1:
            out.print(f"[bold]{escape(str(folder))}[/]", soft_wrap=True)
        if subject is not None:
            hits = find(folder, recorder.entries, subject)
            _say_hits(out, hits)
            reads = [hit.read for hit in hits if not hit.unknown]
            unknown |= bool(hits) and not reads
        else:
            reads = _past(recorder.entries)
        models, plan = call.models or subject is None, None
        if reads or subject is None:  # one number for all runs: it is one request
            made = request(folder, recorder.entries, reads, subject, models=models)
            plan = replace(made, request=number)
        if plan is not None:
            _say_plan(out, plan)
        plans.append(plan)
    if not any(plans):
        return (REFUSED if unknown else OK), plans
    if not call.yes:
        out.print("[yellow]Nothing was destroyed.[/] With --yes this is done, and cannot be undone.")
        return REFUSED, plans
    return None, plans


def _sign(folders: Sequence[Path], by: By) -> bool:
    """Have a person sign what waits in each run; whether they did, for it may only be written down."""
    for folder in folders:
        waiting = [each.entry for each in unsigned(folder)]
        if waiting:
            apart = by if by.request is None or len(folders) == 1 else _apart(by, folder)
            settled(folder, apart, signing.forgettings(signing.desk(folder), by.name, by.role, waiting))
    return by.request is None


def _apart(by: By, folder: Path) -> By:
    """A request file of its own for each run."""
    path = by.request or Path()
    return replace(by, request=path.with_name(f"{path.stem}-{folder.resolve().name}{path.suffix}"))


def _waits(out: Console, folders: Sequence[Path]) -> bool:
    """Say which runs still wait for a signature; nothing is destroyed until none does."""
    found = [(folder, each) for folder in folders for each in unsigned(folder) if not each.begun]
    for folder, each in found:
        out.print(
            f"[yellow]Nothing was destroyed:[/] {escape(folder.name)}, {escape(each.text)}. `duecare forget "
            "RUN --resume --as NAME` signs and does it; `--request FILE` has it signed on another machine.",
            soft_wrap=True,
        )
    return bool(found)


def _free(folder: Path, plan: Forgotten | None) -> Forgotten | None:
    """A plan that nobody has to sign."""
    return plan if plan is not None and (plan.why == EXPIRED or not has_to_be_signed(folder)) else None


def _carry_out(out: Console, folders: Sequence[Path], plain: Sequence[Forgotten | None]) -> int:
    """Enter it in every run before the first key goes, so that a kill leaves none of them unaware."""
    with ExitStack() as open_ones:
        recorders = [open_ones.enter_context(recording(folder)) for folder in folders]
        wanted = [
            [*signed(folder), *([plan] if plan is not None else [])]
            for folder, plan in zip(folders, plain, strict=True)
        ]
        for recorder, plans in zip(recorders, wanted, strict=True):
            for plan in plans:
                begin(recorder, plan)
        for folder, recorder in zip(folders, recorders, strict=True):
            for done in resume(folder, recorder):
                out.print(f"[green]Forgotten.[/] {escape(done.text)}", soft_wrap=True)
            _done(out, folder, recorder)
    beside = {
        other: None
        for folder, plans in zip(folders, wanted, strict=True)
        for plan in plans
        for other in also_in(folder, plan)
    }
    for other in beside:
        out.print(
            f"[yellow]It still has to be entered in {escape(str(other))}[/], whose rows the same keys "
            f"opened: `duecare forget {escape(str(other))} --subject - --yes`.",
            soft_wrap=True,
        )
    return OK


def _done(out: Console, folder: Path, recorder: Recorder) -> None:
    report = write_report(folder, recorder, reporter_of(folder))
    out.print(f"Report: {escape(str(report / 'report.html'))}", soft_wrap=True)


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
