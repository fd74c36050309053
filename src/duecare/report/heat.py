"""Texts whose words carry weights, made fit to be shown: personal data masked, five grades, two signs.

A grade is told by the weight of a line below the word and by bold print, the sign by a whole or a dotted
line: so it reads in grey and on paper. A screen reader is told the figure of the strongest words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duecare.core import written
from duecare.report.texts import LONGEST, visible

STEPS = (0.1, 0.3, 0.5, 0.75)
"""Shares of the strongest word of a text from which on a word has the next grade."""


@dataclass(frozen=True, slots=True)
class Weight:
    """Code points [start, end) of a text, what the word adds, and whether it names a group."""

    start: int
    end: int
    score: float
    identity: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text.

    `grade` 0 to 4 and `sign` "+" or "-" or "" of its weight; `said` is the figure in words for the strongest;
    `kind` is "masked" where personal data stood.
    """

    text: str
    grade: int = 0
    sign: str = ""
    said: str = ""
    identity: bool = False
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Heat:
    """One text as it may be shown; `cut` counts the code points left out at its end."""

    pieces: tuple[Piece, ...]
    cut: int = 0


def heat(
    text: str, weights: Sequence[Weight], masks: Sequence[tuple[int, int, str]], strongest: float
) -> Heat:
    """`text` in pieces; a masked stretch wins over a word. `strongest` is the size of the full grade."""
    end = min(len(text), LONGEST)
    marks: list[tuple[int, int, Piece]] = [
        (start, stop, Piece(label, kind="masked")) for start, stop, label in masks if start < end
    ]
    hidden = [(start, stop) for start, stop, _ in marks]
    marks += [
        (each.start, each.end, _word(text, each, strongest))
        for each in weights
        if each.start < end and not any(start < each.end and each.start < stop for start, stop in hidden)
    ]
    pieces, place = [], 0
    for start, stop, piece in sorted(marks, key=lambda mark: mark[:2]):
        if start < place:
            continue  # two finds of personal data at one place: the first stands for both
        if start > place:
            pieces.append(Piece(visible(text[place:start])))
        pieces.append(piece)
        place = stop
    if place < end:
        pieces.append(Piece(visible(text[place:end])))
    return Heat(tuple(pieces), max(0, len(text) - max(end, place)))


def _word(text: str, weight: Weight, strongest: float) -> Piece:
    share = abs(weight.score) / strongest if strongest > 0 else 0.0
    grade = sum(share >= step for step in STEPS)
    sign = "" if grade == 0 else "+" if weight.score > 0 else "-"
    said = (
        f"{'plus' if weight.score > 0 else 'minus'} {written.number(abs(weight.score))}" if grade >= 3 else ""
    )
    return Piece(visible(text[weight.start : weight.end]), grade, sign, said, weight.identity)
