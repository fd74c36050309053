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

OPENING = 2000
"""Code points of an answer in which a refusal is looked for."""
SHORT = 4
"""An answer of fewer words is "very short"."""
_WHOLE = r"""[.!?…:;"'”’)\]}*`~|>]\s*\z|\A\s*\z"""
REFUSED, CUT, BRIEF, WHOLE = "declines", "breaks off", "very short", "whole"


def topics_of(batch: pa.RecordBatch) -> list[str]:
    """The topic of each row of EXAMPLES, by the words of all its texts; UNTOLD where none is named."""
    # In lower case first: to match either case costs twenty times as much.
    said = pl.Series("text", texts(batch).column("text"), dtype=pl.String).str.to_lowercase()
    found = (
        pl.DataFrame({"row": owners(batch), "word": said.str.extract_all(_any_word())})
        .explode("word")
        .drop_nulls()
    )
    topic = found["word"].replace_strict(_numbers(), return_dtype=pl.UInt32)
    counts = np.zeros((len(batch), len(TOPICS)))
    np.add.at(counts, (found["row"].to_numpy(), topic.to_numpy()), 1)
    best, most, names = counts.argmax(axis=1), counts.max(axis=1, initial=0), list(TOPICS)
    return [
        names[place] if some else UNTOLD for place, some in zip(best.tolist(), most.tolist(), strict=True)
    ]


def answers_of(batch: pa.RecordBatch, answer: np.ndarray, words: np.ndarray) -> list[str | None]:
    """How each row is answered: declines, breaks off, very short or whole; None where nobody answers.

    `answer` says which of `texts(batch)` are answers, bool [texts], `words` how many each text has. A row with several is told by the worst.
    """
    from duecare.detect.refusal import refused

    said = texts(batch).column("text").filter(pa.array(answer))
    owner = owners(batch)[answer]
    plain = pl.Series("text", said, dtype=pl.String)
    ends = plain.str.contains(_WHOLE).to_list()
    found: list[str | None] = [None] * len(batch)
    order = (WHOLE, BRIEF, CUT, REFUSED)
    declined = refused(plain.str.slice(0, OPENING).to_arrow().cast(pa.string())).tolist()
    for row, declines, count, ended in zip(
        owner.tolist(), declined, words[answer].tolist(), ends, strict=True
    ):
        state = REFUSED if declines else BRIEF if count < SHORT else WHOLE if ended else CUT
        now = found[row]
        found[row] = state if now is None else max(now, state, key=order.index)
    return found


@lru_cache(maxsize=1)
def _numbers() -> dict[str, int]:
    """Word -> the number of its topic."""
    return {word: number for number, words in enumerate(TOPICS.values()) for word in words.split()}


@lru_cache(maxsize=1)
def _any_word() -> str:
    """Any word of any topic, for the regular expressions of polars."""
    return rf"\b(?:{'|'.join(sorted(_numbers(), key=lambda word: (-len(word), word)))})\b"
