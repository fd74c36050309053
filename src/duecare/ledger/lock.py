"""One writer a run: an advisory lock that the operating system drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from duecare.core.errors import LedgerError

PATIENCE = 5.0
"""Seconds that a lock is waited for whose holder is dead: its workers are about to let go of it."""

_HELD: set[int] = set()


def _forget_inherited() -> None:
    """A forked worker that outlives a killed run must not keep its lock."""
    while _HELD:
        os.close(_HELD.pop())


os.register_at_fork(after_in_child=_forget_inherited)


class Lock:
    """Held from construction to `release`; the file names the holder's process id and is empty after."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        try:
            self._handle = os.open(path, flags, 0o644)
        except OSError as error:
            raise LedgerError(f"{path} cannot be opened ({error.strerror})") from error
        try:
            _take(self._handle)
        except OSError as error:
            holder = _holder(self._handle) or "unknown"
            os.close(self._handle)
            raise LedgerError(
                f"run {path.parent.parent.name} is being written by process {holder}; "
                "wait for it to end, or end it: what it did so far is kept"
            ) from error
        _HELD.add(self._handle)
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock up; a second call does nothing."""
        if self._handle in _HELD:
            _HELD.remove(self._handle)
            os.ftruncate(self._handle, 0)
            os.close(self._handle)


def _take(handle: int) -> None:
    """Lock the file, or raise OSError.

    A worker forked just before its run was killed shares the lock until it first gets to run; so a lock
    whose holder is dead is tried again for a while.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if _lives(_holder(handle)) or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _holder(handle: int) -> str:
    """The process id in the file; empty where the lock is just being taken or was given up."""
    return os.pread(handle, 32, 0).decode("ascii", "replace").strip()


def _lives(process: str) -> bool:
    """Whether a process may still run; one that is not named, or is another user's, may."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True
