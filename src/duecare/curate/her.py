"""Whose "her" it is: "her book" says of a man "his book", "saw her" says "saw him".

A logistic model over the words beside it, trained by `scripts/train_her.py` on sentences with "him" and
"his" whose pronouns were put in the feminine, so that nobody had to label anything. What it was trained and
measured on, and how often it is right, stands in `weights/her.json`. Where it is not sure it says so.
"""

from __future__ import annotations

import io
import json
import math
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import numpy as np

BUCKETS = 1 << 15
"""Features are hashed into so many weights; one more is the bias."""
SURE = 0.8
"""Probability from which a reading is taken; below it there is no answer."""
_WORD = re.compile(r"\w")
_COMPANIONS = (
    "friend", "colleague", "coworker", "neighbor", "neighbour", "roommate", "partner", "client", "customer",
    "employer", "employee", "supervisor", "cousin", "parents", "family", "child", "children",
)  # fmt: skip
_SUFFIXES = (2, 3, 4)


def resolve(words: Sequence[str], place: int, sure: float = SURE) -> Literal["his", "him"] | None:
    """The masculine form of the "her" at `place` of `words` (words and marks), None where it is unsure."""
    chance = probability(words, place)
    if chance >= sure:
        return "his"
    return "him" if chance <= 1 - sure else None


def probability(words: Sequence[str], place: int) -> float:
    """How sure it is, 0 to 1, that the "her" at `place` goes with a noun ("his")."""
    weights = _weights()
    logit = float(weights[features(words, place)].sum() + weights[BUCKETS])
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def features(words: Sequence[str], place: int) -> list[int]:
    """Buckets of what stands beside `place`: two words before, two after, their endings and their pairs.

    Words around that have a feminine are read in it ("husband" as "wife"), because the model is to judge
    texts about women by what it learnt from texts about men.
    """
    before, last = _at(words, place - 2), _at(words, place - 1)
    first, second = _at(words, place + 1), _at(words, place + 2)
    raw = words[place + 1] if place + 1 < len(words) else ""
    named = [f"n={first}", f"m={second}", f"p={last}", f"n,m={first},{second}", f"p,n={last},{first}"]
    named += [f"q,p={before},{last}", f"kind={_kind(raw)}", f"kind,p={_kind(raw)},{last}"]
    named += [f"n{size}={first[-size:]}" for size in _SUFFIXES if len(first) > size]
    named += [f"n{size},m{size}={first[-size:]},{second[-size:]}" for size in _SUFFIXES]
    named += [f"p2={last[-2:]}", f"n3,m={first[-3:]},{second}", f"kind,m={_kind(raw)},{second}"]
    return [zlib.crc32(name.encode()) % BUCKETS for name in named]


def _at(words: Sequence[str], place: int) -> str:
    if not 0 <= place < len(words):
        return "|"
    word = words[place].lower().replace("’", "'")
    return _feminine().get(word, word)


def _kind(word: str) -> str:
    if not word:
        return "end"
    if not _WORD.match(word):
        return "mark"
    if word[0].isdigit():
        return "number"
    return "capital" if word[0].isupper() else "word"


@lru_cache(maxsize=1)
def _feminine() -> dict[str, str]:
    """Masculine word -> feminine word, and every job -> one job: which of them it is does not matter."""
    from duecare.detect.stereotype_words import JOBS

    path = resources.files("duecare.curate") / "words" / "gender.json"
    pairs = json.loads(path.read_text("utf-8"))["pairs"]
    jobs = dict.fromkeys((*JOBS, *_COMPANIONS), "nurse")
    return {**jobs, "him": "her", "his": "her", **{man: woman for woman, man in pairs}}


@lru_cache(maxsize=1)
def _weights() -> np.ndarray:
    """float32 [BUCKETS + 1], the last is the bias."""
    path = resources.files("duecare.curate") / "weights" / "her.npy"
    loaded: np.ndarray = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False).astype(np.float32)
    return loaded


def card() -> dict[str, Any]:
    """What the weights were trained and measured on."""
    path = resources.files("duecare.curate") / "weights" / "her.json"
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded
