"""What `duecare explain` shows of layers: checks, readings by layer, and maps as characters."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from duecare.cli.terminal import MARKS
from duecare.report.gather import Ruling
from duecare.report.layered import Course, Known, Layered, Map

_BLOCKS = " ░▒▓█"
"""Sizes of a share: none, and up to a quarter, a half, three quarters and more of the gap."""


def print_layers(out: Console, one: Layered) -> None:
    """One step, model by model."""
    out.print(f"[bold]{escape(one.job)}[/] [dim]entry {one.entry}[/]\n{escape(one.lead)}", soft_wrap=True)
    for course in one.courses:
        _print_course(out, course)
    for part in one.parts:
        out.print(f"\n[bold]{escape(part.axis)}, {escape(part.model)} model[/]")
        for note in part.notes:
            out.print(escape(note[:1].upper() + note[1:] + "."), soft_wrap=True)
        if part.known is not None:
            _print_known(out, part.known)
        for each in part.maps:
            _print_map(out, each)
    out.print()


def _print_checks(out: Console, valid: bool, said: str, tests: tuple[Ruling, ...]) -> None:
    out.print(f"[{'green' if valid else 'yellow'}]{escape(said)}[/]", soft_wrap=True)
    for each in tests:
        out.print(f"  {MARKS[each.finding.verdict]}  {escape(each.finding.detail)}", soft_wrap=True)


def _print_known(out: Console, known: Known) -> None:
    _print_checks(out, known.valid, known.said, known.tests)
    table = Table("layer", "accuracy", "control task", "selectivity", "above chance", title_justify="left")
    for layer, figures, found in known.table:
        table.add_row(str(layer), *figures, "yes" if found else "not for certain")
    out.print(table)


def _print_course(out: Console, course: Course) -> None:
    out.print(f"\n[bold]{escape(course.title)}[/]", soft_wrap=True)
    out.print(f"[{'green' if course.valid else 'yellow'}]{escape(course.said)}[/]", soft_wrap=True)
    out.print(escape(course.firsts), soft_wrap=True)
    table = Table("layer", *map(escape, course.models), title_justify="left")
    for layer, row in course.table:
        fields = (
            f"{shade(level)}{said.partition(' [')[0]}{'*' if found else ''}" for said, level, found in row
        )
        table.add_row(str(layer), *fields)
    out.print(table)
    out.print(
        "[dim]Balanced accuracy; the darker the block the further from the control task, * above chance for"
        " certain. Intervals stand in the report.[/]"
    )


def shade(level: float | None) -> str:
    """A share as a block; where there is none, nothing."""
    if level is None:
        return ""
    return _BLOCKS[min(4, round(abs(level) * 4 + 0.49)) if abs(level) >= 0.005 else 0]


def _print_map(out: Console, each: Map) -> None:
    out.print(f"[bold]{escape(each.title)}[/]", soft_wrap=True)
    _print_checks(out, each.valid, each.said, each.tests)
    table = Table("part", *(str(layer) for layer in each.layers), title_justify="left")
    for name, cells in each.table:
        table.add_row(name, *(drawn(said, found=found) for said, found in cells))
    out.print(table)
    out.print("[dim]Shares of the gap; the darker the block the larger, - holds it down, * stands out.[/]")


def drawn(said: str, *, found: bool) -> str:
    """A share as a block with its figure: so it reads without colour, and aloud."""
    try:
        share = float(said)
    except ValueError:
        return said
    return f"{shade(share)}{said}{'*' if found else ''}"
