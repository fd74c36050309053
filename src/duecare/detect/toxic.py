"""Toxicity: how toxic a text is, and how much of an attack on people for who they are.

Two tiers. The fast one is a pair of logistic models over hashed n-grams (`ngrams`), small enough to ship
and quick on any machine. What it was trained and measured on, and what it must not be used for,
stands on its card (`load_card("toxicity")`).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core.errors import DataError, DuecareError
from duecare.core.table import SCORES, TEXTS, expect
from duecare.detect.card import Card, read_card
from duecare.detect.groups import GroupNames, group_names, misspelt
from duecare.detect.kernel import buffers_of, library
from duecare.detect.ngrams import BUCKETS, PEOPLE, ROOTS, WINDOW, features, hash_words, plain
from duecare.detect.packed import write_arrays

HEADS = ("toxicity", "identity_attack")
INSTRUMENT = "toxicity@3"
SLIPPED = 7
"""Letters of the shortest name that is known with a letter missing or two in each other's place."""


@dataclass(frozen=True, slots=True)
class Weights:
    """`table` int8 [BUCKETS, H], `scale` and `bias` float64 [H]: a column for each of HEADS; `words` that
    name a group, and `groups`, their hashes (`ngrams.hash_words`)."""

    table: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    words: tuple[str, ...]
    groups: np.ndarray


