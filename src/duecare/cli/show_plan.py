"""What `duecare plan` shows: gates with what they can decide, suites with their time."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from duecare.cli.main import OK
from duecare.cli.outlook import Outlook
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
    suites = Table(
        "suite", "items", "samples", "takes about", title="Suites, all models", title_justify="left"
    )
    if minutes is not None:
        suites.add_column(f"items for {minutes:g} min")
    for one in ahead.suites:
        proposed = [f"{one.proposed:,} ({one.setting})"] if one.proposed is not None else []
        suites.add_row(
            escape(one.suite), f"{one.items:,}", str(one.samples), duration(one.seconds), *proposed
        )
    out.print(suites)
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


def _gates(ahead: Outlook) -> Table:
    table = Table(
        "gate", "limit", "n per group", "smallest gap", "n needed", title="Gates", title_justify="left"
    )
    for gate in ahead.gates:
        cells = (gate.n, gate.gap, gate.needed)
        shown = [
            "not known" if cell is None else number(cell) if isinstance(cell, float) else f"{cell:,}"
            for cell in cells
        ]
        table.add_row(f"{escape(gate.metric)}\n[dim]{escape(gate.assumes)}[/]", escape(gate.limit), *shown)
    return table
