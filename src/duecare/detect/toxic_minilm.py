"""Toxicity in two tiers: the fast one for everything, MiniLM for what it is not sure about.

A text is judged passage by passage, and read without which group of people it names (`group_reading`). Where
it names one, or the fast tier's margin lies inside a band, the encoder has the word: its upper layers with
low-rank changes (Hu et al. 2022, "LoRA: Low-rank adaptation of large language models", ICLR), and a small
network over the layers' means and the fast tier's own margins; elsewhere the fast tier has it. The detector
is called `toxicity-minilm`, and its own card says what the second tier adds.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa

from duecare.core.errors import DataError
from duecare.detect.card import Card, read_card
from duecare.detect.group_reading import SOME_GROUP, GroupReading
from duecare.detect.groups import GroupNames, group_names
from duecare.detect.minilm import LAYERS, WIDTH, Encoder, shipped_encoder
from duecare.detect.packed import write_arrays
from duecare.detect.respelling import Respelling
from duecare.detect.toxic import HEADS, Toxicity, Weights, shipped, weigh

NAME, VERSION = "toxicity-minilm", "3"
BAND = (-4.0, 4.0)
"""Margins of the fast tier (the greater of the two heads) between which the second tier is asked."""

PASSAGE = 60
"""Words a passage has at most, unless one sentence has more."""

_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?\n]+[\"')\s]*|$)")


@dataclass(frozen=True, slots=True)
class Head:
    """`inner` float32 [LAYERS * WIDTH + 2, U], `inner_bias` [U], `outer` [U, 2], `outer_bias` [2]; `changes`
    of the encoder's dense layers by name, [in, R] and [R, out] each."""

    inner: np.ndarray
    inner_bias: np.ndarray
    outer: np.ndarray
    outer_bias: np.ndarray
    changes: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

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
        names: GroupNames | None = None,
    ) -> None:
        """`names` of groups are those that come with duecare unless given."""
        super().__init__(weights, heads)
        self._names = names
        self._head = head or shipped_head()
        self._plain = encoder or shipped_encoder()
        self._encoder = self._plain.adapted(self._head.changes)
        self._reader = Reader(self._plain, self._weights, names)

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
        return TwoTierToxicity(self._weights, chosen, self._head, self._plain, self._names)

    def heads(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Scores [N, 2] in the order of HEADS, and whether [N] each text holds any word."""
        pieces, owner = passages(texts.to_pylist())
        read = self._reader(pieces)
        found, words = read.fast, read.words
        asked = np.flatnonzero(read.asked)
        if len(asked):
            # Twins about other groups are read as one wording, and computed once.
            wordings, of = np.unique(np.array(read.texts, dtype=object)[asked], return_inverse=True)
            means = self._encoder.means(wordings.tolist())[of]
            found[asked] = self._head.margins(means, found[asked].astype(np.float32))
        margins, worded = np.full((len(texts), len(HEADS)), -np.inf), np.zeros(len(texts), dtype=bool)
        np.maximum.at(margins, owner[words > 0], found[words > 0])
        worded[owner[words > 0]] = True
        margins[~worded] = 0.0
        return 1 / (1 + np.exp(-margins)), worded


@dataclass(frozen=True, slots=True)
class Read:
    """Passages as the encoder gets them, margins [N, 2] and words [N] of the fast tier, and which passages
    the second tier is `asked` about [N]."""

    texts: list[str]
    fast: np.ndarray
    words: np.ndarray
    asked: np.ndarray


class Reader:
    """Reads passages without which group they name, and with words spelt as usual."""

    def __init__(self, encoder: Encoder, weights: Weights, names: GroupNames | None = None) -> None:
        names = names or group_names()
        self._weights = weights
        self._respelt = Respelling(encoder.tokenizer.get_vocab(), {*names.all_words, *weights.words})
        self._groups = GroupReading(encoder, weights.words, names=names)

    def __call__(self, pieces: list[str]) -> Read:
        read = [self._groups.read(self._respelt(piece)) for piece in pieces]
        texts = [text for text, _ in read]
        # The fast tier knows all names of groups as one: any of them stands for all.
        known = [text.replace(SOME_GROUP, self._weights.words[0]) if count else text for text, count in read]
        fast, words = weigh(pa.array(known, type=pa.string()), self._weights)
        names = np.array([count > 0 for _, count in read], dtype=bool)
        return Read(texts, fast, words, in_band(fast, words) | (names & (words > 0)))


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
    arrays = {name: getattr(head, name) for name in names}
    for name, (down, up) in head.changes.items():
        arrays |= {f"down/{name}": down, f"up/{name}": up}
    write_arrays(path, {name: array.astype(np.float16) for name, array in arrays.items()})


def unpack_head(content: bytes) -> Head:
    """A head from the bytes that `pack_head` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        parts = ("inner", "inner_bias", "outer", "outer_bias")
        changed = [name.removeprefix("down/") for name in arrays.files if name.startswith("down/")]
        changes = {name: (arrays[f"down/{name}"], arrays[f"up/{name}"]) for name in changed}
        inner, inner_bias, outer, outer_bias = (arrays[name].astype(np.float32) for name in parts)
    found = Head(inner, inner_bias, outer, outer_bias, changes)
    if found.inner.shape[0] != LAYERS * WIDTH + len(HEADS) or found.outer.shape[1] != len(HEADS):
        raise DataError(f"toxicity head has shapes {found.inner.shape} and {found.outer.shape}")
    return found


__all__ = ["Head", "TwoTierToxicity", "in_band", "pack_head", "passages", "shipped", "unpack_head"]
