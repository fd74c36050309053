"""Who is who in a conversation, so that one person has one invented name in all of it.

"John Smith" and a later "John" or "Mr Smith" are one person; an e-mail address or a user name made of
the name follows. A surrogate keeps what the sentence's grammar rests on: a given name that reads as a
woman's or a man's is replaced by one that reads so too, where public records are that clear about it, and
every other by one that reads as anybody's. Capitals, small letters and the script are kept, and titles
stay where they are.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from duecare.curate.surrogate import Reading, StandIn, given_name, surname
from duecare.detect.invented import stands_for_nobody

_TITLES: dict[str, Reading] = {
    **dict.fromkeys(("mr", "sir", "herr", "monsieur", "señor", "sr", "mister", "lord"), "masculine"),
    **dict.fromkeys(("mrs", "ms", "miss", "madam", "frau", "madame", "señora", "sra", "lady"), "feminine"),
    **dict.fromkeys(("mx", "dr", "doctor", "prof", "professor", "rev", "captain", "judge"), "neutral"),
}
_SCRIPTS = {"HIRAGANA": "Kana", "KATAKANA": "Kana", "CJK": "Han"}
_OWNED = re.compile(r"['’]s?$")
_WORD = re.compile(r"[^\s,]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_BEFORE = 16
"""Code points before a name in which its title stands."""


class Mention(NamedTuple):
    """A name as it stands in a text, and the title before it ("" where there is none)."""

    value: str
    title: str = ""


class _Person(NamedTuple):
    """Given name and surname, folded ("" where not known)."""

    given: str
    family: str


def title_before(text: str, start: int) -> str:
    """The title right before a name that begins at `start`, in small letters; "" where none stands there."""
    if not text[start - 1 : start].isspace():
        return ""
    near = text[max(0, start - _BEFORE) : start].lower()
    chunks = near.split()
    if chunks and chunks[-1].isalpha():  # most often: one word, and no other sign
        last = chunks[-1]
    else:
        words = _LETTERS.findall(near)
        last = words[-1] if words else ""
    return last if last in _TITLES else ""


class Cast:
    """The people of one conversation, from every mention of a name in it, in reading order."""

    def __init__(self, stand_in: StandIn, mentions: Iterable[Mention], *, by_title: bool) -> None:
        """`by_title` lets a title say how a given name reads: in one conversation, but not over many."""
        self._stand_in = stand_in
        self._people: list[_Person] = []
        self._who: dict[Mention, _Person] = {}  # people are only added behind those known: it stays so
        self._written: dict[Mention, str] = {}
        self._reading: dict[_Person, Reading] = {}
        listed = [each for each in dict.fromkeys(mentions) if not stands_for_nobody("PERSON", each.value)]
        for mention in sorted(listed, key=lambda mention: len(_parts(mention.value)) < 2):  # full names first
            person = self._who[mention] = self._person(mention)
            if person not in self._people:
                self._people.append(person)
            reading = reading_of(person.given)
            if reading == "neutral" and by_title:
                reading = _TITLES.get(mention.title, "neutral")
            if self._reading.get(person, "neutral") == "neutral":
                self._reading[person] = reading

    def name(self, mention: Mention) -> str:
        """What to write for a name: given name and surname as far as it has them, in its case and script."""
        if mention not in self._written:
            self._written[mention] = self._name(mention)
        return self._written[mention]

    def _name(self, mention: Mention) -> str:
        if stands_for_nobody("PERSON", mention.value):
            return mention.value
        person = self._who.get(mention) or self._person(mention)
        return _named(self._stand_in, mention.value, person, self._reading_of(person))

    def login(self, label: str, value: str) -> str:
        """What to write for an e-mail address or a user name: made of a person's name where `value` is."""
        if stands_for_nobody(label, value):
            return value
        made = self._made_of(fold(value.lstrip("@").partition("@")[0]))
        if made is None:
            return ("@" if value.startswith("@") else "") + self._stand_in(label, value)
        number = f"{self._stand_in.drawn(label, value) // 10**9 % 10_000:04d}"
        return (
            f"{made}{number}@example.com"
            if label == "EMAIL"
            else f"{'@' * value.startswith('@')}{made}{number}"
        )

    def _made_of(self, local: str) -> str | None:
        """The invented local part, built as `local` is built from somebody's name.

        Of several whom it fits it is of the one it fits best; where it fits two alike (jsmith, of John and
        Jane Smith), or has another's given name before a surname, it is nobody's: None, not the wrong one.
        """
        letters = "".join(_LETTERS.findall(local))
        fits = [(fit, person) for person in self._people if (fit := _fit(person, letters))]
        best = max((fit for fit, _ in fits), default=0)
        fitting = [person for fit, person in fits if fit == best]
        if len(fitting) != 1:
            return None
        person = fitting[0]
        names = _names(self._stand_in, person, self._reading_of(person), "")
        given, family = (name.lower() for name in names)
        mark = next((sign for sign in local if sign in "._-"), "")
        if best == _BOTH:
            return f"{given}{mark}{family}"
        if not person.family or _bare(person.family) not in letters:
            return given
        return f"{given[0]}{mark}{family}" if best == _INITIAL else family

    def _reading_of(self, person: _Person) -> Reading:
        return self._reading.get(person) or reading_of(person.given)

    def _person(self, mention: Mention) -> _Person:
        """Whom a mention means; of several whom a single word fits, the one named first."""
        parts = _parts(mention.value)
        if len(parts) > 1:
            return _Person(parts[-1], parts[0]) if "," in mention.value else _Person(parts[0], parts[-1])
        word = parts[0] if parts else ""
        known = self._people if not mention.title else [each for each in self._people if each.family == word]
        for person in known:
            if word in (person.given, person.family):
                return person
        return _Person("", word) if mention.title else _Person(word, "")


