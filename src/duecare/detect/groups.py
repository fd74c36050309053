"""Names of groups of people, an open list (`scripts/group_names.py` writes `words/groups.json`).

What is looked up in it is read without which group it is, also where a letter is missing or two have changed
places. The lists that weights are taught from lack the entries that are `held`: what a detector does without
them says what it does with names that no list holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

_PARTS = re.compile(r"[^\W\d_]+")
_HAVING = frozenset({
    "with", "who", "that", "have", "has", "had", "having", "live", "lives", "living", "suffer", "suffers",
    "suffering", "from",
})  # fmt: skip
"""Words between people and what they have: "who live with"."""
SHORTEST = 6
"""Letters of the shortest name that is known with a letter missing or two in each other's place."""


@dataclass(frozen=True, slots=True)
class GroupNames:
    """Lower case: single `words` that name a group; `phrases` and `conditions` (what follows "people with")
    as words; `ordinary` words are one slip away from a name, and none."""

    words: frozenset[str]
    phrases: frozenset[tuple[str, ...]]
    conditions: frozenset[tuple[str, ...]]
    ordinary: frozenset[str] = frozenset()

    @property
    def all_words(self) -> frozenset[str]:
        """Every word of a name, also of those of several words."""
        longer = (word for table in (self.phrases, self.conditions) for phrase in table for word in phrase)
        return self.words | {word for word in longer if len(word) > SHORTEST}


@lru_cache(maxsize=2)
def group_names(*, held: bool = True) -> GroupNames:
    """The names that come with duecare; those that are held only if asked for."""
    path = resources.files("duecare.detect") / "words" / "groups.json"
    tables = json.loads(path.read_text(encoding="utf-8"))
    out = frozenset() if held else frozenset(tables["held"])
    plural = [name for name in tables["plural_in_s"] if name not in out]
    others = [name for table in ("as_they_are", "phrases") for name in tables[table] if name not in out]
    every = [parts(name) for name in (*plural, *(f"{name}s" for name in plural), *others)]
    conditions = (parts(name) for name in tables["conditions"] if name not in out)
    return GroupNames(
        frozenset(name[0] for name in every if len(name) == 1),
        frozenset(name for name in every if len(name) > 1),
        frozenset(conditions),
        frozenset(tables.get("ordinary", ())),
    )


def parts(name: str) -> tuple[str, ...]:
    """The words of a name: runs of letters."""
    return tuple(_PARTS.findall(name))


class Listed:
    """Finds listed names among the words of a text."""

    def __init__(self, names: GroupNames, people: Iterable[str] = ()) -> None:
        """`people` are words for people of any group."""
        self._words, self._people = names.words, frozenset(people)
        self._phrases: dict[str, list[tuple[str, ...]]] = {}
        self._conditions: dict[str, list[tuple[str, ...]]] = {}
        for table, found in ((names.phrases, self._phrases), (names.conditions, self._conditions)):
            for phrase in sorted(table, key=lambda each: (-len(each), each)):
                found.setdefault(phrase[0], []).append(phrase)
        within = {word for table in (names.phrases, names.conditions) for phrase in table for word in phrase}
        known = self._words | self._people | within
        self._meant = {
            form: word
            for word in sorted(known)
            for form in (misspelt(word) if len(word) >= SHORTEST or word in self._people else ())
            if form not in known and form not in names.ordinary
        }

    def __contains__(self, word: str) -> bool:
        """Whether a word, lower case, is a name by itself."""
        return word in self._words

    def meant(self, words: Sequence[str]) -> list[str]:
        """`words`, lower case, those one slip away from a word of the list as it has them."""
        return [self._meant.get(word, word) for word in words]

    def lengths(self, words: Sequence[str]) -> list[int]:
        """For every place in `words`, as `meant` gives them, how many make a name from there on, or 0."""
        found = [int(word in self._words) for word in words]
        for place, word in enumerate(words):
            if word in self._phrases:
                found[place] = max(found[place], self._longest(self._phrases[word], words, place))
            if word in self._people and place + 2 < len(words):
                start = place + 1
                while start < len(words) and words[start] in _HAVING:
                    start += 1
                if place + 1 < start < len(words):
                    size = self._longest(self._conditions.get(words[start], []), words, start)
                    found[place] = start - place + size if size else found[place]
        return found

    @staticmethod
    def _longest(phrases: Sequence[tuple[str, ...]], words: Sequence[str], place: int) -> int:
        sizes = (len(each) for each in phrases if tuple(words[place : place + len(each)]) == each)
        return next(sizes, 0)


def misspelt(word: str) -> Iterator[str]:
    """`word` with one inner letter missing, or with two inner neighbours in each other's place."""
    for place in range(1, len(word) - 1):
        yield word[:place] + word[place + 1 :]
        if place + 2 < len(word):
            yield word[:place] + word[place + 1] + word[place] + word[place + 2 :]
