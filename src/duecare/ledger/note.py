"""Signed notes (C2SP signed-note): a text, an empty line, and a line for every signature.

A key is known by its name and a key id, the first four bytes of SHA-256 over name, newline, type and key.
Two types are used here: 0x01, an Ed25519 signature of the text by the log itself, and 0x04, a witness's
co-signature with its time (C2SP tlog-cosignature). A line by an unknown key says nothing, and is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from duecare.core.errors import LedgerError

LOG_KEY, WITNESS_KEY = 0x01, 0x04
"""Signature types: Ed25519 over the text; Ed25519 co-signature with a time."""
MOST_BYTES = 1 << 20
"""A larger note is refused unread; ours have a few hundred bytes."""

_SIGNED = "— "
_NAME = re.compile(r"[^\s+]{1,200}")
_ID, _KEY, _TIME, _SIGNATURE = 4, 32, 8, 64


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the name of the key, its id (4 bytes), and what it signed with."""

    name: str
    id: bytes
    data: bytes

    def line(self) -> str:
        """The line, without newline."""
        return f"{_SIGNED}{self.name} {base64.b64encode(self.id + self.data).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text that ends in a newline, and its signatures in order."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The note as it is written."""
        lines = "".join(each.line() + "\n" for each in self.signatures)
        return f"{self.text}\n{lines}".encode()


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key under a name: `type` is LOG_KEY or WITNESS_KEY, `public` its 32 bytes in hex."""

    name: str
    type: int
    public: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise LedgerError(f"key name {self.name!r}: expected a word without spaces and without +")
        if self.type not in (LOG_KEY, WITNESS_KEY) or not re.fullmatch(r"[0-9a-f]{64}", self.public):
            raise LedgerError(f"key {self.name}: expected an Ed25519 key of a log (01) or a witness (04)")

    @property
    def id(self) -> bytes:
        """The key id (4 bytes): no proof of anything, only what finds the line to check."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._typed()).digest()[:_ID]

    def text(self) -> str:
        """The key as one hands it on ("vkey"): name+id+base64 of type and key."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self._typed()).decode('ascii')}"

    def of(self, note: SignedNote) -> list[Signature]:
        """The lines that bear this key's name and id."""
        return [each for each in note.signatures if (each.name, each.id) == (self.name, self.id)]

    def signed(self, note: SignedNote, signature: Signature) -> bool:
        """Whether the line is this key's signature of the note's text."""
        message, raw = note.text.encode(), signature.data
        if self.type == WITNESS_KEY:
            if len(raw) != _TIME + _SIGNATURE:
                return False
            message, raw = cosigned(note.text, time_of(signature)), raw[_TIME:]
        if (signature.name, signature.id) != (self.name, self.id):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public)).verify(raw, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _typed(self) -> bytes:
        return bytes([self.type]) + bytes.fromhex(self.public)


def parse_key(text: str) -> NoteKey:
    """Read a key as `NoteKey.text` writes it; LedgerError where it is none, or its id is not its own."""
    name, _, rest = text.strip().partition("+")
    given, _, encoded = rest.partition("+")
    raw = _unbase64(encoded)
    if raw is None or len(raw) != 1 + _KEY:
        raise LedgerError("a key reads name+id+base64 (01 or 04, then 32 bytes of an Ed25519 key)")
    key = NoteKey(name, raw[0], raw[1:].hex())
    if key.id.hex() != given:
        raise LedgerError(f"key {name}: its id is {key.id.hex()}, not {given}: it was not copied whole")
    return key


def cosigned(text: str, seconds: int) -> bytes:
    """What a witness signs: that it saw this head, and when (seconds since 1970)."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def time_of(signature: Signature) -> int:
    """When a witness says it signed, in seconds since 1970."""
    return int.from_bytes(signature.data[:_TIME], "big")


def cosignature(key: NoteKey, seconds: int, raw: bytes) -> Signature:
    """The line of a witness, of its raw signature over `cosigned(text, seconds)`."""
    return Signature(key.name, key.id, seconds.to_bytes(_TIME, "big") + raw)


def parse_note(data: bytes) -> SignedNote:
    """Read a note; LedgerError where it is malformed. Whether a signature holds is another question."""
    text, lines = _halves(data)
    found = SignedNote(text, tuple(map(parse_signature, lines)))
    if found.encode() != data:
        raise LedgerError("the note is not in the form in which notes are written")
    return found


def parse_signature(line: str) -> Signature:
    """Read one signature line, without newline."""
    name, _, encoded = line.removeprefix(_SIGNED).partition(" ")
    raw = _unbase64(encoded)
    if not line.startswith(_SIGNED) or not _NAME.fullmatch(name) or raw is None or len(raw) <= _ID:
        raise LedgerError("a signature line of the note is malformed")
    return Signature(name, raw[:_ID], raw[_ID:])


def _halves(data: bytes) -> tuple[str, list[str]]:
    if len(data) > MOST_BYTES:
        raise LedgerError(f"the note has {len(data)} bytes; notes of heads have a few hundred")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LedgerError("the note is not UTF-8") from error
    text, between, rest = whole.rpartition("\n\n")
    if any(letter < " " and letter != "\n" for letter in whole) or not (between and rest.endswith("\n")):
        raise LedgerError("the note is not a text, an empty line and signature lines")
    return text + "\n", rest[:-1].split("\n")


def _unbase64(text: str) -> bytes | None:
    """The bytes of standard base64; None where it is none, or has another spelling than its own."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode("ascii") == text else None
