"""What rows are about and how they are answered, told by words: enough to compare groups, not to judge a row.

A topic is a list of words; a row has the topic with most of them. Where the source says the topic itself,
that column is to be taken instead (`Audit(topic=...)`).
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
from functools import lru_cache

import numpy as np
import polars as pl
import pyarrow as pa

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

OPENING = 2000
"""Code points of an answer in which a refusal is looked for."""
SHORT = 4
"""An answer of fewer words is "very short"."""
_WHOLE = r"""[.!?…:;"'”’)\]}*`~|>]\s*\z|\A\s*\z"""
REFUSED, CUT, BRIEF, WHOLE = "declines", "breaks off", "very short", "whole"


def topics_of(batch: pa.RecordBatch, said: pa.Array) -> list[str]:
    """The topic of each row of EXAMPLES, by the words of `said`, all its texts; UNTOLD where none is named."""
    # In lower case first: to match either case costs twenty times as much.
    lower = pl.Series("text", said, dtype=pl.String).str.to_lowercase()
    found = (
        pl.DataFrame({"row": owners(batch), "word": lower.str.extract_all(_any_word())})
        .explode("word")
        .drop_nulls()
    )
    topic = found["word"].replace_strict(_numbers(), return_dtype=pl.UInt32)
    cell = found["row"].to_numpy().astype(np.int64) * len(TOPICS) + topic.to_numpy()
    counts = np.bincount(cell, minlength=len(batch) * len(TOPICS)).reshape(len(batch), len(TOPICS))
    best, most, names = counts.argmax(axis=1), counts.max(axis=1, initial=0), list(TOPICS)
    return [
        names[place] if some else UNTOLD for place, some in zip(best.tolist(), most.tolist(), strict=True)
    ]


def answers_of(
    batch: pa.RecordBatch, said: pa.Array, answer: np.ndarray, words: np.ndarray
) -> list[str | None]:
    """How each row is answered: declines, breaks off, very short or whole; None where nobody answers.

    `answer` says which of `said`, the texts of the batch, are answers, bool [texts], `words` how many each has. A row with several is told by the worst.
    """
    from duecare.detect.refusal import refused

    said = said.filter(pa.array(answer))
    owner = owners(batch)[answer]
    plain = pl.Series("text", said, dtype=pl.String)
    whole = plain.str.contains(_WHOLE).to_numpy()
    declined = refused(plain.str.slice(0, OPENING).to_arrow().cast(pa.string()))
    order = (None, WHOLE, BRIEF, CUT, REFUSED)
    nobody, ends, brief, cut, refuses = range(len(order))
    state = np.where(declined, refuses, np.where(words[answer] < SHORT, brief, np.where(whole, ends, cut)))
    worst = np.full(len(batch), nobody)
    np.maximum.at(worst, owner, state)
    return [order[place] for place in worst.tolist()]


@lru_cache(maxsize=1)
def _numbers() -> dict[str, int]:
    """Word -> the number of its topic."""
    return {word: number for number, words in enumerate(TOPICS.values()) for word in words.split()}


@lru_cache(maxsize=1)
def _any_word() -> str:
    """Any word of any topic, for the regular expressions of polars."""
    return rf"\b(?:{'|'.join(sorted(_numbers(), key=lambda word: (-len(word), word)))})\b"
