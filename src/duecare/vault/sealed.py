"""Files that only their secret opens: written in a stream, read at any place, lost with the secret.

A sealed file is a header in plain (which secret opens it, what it holds) and authenticated chunks, the last
one marked, so that a file cut short is refused like a changed one. There are two formats.

1, under the secret of a study: AES-256-GCM-SIV (RFC 8452). The nonce is the chunk's number: equal rows under
one secret give equal bytes, as digests of artifacts need, and GCM-SIV is made to bear that: who compares two
files learns which chunks are equal, and nothing else.

2, under a data key (`envelope`): AES-256-GCM under a key that each file derives (HKDF-SHA256, RFC 5869) from
the data key and 32 random bytes of its own, so that no nonce is ever used twice; chunks are numbered as in
STREAM (Hoang et al. 2015). The header also says in which artifact the file lies under which name: one put in
the place of another is refused. Equal rows give other bytes; it is as fast as a copy.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from duecare.core.errors import LedgerError
from duecare.vault.envelope import key_id
from duecare.vault.keys import held, home, secret

if TYPE_CHECKING:  # imported where a file is sealed or opened: a study check does without
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV

SUFFIX = ".sealed"
CHUNK = 256 * 1024
"""Bytes of content in every chunk but the last."""
KEPT_CHUNKS = 4
"""Chunks that a reader keeps: columns of a table are read by turns, and share chunks."""
_MAGIC, _MAGIC_2, _TAG, _NONCE = b"duecare-sealed-1\n", b"duecare-sealed-2\n", 16, 12
DATA_KEYS = ("data.", "results.", "surrogates.", "weights.")
"""How the names of secrets begin under which files have format 2."""
_KEPT, _MADE = "artifacts", "scratch"


def stored(folder: Path, name: str) -> Path:
    """Where the file `name` of a folder lies: itself, or its sealed form."""
    sealed = folder / (name + SUFFIX)
    return sealed if sealed.exists() else folder / name


def sealed_with(path: Path) -> str | None:
    """The name of the secret that opens a file; None for a file that is not sealed."""
    if path.suffix != SUFFIX:
        return None
    with path.open("rb") as file:
        return str(_header(file, path)[1]["secret"])


def sealed_by(path: Path) -> tuple[str, str]:
    """The name and the id of the secret that opens a sealed file; the id is "" in format 1."""
    with path.open("rb") as file:
        header = _header(file, path)[1]
    return header["secret"], header.get("key", "")


@contextmanager
def writing(path: Path, name: str | None) -> Iterator[Any]:
    """A binary file to write to: sealed with the secret `name` of this user's vault, plain where it is None.

    A sealed file's path ends in ".sealed". It is whole only when the block ends without an error.
    """
    with path.open("wb") as file:
        if name is None:
            yield file
            return
        if path.suffix != SUFFIX:
            raise LedgerError(f"sealed file {path.name}: expected a name that ends in {SUFFIX}")
        sealing = _Sealing(file, name, path, secret(home(), name))
        yield sealing
        sealing.finish()
        file.flush()
        os.fsync(file.fileno())


def opened(path: Path) -> IO[bytes]:
    """A file to read from, sealed or plain.

    Raises LedgerError where the secret is not here (destroyed, or another machine's), or is another one,
    and where the file was changed or cut.
    """
    if path.suffix != SUFFIX:
        return path.open("rb")
    file = path.open("rb")
    try:
        return cast("IO[bytes]", io.BufferedReader(_Opened(file, path), CHUNK))
    except BaseException:
        file.close()
        raise


def _cipher(key: bytes, salt: bytes | None) -> AESGCM | AESGCMSIV:
    """The cipher of format 1, or with a salt that of format 2."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    number = b"1" if salt is None else b"2"
    derived = HKDF(SHA256(), 32, salt=salt, info=b"duecare sealed files " + number).derive(key)
    if salt is not None:
        return AESGCM(derived)
    try:
        return AESGCMSIV(derived)
    except UnsupportedAlgorithm as error:
        raise LedgerError("sealed files need OpenSSL 3.2 or newer behind the package cryptography") from error


def _placed(path: Path) -> tuple[str, str]:
    """In which artifact a file lies, or will lie once it is finished, and under which name there."""
    for folder in path.absolute().parents:
        if folder.parent.name in (_KEPT, _MADE):
            return folder.name, path.absolute().relative_to(folder).as_posix()
    return "", path.name


def _expect_its_place(path: Path, header: dict[str, str]) -> None:
    """Refuse a file of format 2 that lies in an artifact where another one was sealed."""
    if not header.get("place"):
        return
    here = next((each for each in path.absolute().parents if each.parent.name == _KEPT), None)
    if here is None:
        return  # moved on its own, or not finished yet: there it is in nobody's place
    place, name = _placed(path)
    again = re.fullmatch(re.escape(header["place"]) + r"(\.\d+)?", place)
    if not again or name.removesuffix(SUFFIX) != header["holds"]:
        raise LedgerError(
            f"sealed file {path.name}: it was sealed as {header['holds']} of {header['place']}, and lies in "
            "the place of another"
        )


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(_NONCE - 1, "big") + bytes([last])


class _Sealing(io.RawIOBase):
    """Collects what is written and seals it chunk by chunk."""

    def __init__(self, file: IO[bytes], name: str, path: Path, key: bytes) -> None:
        place, about = _placed(path)
        said, salt = {"holds": path.name.removesuffix(SUFFIX), "secret": name}, None
        if name.startswith(DATA_KEYS):
            salt = secrets.token_bytes(32)
            said |= {"holds": about.removesuffix(SUFFIX), "place": place, "key": key_id(key)}
            said |= {"salt": base64.b64encode(salt).decode()}
        header = json.dumps(said).encode()
        self._file, self._cipher = file, _cipher(key, salt)
        self._header = (_MAGIC if salt is None else _MAGIC_2) + len(header).to_bytes(4, "big") + header
        self._waiting, self._number, self._at = bytearray(), 0, 0
        file.write(self._header)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        given = memoryview(data).cast("B")
        self._waiting += given
        self._at += len(given)
        while len(self._waiting) > CHUNK:  # one chunk is held back: it may be the last
            self._put(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(given)

    def finish(self) -> None:
        """Seal what is left as the last chunk."""
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _put(self, content: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), content, self._header))
        self._number += 1


