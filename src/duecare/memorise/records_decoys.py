"""Made-up values of the same kind as a real one: what it would have to be told from by a model that knows it.

A model that never met a value has no reason to prefer it to others of its form (Carlini et al. 2019, "The
secret sharer", rank a canary so). Names come from the lists that detectors know names by; in everything
else digits become other digits, and the letters of codes other letters, so that length and punctuation stay;
telephone numbers keep their area code.
They are not the surrogates of curation: a model that was trained on those would like them better than the
truth.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache

import numpy as np

from duecare.detect.tokens import shipped_lists

_NAMES = frozenset({"PERSON"})
_LOGINS = frozenset({"EMAIL", "USER_NAME"})
_WORDS = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(r"\d+")
_SPOKEN = re.compile(r"[^\W\d_][a-z]{2,}")
"""A word that is read, not spelled: "March", "Street"; a code has none, and its letters may be any."""
_TRIES = 20


def decoys(kind: str, value: str, count: int, rng: np.random.Generator) -> list[str]:
    """`count` other values of the form of `value`, apart from it and from each other as far as there are."""
    found: dict[str, None] = {}
    for _ in range(count * _TRIES):
        if len(found) == count:
            break
        made = _made(kind, value, rng)
        if made != value:
            found.setdefault(made)
    return list(found)


def _made(kind: str, value: str, rng: np.random.Generator) -> str:
    if kind in _NAMES:
        return _renamed(value, rng)
    if kind in _LOGINS:
        local, at, domain = value.partition("@")
        return _spread(_renamed(local, rng), rng, letters=False) + at + domain
    if not any(sign.isdigit() for sign in value):
        return _renamed(value, rng)
    kept = _area(value) if kind == "PHONE" else 0
    return value[:kept] + _spread(value[kept:], rng, letters=_SPOKEN.search(value) is None)


def _area(value: str) -> int:
    """Code points of a telephone number up to behind its first group of digits, where it has three or more.

    An area code follows from the town that is spoken of: a made-up number with another one is told apart by
    anybody.
    """
    groups = list(_DIGITS.finditer(value))
    return groups[0].end() if len(groups) >= 3 else 0


def _renamed(value: str, rng: np.random.Generator) -> str:
    """Every word of a name another listed name: the last one a last name where there are several."""
    words = list(_WORDS.finditer(value))
    pieces, done = [], 0
    for number, match in enumerate(words):
        lists = "L" if number and number + 1 == len(words) else "F"
        pieces += [value[done : match.start()], _cased(_drawn(lists, rng), match.group())]
        done = match.end()
    return "".join([*pieces, value[done:]])


@lru_cache(maxsize=2)
def _listed(letter: str) -> tuple[str, ...]:
    lists = shipped_lists()
    return tuple(sorted(word for word in lists.words(letter) - lists.words("W") if word.isascii()))


def _drawn(letter: str, rng: np.random.Generator) -> str:
    names = _listed(letter)
    return names[int(rng.integers(len(names)))]


def _cased(name: str, like: str) -> str:
    if len(like) == 1:
        name = name[:1]
    if like.isupper():
        return name.upper()
    return name.capitalize() if like[:1].isupper() else name


def _spread(value: str, rng: np.random.Generator, *, letters: bool) -> str:
    """`value` with every digit another one and, where asked, every ASCII letter another of its case."""
    made = []
    for sign in value:
        if sign in string.digits:
            made.append(string.digits[int(rng.integers(10))])
        elif letters and sign in string.ascii_letters:
            alphabet = string.ascii_uppercase if sign.isupper() else string.ascii_lowercase
            made.append(alphabet[int(rng.integers(26))])
        else:
            made.append(sign)
    return "".join(made)