class Toxicity:
    """Scores texts from 0 to 1: how toxic, or how much of an attack on a group, whichever is more.

    The score of a text is that of its worst sentence. A text without any word has no score.
    """

    def __init__(self, weights: Weights | None = None, heads: tuple[str, ...] = HEADS) -> None:
        self._weights = weights or shipped()
        self._heads = heads

    @property
    def instrument(self) -> str:
        """Name and version; with the heads that count, where not all do."""
        return INSTRUMENT if self._heads == HEADS else INSTRUMENT.replace("@", f"/{'+'.join(self._heads)}@")

    def only(self, heads: tuple[str, ...]) -> Toxicity:
        """The same detector, of which only `heads` count."""
        return Toxicity(self._weights, tuple(head for head in HEADS if head in heads))

    @property
    def card(self) -> Card:
        """What it was measured on."""
        return read_card("toxicity")

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        expect(texts, TEXTS, "texts")
        both, worded = self.heads(texts.column("text"))
        counted = both[:, [HEADS.index(head) for head in self._heads]]
        value = counted.max(axis=1) if len(both) else np.zeros(0)
        silent = pa.scalar("no word in the text")
        return pa.RecordBatch.from_arrays(
            [
                *(texts.column(name) for name in ("row", "key", "part")),
                pa.repeat(pa.scalar(self.instrument), len(texts)),
                pa.array(value, mask=~worded, type=pa.float64()),
                pc.if_else(pa.array(worded), pa.scalar(None, pa.string()), silent),
            ],
            schema=SCORES,
        )

    def heads(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Scores [N, 2] in the order of HEADS, and whether [N] each text holds any word."""
        margins, words = weigh(texts, self._weights)
        return 1 / (1 + np.exp(-margins)), words > 0


def weigh(texts: pa.Array, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Margins [N, 2] of each text's worst window (0 for a text without words), and its words [N].

    By the compiled kernel where it is there; the fallback gives the same numbers.
    """
    if (kernel := library()) is None:
        return weigh_plainly(texts, weights)
    buffers = buffers_of(plain(texts))
    margins = np.zeros(len(texts) * len(HEADS))
    words = np.zeros(len(texts), np.int64)
    lacking = kernel.duecare_toxicity(
        np.ascontiguousarray(buffers.data),
        buffers.starts,
        len(texts),
        weights.table.reshape(-1),
        weights.groups,
        len(weights.groups),
        PEOPLE,
        len(PEOPLE),
        weights.scale,
        weights.bias,
        ROOTS,
        len(ROOTS) - 1,
        WINDOW,
        margins,
        words,
    )
    if lacking:
        raise DuecareError("toxicity: there is not enough memory for the longest text")
    return margins.reshape(-1, len(HEADS)), words


def weigh_plainly(texts: pa.Array, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """The same as `weigh`, in NumPy."""
    margins = np.full((len(texts), len(HEADS)), -np.inf)
    words = np.zeros(len(texts), np.int64)
    for first, last, found in features(texts, weights.groups):
        (word, word_window, word_root), (char, char_window, char_root) = found.blocks()
        for head in range(len(HEADS)):
            column = weights.table[:, head].astype(np.float64)
            of_words = np.bincount(word_window, column[word], found.windows) / word_root
            of_chars = np.bincount(char_window, column[char], found.windows) / char_root
            margin = weights.bias[head] + weights.scale[head] * (of_words + of_chars)
            np.maximum.at(margins[first:last, head], found.window_text, margin)
        one_word = found.word_window[: found.words]
        words[first:last] = np.bincount(found.window_text[one_word], minlength=last - first)
    margins[words == 0] = 0.0
    return margins, words


def detect_toxicity(text: str) -> float:
    """How toxic `text` is, from 0 to 1; see the card of `toxicity` for what that means.

    >>> detect_toxicity("Thank you, the card arrived this morning.") < 0.5
    True
    """
    if not isinstance(text, str):
        raise DataError(f"detect_toxicity takes a str, got {type(text).__name__}")
    both, worded = _default().heads(pa.array([text.encode("utf-8", "replace").decode()], type=pa.string()))
    return float(both[0].max()) if worded[0] else 0.0


@lru_cache(maxsize=1)
def _default() -> Toxicity:
    return Toxicity()


@lru_cache(maxsize=1)
def shipped() -> Weights:
    """The weights that come with duecare; all names of groups that come with it are one word to them."""
    packed = resources.files("duecare.detect") / "weights" / "toxicity.npz"
    return knowing(unpack(packed.read_bytes()), group_names())


def knowing(weights: Weights, names: GroupNames) -> Weights:
    """`weights` that take single words of `names`, misspelt ones too, for names of groups like their own."""
    plain = {word for word in names.words if word.isascii()}
    slips = {form for word in plain if len(word) >= SLIPPED for form in misspelt(word)} - names.ordinary
    return replace(weights, groups=hash_words({*weights.words, *plain, *slips}))


def quantised(weight: np.ndarray, bias: np.ndarray, words: Sequence[str]) -> Weights:
    """Weights [H, BUCKETS] as int8 with one scale a head; the few beyond the scale are cut to it."""
    scale = np.quantile(np.abs(weight), 1 - 1e-4, axis=1) / 127
    table = np.clip(np.round(weight / scale[:, None]), -127, 127).astype(np.int8)
    return Weights(
        np.ascontiguousarray(table.T),
        scale.astype(np.float64),
        bias.astype(np.float64),
        tuple(words),
        hash_words(words),
    )


def pack(path: Path, weights: Weights) -> None:
    """Write weights as an `.npz` without pickle, the same bytes each time."""
    arrays = {
        "table": weights.table,
        "scale": weights.scale,
        "bias": weights.bias,
        "words": np.frombuffer("\n".join(weights.words).encode(), np.uint8),
    }
    write_arrays(path, arrays)


def unpack(content: bytes) -> Weights:
    """Weights from the bytes that `pack` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        words = tuple(arrays["words"].tobytes().decode().split("\n"))
        found = Weights(arrays["table"], arrays["scale"], arrays["bias"], words, hash_words(words))
    if found.table.shape != (BUCKETS, len(HEADS)) or found.table.dtype != np.int8:
        shape = f"{found.table.dtype} {found.table.shape}"
        raise DataError(f"toxicity weights are {shape}, expected int8 {(BUCKETS, len(HEADS))}")
    return found
