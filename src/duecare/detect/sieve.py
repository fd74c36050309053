"""Which rules can match which texts, told for a whole column at the speed of Rust's regular expressions.

Python's engine tries every rule at every place of every text; most rules match nowhere. Rust's decides in one
pass whether a text holds a match at all, and what it lets through is looked at as before. A rule is sieved in
a rougher form, which matches wherever the rule does: without what looks around itself, which Rust cannot, and
without the borders of words, which the two draw otherwise and which Rust is slow to find beside letters that
are not ASCII. More is let through, nothing is lost.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa

LARGEST = 4000
"""Characters of a pattern up to which Rust compiles it in little time; larger ones are not sieved."""
TOGETHER = 4
"""Rules tried as one expression: more are fewer passes, until the automaton of all outgrows its memory."""
_LOOSER = (
    (r"\b", ""),
    (r"\s", r"[\s\x1c-\x1f]"),
    (r"\w", r"[\w\pN]"),
)
"""What Python counts as blank or as part of a word is also so in the rough form."""
_NAMED, _UP_TO = re.compile(r"\(\?P<\w+>"), re.compile(r"\{0,\d\d\}\??")
_AROUND = ("(?!", "(?=", "(?<!", "(?<=")


class Patterned(Protocol):
    """A rule with the pattern by which it matches, and a rougher one for the sieve ("" for the same)."""

    @property
    def pattern(self) -> re.Pattern[str]: ...
    @property
    def rough(self) -> str: ...


R = TypeVar("R", bound=Patterned)


def possible(texts: pa.Array, rules: Sequence[R]) -> dict[int, list[R]]:
    """For each text that any rule may match in, those rules in their order; other texts are absent."""
    import polars as pl  # a study check does without

    column = pl.Series(texts)
    known = [
        (number, _rough(rule.rough or rule.pattern.pattern, rule.pattern.flags))
        for number, rule in enumerate(rules)
    ]
    found: dict[int, list[int]] = defaultdict(list)
    for number in (number for number, rough in known if rough is None):
        for at in np.flatnonzero(column.str.contains(r"\pL").to_numpy()).tolist():
            found[at].append(number)
    sieved = [(number, rough) for number, rough in known if rough is not None]
    for first in range(0, len(sieved), TOGETHER):
        some = sieved[first : first + TOGETHER]
        where = np.flatnonzero(column.str.contains("|".join(f"(?:{rough})" for _, rough in some)).to_numpy())
        chosen = column.gather(where)
        for number, rough in some if len(where) else ():
            for at in where[chosen.str.contains(rough).to_numpy()].tolist():
                found[at].append(number)
    return {at: [rules[number] for number in sorted(its)] for at, its in sorted(found.items())}


@lru_cache(maxsize=512)
def _rough(pattern: str, flags: int) -> str | None:
    """The pattern for Rust, less strict; None where it is too large."""
    if len(pattern) > LARGEST:
        return None
    return ("(?i)" if flags & re.IGNORECASE else "") + loosened(pattern)


def loosened(pattern: str) -> str:
    """`pattern` in a form for Rust that matches wherever `pattern` does, and its groups without names.

    >>> loosened(r"\\ba{0,60}(?!b|(c))(?P<what>d)")
    'a*(?:d)'
    """
    rough = without_looking_around(pattern)
    for strict, looser in _LOOSER:
        rough = rough.replace(strict, looser)
    return _UP_TO.sub("*", _NAMED.sub("(?:", rough))


def without_looking_around(pattern: str) -> str:
    """`pattern` less its look-aheads and look-behinds, so that it matches wherever `pattern` does.

    >>> without_looking_around(r"\\ba(?!b|(c))d")
    '\\\\bad'
    """
    kept, at = [], 0
    while at < len(pattern):
        if pattern.startswith(_AROUND, at):
            at = _closed(pattern, at)
            continue
        size = 2 if pattern[at] == "\\" else 1
        kept.append(pattern[at : at + size])
        at += size
    return "".join(kept)


def _closed(pattern: str, at: int) -> int:
    """The place behind the bracket that closes the one at `at`."""
    depth = 0
    while True:
        if pattern[at] == "\\":
            at += 2
            continue
        depth += {"(": 1, ")": -1}.get(pattern[at], 0)
        at += 1
        if not depth:
            return at
