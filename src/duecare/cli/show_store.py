"""What `duecare push` and `duecare pull` show."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from duecare.cli.exchange import Moved, pull, push, whole_run
from duecare.cli.main import OK
from duecare.cli.show import console, run_folder
from duecare.cli.show_run import show_verify
from duecare.cli.study import RUNS
from duecare.cli.terminal import size


def show_push(given: Path, url: str) -> int:
    """Send a run and say what had to be sent."""
    out, folder = console(), run_folder(given)
    with out.status("sending") as status:
        moved = push(folder, url, lambda path: status.update(escape(f"sending {path}")))
    out.print(f"[green]The store holds run {moved.run} whole.[/] {_said(moved, 'sent')}", soft_wrap=True)
    return OK


def show_pull(url: str, out_folder: Path | None, run: str | None) -> int:
    """Fetch a run, say what had to be fetched, and verify it."""
    out = console()
    found = whole_run(url, run)
    folder = out_folder or Path(RUNS) / found[:12]
    with out.status("fetching") as status:
        moved = pull(url, folder, found, lambda path: status.update(escape(f"fetching {path}")))
    out.print(f"Run {moved.run} is in {escape(str(folder))}. {_said(moved, 'fetched')}", soft_wrap=True)
    return show_verify(folder, None, None, keep=False)


def _said(moved: Moved, done: str) -> str:
    moved_now = f"{moved.sent:,} pieces {done} ({size(moved.bytes)})"
    return f"{moved.files:,} files: {moved_now}, {moved.there:,} were there."
