"""What `duecare memorised` shows: verdicts, canaries that came back, and how well membership can be told."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from duecare.cli.main import OK
from duecare.cli.show import console, print_json, run_folder
from duecare.cli.terminal import MARKS
from duecare.core import LedgerError
from duecare.report.gather import gather
from duecare.report.memorised import Memorised, memorised
from duecare.report.recorded import recorded
from duecare.report.sections import memorising
from duecare.report.strip import Forest
from duecare.report.words import interval, plural, value


def show_memorised(given: Path | None, *, whole: bool, as_json: bool) -> int:
    """Every step of a run that asked what a model memorised. LedgerError where the run has none."""
    folder = run_folder(given)
    story = gather(folder)
    stages = memorising(story)
    if not stages:
        raise LedgerError(
            f"{folder}: nobody asked what its models memorised; the study has no section `memorise`, or its"
            " run did not come so far"
        )
    out = console()
    if as_json:
        print_json(out, stages)
        return OK
    for one in (*memorised(story), *recorded(story)):
        _print(out, one, whole=whole)
    return OK


def _print(out: Console, one: Memorised, *, whole: bool) -> None:
    out.print(f"[bold]{escape(one.job)}[/] [dim]entry {one.entry}[/]\n{escape(one.lead)}", soft_wrap=True)
    for card in one.cards:
        finding = card.ruling.finding
        out.print(
            f"  {MARKS[finding.verdict]}  {escape(finding.limit)}\n     {escape(finding.detail)}",
            soft_wrap=True,
        )
    for plot in (*one.plots, *(one.further if whole else ())):
        _print_plot(out, plot)
    if one.further and not whole:
        tables = plural(len(one.further), "more table")
        behind = escape(one.behind[:1].lower() + one.behind[1:])
        out.print(f"[dim]--whole shows {tables}: {behind}.[/]", soft_wrap=True)
    out.print()


def _print_plot(out: Console, plot: Forest) -> None:
    out.print(f"\n{escape(plot.title)}", soft_wrap=True)
    table = Table("of", "figure", "interval", "n")
    for row in plot.rows:
        for mark in row.marks:
            e = mark.figure.estimate
            said = interval(e) or escape(e.reason or "")
            of = f"{row.label}, {mark.name}" if mark.name else row.label
            table.add_row(escape(of), value(e), said, f"{e.n:,}")
    out.print(table)
