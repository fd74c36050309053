"""The signed head as a C2SP tlog-checkpoint, which every tool of transparency logs reads.

RUN/ledger/checkpoint is a signed note: origin (the run), size and root, the signature of whoever runs it, and
the lines of witnesses. It may lag behind head.json: a checkpoint is made when somebody asks for it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from duecare.core.errors import LedgerError
from duecare.ledger.layout import is_run_id
from duecare.ledger.note import (
    LOG_KEY,
    WITNESS_KEY,
    NoteKey,
    Signature,
    SignedNote,
    parse_note,
    time_of,
)
from duecare.ledger.proof import HASH
from duecare.ledger.sign import Head, Key

CHECKPOINT = "checkpoint"
"""Its name in the ledger folder."""
ORIGIN = "duecare/run/"
"""Begins the origin of every run; its id follows."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: run id, number of entries, root of the tree over them (hex)."""

    run: str
    size: int
    root: str

    def text(self) -> str:
        """The note's text: origin, size and root, a line each."""
        root = base64.b64encode(bytes.fromhex(self.root)).decode("ascii")
        return f"{ORIGIN}{self.run}\n{self.size}\n{root}\n"


def log_key(run: str, public: str) -> NoteKey:
    """The key of a run's checkpoints: named as its origin, and the key that signs its head."""
    return NoteKey(ORIGIN + run, LOG_KEY, public)


def witness_key(name: str, public: str) -> NoteKey:
    """The key of a witness."""
    return NoteKey(name, WITNESS_KEY, public)


def sign_checkpoint(head: Head, key: Key) -> SignedNote:
    """The checkpoint of `head`; a LedgerError where `key` is not the one that signed the head."""
    if key.public != head.key:
        raise LedgerError(f"run {head.run} was signed by key {head.key}, yours is {key.public}")
    text, named = Checkpoint(head.run, head.size, head.root).text(), log_key(head.run, head.key)
    return SignedNote(text, (Signature(named.name, named.id, key.sign_note(text)),))


def parse_checkpoint(data: bytes) -> tuple[Checkpoint, SignedNote]:
    """Read a checkpoint of a run. Raises LedgerError where it is malformed or is not of a run of duecare."""
    note = parse_note(data)
    lines = note.text.split("\n")[:-1]
    origin, size, root = (*lines, "", "", "")[:3]
    try:
        raw = base64.b64decode(root, validate=True)
        found = Checkpoint(origin.removeprefix(ORIGIN), int(size), raw.hex())
    except ValueError as error:
        raise LedgerError("the checkpoint has no size or no root") from error
    if len(raw) != HASH or found.size < 0 or not is_run_id(found.run) or found.text() != note.text:
        raise LedgerError("the checkpoint is not origin, size and root of a run, a line each")
    return found, note


def signer(checkpoint: Checkpoint, note: SignedNote, public: str) -> bool:
    """Whether the checkpoint bears a signature of the log by the key `public` (hex), and no false one."""
    key = log_key(checkpoint.run, public)
    mine = key.of(note)
    return bool(mine) and all(key.signed(note, each) for each in mine)


def witnessed(note: SignedNote, key: NoteKey) -> int | None:
    """When the witness co-signed (seconds since 1970, the latest line); None where it did not.

    Raises LedgerError where a line under its name and id is no signature of it.
    """
    mine = key.of(note)
    if not all(key.signed(note, each) for each in mine):
        raise LedgerError(f"the line of witness {key.name} is not its signature of this checkpoint")
    return max(map(time_of, mine), default=None)


def with_lines(note: SignedNote, more: Iterable[Signature]) -> SignedNote:
    """The note with further signature lines; of equal lines one stays."""
    return SignedNote(note.text, tuple(dict.fromkeys([*note.signatures, *more])))
