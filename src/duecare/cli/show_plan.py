"""What `duecare plan` shows: gates and suites with what they can decide, and the time they take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from duecare.cli.main import OK
from duecare.cli.outlook import GateOutlook, Outlook, SuiteOutlook
from duecare.cli.show import console
from duecare.cli.study import Study
from duecare.cli.terminal import duration
from duecare.core.written import number


def show_plan(
    path: Path, minutes: float | None, rate: float, effect: float, former: Path | None = None
) -> int:
    """Print the outlook of a study; a StudyError where it cannot be planned."""
    ahead = Study.read(path).outlook(minutes=minutes, rate=rate, effect=effect, former=former)
    out = console()
    if ahead.gates:
        out.print(_gates(ahead))
        _notes(out, [(gate.metric, gate.assumes) for gate in ahead.gates])
    out.print(_times(ahead, minutes))
    out.print(_suites(ahead))
    _notes(out, [(one.figure, one.assumes) for one in ahead.suites])
    out.print(
        f"About {duration(ahead.seconds)} in all at {number(ahead.speed)} tokens/s:"
        f" {escape(ahead.speed_from)}.",
        soft_wrap=True,
    )
    if minutes is not None and ahead.least > 60 * minutes:
        out.print(
            f"No number of items fits {minutes:g} min: the fewest of each suite take about"
            f" {duration(ahead.least)}. Leave out a suite, an axis or samples.",
            soft_wrap=True,
        )
    return OK


def _table(title: str, *columns: str) -> Table:
    """A table whose first column, a name, is wrapped and never cut."""
    table = Table(title=title, title_justify="left")
    for place, name in enumerate(columns):
        table.add_column(name, overflow="fold", justify="left" if place == 0 else "right")
    return table


def _gates(ahead: Outlook) -> Table:
    table = _table("Gates", "gate", "limit", "n per group", "smallest gap", "n needed")
    for gate in ahead.gates:
        cells = (_cell(gate.n), _gap(gate), _cell(gate.needed))
        table.add_row(escape(gate.metric), escape(gate.limit), *cells)
    return table


def _times(ahead: Outlook, minutes: float | None) -> Table:
    table = _table("Suites, all models", "suite", "items", "samples", "takes about")
    if minutes is not None:
        table.add_column(f"items for {minutes:g} min")
    for one in ahead.suites:
        proposed = [f"{one.proposed:,} ({one.setting})"] if one.proposed is not None else []
        table.add_row(escape(one.suite), f"{one.items:,}", str(one.samples), duration(one.seconds), *proposed)
    return table


def _suites(ahead: Outlook) -> Table:
    table = _table("What each suite can show, gate or none", "figure", "n per group", "smallest gap")
    for one in ahead.suites:
        table.add_row(escape(one.figure), _cell(one.n), _gap(one))
    return table


def _cell(value: float | None) -> str:
    if value is None:
        return "not known"
    return number(value) if isinstance(value, float) else f"{value:,}"


def _gap(one: GateOutlook | SuiteOutlook) -> str:
    """A gap that n shows; "none" where so few observations show none."""
    return "none" if one.blind else _cell(one.gap)


def _notes(out: Console, notes: Sequence[tuple[str, str]]) -> None:
    """What the lines of a table rest on, one line each."""
    for name, words in notes:
        out.print(f"  [dim]{escape(name)}: {escape(words)}[/]", soft_wrap=True)
    out.print()
