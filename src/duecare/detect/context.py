"""Words around a number that say what it is, compared as whole words: "sin" in "business" names nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

NEARBY = 48
"""Code points before a number in which the words that name it are looked for."""

_SENTENCE = re.compile(r"[.!?;\n](?<!\b[Nn][or][.!?;\n])(?<!\b[Nn][uú]m\.)\s")
_WORD = re.compile(r"[^\W\d_]+")


def words_before(text: str, start: int) -> list[str]:
    """Words of the NEARBY code points before `start` in the same sentence, lower case."""
    before = text[max(0, start - NEARBY) : start]
    if _SENTENCE.search(before) is not None:
        before = _SENTENCE.split(before)[-1]
    return _WORD.findall(before.lower())


def words_after(text: str, end: int, most: int = 5) -> list[str]:
    """The first words of the NEARBY / 2 code points behind `end`, lower case."""
    return _WORD.findall(text[end : end + NEARBY // 2].lower())[:most]


def last_of(words: Sequence[str], wanted: Collection[str]) -> int:
    """Place of the last of `words` that is wanted, -1 where none is."""
    for place in range(len(words) - 1, -1, -1):
        if words[place] in wanted:
            return place
    return -1


def word_set(listed: str) -> frozenset[str]:
    """The words of a line."""
    return frozenset(listed.split())
