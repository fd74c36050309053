"""Which rules can match which texts, told for a whole column at the speed of Rust's regular expressions.

Python's engine tries every rule at every place of every text; most rules match nowhere. Rust's decides in one
pass whether a text holds a match at all, and what it lets through is looked at as before. A rule that looks
around itself, which Rust cannot, is sieved without that condition: more is let through, nothing is lost.
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
    lettered = column.str.contains(r"\pL").to_numpy()
    found: dict[int, list[R]] = defaultdict(list)
    for rule in rules:
        rough = _rough(rule.rough or rule.pattern.pattern, rule.pattern.flags)
        may = lettered if rough is None else column.str.contains(rough).to_numpy()
        for at in np.flatnonzero(may).tolist():
            found[at].append(rule)
    return dict(sorted(found.items()))


@lru_cache(maxsize=512)
def _rough(pattern: str, flags: int) -> str | None:
    """The pattern for Rust, without what looks around; None where it is too large."""
    if len(pattern) > LARGEST:
        return None
    return ("(?i)" if flags & re.IGNORECASE else "") + without_looking_around(pattern)


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
