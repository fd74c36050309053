"""Review in a terminal: for one person and a few items. The same desk as the application's, without a
server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from duecare.cli import reviewing
from duecare.cli.main import OK
from duecare.cli.run import actor
from duecare.cli.show import console, run_folder
from duecare.cli.show_review import chosen_round, opened
from duecare.review.errors import ReviewError
from duecare.review.question import CHOICES, Question
from duecare.review.shown import by_part

if TYPE_CHECKING:
    from duecare.review.desk import Shown
    from duecare.review.person import Person
    from duecare.review.store import Store

_HELP = "[dim]s: skip   f: flag   u: undo   q: leave[/]"
_MARKING = "[dim]One mark a line: a number, then the words as they stand there. Enter: nothing more.[/]"
_SHORT = {"l": "left", "r": "right", "t": "tie", "n": "neither"}
_LEAVE = ("s", "f", "u", "q")


class Left(Exception):  # noqa: N818  # what a person asked for, no error
    """The person wants to do something else than answer: `what` is s, f, u or q."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody at a terminal: `ask` shows a question and gives what was typed."""

    store: Store
    person: Person
    out: Console
    ask: Callable[[str], str]


def show_cli(given: Path | None, name: str | None, items: int, url: str | None) -> int:
    """Put items before whoever sits at the terminal, one by one."""
    from duecare.review.alone import alone

    run = run_folder(given)
    out = console()
    with opened(reviewing.where(run, url)) as store:
        found = chosen_round(store, name, run)
        out.print(f"Round [bold]{escape(found.name)}[/]: {_HELP}")
        done = sitting(Seat(store, alone(store, actor()), out, out.input), found.id, items)
    out.print(f"{done} items are judged and kept.")
    return OK


def sitting(seat: Seat, round: str, items: int) -> int:
    """Up to `items` items; how many were answered."""
    from duecare.review import desk

    done, told = 0, 0
    while done < items:
        shown = desk.next_item(seat.store, seat.person, round)
        if shown is None or isinstance(shown, desk.Rest):
            seat.out.print("Nothing is left." if shown is None else f"No item now: {shown.reason}")
            break
        if shown.guideline.version != told:
            seat.out.print(Panel(escape(shown.guideline.text.strip()), title="How to judge"))
            told = shown.guideline.version
        try:
            answers, seconds = _answered(shown, seat)
            desk.submit(seat.store, seat.person, shown.assignment, answers, "", seconds)
            done += 1
        except ReviewError as error:
            seat.out.print(f"[red]{escape(str(error))}[/]")
        except (EOFError, KeyboardInterrupt):
            break
        except Left as asked:
            if asked.what == "q":
                break
            done -= _other(seat, shown, asked.what)
    return done


def _other(seat: Seat, shown: Shown, what: str) -> int:
    """Skip, flag or take back; how many answers were taken back."""
    from duecare.review import desk

    try:
        if what == "u":
            back = desk.undo(seat.store, seat.person)
            seat.out.print("Nothing to take back." if back is None else "The last one is taken back.")
            return int(back is not None)
        act = desk.skip if what == "s" else desk.flag
        act(seat.store, seat.person, shown.assignment, seat.ask("Why? "))
    except ReviewError as error:
        seat.out.print(f"[red]{escape(str(error))}[/]")
    return 0


def _answered(shown: Shown, seat: Seat) -> tuple[dict[str, Any], float]:
    out, ask = seat.out, seat.ask
    out.rule(f"{shown.position} of {shown.of}")
    if shown.blurred:
        typed = ask("This text may disturb. Enter shows it; s skips it. ").strip().lower()
        if typed in _LEAVE:
            raise Left(typed)
    _print_texts(shown.texts, out)
    began = time.monotonic()
    parts = by_part(shown.texts)
    answers = {
        question.name: _marks(question, parts, out, ask)
        if question.kind == "spans"
        else _one(question, out, ask)
        for question in shown.questions
    }
    return {name: value for name, value in answers.items() if value is not None}, time.monotonic() - began


def _print_texts(texts: Mapping[str, Any], out: Console) -> None:
    """The texts, as text: nothing in them is read as markup, and control characters are shown."""
    for turn in texts.get("messages", ()):
        out.print(Panel(_plain(turn["content"]), title=escape(turn["role"])))
    for name in ("text", "left", "right"):
        if name in texts:
            out.print(Panel(_plain(texts[name]), title=name))


def _plain(text: str) -> str:
    shown = "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)
    return escape(shown)


def _one(question: Question, out: Console, ask: Callable[[str], str]) -> Any:
    """One answer; asked again until it is one."""
    scale = "   ".join(f"[bold]{place}[/] {escape(step)}" for place, step in enumerate(question.scale, 1))
    sides = "   ".join(f"[bold]{key}[/] {side}" for key, side in _SHORT.items())
    out.print(escape(question.ask), {"rate": scale, "choose": sides}.get(question.kind, ""))
    while True:
        typed = ask("> ").strip()
        if question.kind == "comment":
            return typed or None
        if typed.lower() in _LEAVE:
            raise Left(typed.lower())
        if not typed and not question.required:
            return None
        if question.kind == "rate" and typed.isdigit() and 1 <= int(typed) <= len(question.scale):
            return int(typed)
        if question.kind == "choose" and _SHORT.get(typed.lower(), typed) in CHOICES:
            return _SHORT.get(typed.lower(), typed)
        out.print(_HELP)


def _marks(
    question: Question, parts: Mapping[str, str], out: Console, ask: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Marked places, wherever the typed words stand; asked for, as no mark says that nothing is there."""
    labels = "   ".join(f"[bold]{place}[/] {escape(label)}" for place, label in enumerate(question.labels, 1))
    out.print(escape(question.ask), labels)
    out.print(_MARKING)
    found: list[dict[str, Any]] = []
    while typed := ask("> ").strip():
        if typed.lower() in _LEAVE:
            raise Left(typed.lower())
        number, _, words = typed.partition(" ")
        known = number.isdigit() and 1 <= int(number) <= len(question.labels)
        places = _standing(words.strip(), parts) if known else []
        found += [{**place, "label": question.labels[int(number) - 1]} for place in places]
        out.print(f"{len(places)} marked" if places else _MARKING)
    return found


def _standing(words: str, parts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every place where the words stand by themselves, in code points."""
    alone = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)") if words else re.compile(r"(?!)")
    return [
        {"part": part, "start": match.start(), "end": match.end()}
        for part, text in parts.items()
        for match in alone.finditer(text)
    ]