def _header(file: IO[bytes], path: Path) -> tuple[bytes, dict[str, str]]:
    start = file.read(len(_MAGIC) + 4)
    if not start.startswith((_MAGIC, _MAGIC_2)) or len(start) != len(_MAGIC) + 4:
        raise LedgerError(f"sealed file {path.name}: it does not begin as one, or was cut")
    raw = file.read(min(int.from_bytes(start[-4:], "big"), 4096))
    wanted = ("secret", "holds", *(("place", "key", "salt") if start.startswith(_MAGIC_2) else ()))
    try:
        header = json.loads(raw)
        return start + raw, {name: str(header[name]) for name in wanted}
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"sealed file {path.name}: its header is damaged") from error


def _salt(path: Path, header: dict[str, str]) -> bytes | None:
    if "salt" not in header:
        return None
    try:
        return base64.b64decode(header["salt"], validate=True)
    except ValueError as error:
        raise LedgerError(f"sealed file {path.name}: its header is damaged") from error


def _key(path: Path, header: dict[str, str]) -> bytes:
    """The key that a header names."""
    name = header["secret"]
    key = held(home(), name)
    if key is None:
        raise LedgerError(
            f"sealed file {path.name}: its secret {name} is not here; it was destroyed, or "
            "never was on this machine"
        )
    if "key" in header and key_id(key) != header["key"]:
        raise LedgerError(
            f"sealed file {path.name}: the secret {name} of today is another one than sealed it: that was "
            "destroyed, or never was on this machine"
        )
    return key


class _Opened(io.RawIOBase):
    """A sealed file's content, at any place; the chunks read last are kept."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path, self._place = file, path, 0
        self._header, header = _header(file, path)
        _expect_its_place(path, header)
        self._cipher = _cipher(_key(path, header), _salt(path, header))
        body = path.stat().st_size - len(self._header)
        self._chunks = -(-body // (CHUNK + _TAG))
        if self._chunks < 1 or body - (self._chunks - 1) * (CHUNK + _TAG) < _TAG:
            raise LedgerError(f"sealed file {path.name}: it was cut")
        self._size = body - self._chunks * _TAG
        self._known: dict[int, bytes] = {}
        self._chunk(self._chunks - 1)  # a file cut between two chunks has no last one

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._place >= self._size or not len(view):
            return 0
        number, begin = divmod(self._place, CHUNK)
        piece = self._chunk(number)[begin : begin + len(view)]
        view[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _chunk(self, number: int) -> bytes:
        from cryptography.exceptions import InvalidTag

        if number not in self._known:
            self._file.seek(len(self._header) + number * (CHUNK + _TAG))
            raw = self._file.read(CHUNK + _TAG)
            try:
                content = self._cipher.decrypt(_nonce(number, number == self._chunks - 1), raw, self._header)
            except (InvalidTag, ValueError) as error:
                raise LedgerError(
                    f"sealed file {self._path.name}: it was changed or cut, or its secret is another one"
                ) from error
            while len(self._known) >= KEPT_CHUNKS:
                del self._known[next(iter(self._known))]
            self._known[number] = content
        return self._known[number]
