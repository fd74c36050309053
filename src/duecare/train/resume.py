"""What a killed training run goes on from: weights in training, optimiser state, steps done.

Kept under `out/.resume`, which is scratch. Not Orbax, although Tunix would write it: its saves commit
in the background, so a checkpoint and the figures of the steps before it could disagree after a kill.
Here a checkpoint is one safetensors file, complete when it has its name, and its name holds its digest:
a torn or damaged one is passed over for the one before.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

KEEP = 2
"""Checkpoints kept: the last, and one before in case the last is damaged."""

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State after `step` training steps (arrays by name)."""

    step: int
    arrays: dict[str, npt.NDArray[Any]]


class Resume:
    """The scratch folder of one training run.

    `fingerprint` says which run it is (settings and input digests); what another run left is removed.
    Checkpoints of the steps `spared` stay, however many come after them.
    """

    def __init__(self, folder: Path, fingerprint: Mapping[str, Any], spared: Collection[int] = ()) -> None:
        self.folder, self.spared = folder, spared
        told = json.dumps(fingerprint, sort_keys=True).encode()
        self.mark = hashlib.sha256(told).hexdigest()[:8]
        """Tells this run from another on the same source, also after a kill."""
        mark = folder / "run.json"
        if folder.exists() and not (mark.is_file() and mark.read_bytes() == told):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists():
            write_whole(mark, told)

    @property
    def steps_file(self) -> Path:
        """One line of JSON per training step done; see `duecare.train.watch.StepLog`."""
        return self.folder / "steps.jsonl"

    def save(self, step: int, arrays: Arrays, pinned: Collection[int] = ()) -> Path:
        """Write the checkpoint of `step`; it exists whole under its name or not at all.

        Older ones than the last KEEP are removed, but for those of the steps `pinned` and `spared`.
        """
        from safetensors.numpy import save

        data = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
        path = self.folder / f"{step:09d}-{hashlib.sha256(data).hexdigest()}.safetensors"
        write_whole(path, data)
        for old in self._files()[:-KEEP]:
            if _step(old) not in (*pinned, *self.spared):
                old.unlink()
        return path

    def last(self, upto: int | None = None) -> Checkpoint | None:
        """The newest checkpoint (not after step `upto`) whose bytes are what its name says, or None."""
        from safetensors.numpy import load

        for path in reversed(self._files()):
            if (upto is None or _step(path) <= upto) and (data := _whole(path)) is not None:
                return Checkpoint(step=_step(path), arrays=load(data))
        return None

    def at(self, step: int) -> dict[str, npt.NDArray[Any]] | None:
        """The arrays of the checkpoint of `step`; None where there is no whole one."""
        from safetensors.numpy import load

        found = [data for path in self._files() if _step(path) == step and (data := _whole(path)) is not None]
        return load(found[-1]) if found else None

    def sweep(self) -> list[int]:
        """Remove checkpoints whose bytes are not what their names say; the steps they were of."""
        damaged = [path for path in self._files() if _whole(path) is None]
        for path in damaged:
            path.unlink()
        return [_step(path) for path in damaged]

    def clear(self) -> None:
        """Remove all checkpoints: training begins anew, and must not go on from what it leaves behind."""
        for path in self._files():
            path.unlink()

    def remember(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        """Arrays that depend on the start of the run only: made once, read back after a kill."""
        from safetensors.numpy import save

        found = self.recall(name)
        if found is not None:
            return found
        made = dict(make())
        data = save(made)
        write_whole(self.folder / f"{name}.{hashlib.sha256(data).hexdigest()}.once", data)
        return made

    def recall(self, name: str) -> Arrays | None:
        """What was remembered under `name`; None where there is nothing whole."""
        from safetensors.numpy import load

        for path in sorted(self.folder.glob(f"{name}.*.once")):
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() == path.name.split(".")[1]:
                kept: Arrays = load(data)
                return kept
        return None

    def discard(self, name: str) -> None:
        """Remove what was remembered under `name`."""
        for path in self.folder.glob(f"{name}.*.once"):
            path.unlink()

    def forget(self, pattern: str, spare: int) -> None:
        """Remove what was remembered under names like `pattern`, but for the last `spare` by name."""
        for old in sorted(self.folder.glob(f"{pattern}.*.once"))[:-spare]:
            old.unlink()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*-*.safetensors"))


def _step(path: Path) -> int:
    """The step a checkpoint is of, by its name."""
    return int(path.stem.split("-")[0])


def _whole(path: Path) -> bytes | None:
    """The bytes of a checkpoint; None where its name says others."""
    data = path.read_bytes()
    return data if hashlib.sha256(data).hexdigest() == path.stem.split("-")[1] else None


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that after a crash is either absent (or as it was) or complete.

    Where the disk refuses, what was written of it gives its room back.
    """
    torn = path.with_name(path.name + ".part")
    try:
        with torn.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        torn.replace(path)
    except OSError:
        with suppress(OSError):
            torn.unlink()
        raise
    _sync_folder(path.parent)


def append_line(path: Path, line: bytes) -> None:
    """Add one line and wait until it is on the disk."""
    with path.open("ab") as file:
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def whole_lines(path: Path) -> Iterable[bytes]:
    """The complete lines of a file; a torn last one is left out."""
    if not path.exists():
        return []
    return [line[:-1] for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
