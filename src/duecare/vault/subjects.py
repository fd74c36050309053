"""A keyed index of who occurs where: asked with a person's words, it tells in which rows they may stand.

Rows are taken 2,048 at a time. Of every such block the terms (each word, each two words that follow one
another, each longer number without its spaces) are looked at through HMAC-SHA256 under a key of the index,
and kept as a Bloom filter (Bloom 1970; double hashing as in Kirsch and Mitzenmacher 2006) of at most 256 KiB:
its size is bounded whatever the rows hold, it names nobody, and without the key no guess can be tested. It
never misses a term; how often it holds one for there that is not is told with each answer.
"""

from __future__ import annotations

import hmac
import re
import struct
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

from duecare.core.errors import LedgerError

NAME = "subjects.index"
BLOCK = 2048
"""Rows of a block."""
MOST_BITS = 8 * 256 * 1024
PER_TERM = 16
"""Bits for each different term, where the block has room for them."""
HASHES = 11
DIGEST = 16
_MAGIC = b"duecare-subjects-1\n"
_HEAD = struct.Struct(">QII")
_WORD = re.compile(r"[^\W_][\w@.+'’-]*")
LEAST_DIGITS, MOST_DIGITS = 6, 25
_NUMBER = re.compile(rf"\d(?:[\s().\-/]{{0,3}}\d){{{LEAST_DIGITS - 1},{MOST_DIGITS - 1}}}")
_FIGURES, _GROUP = re.compile(r"\d+(?:[\s().\-/]{1,3}\d+)*"), re.compile(r"\d+")


def terms(text: str) -> set[str]:
    """What of a text goes into the index: words, pairs of words, longer numbers; upper case is lower."""
    normal = unicodedata.normalize("NFKC", text).casefold()
    words = _words(normal)
    found = set(words)
    found.update(f"{one} {other}" for one, other in pairwise(words))
    found.update(_numbers(normal))
    return found


def asked(subject: str) -> tuple[str, ...]:
    """The terms that a row of this person has, all of them: an e-mail address, a name, a number, an id.

    Raises LedgerError for what is too short to tell anybody apart.
    """
    normal = unicodedata.normalize("NFKC", subject).casefold().strip()
    words = _words(normal)
    if _NUMBER.fullmatch(normal.lstrip("+(")):
        return (_digits(normal),)
    if not words or len("".join(words)) < 3:
        raise LedgerError(
            "a subject needs three letters or digits at least: an e-mail address, a name, an id"
        )
    return tuple(f"{one} {other}" for one, other in pairwise(words)) or (words[0],)


def digests(key: bytes, found: Iterable[str]) -> list[bytes]:
    """The keyed digest of each term: what of it may stand on record."""
    return [hmac.digest(key, term.encode(), "sha256")[:DIGEST] for term in found]


def _words(normal: str) -> list[str]:
    words = (word.rstrip(".'’+-@") for word in _WORD.findall(normal))
    return [word.removesuffix("'s").removesuffix("’s") for word in words]


def _numbers(normal: str) -> Iterator[str]:
    """Every longer number: of figures that stand beside others nobody can tell where one begins or ends."""
    for line in _FIGURES.findall(normal):
        groups = _GROUP.findall(line)
        for start in range(len(groups)):
            joined = ""
            for group in groups[start:]:
                joined += group
                if len(joined) > MOST_DIGITS:
                    break
                if len(joined) >= LEAST_DIGITS:
                    yield f"#{joined}"


def _digits(text: str) -> str:
    return "#" + re.sub(r"\D", "", text)


@dataclass(frozen=True, slots=True)
class Block:
    """The filter of rows `first` to `first + rows - 1` (in the order of the artifact)."""

    first: int
    rows: int
    bits: bytes

    @classmethod
    def of(cls, first: int, rows: int, found: Sequence[bytes]) -> Block:
        """The filter of these digests."""
        size = min(MOST_BITS, -(-max(64, PER_TERM * len(found)) // 8) * 8)
        held = np.zeros(size, bool)
        if found:
            held[_places(found, size).ravel()] = True
        return cls(first, rows, np.packbits(held).tobytes())

    def holds(self, wanted: Sequence[bytes]) -> bool:
        """Whether all of these digests may be among those of the block."""
        held = np.unpackbits(np.frombuffer(self.bits, np.uint8))
        return bool(held[_places(wanted, len(held)).ravel()].all())

    @property
    def mistaken(self) -> float:
        """The chance that a term is held for there that is not."""
        filled = np.unpackbits(np.frombuffer(self.bits, np.uint8)).mean()
        return float(filled**HASHES)


def _places(found: Sequence[bytes], size: int) -> np.ndarray:
    """[terms, HASHES] places of each digest in a filter of `size` bits."""
    halves = np.frombuffer(b"".join(found), ">u8").astype(np.uint64).reshape(-1, 2)
    step = np.arange(HASHES, dtype=np.uint64)
    with np.errstate(over="ignore"):
        places: np.ndarray = (halves[:, :1] + step * (halves[:, 1:] | np.uint64(1))) % np.uint64(size)
    return places


def write_blocks(path: Path, blocks: Iterable[Block]) -> int:
    """Write an index; how many bytes it has."""
    with path.open("wb") as file:
        file.write(_MAGIC)
        for block in blocks:
            file.write(_HEAD.pack(block.first, block.rows, len(block.bits)) + block.bits)
        return file.tell()


def read_blocks(path: Path) -> Iterator[Block]:
    """The blocks of an index, one after another. Raises LedgerError where it is damaged."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise LedgerError(f"{path.name}: no index of subjects")
        while head := file.read(_HEAD.size):
            yield _block(file, head, path.name)


def _block(file: IO[bytes], head: bytes, name: str) -> Block:
    if len(head) == _HEAD.size:
        first, rows, size = _HEAD.unpack(head)
        bits = file.read(size) if size <= MOST_BITS // 8 else b""
        if size and len(bits) == size:
            return Block(first, rows, bits)
    raise LedgerError(f"{name}: the index was cut or changed")
