"""Words that were spelt to pass a filter, or in haste, brought back: for the encoder of the second tier.

Letters set apart ("i d i o t") are joined, digits and signs inside a word become the letters they look like,
a letter that stands more than twice stands twice, or once where that makes no word, and a long run of
letters without spaces is cut into words: those of the encoder's own vocabulary, whose order is about that of
how often they occur (Zipf 1949), so that the likeliest cut is a shortest path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

LONG = 15
"""Letters of a run from which on it is cut; few words have as many."""
_LONGEST, _STRANGE, _EACH, _COMMON = 16, 8.0, 3.0, 2500
_APART = re.compile(r"(?<![^\W_])[^\W_](?:[ .*_-][^\W_]){3,}(?![^\W_])")
_BETWEEN = re.compile(r"[ .*_-]")
_RUN = re.compile(rf"[^\W\d_]{{{LONG},}}")
_INSIDE = re.compile(r"(?<=[A-Za-z])[01345@$]+(?=[A-Za-z])|(?<![\w$@])[@$](?=[a-z]{3})")
_REPEATED = re.compile(r"([A-Za-z])\1{2,}", re.IGNORECASE)
_STRETCHED = re.compile(r"[A-Za-z]*([A-Za-z])\1{2,}[A-Za-z]*", re.IGNORECASE)
_LOOKS = str.maketrans("01345@$", "oieasas")


class Respelling:
    """Brings the spelling of texts back; `vocabulary` is the tokenizer's, words to numbers."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        first = vocabulary["the"] - 1
        self._cost = {
            word: math.log(number - first + 1) + _EACH
            for word, number in vocabulary.items()
            if number > first
            and word.isascii()
            and word.isalpha()
            and (len(word) > 3 or (number < first + _COMMON and (len(word) > 1 or word in "ai")))
        }

    def __call__(self, text: str) -> str:
        """`text` with its words as they are usually spelt; most texts come back as they are."""
        text = _APART.sub(lambda match: _BETWEEN.sub("", match[0]), text)
        text = _INSIDE.sub(lambda match: match[0].translate(_LOOKS), text)
        text = _STRETCHED.sub(lambda match: self._short(match[0]), text)
        return _RUN.sub(lambda match: " ".join(self._words(match[0])), text)

    def _short(self, word: str) -> str:
        """A word with letters that stand three times and more, as it is usually written."""
        twice = _REPEATED.sub(r"\1\1", word)
        return twice if twice.lower() in self._cost else _REPEATED.sub(r"\1", word)

    def _words(self, run: str) -> list[str]:
        """The likeliest words of a run of letters."""
        lower = "".join(letter.lower()[0] for letter in run)  # the lower form of some letters is two long
        best, came = [0.0], [0]
        for end in range(1, len(lower) + 1):
            cheapest, start = best[end - 1] + _STRANGE, end - 1
            for begin in range(max(0, end - _LONGEST), end):
                cost = self._cost.get(lower[begin:end])
                if cost is not None and best[begin] + cost < cheapest:
                    cheapest, start = best[begin] + cost, begin
            best.append(cheapest)
            came.append(start)
        found, end, strange = [], len(lower), ""
        while end:
            start = came[end]
            piece = run[start:end]
            if len(piece) == 1 and piece.lower() not in "ai":
                strange = piece + strange
            else:
                found += [strange, piece] if strange else [piece]
                strange = ""
            end = start
        return [*([strange] if strange else []), *reversed(found)]
