"""Identity: words that name a group of people, as whole words, with axis and group.

A mention is not a statement about who wrote the text, and a person's group is never inferred from a
name. The same table fills counterfactual templates (`Term.adjective`, `person`, `people`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import pyarrow as pa

from duecare.core.table import SPANS, TEXTS, expect
from duecare.core.wire import Noun
from duecare.detect.card import Card, read_card
from duecare.detect.spans import Span

INSTRUMENT = "identity@1"
_TOKEN = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
_ADJOINING = re.compile(r"[\s,;/&]*(?:and |or )?")
_AGE = re.compile(r"\b(\d{1,3})[ -]years?[ -]old\b", re.IGNORECASE)
SELF = frozenset({"am", "i'm", "i’m", "im", "being", "was", "is", "are", "he's", "she's", "we're"})
SPOKEN = frozenset({"am", "i'm", "im", "being"})
PERSONS = frozenset({"he", "she", "they", "we", "you", "who", "husband", "wife", "son", "daughter", "friend"})
"""Words of a self-description: those of SELF that speak for themselves, and those before the others."""
YOUNG_UNTIL, OLD_FROM = 29, 60
"""Ages in years up to which, and from which, a stated age counts as young or older."""


class Term(Noun, frozen=True, kw_only=True):
    """One group: `mentions` count wherever they stand, `guarded` words only beside a word for people."""

    axis: str
    group: str
    adjective: str
    person: str
    people: str
    mentions: tuple[str, ...]
    guarded: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """As it stands on spans: "gender:women"."""
        return f"{self.axis}:{self.group}"


@lru_cache(maxsize=1)
def terms() -> tuple[Term, ...]:
    """The whole table, by axis."""
    return tuple(Term(**{**raw, **_tuples(raw)}) for raw in _table()["terms"])


def axis_terms() -> list[dict[str, Any]]:
    """The whole table as plain values, by axis."""
    rows: list[dict[str, Any]] = _table()["terms"]
    return rows


def axes() -> tuple[str, ...]:
    """Every axis of the table."""
    return tuple(dict.fromkeys(term.axis for term in terms()))


class Identity:
    """Points at mentions of groups; labels are "axis:group"."""

    instrument = INSTRUMENT

    def __init__(self, axes: tuple[str, ...] = ()) -> None:
        """`axes` limits what is looked for; empty means all."""
        self._axes = frozenset(axes)

    @property
    def card(self) -> Card:
        """What it was measured on."""
        return read_card("identity")

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        """Every mention as SPANS; the same as `mentions` of each text, found a column at a time."""
        from duecare.detect.mentions import labels, mentions_in

        expect(texts, TEXTS, "texts")
        found = mentions_in(texts.column("text"))
        asked = [not self._axes or label.partition(":")[0] in self._axes for label in labels()]
        wanted = np.array(asked)[found.label]
        rows = pa.array(found.text[wanted])
        said = pa.DictionaryArray.from_arrays(pa.array(found.label[wanted]), pa.array(labels(), pa.string()))
        return pa.RecordBatch.from_arrays(
            [
                *(texts.column(name).take(rows) for name in ("row", "key", "part")),
                pa.repeat(pa.scalar(self.instrument), len(rows)),
                pa.array(found.start[wanted]),
                pa.array(found.end[wanted]),
                said.cast(pa.string()),
                pa.array(np.ones(len(rows))),
            ],
            schema=SPANS,
        )

    def mentions(self, text: str) -> list[Span]:
        """Every mention in one text; of phrases that begin at one word the longest."""
        return self._wanted([*phrases(text), *ages(text)])

    def _wanted(self, spans: list[Span]) -> list[Span]:
        if self._axes:
            spans = [place for place in spans if place.label.partition(":")[0] in self._axes]
        return sorted(spans)


Token = tuple[int, int, str]
"""Start, end and the word in lower case."""


def tokens_of(text: str, start: int = 0) -> Iterator[Token]:
    """The words of `text` from code point `start` on, which must not lie inside a word."""
    for match in _TOKEN.finditer(text, start):
        yield match.start(), match.end(), match.group().lower().replace("’", "'")


def phrases(text: str) -> Iterator[Span]:
    """Mentions of one text less stated ages, word by word: the definition."""
    tokens, place = list(tokens_of(text)), 0
    while place < len(tokens):
        found = phrase_at(text, tokens, place)
        if found is not None:
            last, label = found
            yield Span(tokens[place][0], tokens[last][1], label)
            place = last
        place += 1


def phrase_at(text: str, tokens: list[Token], place: int) -> tuple[int, str] | None:
    """Place of the last word, and label, of the longest phrase that begins at `place`; None without one.

    `tokens` are consecutive words of `text`; looked at are two before `place`, the phrase and two after it.
    """
    for words, label, guarded in by_first_word().get(tokens[place][2], ()):
        last = place + len(words) - 1
        if last >= len(tokens) or any(tokens[place + step][2] != word for step, word in enumerate(words)):
            continue
        if not guarded or _beside_people(text, tokens, last):
            return last, label
    return None


def _beside_people(text: str, tokens: list[Token], at: int) -> bool:
    """Whether a word for people follows within two words, or it closes "I am ..." or "being ..."."""
    near = people()
    end = tokens[at][1]
    for step in (1, 2):
        if at + step >= len(tokens):
            break
        begin, stop, word = tokens[at + step]
        if not _ADJOINING.fullmatch(text[end:begin]):
            break
        if word in near:
            return True
        end = stop
    if at == 0 or tokens[at - 1][2] not in SELF:
        return False
    spoken = tokens[at - 1][2] in SPOKEN or (at > 1 and tokens[at - 2][2] in PERSONS)
    closes = at + 1 >= len(tokens) or re.match(
        r"\s*(?:[.,;:!?]|and\b|so\b|or\b|but\b)", text[tokens[at][1] :]
    )
    return bool(spoken and closes)


def ages(text: str) -> Iterator[Span]:
    """Stated ages that count as young or older."""
    for match in _AGE.finditer(text):
        years = int(match[1])
        if 13 <= years <= YOUNG_UNTIL:
            yield Span(match.start(), match.end(), "age:young")
        elif OLD_FROM <= years <= 120:
            yield Span(match.start(), match.end(), "age:older")


@lru_cache(maxsize=1)
def _lookup() -> tuple[tuple[str, tuple[tuple[str, ...], str, bool]], ...]:
    """(first word, (all words, label, guarded)) of every way to name a group."""
    found = []
    for term in terms():
        for phrases, guarded in ((term.mentions, False), (term.guarded, True)):
            for phrase in phrases:
                words = tuple(match.group().lower() for match in _TOKEN.finditer(phrase))
                found.append((words[0], (words, term.label, guarded)))
    return tuple(found)


@lru_cache(maxsize=1)
def by_first_word() -> dict[str, list[tuple[tuple[str, ...], str, bool]]]:
    """Every way to name a group by its first word, longest phrase first, unguarded before guarded."""
    found: dict[str, list[tuple[tuple[str, ...], str, bool]]] = {}
    for first, entry in _lookup():
        found.setdefault(first, []).append(entry)
    for entries in found.values():
        entries.sort(key=lambda entry: (-len(entry[0]), entry[2], entry[1]))
    return found


@lru_cache(maxsize=1)
def protected_words() -> frozenset[str]:
    """Every single word, lower case, that names a group: redaction leaves these standing."""
    return frozenset(words[0] for _, (words, _, _) in _lookup() if len(words) == 1)


@lru_cache(maxsize=1)
def people() -> frozenset[str]:
    """Words for people, beside which a guarded word counts."""
    return frozenset(_table()["people"])


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    path = resources.files("duecare.detect") / "words" / "identity.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _tuples(raw: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(raw[name]) for name in ("mentions", "guarded")}
