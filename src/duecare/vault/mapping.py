"""The way back from surrogates: which value each stands for, sealed with the study's secret.

One JSON line each: the row (where surrogates hold in one conversation alone, else ""), the kind, what was
written, what was there. Destroying the secret makes it unreadable for good.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from duecare.core.errors import LedgerError
from duecare.vault.sealed import SUFFIX, opened, writing

NAME = f"surrogates.jsonl{SUFFIX}"


class Replaced(NamedTuple):
    """One value and its surrogate: `row` "" where the surrogate holds for the whole study."""

    row: str
    label: str
    written: str
    was: str


@dataclass(slots=True)
class MapWriter:
    """Writes each pair once."""

    file: IO[bytes]
    _seen: set[bytes] = field(default_factory=set)

    def add(self, pair: Replaced) -> None:
        """Write a pair, unless it was written before."""
        line = json.dumps(list(pair), ensure_ascii=False).encode() + b"\n"
        digest = hashlib.blake2b(line, digest_size=16).digest()
        if digest not in self._seen:
            self._seen.add(digest)
            self.file.write(line)


@contextmanager
def map_writer(folder: Path, secret: str) -> Iterator[MapWriter]:
    """A writer of the map in `folder`, sealed with the secret of that name."""
    with writing(folder / NAME, secret) as file:
        yield MapWriter(file)


def read_map(folder: Path) -> Iterator[Replaced]:
    """The pairs of the map in `folder`, in the order in which they came up.

    Raises LedgerError where there is none, or it cannot be opened: see `sealed.opened`.
    """
    path = folder / NAME
    if not path.exists():
        raise LedgerError(f"no map of surrogates in {folder.name}: the study did not ask for one (keep_map)")
    with io.TextIOWrapper(opened(path), "utf-8", newline="\n") as lines:
        for line in lines:
            yield Replaced(*json.loads(line))
