"""What each word of an answer adds to a score that any function of texts gives, without a model's inside.

Occlusion: the score without a word is that of the text with the word cut out. Needs no JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from duecare.core import DataError
from duecare.core.table import TEXTS
from duecare.explain.asked import Item
from duecare.explain.attribution import Attribution, Done
from duecare.explain.faithful import Kept
from duecare.explain.spans import Floats, Word, words_of

Score = Callable[[Sequence[str]], Sequence[float | None]]


def occluded(score: Score, texts: Sequence[str]) -> list[Attribution]:
    """What each word of each text adds to `score`, which takes texts and gives numbers.

    Raises DataError for a text without words and for a score that is missing or not a finite number.
    """
    words = [words_of(text, "answer") for text in texts]
    if empty := [number for number, each in enumerate(words) if not each]:
        raise DataError(f"text {empty[0]} has no words to explain")
    asked = [(number, word) for number, each in enumerate(words) for word in range(len(each))]
    whole = _numbers(score, texts)
    less = _numbers(
        score,
        [cut(texts[number], words[number], np.arange(len(words[number])) != word) for number, word in asked],
    )
    nothing = _numbers(
        score, [cut(text, each, np.zeros(len(each), bool)) for text, each in zip(texts, words, strict=True)]
    )
    found, place = [], 0
    for number, each in enumerate(words):
        mine = less[place : place + len(each)]
        place += len(each)
        found.append(
            Attribution(
                "occlusion", each, whole[number] - mine, 0.0, whole[number], nothing[number], len(each)
            )
        )
    return found


def cut(text: str, words: Sequence[Word], kept: Kept) -> str:
    """A text with only the `kept` words [words]; white space stays."""
    parts, place = [], 0
    for word, stays in zip(words, kept, strict=True):
        parts.append(text[place : word.end if stays else word.start])
        place = word.end
    return "".join([*parts, text[place:]])


def _numbers(score: Score, texts: Sequence[str]) -> Floats:
    found = list(score(texts))
    if len(found) != len(texts):
        raise DataError(f"a score gave {len(found)} numbers for {len(texts)} texts")
    if any(value is None or not np.isfinite(value) for value in found):
        raise DataError("a score gave no finite number for a text")
    return np.array(found, np.float64)


class Detector:
    """The toxicity detector, asked for the words of answers."""

    def __init__(self) -> None:
        from duecare import detect

        self._scorer: Any = detect.load("toxicity")
        self.rests_on: tuple[str, ...] = (self._scorer.instrument,)

    def explain(self, items: Sequence[Item], done: Done) -> list[Attribution]:
        """Words of each item's answer."""
        found = occluded(self.score, [item.answer for item in items])
        done(len(found), len(found))
        return found

    def ask(self, items: Sequence[Item], asked: Sequence[tuple[int, Kept]]) -> Floats:
        """Scores of answers of which only some words are kept."""
        words = [words_of(item.answer, "answer") for item in items]
        return _numbers(
            self.score, [cut(items[number].answer, words[number], kept) for number, kept in asked]
        )

    def randomised(self, seed: int) -> None:
        """A detector's weights are not drawn anew: its explanations are tested by taking words away."""
        return

    def sees(self, items: Sequence[Item]) -> list[bool]:
        """Whether there is a word in each item's answer that the detector can score."""
        return [value is not None for value in self._values([item.answer for item in items])]

    def score(self, texts: Sequence[str]) -> list[float]:
        """Toxicity of each text; where no word is left nothing toxic is, which is 0."""
        return [0.0 if value is None else value for value in self._values(texts)]

    def _values(self, texts: Sequence[str]) -> list[float | None]:
        names = [str(number) for number in range(len(texts))]
        batch = pa.RecordBatch.from_arrays(
            [
                pa.array(names),
                pa.array(names),
                pa.array(["answer"] * len(texts)),
                pa.array(list(texts), pa.string()),
            ],
            schema=TEXTS,
        )
        values: list[float | None] = self._scorer(batch).column("value").to_pylist()
        return values
