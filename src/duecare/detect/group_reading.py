"""Reading a text without which group of people it names: one wording in the place of every name of a group.

Names that are known are told by a list; others by what they look like: the encoder's vectors of their word
pieces, their ending, and the words beside them, weighed by a logistic model that was trained on the known
names and on invented ones (`scripts/train_group_reading.py`). The second tier of the toxicity detector reads
texts so, hence cannot judge by a name that is found.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np

from duecare.core.errors import DataError
from duecare.detect.minilm import WIDTH, Encoder
from duecare.detect.ngrams import PEOPLE_WORDS
from duecare.detect.packed import write_arrays

SOME_GROUP = "minority"
"""What stands for every name of a group."""

ENDINGS = (
    "ian", "ean", "an", "ese", "ish", "i", "ist", "ite", "er", "ic", "al", "ual", "gender", "less", "ed", "ing", "ly",
    "ity", "ism", "ness", "tion", "ous", "ive", "able", "y", "o", "a", "e", "en", "ant", "ent", "or", "ar", "ful",
)  # fmt: skip
BEFORE = (
    "the", "a", "an", "all", "those", "these", "that", "this", "some", "many", "most", "every", "no", "any", "of", "about",
    "for", "to", "with", "by", "and", "or", "as", "is", "am", "are", "was", "being", "be", "you", "we", "my", "our", "his",
    "her", "i", "more", "few", "two", "young", "old", "hate", "not", "in", "from", "if", "against", "than", "like", "other",
)  # fmt: skip
BEHIND = (
    "are", "is", "were", "was", "have", "has", "do", "does", "should", "must", "can", "cannot", "will", "would", "who", "and",
    "or", "in", "at", "from", "to", "of", "on", "for", "with", "people", "person", "man", "woman", "men", "women", "guy",
    "family", "community", "neighbour", "friend", "teacher", "boss", "culture", "language", "food", "always", "never", "live",
    "want", "the", "a", "not", "all", "out", "go", "here", "off", "as", "i", "my", "you", "it", "that", "this", "s",
)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_GAP = re.compile(r"[ \t]+")
_AN = re.compile(rf"\b([Aa])n(?= {SOME_GROUP}\b)")
_WITH = re.compile(
    rf"\b(?:{'|'.join(PEOPLE_WORDS)})\s+(?:with|of|from)\s+(?:the\s+|an?\s+)?{SOME_GROUP}\b", re.IGNORECASE
)
_PEOPLE = frozenset(PEOPLE_WORDS)
SHAPE = len(ENDINGS) + 4
"""Marks of a word's form: its endings, whether it is a plural, is cut, is joined by hyphens, and a constant."""


@dataclass(frozen=True, slots=True)
class Marks:
    """`form` float32 [WIDTH + SHAPE] and `beside` [(BEFORE + 1) + (BEHIND + 1)]: what speaks for a name of a group."""

    form: np.ndarray
    beside: np.ndarray


class GroupReading:
    """Puts SOME_GROUP in the place of every name of a group."""

    def __init__(self, encoder: Encoder, known: Sequence[str], marks: Marks | None = None) -> None:
        self._encoder, self._known = encoder, frozenset(known)
        self._marks = marks or shipped_marks()
        self._scores: dict[str, float] = {}
        behind = self._marks.beside[len(BEFORE) + 1 :]
        self._before = dict(zip(BEFORE, self._marks.beside.tolist(), strict=False))
        self._behind = dict(zip(BEHIND, behind.tolist(), strict=False))
        self._edges = float(self._marks.beside[len(BEFORE)]), float(behind[-1])

    def read(self, text: str) -> tuple[str, int]:
        """`text` with SOME_GROUP for every name of a group, and how many there were."""
        words = [(match.start(), match.end(), match[0].lower()) for match in _WORD.finditer(text)]
        named = self._named(words)
        parts, end, count, place = [], 0, 0, 0
        while place < len(words):
            if not named[place]:
                place += 1
                continue
            last = place
            while last + 1 < len(words) and (named[last + 1] or words[last + 1][2] in _PEOPLE):
                if not _GAP.fullmatch(text[words[last][1] : words[last + 1][0]]):
                    break
                last += 1
            parts += [text[end : words[place][0]], SOME_GROUP]
            end, count, place = words[last][1], count + 1, last + 1
        if not count:
            return text, 0
        joined = _WITH.sub(SOME_GROUP, "".join((*parts, text[end:])))
        return _AN.sub(r"\1", joined), count

    def _named(self, words: list[tuple[int, int, str]]) -> list[bool]:
        plain = [word for _, _, word in words]
        found = []
        for place, word in enumerate(plain):
            if word in self._known:
                found.append(True)
                continue
            score = self.form_score(word)
            before = self._before.get(plain[place - 1], 0.0) if place else self._edges[0]
            behind = self._behind.get(plain[place + 1], 0.0) if place + 1 < len(plain) else self._edges[1]
            found.append(score + before + behind > 0)
        return found

    def form_score(self, word: str) -> float:
        """What the form of a word alone says for its being the name of a group, as a margin."""
        score = self._scores.get(word)
        if score is None:
            score = float(form(self._encoder, word) @ self._marks.form)
            if len(self._scores) < 1 << 17:
                self._scores[word] = score
        return score


def form(encoder: Encoder, word: str) -> np.ndarray:
    """What a word looks like, float32 [WIDTH + SHAPE]: the mean vector of the pieces of its singular, then marks
    of its form."""
    plural = word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3
    stem = word[:-1] if plural else word
    pieces = encoder.tokenizer.encode(stem, add_special_tokens=False).ids
    table = encoder.weights["embeddings.word_embeddings.weight"]
    vector = table[pieces].mean(axis=0) if pieces else np.zeros(WIDTH, np.float32)
    length = float(np.linalg.norm(vector)) or 1.0
    ends = [stem.endswith(ending) for ending in ENDINGS]
    marks = np.array([*ends, plural, len(pieces) > 1, "-" in word, True], np.float32)
    return np.concatenate((vector / length * 4, marks)).astype(np.float32)


def beside(before: str | None, behind: str | None) -> np.ndarray:
    """Which of the words BEFORE and BEHIND stand beside a word, float32; None is the edge of the text."""
    found = np.zeros(len(BEFORE) + len(BEHIND) + 2, np.float32)
    if before is None or before in BEFORE:
        found[len(BEFORE) if before is None else BEFORE.index(before)] = 1
    if behind is None or behind in BEHIND:
        found[len(BEFORE) + 1 + (len(BEHIND) if behind is None else BEHIND.index(behind))] = 1
    return found


@lru_cache(maxsize=1)
def shipped_marks() -> Marks:
    """The marks that come with duecare."""
    packed = resources.files("duecare.detect") / "weights" / "group_reading.npz"
    return unpack_marks(packed.read_bytes())


def pack_marks(path: Path, marks: Marks) -> None:
    """Write marks as an `.npz` without pickle, the same bytes each time."""
    write_arrays(path, {"form": marks.form.astype(np.float32), "beside": marks.beside.astype(np.float32)})


def unpack_marks(content: bytes) -> Marks:
    """Marks from the bytes that `pack_marks` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        found = Marks(arrays["form"], arrays["beside"])
    if found.form.shape != (WIDTH + SHAPE,) or found.beside.shape != (len(BEFORE) + len(BEHIND) + 2,):
        raise DataError(f"group reading has shapes {found.form.shape} and {found.beside.shape}")
    return found
