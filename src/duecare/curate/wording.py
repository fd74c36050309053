"""Words of a text with their places, and edits that keep case and article in agreement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_WORD = re.compile(r"[^\W\d_]+")
_QUOTED = re.compile(
    r"“[^”]*”|\"[^\"]*\"|«[^»]*»|(?<![^\W_])‘[^’]*’(?![^\W_])|(?<![^\W_])'[^'\n]+'(?![^\W_])|```.*?```", re.S
)
_SILENT = ("heir", "honest", "honor", "honour", "hour")
_SPOKEN_Y_OR_W = (
    "european",
    "one",
    "once",
    "uni",
    "ukrain",
    "use",
    "user",
    "usual",
    "uru",
    "uganda",
    "eu",
    "ewe",
)


class Word(NamedTuple):
    """Code points [start, end) of a run of letters; `lower` in lower case."""

    start: int
    end: int
    text: str
    lower: str

    @property
    def capital(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.text[0].isupper()


class Edit(NamedTuple):
    """Code points [start, end) of the original are to read `text`; `label` says what is there ("women")."""

    start: int
    end: int
    text: str
    label: str


class Refusal(NamedTuple):
    """Why a text is left alone, and the place; the reason holds none of the text."""

    reason: str
    start: int
    end: int
    text: int = 0
    """Which of a row's texts."""


class Reading:
    """One text read once: its words and what stands between quotation marks."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = [
            Word(*found.span(), found.group(), found.group().lower()) for found in _WORD.finditer(text)
        ]
        self.quoted = [found.span() for found in _QUOTED.finditer(text)]

    def word(self, place: int) -> Word | None:
        """The word at a place, None before the first and after the last."""
        return self.words[place] if 0 <= place < len(self.words) else None

    def next(self, place: int, mark: str = " ") -> Word | None:
        """The word after `place` where only `mark` (a pattern) lies between, else None."""
        this, after = self.words[place], self.word(place + 1)
        return after if after and re.fullmatch(mark, self.text[this.end : after.start]) else None

    def last(self, place: int, mark: str = " ") -> Word | None:
        """The word before `place` where only `mark` lies between, else None."""
        before = self.word(place - 1)
        return (
            before if before and re.fullmatch(mark, self.text[before.end : self.words[place].start]) else None
        )

    def opens(self, place: int) -> bool:
        """Whether the word begins a sentence."""
        before = self.text[: self.words[place].start].rstrip(" \t\"'“‘(*_#>-")
        return not before or before[-1] in ".!?:;\n…"

    def in_quotation(self, start: int) -> bool:
        """Whether a place lies between quotation marks."""
        return any(begin <= start < end for begin, end in self.quoted)


def listed(words: str) -> frozenset[str]:
    """The words of a list that is written as plain text."""
    return frozenset(words.split())


def cased(model: str, word: str) -> str:
    """`word` in the case of `model`: all capitals, a capital first, or as it is."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    if model[0].isupper():
        return word[0].upper() + word[1:]
    return word


def edited(text: str, edits: Iterable[Edit]) -> str:
    """`text` with its edits, and with "a" and "an" before them as the new words want it."""
    ordered = sorted(edits)
    ordered = sorted([*ordered, *_articles(text, ordered)])
    pieces, done = [], 0
    for edit in ordered:
        pieces += [text[done : edit.start], edit.text]
        done = edit.end
    return "".join([*pieces, text[done:]])


_ARTICLE = re.compile(r"(?<![^\W_])([Aa]n?)([ \t]+)\Z")


def _articles(text: str, edits: Sequence[Edit]) -> list[Edit]:
    found = []
    for edit in edits:
        before = _ARTICLE.search(text, max(0, edit.start - 8), edit.start)
        old, new = article(text[edit.start : edit.end]), article(edit.text)
        if before and old != new and before[1].lower() == old:
            found.append(Edit(before.start(1), before.end(1), before[1][0] + new[1:], ""))
    return found


def article(word: str) -> str:
    """ "a" or "an", by how the word sounds."""
    lower = word.lower()
    if lower.startswith(_SILENT):
        return "an"
    return "an" if lower[:1] in "aeiou" and not lower.startswith(_SPOKEN_Y_OR_W) else "a"
