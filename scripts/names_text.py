"""Sentences of names/sentences.txt with their places filled and marked, and the noise of real writing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from names_made import Maker

FOLDER = Path(__file__).parent / "names"
SENTENCES = (FOLDER / "sentences.txt", FOLDER / "talk.txt")
_PLACE = re.compile(r"\{([A-Z0-9]+)\}")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_ENDS = ("", "", "", "!", " :)", " 😀", " 🙏🙏", " lol", "...", " 😡", " <3", "!!", " 👍", "?", " haha")
_STARTS = ("", "", "", "ok ", "so ", "😀 ", "- ", "* ", "well, ", "\n", "> ", "PS: ", "hi. ", "1. ")


class Marked(NamedTuple):
    """A text and its places as (start, end, label), in code points."""

    text: str
    places: list[tuple[int, int, str]]


def sentences() -> list[str]:
    """The templates, each as often as it counts."""
    found: list[str] = []
    for line in (line for file in SENTENCES for line in file.read_text(encoding="utf-8").splitlines()):
        if not line or line.startswith("#"):
            continue
        times = re.match(r"=(\d+) ", line)
        found += [line[times.end() :] if times else line] * (int(times[1]) if times else 1)
    return found


def written(template: str, make: Maker) -> Marked:
    """`template` with its choices taken and its places filled."""
    line = template.replace("\\n", "\n").replace("],?", "],")
    while match := _CHOICE.search(line):
        line = line[: match.start()] + make.chance.choice(match[1].split("|")) + line[match.end() :]
    text, places, done = "", [], 0
    for match in _PLACE.finditer(line):
        text += line[done : match.start()]
        for label, piece in make.fill(match[1])[1]:
            if label:
                places.append((len(text), len(text) + len(piece), label))
            text += piece
        done = match.end()
    return Marked(text + line[done:], places)


def joined(one: Marked, between: str, other: Marked) -> Marked:
    """Two texts as one."""
    shift = len(one.text) + len(between)
    moved = [(start + shift, end + shift, label) for start, end, label in other.places]
    return Marked(one.text + between + other.text, [*one.places, *moved])


def quoted(marked: Marked, sign: str) -> Marked:
    """The same with `sign` before every line, as mail programs quote."""
    places, text, shift = [], "", 0
    moved = [0] * (len(marked.text) + 1)
    for at, letter in enumerate(marked.text):
        if at == 0 or marked.text[at - 1] == "\n":
            text += sign
            shift += len(sign)
        moved[at] = at + shift
        text += letter
    moved[len(marked.text)] = len(marked.text) + shift
    for start, end, label in marked.places:
        places.append((moved[start], moved[end - 1] + 1, label))
    return Marked(text, places)


def noisy(marked: Marked, make: Maker) -> Marked:
    """The same as people type it: all small, all capitals, with signs around it."""
    drawn = make.chance.random()
    if drawn < 0.3:
        marked = joined(
            Marked(make.pick(*_STARTS), []), "", joined(marked, "", Marked(make.pick(*_ENDS), []))
        )
    if "\n" in marked.text and make.odds(0.15):
        marked = quoted(
            marked, make.pick("> ", ">", ">> ", "| ", "# ", "* ", "- ", "\t", "  ", "?? ", "// ", "~ ", ": ")
        )
    drawn = make.chance.random()
    for share, change in ((0.13, str.lower), (0.18, str.upper)):
        if drawn < share:
            changed = change(marked.text)
            return Marked(changed, marked.places) if len(changed) == len(marked.text) else marked
    return marked


def texts(count: int, make: Maker) -> list[Marked]:
    """`count` texts of one to three sentences."""
    templates, made = sentences(), []
    for _ in range(count):
        marked = written(make.chance.choice(templates), make)
        while make.odds(0.3):
            between = make.pick(" ", " ", "\n", ". ", "\n\n", " - ")
            marked = joined(marked, between, written(make.chance.choice(templates), make))
        made.append(noisy(marked, make))
    return made