def _bare(name: str) -> str:
    """Its letters alone: "o'brien" stands in an address as "obrien"."""
    return "".join(_LETTERS.findall(name))


_ALONE, _INITIAL, _BOTH = 1, 2, 3


def _fit(person: _Person, letters: str) -> int:
    """How much of a name a local part is: one word alone, one and the other's initial, or both.

    0 where anything else stands beside one word: it may be another's name.
    """
    given, family = map(_bare, person)
    has_given, has_family = (len(name) > 2 and name in letters for name in (given, family))
    if has_given and has_family and len(letters) >= len(given) + len(family):
        return _BOTH
    for has, word, other in ((has_family, family, given), (has_given, given, family)):
        rest = letters.replace(word, "", 1) if has else letters
        if has and (not rest or rest in _TITLES):
            return _ALONE
        if has and other and len(rest) <= _FEW and rest.startswith(other[0]):
            return _INITIAL
    return 0


_FEW = 2
"""Letters that are initials: of a given name, and perhaps of a middle one."""


@lru_cache(maxsize=1 << 14)
def _named(stand_in: StandIn, value: str, person: _Person, reading: Reading) -> str:
    """The invented name that is written for `value`, a mention of `person`."""
    owned = found.group() if (found := _OWNED.search(value)) else ""
    parts, (given, family) = _parts(value), _names(stand_in, person, reading, script_of(value))
    if len(parts) > 1:
        written = f"{family}, {given}" if "," in value else f"{given} {family}"
    else:
        written = family if parts and parts[0] == person.family else given
    return in_case(written, value.removesuffix(owned)) + owned


def _names(stand_in: StandIn, person: _Person, reading: Reading, script: str) -> tuple[str, str]:
    drawn = stand_in.drawn("PERSON", f"{person.given} {person.family}")
    return given_name(drawn, reading, script), surname(drawn, script)


@lru_cache(maxsize=1 << 14)
def _parts(value: str) -> tuple[str, ...]:
    """The words of a name, folded, without title, initials in the middle and an 's behind it."""
    words = [fold(word) for word in _WORD.findall(_OWNED.sub("", value))]
    words = [word for word in words if word and word not in _TITLES]
    return (words[0], *[word for word in words[1:] if len(word) > 1]) if words else ()


def fold(word: str) -> str:
    """Small letters without accents and stops: "José" and "jose" are one name."""
    if word.isascii():
        return word.lower().strip(".'’-")
    spread = unicodedata.normalize("NFKD", word.casefold())
    return "".join(sign for sign in spread if not unicodedata.combining(sign) or ord(sign) > 0x36F).strip(
        ".'’-"
    )


def in_case(written: str, like: str) -> str:
    """`written` in capitals or small letters where `like` is."""
    letters = [sign for sign in like if sign.isalpha()]
    if len(letters) > 1 and like.isupper():
        return written.upper()
    return written.lower() if like.islower() else written


def script_of(value: str) -> str:
    """The script of the first letter of `value`, as `detect.invented.SCRIPTS` calls it."""
    letter = next((sign for sign in value if sign.isalpha()), "a")
    named = unicodedata.name(letter, "LATIN").split()[0].split("-")[0]
    return _SCRIPTS.get(named, named.title())


def reading_of(given: str) -> Reading:
    """How a given name reads by public records; "neutral" for all that they are not clear about."""
    return _readings().get(given, "neutral")


@lru_cache(maxsize=1)
def _readings() -> dict[str, Reading]:
    path = resources.files("duecare.curate") / "words" / "given_names.json"
    listed: dict[Reading, str] = json.loads(path.read_text(encoding="utf-8"))["names"]
    return {name: reading for reading, names in listed.items() for name in names.split()}
