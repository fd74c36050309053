"""Sealed files as plain ones for programs that want a path: in memory alone, never on a disk.

`in_memory` shows an artifact as a folder of links, in which each sealed file is an anonymous file of this
process (memfd); it is gone with the process, whatever ends it. `workplace` is a folder of a RAM disk for work
whose results are to be sealed before they reach a disk. Both are Linux's.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from duecare.core.errors import LedgerError
from duecare.vault.sealed import CHUNK, SUFFIX, opened, writing

MEMORY = "DUECARE_MEMORY"
"""The environment variable that names a RAM disk, where it is not /dev/shm."""
WEIGHTS = (".safetensors", ".gguf", ".npz", ".npy", ".bin", ".pt", ".msgpack")
"""Endings of files that hold weights."""
_MEMORY_KINDS = ("tmpfs", "ramfs")
_behind: dict[Path, Path] = {}
"""Of each folder that is shown in memory now the one that it shows."""


def sealed_files(folder: Path) -> list[Path]:
    """Every sealed file in a folder, sorted."""
    return sorted(path for path in folder.rglob(f"*{SUFFIX}") if path.is_file())


@contextmanager
def in_memory(folder: Path) -> Iterator[Path]:
    """The folder, every sealed file in it opened and without ".sealed" in its name; itself if none is sealed.

    Raises LedgerError where one does not open (see `opened`), or this system has no anonymous files.
    """
    if not sealed_files(folder):
        yield folder
        return
    if not hasattr(os, "memfd_create"):
        raise LedgerError(
            "sealed files are opened in memory, for which this system has no way: expected Linux"
        )
    handles: list[int] = []
    view = Path(tempfile.mkdtemp(prefix="duecare-"))
    _behind[view] = folder
    try:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            link = view / path.relative_to(folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == SUFFIX:
                handles.append(_anonymous(path))
                link.with_name(path.stem).symlink_to(f"/proc/{os.getpid()}/fd/{handles[-1]}")
            else:
                link.symlink_to(path.absolute())
        yield view
    finally:
        del _behind[view]
        shutil.rmtree(view, ignore_errors=True)
        for handle in handles:
            os.close(handle)


def behind(folder: Path) -> Path:
    """The artifact's own folder, of one that `in_memory` shows; any other folder is its own."""
    return _behind.get(folder, folder)


def _anonymous(path: Path) -> int:
    handle = os.memfd_create(path.stem)
    try:
        with opened(path) as source, os.fdopen(os.dup(handle), "wb") as target:
            shutil.copyfileobj(source, target, CHUNK)
    except BaseException:
        os.close(handle)
        raise
    return handle


def workplace(run: str, name: str) -> Path:
    """A folder in memory for work of a run, for its owner alone; what a killed call left is still there.

    Raises LedgerError where no RAM disk is mounted at $DUECARE_MEMORY or /dev/shm.
    """
    root = Path(os.environ.get(MEMORY, "/dev/shm"))  # noqa: S108  # a RAM disk is what is wanted; made 0700
    if _kind_of(root) not in _MEMORY_KINDS:
        raise LedgerError(
            f"weights are to be sealed before they reach a disk, but {root} is no RAM disk; "
            f"mount one and name it in {MEMORY}"
        )
    own = root / f"duecare-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    about = own.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise LedgerError(f"{own} is not a folder that belongs to you alone; remove it")
    place = own / run / "scratch" / name
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def clear(run: str) -> None:
    """Remove whatever killed or failed jobs of a run left in memory."""
    root = Path(os.environ.get(MEMORY, "/dev/shm"))  # noqa: S108  # as in `workplace`
    if hasattr(os, "getuid"):
        shutil.rmtree(root / f"duecare-{os.getuid()}" / run, ignore_errors=True)


def _kind_of(folder: Path) -> str:
    """The type of the file system that a folder lies on, by the longest mount that holds it."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8").splitlines()
    except OSError:
        return ""
    mounts = {Path(parts[1]): parts[2] for line in lines if len(parts := line.split()) > 2}
    real = folder.resolve()
    holding = [mount for mount in mounts if real == mount or real.is_relative_to(mount)]
    return mounts[max(holding, key=lambda each: len(each.parts))] if holding and real.is_dir() else ""


def settle(work: Path, target: Path, key_of: Callable[[Path], str | None], resume: str) -> None:
    """Move what was made in memory to a disk, each file sealed with the data key that `key_of` names for its
    path, or as it is. What lies in the folder `resume` of `work` goes nowhere; `work` is removed."""
    for path in sorted(each for each in work.rglob("*") if each.is_file()):
        inside = path.relative_to(work)
        if inside.parts[0] == resume:
            continue
        place = target / inside
        place.parent.mkdir(parents=True, exist_ok=True)
        if (name := key_of(inside)) is not None:
            seal_file(path, place.with_name(place.name + SUFFIX), name)
        else:
            shutil.copyfile(path, place)
    leave(work)


def leave(work: Path) -> None:
    """Remove a workplace, and the folders above it that are empty then."""
    shutil.rmtree(work, ignore_errors=True)
    for folder in (work.parent, work.parent.parent):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def seal_file(source: Path, target: Path, name: str) -> None:
    """Write `source` to `target`, sealed with the secret `name`; memory does not grow with size."""
    with source.open("rb") as plain, writing(target, name) as sealed:
        while piece := plain.read(4 * CHUNK):
            sealed.write(piece)
