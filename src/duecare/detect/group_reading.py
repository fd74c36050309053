"""Reading a text without which group of people it names: one wording in the place of every name of a group.

Names that are known are told by a list (`groups`), misspelt ones too; others by what they look like: the encoder's vectors of their word
pieces, their ending, and the words beside them, weighed by a logistic model that was trained on the known
names and on invented ones (`scripts/train_group_reading.py`). The second tier of the toxicity detector reads
texts so, hence cannot judge by a name that is found.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np

from duecare.core.errors import DataError
from duecare.detect.groups import GroupNames, Listed, group_names
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
_WORD = re.compile(r"[^\W\d_]+")
_GAP = re.compile(r"[ \t]+|[-'’]")
_AN = re.compile(rf"\b([Aa])[Nn](?= {SOME_GROUP}\b)")
_OPENS = re.compile(r"(?:^|[.!?:;\n\"“(]['’]?)\s*$")
_WITH = re.compile(
    rf"\b(?:{'|'.join(PEOPLE_WORDS)})\s+(?:with|of|from)\s+(?:the\s+|an?\s+)?{SOME_GROUP}\b", re.IGNORECASE
)
_PEOPLE = frozenset(PEOPLE_WORDS)
PLACE = 9
"""Marks of a word's place in the text: see `place_marks`."""
_ANYONE = frozenset({"people", "person", "persons", "folk", "folks"})
_DETERMINERS = frozenset({
    "a", "an", "the", "every", "each", "no", "that", "this", "any", "one", "some", "two", "those", "these", "all", "many",
    "most", "few",
})  # fmt: skip
_OPENERS = frozenset({*(word.title() for word in _DETERMINERS), "If", "When"})
"""Words whose capital is that of a sentence, not of a name of two words."""
SHORTEST = 3
"""Letters of the shortest word that is taken for a name without standing in a list."""

SHAPE = len(ENDINGS) + 4
"""Marks of a word's form: its endings, whether it is a plural, is cut, is joined by hyphens, and a constant."""


@dataclass(frozen=True, slots=True)
class Marks:
    """`form` float32 [WIDTH + SHAPE], `beside` [(BEFORE + 1) + (BEHIND + 1)] and `place` [PLACE]: what speaks for a name of
    a group."""

    form: np.ndarray
    beside: np.ndarray
    place: np.ndarray


class GroupReading:
    """Puts SOME_GROUP in the place of every name of a group."""

    def __init__(
        self,
        encoder: Encoder,
        known: Sequence[str],
        marks: Marks | None = None,
        names: GroupNames | None = None,
    ) -> None:
        """`known` are words that name a group, `names` (those that come with duecare) more of them."""
        names = names or group_names()
        self._encoder = encoder
        self._listed = Listed(replace(names, words=names.words | set(known)), PEOPLE_WORDS)
        self._marks = marks or shipped_marks()
        self._scores: dict[str, float] = {}
        behind = self._marks.beside[len(BEFORE) + 1 :]
        self._before = dict(zip(BEFORE, self._marks.beside.tolist(), strict=False))
        self._behind = dict(zip(BEHIND, behind.tolist(), strict=False))
        self._place = self._marks.place.tolist()
        self._edges = float(self._marks.beside[len(BEFORE)]), float(behind[-1])

    def read(self, text: str) -> tuple[str, int]:
        """`text` with SOME_GROUP for every name of a group, and how many there were."""
        matches = list(_WORD.finditer(text))
        words = self._listed.meant([match[0].lower() for match in matches])
        # A word joins the one before it over a blank, not over a full stop.
        joined = [
            _GAP.fullmatch(text, one.end(), other.start()) is not None for one, other in pairwise(matches)
        ]
        reach = [
            size if all(joined[place : place + size - 1]) else int(words[place] in self._listed)
            for place, size in enumerate(self._reach(words, text, matches))
        ]
        parts, end, count, place = [], 0, 0, 0
        while place < len(words):
            last = place + reach[place] - 1
            if last < place:
                place += 1
                continue
            while last + 1 < len(words) and joined[last]:
                more = max(reach[last + 1], int(words[last + 1] in _PEOPLE))
                if not more:
                    break
                last += more
            parts += [text[end : matches[place].start()], SOME_GROUP]
            end, count, place = matches[last].end(), count + 1, last + 1
        if not count:
            return text, 0
        read = _WITH.sub(SOME_GROUP, "".join((*parts, text[end:])))
        return _AN.sub(r"\1", read), count

    def _reach(self, words: list[str], text: str, matches: list[re.Match[str]]) -> list[int]:
        """How many words make the name of a group from each place on, 0 for none."""
        found = self._listed.lengths(words)
        cased = not text.isupper()
        for place, word in enumerate(words):
            if found[place] or word in _PEOPLE or len(word) < SHORTEST:
                continue
            score = self.form_score(word)
            score += self._before.get(words[place - 1], 0.0) if place else self._edges[0]
            score += self._behind.get(words[place + 1], 0.0) if place + 1 < len(words) else self._edges[1]
            score += sum(self._place[mark] for mark in place_marks(text, matches, place, cased=cased))
            found[place] = int(score > 0)
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


def place_marks(text: str, words: Sequence[re.Match[str]], place: int, *, cased: bool) -> list[int]:
    """Which marks in 0..PLACE - 1 the word at `place` among `words` of `text` has: what its capital, its plural and the
    words beside it say together. `cased` tells whether capitals say anything in the text."""
    word = words[place][0]
    plural = word.endswith(("s", "S"))
    before = text[words[place - 1].start() : words[place - 1].end()] if place else ""
    behind = words[place + 1][0] if place + 1 < len(words) else ""
    found = [0] if behind.lower() in _ANYONE else []
    if before.lower() in _DETERMINERS:
        found.append(1 + plural)
    start = words[place].start()
    if cased and word[:1].isupper() and not _OPENS.search(text, max(0, start - 8), start):
        found.append(3 + plural)
        if not behind[:1].isupper() and (not before[:1].isupper() or before in _OPENERS):
            found.append(5 + plural)
            if before.lower() in _DETERMINERS:
                found.append(7 + plural)
    return found


@lru_cache(maxsize=1)
def shipped_marks() -> Marks:
    """The marks that come with duecare."""
    packed = resources.files("duecare.detect") / "weights" / "group_reading.npz"
    return unpack_marks(packed.read_bytes())


def pack_marks(path: Path, marks: Marks) -> None:
    """Write marks as an `.npz` without pickle, the same bytes each time."""
    names = ("form", "beside", "place")
    write_arrays(path, {name: getattr(marks, name).astype(np.float32) for name in names})


def unpack_marks(content: bytes) -> Marks:
    """Marks from the bytes that `pack_marks` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        found = Marks(arrays["form"], arrays["beside"], arrays["place"])
    shapes = found.form.shape, found.beside.shape, found.place.shape
    if shapes != ((WIDTH + SHAPE,), (len(BEFORE) + len(BEHIND) + 2,), (PLACE,)):
        raise DataError(f"group reading has shapes {shapes}")
    return found
