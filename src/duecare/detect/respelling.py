"""Words that were spelt to pass a filter, or in haste, brought back: for the encoder of the second tier.

Letters set apart ("i d i o t") are joined, digits and signs inside a word become the letters they look like,
a letter that stands more than twice stands twice, or once where that makes no word, and a long run of
letters without spaces is cut into words: those of the encoder's own vocabulary, whose order is about that of
how often they occur (Zipf 1949), so that the likeliest cut is a shortest path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

LONG = 15
"""Letters of a run from which on it is cut; few words have as many."""
_LONGEST_WORD = 20
_LONGEST, _STRANGE, _EACH, _COMMON = 16, 8.0, 3.0, 2500
_APART = re.compile(r"(?<![^\W_])[^\W_](?:[ .*_-][^\W_]){2,}(?![^\W_])")
_BETWEEN = re.compile(r"[ .*_-]")
_RUN = re.compile(rf"[^\W\d_]{{{LONG},}}")
_INSIDE = re.compile(r"(?<=[A-Za-z])[01345@$]+(?=[A-Za-z])|(?<![\w$@])[@$](?=[a-z]{3})")
_REPEATED = re.compile(r"([A-Za-z])\1{2,}", re.IGNORECASE)
_STRETCHED = re.compile(r"[A-Za-z]*([A-Za-z])\1{2,}[A-Za-z]*", re.IGNORECASE)
_ODD = re.compile(r"(?<![\w$@])(?=\w*[A-Za-z])[A-Za-z01345@$]{4,}(?![\w$@])")
_LOOKS = str.maketrans("01345@$", "oieasas")


class Respelling:
    """Brings the spelling of texts back; `vocabulary` is the tokenizer's, words to numbers, `names` are
    further words, all as rare as its rarest."""

    def __init__(self, vocabulary: Mapping[str, int], names: Iterable[str] = ()) -> None:
        first = vocabulary["the"] - 1
        self._cost = {
            word: math.log(number - first + 1) + _EACH
            for word, number in vocabulary.items()
            if number > first
            and word.isascii()
            and word.isalpha()
            and (len(word) > 3 or (number < first + _COMMON and (len(word) > 1 or word in "ai")))
        }
        self._names, rarest = frozenset(names), max(self._cost.values())
        for name in self._names:
            if name.isascii() and len(name) > 2:
                self._cost.setdefault(name, rarest)

    def __call__(self, text: str) -> str:
        """`text` with its words as they are usually spelt; most texts come back as they are."""
        text = _APART.sub(lambda match: self._together(match[0]), text)
        text = _INSIDE.sub(lambda match: match[0].translate(_LOOKS), text)
        text = _ODD.sub(lambda match: self._spelt(match[0]), text)
        text = _STRETCHED.sub(lambda match: self._short(match[0]), text)
        return _RUN.sub(lambda match: self._cut(match[0]), text)

    def _together(self, letters: str) -> str:
        """Letters set apart as one word; three of them only where they make a name."""
        word = _BETWEEN.sub("", letters)
        return word if len(word) > 3 or word.lower() in self._names else letters

    def _spelt(self, word: str) -> str:
        """A word that begins or ends with signs for letters, if that makes a word."""
        letters = word.translate(_LOOKS)
        return letters if not word.isalpha() and letters.lower() in self._cost else word

    def _cut(self, run: str) -> str:
        """A run as words; a long word that is none of ours stays whole."""
        found = self._words(run)
        strange = sum(len(piece) for piece in found if piece.lower() not in self._cost)
        whole = run.lower() in self._cost or (len(run) <= _LONGEST_WORD and strange * 8 > len(run))
        return run if whole else " ".join(found)

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
