"""Checkpoints (C2SP tlog-checkpoint) and the lines under them: by the run's key, and by witnesses."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from duecare.ledger.outside.archive import RefusedError
from duecare.ledger.outside.ed25519 import ed25519_holds

RUN_ORIGIN = "duecare/run/"


@dataclass(frozen=True)
class Pinned:
    """A public key under a name: type 1 signs logs, type 4 co-signs as a witness."""

    name: str
    kind: int
    public: bytes

    def key_id(self) -> bytes:
        """The four bytes that find its line."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]


@dataclass(frozen=True)
class Noted:
    """A checkpoint: the text that is signed, what it says, and the lines (name, id, data) under it."""

    text: str
    run: str
    size: int
    root: bytes
    lines: list[tuple[str, bytes, bytes]]

    def lines_of(self, key: Pinned) -> list[bytes]:
        """What stands under the key's name and id."""
        return [data for name, found, data in self.lines if (name, found) == (key.name, key.key_id())]


def base64_bytes(text: str) -> bytes:
    """The bytes of standard base64; a RefusedError for any other spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if base64.b64encode(raw).decode("ascii") != text:
        raise RefusedError("a line that should be base64 is not")
    return raw


def pinned_witness(text: str) -> Pinned:
    """A witness's key as it is handed on: name+id+base64."""
    name, _, rest = text.strip().partition("+")
    given, _, encoded = rest.partition("+")
    raw = base64_bytes(encoded)
    if len(raw) != 33 or raw[0] != 4:
        raise RefusedError("the witness's key is not name+id+base64 of a co-signing Ed25519 key")
    key = Pinned(name, raw[0], raw[1:])
    if key.key_id().hex() != given:
        raise RefusedError(f"the key of witness {name!a} was not copied whole")
    return key


def read_note(data: bytes) -> Noted:
    """A checkpoint as it lies in the ledger; a RefusedError where it is malformed."""
    try:
        text, between, rest = data.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError:
        raise RefusedError("the checkpoint is no text") from None
    parts = text.split("\n")
    if not between or not rest.endswith("\n") or len(parts) != 3 or not parts[0].startswith(RUN_ORIGIN):
        raise RefusedError("the checkpoint is not origin, size and root of a run, and signatures")
    if not parts[1].isascii() or not parts[1].isdigit() or str(int(parts[1])) != parts[1]:
        raise RefusedError("the checkpoint's size is no number")
    lines = []
    for line in rest[:-1].split("\n"):
        dash, name, encoded = (*line.split(" "), "", "", "")[:3]
        raw = base64_bytes(encoded)
        if dash != "—" or not name or len(raw) < 5 or line.count(" ") != 2:
            raise RefusedError("a signature line of the checkpoint is malformed")
        lines.append((name, raw[:4], raw[4:]))
    root = base64_bytes(parts[2])
    return Noted(text + "\n", parts[0].removeprefix(RUN_ORIGIN), int(parts[1]), root, lines)


def log_signed(note: Noted, public: bytes) -> bool:
    """Whether the run's key signed the checkpoint, once."""
    mine = note.lines_of(Pinned(RUN_ORIGIN + note.run, 1, public))
    return len(mine) == 1 and ed25519_holds(public, note.text.encode(), mine[0])


def witness_time(note: Noted, key: Pinned) -> int | None:
    """When the witness co-signed (seconds since 1970); None without a line, refused for a false one."""
    found = None
    for data in note.lines_of(key):
        seconds = int.from_bytes(data[:8], "big")
        message = f"cosignature/v1\ntime {seconds}\n{note.text}".encode()
        if len(data) != 72 or not ed25519_holds(key.public, message, data[8:]):
            raise RefusedError(f"the line of witness {key.name!a} is not its signature of this checkpoint")
        found = max(found or 0, seconds)
    return found
