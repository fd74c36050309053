"""Words of a text, which tokens they are made of, and in which of them two texts differ. Needs no JAX.

Tokens are what a model reads and words what a person reads; a figure is said of words. Places are code points
[start, end) of the text itself, never of the rendered conversation around it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt

from duecare.core import ModelError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Scripts that put no space between words: each sign stands for itself."""
_WORD = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+(?:['’\-][^\W_{_ALONE}]+)*|[^\w\s]+|_+")


@dataclass(frozen=True, slots=True, order=True)
class Word:
    """A word or a run of signs: code points [start, end) of the text `part` ("prompt" or "answer")."""

    part: str
    start: int
    end: int

    def of(self, text: str) -> str:
        """The word itself, in the text that it is a place of."""
        return text[self.start : self.end]


def words_of(text: str, part: str) -> tuple[Word, ...]:
    """The words of a text in order; white space belongs to none."""
    return tuple(Word(part, *match.span()) for match in _WORD.finditer(text))


def within(rendered: str, text: str, begins: int = -1) -> int:
    """Where `text` stands in a conversation that was rendered by a chat template.

    That is `begins`, where the template lets people begin, else its last place: a short text may stand in
    the template's own words too. Raises ModelError for a template that changes what is said (shortens or
    escapes it).
    """
    place = begins if begins >= 0 and rendered.startswith(text, begins) else rendered.rfind(text)
    if place < 0 or not text:
        raise ModelError(
            "the chat template does not write a prompt as it was given: its words have no places"
        )
    return place


def owners(places: Sequence[tuple[int, int]], words: Sequence[Word], shift: int) -> Ints:
    """For each token the number of the word that it belongs to, or -1; int [tokens].

    `places` are the tokens' code points in the rendered text, in which the words' own text begins at
    `shift`. A token over two words (a full stop and a quotation mark) counts for the first.
    """
    found = np.full(len(places), -1, np.int64)
    number = 0
    for place, (start, end) in enumerate(places):
        while number < len(words) and words[number].end + shift <= start:
            number += 1
        if number < len(words) and start < end and words[number].start + shift < end:
            found[place] = number
    return found


def gathered(scores: Floats, owner: Ints, words: int) -> Floats:
    """Sum of the tokens' scores [T] for each word, float [words]; tokens of no word are left out."""
    mine = owner >= 0
    return np.bincount(owner[mine], weights=scores[mine], minlength=words).astype(np.float64)


def differing(text: str, others: Sequence[str]) -> tuple[bool, ...]:
    """For each word of `text`, whether some of `others` (its counterfactual twins) has another there."""
    mine = [word.of(text) for word in words_of(text, "prompt")]
    found = np.zeros(len(mine), bool)
    for other in others:
        theirs = [word.of(other) for word in words_of(other, "prompt")]
        for tag, start, end, _, _ in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
            if tag != "equal":
                found[start:end] = True
    return tuple(bool(each) for each in found)


def matched(text: str, other: str) -> list[tuple[int | None, int | None]]:
    """Words of two texts side by side: (number here, number there), None where one has none, in order."""
    mine, theirs = ([word.of(each) for word in words_of(each, "prompt")] for each in (text, other))
    found: list[tuple[int | None, int | None]] = []
    for _, a, b, c, d in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        for step in range(max(b - a, d - c)):
            found.append((a + step if a + step < b else None, c + step if c + step < d else None))
    return found
