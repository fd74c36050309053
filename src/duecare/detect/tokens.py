"""Words, marks and digits of a text, and what one of them says by itself about being a name.

A token is a run of letters, a run of digits, one mark, or a line break. Its *kind* is what it is
counted as: itself, or for digits their number and, where they can be a year, the century. Everything
that the names model knows of a token follows from its kind, so that it is worked out once per kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

SKIPPED = "\t\v\f\r \x1c-\x1f\x85\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufe00-\ufe0f\ufeff"
"""Ranges of code points that part tokens and belong to none: blanks, invisible and direction marks."""

MARKS = (
    "!-/:-@\\[-`{-\x7f\x00-\x08\x0e-\x1b\x80-\x84\x86-\x9f\xa1-\xbf\xd7\xf7\u2010-\u2027\u2030-\u205e\u2070-\u2bff"
    "\u3001-\u303f\ufe10-\ufe6f\uff01-\uff0f\ufff0-\uffff\U0001f000-\U0001ffff\U000e0000-\U000effff"
)
"""Ranges of code points of which each stands for itself."""

_TOKEN = re.compile(
    rf"(?P<line>\n)|(?P<digits>[0-9]+)|(?P<mark>[{MARKS}])|(?P<word>[^\n0-9{SKIPPED}{MARKS}]+)"
)
_LONGEST_NUMBER = 9
_LONGEST_NAME = 32
"""Letters of a word that are looked at run by run: what more say would outweigh all that stands around it."""
LINE, PAD = "\n", ""
"""The kind of a line break, and that of the places before and after a text."""


class Token(NamedTuple):
    """Code points [start, end) of the text, and the kind."""

    start: int
    end: int
    kind: str


def tokens(text: str) -> list[Token]:
    """The tokens of `text` in order."""
    return [Token(match.start(), match.end(), kind_of(match.group())) for match in _TOKEN.finditer(text)]


def kind_of(token: str) -> str:
    """What a token is counted as: "31" as it stands, "2024" as "20##", "5551234" as "#######"."""
    if not "0" <= token[0] <= "9":
        return token
    if len(token) == 4 and token[:2] in ("19", "20"):
        return token[:2] + "##"
    return token if len(token) <= 2 else "#" * min(len(token), _LONGEST_NUMBER)


class Kind(NamedTuple):
    """What a kind says: about itself, to its neighbours, and the coarse class it belongs to."""

    own: tuple[str, ...]
    near: tuple[str, ...]
    group: str


class Lists:
    """Words of lists by their letter: F first names, L last names, C places, and so on."""

    def __init__(self, lists: Mapping[str, frozenset[str]]) -> None:
        self._lists = dict(lists)

    def letters(self, word: str) -> str:
        """The letters of all lists that hold `word`, which is in lower case."""
        return "".join(letter for letter, listed in self._lists.items() if word in listed)

    def words(self, letter: str) -> frozenset[str]:
        """The words of the list called `letter`, in lower case."""
        return self._lists[letter]

    def without(self, words: frozenset[str], letters: str = "FL") -> Lists:
        """The same lists less `words` in those of `letters`: to measure what is found of unlisted names."""
        return Lists(
            {
                letter: listed - words if letter in letters else listed
                for letter, listed in self._lists.items()
            }
        )


@lru_cache(maxsize=1)
def shipped_lists() -> Lists:
    """The lists that come with duecare, `words/listed_names.json`."""
    path = resources.files("duecare.detect") / "words" / "listed_names.json"
    raw = json.loads(path.read_text(encoding="utf-8"))["lists"]
    return Lists({letter: frozenset(" ".join(lines).split()) for letter, lines in raw.items()})


@lru_cache(maxsize=1)
def first_names() -> frozenset[str]:
    """Listed first names, lower case, less those that people also write in small letters ("may", "will")."""
    lists = shipped_lists()
    return lists.words("F") - lists.words("W")


def describe(kind: str, lists: Lists) -> Kind:
    """What a kind says, as the names of features."""
    if kind in (PAD, LINE):
        name = "PAD" if kind == PAD else "LINE"
        return Kind((name,), (name,), name)
    lower = kind.lower()
    shape, letters = shape_of(kind), lists.letters(lower)
    group = f"{shape}{_group(letters)}"
    near = (f"w={lower}", f"c={group}", *(f"g={letter}" for letter in letters), *_inflected(lower, shape))
    return Kind((*near, f"s={shape}", *_endings(lower, shape), *_pieces(lower, shape)), near, group)


def shape_of(kind: str) -> str:
    """The look of a kind: "Xx" for Anna, "XX" for NATO, "x" for house, "d2" for 31, or the mark itself."""
    first = kind[0]
    if "0" <= first <= "9":
        return f"y{kind[:2]}" if kind.endswith("#") else f"d{len(kind)}"
    if first == "#" and len(kind) > 1:
        return f"d{len(kind)}"
    if len(kind) == 1 and not first.isalpha():
        return first if first.isascii() else "mark"
    return _shape_of_word(kind)


def _shape_of_word(word: str) -> str:
    if word.islower():
        return "x"
    if word.isupper():
        return "X" if len(word) == 1 else "XX"
    if word[0].isupper():
        return "Xx" if word[1:].islower() else "XxX"
    return "xX" if any(letter.isupper() for letter in word) else "o"


_TELLING = ("M", "N", "K", "T", "S", "O", "J")


def _group(letters: str) -> str:
    """One of a few: a list that says much by itself, else whether name, place and everyday word."""
    for letter in _TELLING:
        if letter in letters:
            return letter
    return "".join(letter for letter in "FLCW" if letter in letters)


def _endings(lower: str, shape: str) -> Iterator[str]:
    if shape[0] not in "Xxo":
        return
    for size in (1, 2, 3, 4):
        if len(lower) >= size:
            yield f"e={lower[-size:]}|"
    for size in (1, 2, 3):
        if len(lower) > size:
            yield f"b={lower[:size]}"
    yield f"n={min(len(lower), 10)}"


def _inflected(lower: str, shape: str) -> tuple[str, ...]:
    """The last letters of a word in small letters: what stands beside "waited" stands beside "halted" too."""
    return (f"v={lower[-2:]}",) if shape == "x" and len(lower) > 3 else ()


def _pieces(lower: str, shape: str) -> Iterator[str]:
    """Runs of three letters: a name on no list is still made like names."""
    if shape in ("Xx", "XX", "XxX"):
        for at in range(min(len(lower), _LONGEST_NAME) - 2):
            yield f"t={lower[at : at + 3]}"
