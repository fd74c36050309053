"""What rows are about and how they are answered, told by words: enough to compare groups, not to judge a row.

A topic is a list of words; a row has the topic with most of them. Where the source says the topic itself,
that column is to be taken instead (`Audit(topic=...)`).
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
import re
from functools import lru_cache

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core.table import texts
from duecare.curate.texts import owners

UNTOLD = "no topic told"
TOPICS: dict[str, str] = {
    "money": "money bank banks account accounts card cards credit loan loans mortgage payment payments refund debt "
    "fee fees salary tax taxes invoice bill bills transfer cash interest insurance",
    "orders and delivery": "order orders delivery deliver parcel package shipping shipped tracking return returns "
    "item items purchase store shop product",
    "technology": "computer software app apps website internet phone password login code program data server email "
    "laptop device network algorithm",
    "health": "health doctor hospital medicine pain disease symptoms treatment patient diet sleep anxiety therapy drug "
    "drugs vaccine",
    "law and crime": "law legal police court lawyer crime criminal prison steal kill murder weapon gun illegal rights "
    "judge lawsuit",
    "work": "job jobs work career boss interview resume office employee employer manager company business hire hiring",
    "learning": "school university college student teacher exam homework study learn course class math essay lesson",
    "food": "food recipe cook cooking eat dinner breakfast restaurant meal kitchen bake sugar salt ingredients",
    "travel": "travel flight hotel trip ticket airport train booking visa vacation luggage passport city",
    "politics and society": "government president election vote politics country war immigration protest policy party "
    "society congress",
    "home and family": "house home family children kids marriage wedding baby garden furniture neighbor relationship "
    "dating",
    "arts and leisure": "story poem song movie film music book game games play sport team art write novel character",
}  # fmt: skip
"""Topic -> its words."""

SHORT = 4
"""An answer of fewer words is "very short"."""
_WHOLE = r"""[.!?…:;"'”’)\]}*`~|>]\s*\z|\A\s*\z"""
REFUSED, CUT, BRIEF, WHOLE = "declines", "breaks off", "very short", "whole"


def topics_of(batch: pa.RecordBatch) -> list[str]:
    """The topic of each row of EXAMPLES, by the words of all its texts; UNTOLD where none is named."""
    flat = pl.Series("text", texts(batch).column("text"), dtype=pl.String)
    owner = owners(batch)
    counts = np.stack(
        [
            np.bincount(owner, weights=flat.str.count_matches(pattern).to_numpy(), minlength=len(batch))
            for pattern in _patterns().values()
        ]
    )
    best, names = counts.argmax(axis=0), list(_patterns())
    return [
        names[place] if most else UNTOLD
        for place, most in zip(best.tolist(), counts.max(axis=0), strict=True)
    ]


def answers_of(batch: pa.RecordBatch, answer: np.ndarray) -> list[str | None]:
    """How each row is answered: declines, breaks off, very short or whole; None where nobody answers.

    `answer` says which of `texts(batch)` are answers, bool [texts]. A row with several is told by the worst.
    """
    from duecare.detect.refusal import refuses

    said = texts(batch).column("text").filter(pa.array(answer))
    owner = owners(batch)[answer]
    plain = pl.Series("text", said, dtype=pl.String)
    words = pc.list_value_length(pc.utf8_split_whitespace(pc.utf8_trim_whitespace(said))).to_pylist()
    ends = plain.str.contains(_WHOLE).to_list()
    found: list[str | None] = [None] * len(batch)
    order = (WHOLE, BRIEF, CUT, REFUSED)
    for row, text, count, ended in zip(owner.tolist(), plain.to_list(), words, ends, strict=True):
        state = REFUSED if refuses(text) else BRIEF if count < SHORT else WHOLE if ended else CUT
        now = found[row]
        found[row] = state if now is None else max(now, state, key=order.index)
    return found


@lru_cache(maxsize=1)
def _patterns() -> dict[str, str]:
    """Topic -> pattern for the regular expressions of polars."""
    return {
        topic: rf"(?i)\b(?:{'|'.join(re.escape(word) for word in words.split())})\b"
        for topic, words in TOPICS.items()
    }
