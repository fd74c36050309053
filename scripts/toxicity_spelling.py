"""Misspellings of our own sentences, as people write to pass a filter or in haste."""

from __future__ import annotations

import re

import numpy as np

_LOOKS = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "$"})
_WORD = re.compile(r"[A-Za-z]{4,}")


def misspelt(text: str, salt: str) -> str:
    """`text` spelt in one of eight ways, chosen by `salt`: letters swapped, dropped, doubled or replaced,
    without spaces, one word spaced out, in capitals, or with stops between the words."""
    chance = np.random.default_rng(list(salt.encode()))
    kind = int(chance.integers(8))
    if kind == 4:
        return text.replace(" ", "")
    if kind == 5:
        longest = max(text.split(), key=len)
        return text.replace(longest, " ".join(longest))
    if kind == 6:
        return text.upper()
    if kind == 7:
        return text.replace(" ", ".")
    share = 0.6

    def changed(match: re.Match[str]) -> str:
        word = match[0]
        if chance.random() > share:
            return word
        at = int(chance.integers(1, len(word) - 1))
        if kind == 0:
            return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
        if kind == 1:
            return word[:at] + word[at + 1 :]
        if kind == 2:
            return word[:at] + word[at] * 2 + word[at:]
        return word.translate(_LOOKS)

    return _WORD.sub(changed, text)
