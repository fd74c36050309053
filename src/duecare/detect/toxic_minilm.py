"""Toxicity in two tiers: the fast one for everything, MiniLM for what it is not sure about.

A text is judged passage by passage. Where the fast tier's margin lies inside a band, a small network over the
encoder's layers and the fast tier's own margins has the word; elsewhere the fast tier has it. The
detector is called `toxicity-minilm`, and its own card says what the second tier adds.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa

from duecare.core.errors import DataError
from duecare.detect.card import Card, read_card
from duecare.detect.minilm import LAYERS, WIDTH, Encoder, shipped_encoder
from duecare.detect.ngrams import PEOPLE_WORDS
from duecare.detect.packed import write_arrays
from duecare.detect.toxic import HEADS, Toxicity, Weights, shipped, weigh

NAME, VERSION = "toxicity-minilm", "1"
BAND = (-4.0, 4.0)
"""Margins of the fast tier (the greater of the two heads) between which the second tier is asked."""

SOME_GROUP = "minority"
"""What the encoder reads for every name of a group that the fast tier knows."""

PASSAGE = 60
"""Words a passage has at most, unless one sentence has more."""

_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?\n]+[\"')\s]*|$)")


@dataclass(frozen=True, slots=True)
class Head:
    """`inner` float32 [LAYERS * WIDTH + 2, U], `inner_bias` [U], `outer` [U, 2], `outer_bias` [2]."""

    inner: np.ndarray
    inner_bias: np.ndarray
    outer: np.ndarray
    outer_bias: np.ndarray

    def margins(self, means: np.ndarray, fast: np.ndarray) -> np.ndarray:
        """Margins [N, 2] from the encoder's means [N, LAYERS * WIDTH] and the fast tier's margins [N, 2]."""
        hidden = np.maximum(np.concatenate((means, fast), axis=1) @ self.inner + self.inner_bias, 0)
        found: np.ndarray = hidden @ self.outer + self.outer_bias
        return found


class TwoTierToxicity(Toxicity):
    """As `Toxicity`, with the second tier where the first is not sure. Needs the extra `duecare[minilm]`."""

    def __init__(
        self,
        weights: Weights | None = None,
        heads: tuple[str, ...] = HEADS,
        head: Head | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        super().__init__(weights, heads)
        self._head = head or shipped_head()
        self._encoder = encoder or shipped_encoder()
        self._masked = mask(self._weights.words)

    @property
    def instrument(self) -> str:
        """Name and version; with the heads that count, where not all do."""
        return f"{NAME}@{VERSION}" if self._heads == HEADS else f"{NAME}/{'+'.join(self._heads)}@{VERSION}"

    @property
    def card(self) -> Card:
        """What it was measured on."""
        return read_card(NAME)

    def only(self, heads: tuple[str, ...]) -> TwoTierToxicity:
        """The same detector, of which only `heads` count."""
        chosen = tuple(head for head in HEADS if head in heads)
        return TwoTierToxicity(self._weights, chosen, self._head, self._encoder)

    def heads(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Scores [N, 2] in the order of HEADS, and whether [N] each text holds any word."""
        pieces, owner = passages(texts.to_pylist())
        found, words = weigh(pa.array(pieces, type=pa.string()), self._weights)
        asked = np.flatnonzero(in_band(found, words))
        if len(asked):
            means = self._encoder.means([self._masked(pieces[place]) for place in asked])
            found[asked] = self._head.margins(means, found[asked].astype(np.float32))
        margins, worded = np.full((len(texts), len(HEADS)), -np.inf), np.zeros(len(texts), dtype=bool)
        np.maximum.at(margins, owner[words > 0], found[words > 0])
        worded[owner[words > 0]] = True
        margins[~worded] = 0.0
        return 1 / (1 + np.exp(-margins)), worded


def mask(words: Sequence[str]) -> Callable[[str], str]:
    """A function that puts one word in the place of every name of a group, so that which group is named
    cannot decide in the second tier either."""
    names = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    behind = "|".join(PEOPLE_WORDS)
    pattern = re.compile(rf"\b(?:{names})\b(?:\s+(?:{names}|{behind})\b)*", re.IGNORECASE)
    return lambda text: pattern.sub(SOME_GROUP, text)


def in_band(margins: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Which passages [N] the second tier is asked about, by their margins [N, 2] and words [N]."""
    greater = margins.max(axis=1)
    found: np.ndarray = (words > 0) & (greater > BAND[0]) & (greater < BAND[1])
    return found


def passages(texts: list[str]) -> tuple[list[str], np.ndarray]:
    """Every text as passages of whole sentences of at most PASSAGE words, and each passage's text."""
    pieces: list[str] = []
    owner: list[int] = []
    for number, text in enumerate(texts):
        for piece in _passages(text) if len(text) > PASSAGE * 2 else [text]:
            pieces.append(piece)
            owner.append(number)
    return pieces, np.array(owner, dtype=np.int64)


def _passages(text: str) -> list[str]:
    found: list[str] = []
    counted = PASSAGE
    for match in _SENTENCE.finditer(text):
        count = len(match[0].split())
        if counted + count > PASSAGE or not found:
            found.append(match[0])
            counted = count
        else:
            found[-1] += match[0]
            counted += count
    return found or [text]


def shipped_head() -> Head:
    """The network that comes with duecare."""
    packed = resources.files("duecare.detect") / "weights" / "toxicity_minilm.npz"
    return unpack_head(packed.read_bytes())


def pack_head(path: Path, head: Head) -> None:
    """Write a head as an `.npz` of float16 without pickle, the same bytes each time."""
    names = ("inner", "inner_bias", "outer", "outer_bias")
    write_arrays(path, {name: getattr(head, name).astype(np.float16) for name in names})


def unpack_head(content: bytes) -> Head:
    """A head from the bytes that `pack_head` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        parts = ("inner", "inner_bias", "outer", "outer_bias")
        found = Head(*(arrays[name].astype(np.float32) for name in parts))
    if found.inner.shape[0] != LAYERS * WIDTH + len(HEADS) or found.outer.shape[1] != len(HEADS):
        raise DataError(f"toxicity head has shapes {found.inner.shape} and {found.outer.shape}")
    return found


__all__ = ["Head", "TwoTierToxicity", "in_band", "pack_head", "passages", "shipped", "unpack_head"]
