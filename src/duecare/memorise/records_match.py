"""Whether a model said a value: exactly, nearly, or a long run of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

NEAR = 0.9
"""Similarity from which on a value or a passage is nearly the same."""
LEAST = 6
"""Letters and digits from which on a value can be said nearly: of shorter ones everything is near."""
_BETWEEN = re.compile(r"[\W_]+")
_BESIDE = re.compile(r"[^\W_]")


def plain(value: str) -> str:
    """Letters and digits alone, in one case: how a number is spaced or a name capitalised does not count."""
    return _BETWEEN.sub("", value).casefold()


def says(text: str, value: str) -> bool:
    """Whether `text` holds `value` as a word of its own, however it is spaced and capitalised."""
    signs = [re.escape(sign) for sign in plain(value)]
    if not signs:
        return False
    found = re.compile(r"[\W_]*".join(signs), re.IGNORECASE)
    text = text.casefold()
    for match in found.finditer(text):
        edges = text[match.start() - 1 : match.start()] if match.start() else "", text[match.end() :][:1]
        if not any(edge and _BESIDE.match(edge) for edge in edges):
            return True
    return False


def nearly_says(text: str, value: str) -> bool:
    """Whether `text` holds `value`, or something that differs from it in a tenth at most."""
    if says(text, value):
        return True
    wanted, said = plain(value), plain(text)
    if len(wanted) < LEAST or len(said) < len(wanted) * NEAR:
        return False
    return float(fuzz.partial_ratio(wanted, said)) >= 100 * NEAR


def similarity(found: Sequence[int], expected: Sequence[int]) -> float:
    """1 less the edit distance of two token sequences as a share of the longer one."""
    return float(Levenshtein.normalized_similarity(list(found), list(expected)))
