"""Ed25519 keys, and the signed head over a ledger.

The private key lies in the user's config folder: the file is readable by its owner only, the folder is
made with owner-only rights, and a key that others can read is refused, since it proves nothing.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from duecare.core.errors import DuecareError, LedgerError
from duecare.core.wire import Noun, decode, encode
from duecare.ledger.durable import sync_folder
from duecare.ledger.layout import is_digest, is_run_id

KEY_FILE = "signing.pem"
_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_HEAD_PREFIX = b"duecare.head.v1\n"
"""Signed before every head, so that a head's signature can never serve for anything else."""
COSIGNATURE = b"cosignature/v1\n"
"""Begins all that a witness signs (C2SP tlog-cosignature)."""
STATEMENT = b"duecare.statement.v1\n"
"""Begins all that a person signs about a run."""
ENVELOPE = b"DSSEv1 "
"""Begins all that is signed in an envelope (DSSE)."""


class Head(Noun, frozen=True, kw_only=True):
    """The signed head of a ledger: `size` entries of `run` whose RFC 6962 tree head is `root` (hex).

    `key` is the signer's public key (hex), `signature` (hex) covers all other fields.
    """

    run: str
    size: int
    root: str
    time: str
    key: str
    signature: str

    def signed_bytes(self) -> bytes:
        """What the signature covers: run id, size, root, time and key, in canonical form."""
        fields = {"run": self.run, "size": self.size, "root": self.root, "time": self.time, "key": self.key}
        return _HEAD_PREFIX + encode(fields)


class Key:
    """A private signing key; its `repr` shows the public half only."""

    __slots__ = ("_private", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public: str = private.public_key().public_bytes_raw().hex()

    def __repr__(self) -> str:
        return f"Key(public={self.public!r})"

    def sign_head(self, *, run: str, size: int, root: str, time: str) -> Head:
        """The signed head with these fields."""
        head = Head(run=run, size=size, root=root, time=time, key=self.public, signature="")
        signature = self._private.sign(head.signed_bytes()).hex()
        return Head(run=run, size=size, root=root, time=time, key=self.public, signature=signature)

    def sign_note(self, text: str) -> bytes:
        """The signature (64 bytes) of a note's text.

        Raises LedgerError for a text that could pass for something else that is signed here.
        """
        data = text.encode()
        if data.startswith((_HEAD_PREFIX, COSIGNATURE, STATEMENT, ENVELOPE)):
            raise LedgerError("this text begins as something else that is signed here; it is no note")
        return self._private.sign(data)

    def sign_statement(self, statement: bytes) -> bytes:
        """The signature (64 bytes) of a person's statement, given without its prefix."""
        return self._private.sign(STATEMENT + statement)

    def sign_envelope(self, message: bytes) -> bytes:
        """The signature (64 bytes) of an envelope, over what `envelope.pae` gives."""
        if not message.startswith(ENVELOPE):
            raise LedgerError("this is not what an envelope signs")
        return self._private.sign(message)

    def cosign(self, message: bytes) -> bytes:
        """The signature (64 bytes) of a witness, over what `note.cosigned` gives."""
        if not message.startswith(COSIGNATURE):
            raise LedgerError("a witness signs co-signatures only")
        return self._private.sign(message)


def is_signed(head: Head) -> bool:
    """Whether the head's signature is that of the key it names (whose key that is, is another question)."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(head.key))
        key.verify(bytes.fromhex(head.signature), head.signed_bytes())
    except (InvalidSignature, ValueError, DuecareError):
        return False
    return True


def holds(key: str, signature: str, message: bytes) -> bool:
    """Whether `signature` is that of the public `key` over `message` (both in lower-case hex)."""
    if not is_digest(key) or not _SIGNATURE.fullmatch(signature):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def write_head(head: Head) -> bytes:
    """The bytes of head.json."""
    return encode(head) + b"\n"


def parse_head(data: bytes) -> Head:
    """Read head.json; LedgerError where it is malformed, not canonical, or its signature does not hold."""
    try:
        head = decode(data, Head)
        canonical = write_head(head) == data
    except (DuecareError, ValueError, RecursionError, OverflowError) as error:
        raise LedgerError(f"the head is malformed: {type(error).__name__}") from error
    if not canonical or head.size < 0 or not is_run_id(head.run) or not is_digest(head.root):
        raise LedgerError("the head is not in the form in which it was written")
    # Upper-case hex and spaces would decode to the same bytes: one key, one signature, one spelling.
    if not (is_digest(head.key) and _SIGNATURE.fullmatch(head.signature) and is_signed(head)):
        raise LedgerError(f"the head's signature does not hold for the key it names ({head.key[:16]})")
    return head


def load_or_create(folder: Path) -> Key:
    """The signing key of `folder`, made on first use (folder 0700, file 0600).

    Raises LedgerError where others may read the key or replace it, or the file holds no such key.
    """
    path = folder / KEY_FILE
    create_key_file(path, Ed25519PrivateKey.generate)
    return load(path)


def load(path: Path) -> Key:
    """A given key file (PEM, PKCS 8, not encrypted); the same refusals as `load_or_create`."""
    private = read_private(path)
    if not isinstance(private, Ed25519PrivateKey):
        raise LedgerError(f"{path} holds a key of another kind; expected Ed25519")
    return Key(private)


def create_key_file(path: Path, generate: Callable[[], PrivateKeyTypes]) -> None:
    """Make a key at `path` where none is (folder 0700, file 0600). Raises LedgerError where it cannot be."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path, generate())
    except OSError as error:
        raise LedgerError(f"no key can be made in {path.parent} ({error.strerror})") from error


def read_private(path: Path) -> PrivateKeyTypes:
    """The private key in a file (PEM, PKCS 8, not encrypted), which nobody else may read or replace."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
        folder_mode = path.parent.stat().st_mode
    except OSError as error:
        raise LedgerError(f"signing key {path} cannot be read ({error.strerror})") from error
    if os.name != "nt":  # Windows keeps rights in access lists, not in mode bits
        if mode & 0o077:
            raise LedgerError(f"signing key {path} is open to others ({_octal(mode)}); chmod 600 it")
        if folder_mode & 0o022 and not folder_mode & stat.S_ISVTX:
            raise LedgerError(
                f"others can replace keys in {path.parent} ({_octal(folder_mode)}); chmod 700 it"
            )
    try:
        return serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise LedgerError(f"{path} holds no unencrypted PEM key") from error


def _create(path: Path, private: PrivateKeyTypes) -> None:
    """Write a new key beside `path` and link it there: of two processes one wins, and never half a file."""
    data = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pending = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(pending, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(pending, path)
        except FileExistsError:
            return
        sync_folder(path.parent)
    finally:
        pending.unlink(missing_ok=True)


def _octal(mode: int) -> str:
    return f"mode {stat.S_IMODE(mode):04o}"
