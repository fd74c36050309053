"""A store of pieces by URL, through fsspec: a local folder, S3, Google Cloud Storage, and what else it knows.

Every piece is called by its SHA-256. One that is there is never sent again, one that comes back is hashed,
and a piece appears whole or not at all: so an interrupted upload goes on where it was, and two runs with
equal files share them.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from duecare.core.errors import LedgerError

PIECE = 16 * 1024 * 1024
"""Bytes of a piece: what an interrupted upload may have to send again."""
_BLOBS = "blobs"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_SMALL = 64 * 1024 * 1024
_NEEDS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}


class Blobs:
    """The store at a URL (s3://bucket/folder, gs://bucket/folder, file:///folder, or a path).

    Who may read and write there is a matter of the environment, as for any program of that service; a URL
    with a password in it is refused. Errors name the store, and neither its answer nor what was written.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.query or re.search(r"//[^/]*@", url):  # also in a URL within a URL, as fsspec takes them
            raise LedgerError(
                "the URL of a store holds no user, password or query; who may use it says the environment"
            )
        self.url = url.rstrip("/")
        self._local = parts.scheme in ("", "file", "local") or len(parts.scheme) == 1
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise LedgerError('a store needs fsspec: pip install "duecare[store]"') from error
        try:
            self._fs, self._root = url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            package = _NEEDS.get(parts.scheme, "a package of fsspec")
            raise LedgerError(f'{parts.scheme}:// needs {package}: pip install "{package}"') from error
        except (ValueError, OSError) as error:
            raise LedgerError(f"{self.url} names no store that fsspec knows") from error
        self._root = self._root.rstrip("/")

    def send(self, data: bytes) -> tuple[str, bool]:
        """Put a piece into the store; its digest, and whether it had to be sent."""
        digest = hashlib.sha256(data).hexdigest()
        path = f"{_BLOBS}/{digest[:2]}/{digest}"
        if self._size(path) == len(data):
            return digest, False
        self._put(path, data)
        return digest, True

    def fetch(self, digest: str) -> bytes:
        """A piece of the store; LedgerError where it is missing, or its bytes are not of that digest."""
        if not _DIGEST.fullmatch(digest):
            raise LedgerError(f"{self.url}: {digest[:70]!a} is no digest")
        data = self.get(f"{_BLOBS}/{digest[:2]}/{digest}", PIECE)
        if hashlib.sha256(data).hexdigest() != digest:
            raise LedgerError(f"{self.url}: piece {digest[:12]}... was changed or cut in the store")
        return data

    def put(self, path: str, data: bytes) -> None:
        """Write a small file, in one move, over what is there."""
        self._put(path, data)

    def get(self, path: str, most: int = _MOST_SMALL) -> bytes:
        """A file of the store of at most so many bytes; LedgerError where it is missing or larger."""
        size = self._size(path)
        if size is None:
            raise LedgerError(f"{self.url}: {path} is not in the store")
        if size > most:
            raise LedgerError(f"{self.url}: {path} has {size} bytes; expected at most {most}")
        with self._errors():
            data: bytes = self._fs.cat_file(f"{self._root}/{path}")
        return data

    def names(self, folder: str) -> list[str]:
        """The names in a folder of the store, sorted; none where there is no such folder.

        What begins with a dot is left of a write that was killed, and counts as not there.
        """
        with self._errors():
            try:
                found = self._fs.ls(f"{self._root}/{folder}", detail=False)
            except FileNotFoundError:
                return []
        names = sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)
        return [name for name in names if not name.startswith(".")]

    def _size(self, path: str) -> int | None:
        with self._errors():
            try:
                return int(self._fs.info(f"{self._root}/{path}")["size"])
            except FileNotFoundError:
                return None

    def _put(self, path: str, data: bytes) -> None:
        with self._errors():
            if self._local:
                _in_one_move(Path(self._root) / path, data)
            else:  # an object of such a store appears when all of it was received
                self._fs.pipe_file(f"{self._root}/{path}", data)

    def _errors(self) -> Any:
        return _Told(self.url)


class _Told:
    """What a service refuses, said without its words: they may hold keys or names."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None or isinstance(error, LedgerError) or not isinstance(error, Exception):
            return
        raise LedgerError(f"{self._url}: the store cannot be used ({type(error).__name__})") from error


def _in_one_move(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pending = path.with_name(f".{secrets.token_hex(8)}")
    try:
        with pending.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(pending, path)
    finally:
        pending.unlink(missing_ok=True)


def pieces(path: Path) -> Iterator[bytes]:
    """A file, a piece at a time; an empty one is one empty piece."""
    with path.open("rb") as file:
        piece = file.read(PIECE)
        yield piece
        while piece := file.read(PIECE):
            yield piece
