"""Secrets that can be destroyed, and the keys of rows that hang on them.

A row is known by the HMAC of its content under its study's secret. While the secret exists, equal content
has equal keys; once it is destroyed, nobody can test a guess at the content against a key any more, which
a bare hash would allow for ever.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from pathlib import Path

import platformdirs

from duecare.core.errors import DuecareError, LedgerError

SECRETS = "secrets"
SIZE = 32
"""Bytes of a secret."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def home() -> Path:
    """Where keys and secrets live: $DUECARE_HOME, or the user's config folder (not created here)."""
    given = os.environ.get("DUECARE_HOME")
    return Path(given) if given else Path(platformdirs.user_config_path("duecare", appauthor=False))


def secret(folder: Path, name: str) -> bytes:
    """The 32 random bytes called `name` in `folder`, made on first use (folder 0700, file 0600).

    Where a way of keeping keys is in force (`envelope.keeping`) it lies in an envelope, and one that lay
    open moves into one. Raises LedgerError for a name that is no plain file name, a file that others may
    read, a damaged one, or an envelope that does not open.
    """
    from duecare.vault import envelope

    path, wrapped = _path(folder, name), _envelope(folder, name)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if wrapped.exists():
            _overwrite(path)  # left where a kill came between the two moves below
            return envelope.read(wrapped, name)
        if envelope.in_force() is not None:
            made = envelope.make(wrapped, name, _read(path, name) if path.exists() else None)
            _overwrite(path)
            return made
        if not path.exists():
            write_once(path, secrets.token_bytes(SIZE))
    except OSError as error:
        raise LedgerError(f"secret {name} cannot be read or made ({error.strerror})") from error
    return _read(path, name)


def held(folder: Path, name: str) -> bytes | None:
    """The secret called `name`, or None where there is none (any more); never makes one.

    Raises LedgerError as `secret` does.
    """
    path, wrapped = _path(folder, name), _envelope(folder, name)
    if wrapped.exists():
        from duecare.vault import envelope

        return envelope.read(wrapped, name)
    return _read(path, name) if path.exists() else None


def there(folder: Path, name: str) -> bool:
    """Whether a secret is here, in an envelope or not; nothing is opened."""
    return _path(folder, name).exists() or _envelope(folder, name).exists()


def _read(path: Path, name: str) -> bytes:
    data = read_own(path, f"secret {name}", SIZE + 1)
    if len(data) != SIZE:
        raise LedgerError(f"secret {path} has not {SIZE} bytes: it is damaged")
    return data


def read_own(path: Path, what: str, most: int) -> bytes:
    """At most so many bytes of a file; LedgerError where it cannot be read, or others may read it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(most)
    except OSError as error:
        raise LedgerError(f"{what} cannot be read or made ({error.strerror})") from error
    if os.name != "nt" and mode & 0o077:  # Windows keeps rights in access lists, not in mode bits
        raise LedgerError(
            f"{what.partition(' ')[0]} {path} is open to others (mode {stat.S_IMODE(mode):04o}); chmod 600 it"
        )
    return data


def destroy(folder: Path, name: str) -> bool:
    """Overwrite and remove a secret; False if there was none. Row keys made with it say nothing from now on.

    Copies that a file system, a disk or a backup made are beyond this: destroy those too.
    """
    from duecare.vault import envelope

    gone = False
    for path in (_path(folder, name), _envelope(folder, name)):
        try:
            for left in path.parent.glob(f".{path.name}.{'?' * 16}"):  # of a write that was killed
                _overwrite(left)
            gone = _overwrite(path) or gone
        except OSError as error:
            raise LedgerError(f"secret {name} could not be destroyed ({error.strerror})") from error
        envelope.let_go(path)
    return gone


def _overwrite(path: Path) -> bool:
    """Overwrite and remove a file; False where there is none."""
    try:
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(max(SIZE, path.stat().st_size)))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return False
    _sync(path.parent)
    return True


def row_key(secret: bytes, content: bytes) -> str:
    """HMAC-SHA256 of a row's content under its study's secret, in hex."""
    if len(secret) != SIZE:
        raise DuecareError(f"a secret has {SIZE} bytes, got {len(secret)}")
    return hmac.digest(secret, content, "sha256").hex()


def _path(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):  # it becomes a file name: nothing may lead out of the folder
        raise LedgerError(f"secret {name!r}: expected letters, digits and . _ - only, at most 100 of them")
    return folder / SECRETS / f"{name}.secret"


def _envelope(folder: Path, name: str) -> Path:
    return _path(folder, name).with_name(f"{name}.key")


def write_once(path: Path, data: bytes) -> None:
    """Write beside `path` and link it there: of two processes one wins, and both read the same bytes."""
    pending = _written_beside(path, data)
    try:
        try:
            os.link(pending, path)
        except FileExistsError:
            return
        _sync(path.parent)
    finally:
        pending.unlink(missing_ok=True)


def replace_own(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file in one move, for its owner alone; what lay there is overwritten."""
    pending, before = _written_beside(path, data), _beside(path)
    try:
        os.link(path, before)
        os.replace(pending, path)
        _sync(path.parent)
    except BaseException:
        before.unlink(missing_ok=True)  # perhaps the same file as `path`: not to be overwritten
        raise
    finally:
        pending.unlink(missing_ok=True)
    _overwrite(before)


def _beside(path: Path) -> Path:
    """A name that no file has, by which `destroy` knows whose key lies there."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def _written_beside(path: Path, data: bytes) -> Path:
    pending = _beside(path)
    try:
        with open(os.open(pending, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        pending.unlink(missing_ok=True)
        raise
    return pending


def _sync(folder: Path) -> None:
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
