"""What `duecare explain` shows: tests, figures, and on demand texts whose words carry weights."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from duecare.cli.main import OK
from duecare.cli.show import console, print_json, run_folder
from duecare.cli.show_layers import print_layers
from duecare.cli.terminal import MARKS
from duecare.core import LedgerError
from duecare.report.explained import Case, Explained, Tested, explained
from duecare.report.gather import gather
from duecare.report.heat import Heat, Piece
from duecare.report.layered import layered
from duecare.report.sections import explaining
from duecare.report.words import interval, value

_STYLES = ("", "underline", "underline", "bold underline", "bold underline reverse")
"""How a grade is told without colour; the sign is told by a mark behind the word."""


def show_explain(given: Path | None, *, texts: bool, most: int, as_json: bool) -> int:
    """Every explaining step of a run. LedgerError where the run has none."""
    folder = run_folder(given)
    story = gather(folder)
    stages = explaining(story)
    if not stages:
        raise LedgerError(
            f"{folder}: nothing was explained; the study has no section `explain`, or its run did not"
            " come so far"
        )
    out = console()
    if as_json:
        print_json(out, stages)
        return OK
    words = {each.job: each for each in explained(story, most if texts else 0)}
    layers = {each.job: each for each in layered(story)}
    for stage in stages:
        if stage.job in words:
            _print_words(out, words[stage.job], texts=texts)
        else:
            print_layers(out, layers[stage.job])
    return OK


def _print_words(out: Console, one: Explained, *, texts: bool) -> None:
    out.print(f"[bold]{escape(one.job)}[/] [dim]entry {one.entry}[/]\n{escape(one.lead)}", soft_wrap=True)
    for tested in one.tested:
        _print_tests(out, tested)
    for plot in (*one.plots, *one.further):
        out.print(f"\n{escape(plot.title)}", soft_wrap=True)
        table = Table("group", "model", "figure", "interval")
        for row in plot.rows:
            for mark in row.marks:
                e = mark.figure.estimate
                table.add_row(
                    escape(row.label), escape(mark.name), value(e), interval(e) or escape(e.reason or "")
                )
        out.print(table)
    if texts:
        if one.withheld:
            out.print(escape(one.withheld))
        for case in one.cases:
            _print_case(out, case)
        if one.cases:
            out.print("[dim]word+ adds to the value, word- takes from it; more signs are more weight.[/]")
    elif one.valid:
        out.print("[dim]--texts shows the texts with the weight of each word.[/]")
    out.print()


def _print_tests(out: Console, tested: Tested) -> None:
    colour = "green" if tested.valid else "yellow"
    out.print(f"[{colour}]{escape(tested.said)}[/]", soft_wrap=True)
    for title, ruling in tested.titled:
        if ruling.figure is not None:
            e = ruling.figure.estimate
            said = f"{title}: {value(e)} [{interval(e) or e.reason or ''}]"
            limit = f"[dim]({escape(ruling.finding.limit)})[/]"
            out.print(f"  {MARKS[ruling.finding.verdict]}  {escape(said)} {limit}", soft_wrap=True)


def _print_case(out: Console, case: Case) -> None:
    out.print(f"\n[bold]{escape(case.about)}[/] [dim]{escape(case.detail)}[/]", soft_wrap=True)
    for text in case.texts:
        out.print(f"[dim]{escape(text.label)}[/]")
        out.print(heated(text.heat), soft_wrap=True)


def heated(heat: Heat) -> Text:
    """A text for the terminal: underlined and bold by grade, signs behind each weighty word."""
    found = Text()
    for piece in heat.pieces:
        if piece.kind == "masked":
            found.append(f"[{piece.text}]", "dim")
            continue
        found.append(_printable(piece.text), f"{_STYLES[piece.grade]} {_colour(piece)}".strip())
        if piece.grade >= 2:
            found.append(piece.sign * (piece.grade - 1), "dim")
    if heat.cut:
        found.append(f" [{heat.cut} further characters]", "dim")
    return found


def _colour(piece: Piece) -> str:
    return {"+": "blue", "-": "red"}.get(piece.sign, "") if piece.grade >= 2 else ""


def _printable(text: str) -> str:
    """Without characters that would steer the terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)
