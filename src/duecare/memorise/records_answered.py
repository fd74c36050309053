"""What models answered so far, kept while they are asked: a killed call goes on behind it. Free of JAX.

Answers lie under `out/.resume`, a file for every few of them, each under the name of what was asked: a place
or a beginning, never its words. What a model went on with is words, so where rows before redaction are sealed
these files are sealed with the same secret; where that secret is gone nothing is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from duecare.core import Artifact, Artifacts, LedgerError
from duecare.core.wire import settings
from duecare.ledger.layout import RESUME
from duecare.vault import SUFFIX, held, home, opened, sealed_with, stored, writing
from duecare.vault.memory import behind

CHUNK = 64
"""Questions put between two writings."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answered:
    """A folder of answers to one work; `seal` names the secret that they are sealed with, None is plain."""

    folder: Path
    seal: str | None = None

    def through(
        self,
        about: str,
        names: Sequence[str],
        sizes: Sequence[int],
        ask: Callable[[Sequence[int], int], Sequence[T]],
        kind: type[T],
    ) -> list[T]:
        """An answer to every question of `names`; `ask` is given the numbers of some that lack one, and how
        many have one.

        Questions of like `sizes` are put together. `about` tells these questions from others of their names.
        """
        known = self._find(about, kind)
        missing = [number for number, name in enumerate(names) if name not in known]
        missing.sort(key=lambda number: sizes[number])
        for start in range(0, len(missing), CHUNK):
            chunk = missing[start : start + CHUNK]
            fresh = dict(
                zip(
                    (names[each] for each in chunk),
                    ask(chunk, len(names) - len(missing) + start),
                    strict=True,
                )
            )
            self._add(about, fresh)
            known |= fresh
        return [known[name] for name in names]

    def _find(self, about: str, kind: type[T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for path in self._paths(about):
            try:
                with opened(path) as file:
                    own = msgspec.json.decode(file.read(), type=dict[str, msgspec.Raw])
                found |= {name: msgspec.json.decode(each, type=kind) for name, each in own.items()}
            except (OSError, LedgerError, ValueError):
                continue  # torn by a power cut, or its secret is gone: these are asked once more
        return found

    def _add(self, about: str, fresh: Mapping[str, object]) -> None:
        if self.seal is not None and not _here(self.seal):
            return  # `writing` would make a new secret of that name
        self.folder.mkdir(parents=True, exist_ok=True)
        number = len(self._paths(about))
        path = self.folder / f"{about}.{number:06d}.json{SUFFIX if self.seal else ''}"
        pending = path.with_name(f"pending{SUFFIX if self.seal else ''}")
        try:
            with writing(pending, self.seal) as file:
                file.write(msgspec.json.encode(fresh))
                file.flush()
            _on_disk(pending)
            pending.replace(path)
        finally:
            pending.unlink(missing_ok=True)

    def _paths(self, about: str) -> list[Path]:
        return sorted(self.folder.glob(f"{about}.*.json*"))


def answered(step: object, inputs: Artifacts, before: Artifact | None, out: Path) -> Answered:
    """Where answers to `step` on these inputs are kept; `before` holds the rows before redaction."""
    read = {name: artifact.digest for name, artifact in sorted(inputs.items())}
    told = json.dumps({"settings": settings(step), "inputs": read}, sort_keys=True)
    mark = hashlib.sha256(told.encode()).hexdigest()[:16]
    # A run shows sealed rows in memory, as if they were plain: what counts is how they lie on the disk.
    seal = None if before is None else sealed_with(stored(behind(before.path), "kept.parquet"))
    return Answered(out / RESUME / mark, seal)


def _here(secret: str) -> bool:
    try:
        return held(home(), secret) is not None
    except LedgerError:  # locked, or past its day
        return False


def _on_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
