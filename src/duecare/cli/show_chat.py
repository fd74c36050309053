"""What `duecare chat` shows: each question's answers, side by side where the terminal is wide enough."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from duecare.cli.main import OK
from duecare.cli.show import console, run_folder
from duecare.cli.talk import HELP, QUIT, RESET, SAVE, Talk, answers_of, models_of, shown
from duecare.core import DuecareError

WIDE = 80
"""Columns from which on answers stand beside each other."""
COMMANDS = f"{RESET} forgets what was said, {SAVE} FILE writes it down, {QUIT} ends"


def show_chat(given: Path | None, *, max_tokens: int, temperature: float, seed: int) -> int:
    """Talk until the person has had enough, or the input ends."""
    out, folder = console(), run_folder(given)
    models = models_of(folder)
    with out.status("loading the models"), shown(models) as opened:
        talk = Talk(
            {
                name: answers_of(place, max_tokens=max_tokens, temperature=temperature, seed=seed)
                for name, place in opened.items()
            }
        )
    watched = sys.stdin.isatty()
    if watched:
        whom = " and ".join(f"[bold]{name}[/]" for name in models)
        out.print(f"You talk to {whom} of {escape(str(folder))}. {COMMANDS}.", soft_wrap=True)
        if "tuned" not in models:
            out.print("[yellow]The run has not trained a model yet: you talk to the base alone.[/]")
    converse(talk, _lines(out, watched=watched), out)
    return OK


def converse(talk: Talk, lines: Iterator[str], out: Console) -> None:
    """Answer line by line; a line that begins with / is a command."""
    for line in lines:
        said = line.strip()
        if said == QUIT:
            return
        if not said:
            continue
        try:
            if said.startswith("/"):
                _obey(talk, said, out)
            else:
                show(talk.ask(said), out)
        except DuecareError as error:
            out.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)


def _obey(talk: Talk, said: str, out: Console) -> None:
    command, _, rest = said.partition(" ")
    if command == RESET:
        talk.reset()
        out.print("[dim]Forgotten.[/]")
    elif command == SAVE and rest.strip():
        count = talk.save(Path(rest.strip()))
        out.print(f"[dim]Wrote {count} turns to {escape(rest.strip())}.[/]", soft_wrap=True)
    else:
        known = "" if command in (HELP, SAVE) else f"{escape(command)} is no command. "
        out.print(f"[dim]{known}{COMMANDS}.[/]", soft_wrap=True)


def show(answers: Mapping[str, str], out: Console) -> None:
    """The models' answers: a column each, or one below the other."""
    if out.is_terminal and out.width >= WIDE and len(answers) > 1:
        table = Table(*answers, expand=True, pad_edge=False)
        for column in table.columns:
            column.ratio, column.overflow = 1, "fold"
        table.add_row(*(Text(printable(text)) for text in answers.values()))
        out.print(table)
        return
    for name, text in answers.items():
        out.print(Text.assemble((f"{name}: ", "bold"), printable(text)), soft_wrap=True)


def printable(text: str) -> str:
    """A model's words without characters that would steer the terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def _lines(out: Console, *, watched: bool) -> Iterator[str]:
    """What is typed, or piped in, until it ends."""
    read: Callable[[], str] = (lambda: out.input("[bold cyan]you:[/] ")) if watched else input
    while True:
        try:
            yield read()
        except EOFError:
            return
