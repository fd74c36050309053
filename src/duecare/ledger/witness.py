"""A witness: somebody else, on another machine, who says of a run's ledger that it only ever grew.

It keeps the last head it co-signed of every run, and co-signs a later one only with a proof that it begins
with that. Request and answer are those of C2SP tlog-witness, as files: the witness needs the checkpoint and
the proof, not the run. What it cannot know is whether what the entries say is true.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from duecare.core.errors import DuecareError, LedgerError
from duecare.core.wire import Noun, decode, encode
from duecare.ledger.chain import EMPTY_ROOT, leaf_hash
from duecare.ledger.checkpoint import CHECKPOINT, parse_checkpoint, signer, witness_key
from duecare.ledger.durable import read_regular, write_durably
from duecare.ledger.layout import LEDGER, is_digest, is_run_id
from duecare.ledger.lock import Lock
from duecare.ledger.log import read_log
from duecare.ledger.note import NoteKey, Signature, cosignature, cosigned
from duecare.ledger.proof import HASH, consistency, consistent
from duecare.ledger.sign import load_or_create

FOLDER = "witness"
"""The witness's key and memory lie in <home>/witness: another key than the one that signs runs."""
NAME = "name"
MOST_HASHES = 63

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


class Seen(Noun, frozen=True, kw_only=True):
    """The last head that was co-signed of a run, and the key (hex) that had signed it."""

    run: str
    size: int
    root: str
    key: str


@dataclass(frozen=True, slots=True)
class Request:
    """What a witness is asked: to co-sign `note`, which begins with the `old` entries it saw, by `proof`."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The request as C2SP tlog-witness writes it."""
        hashes = "".join(base64.b64encode(each).decode("ascii") + "\n" for each in self.proof)
        return f"old {self.old}\n{hashes}\n".encode() + self.note


def parse_request(data: bytes) -> Request:
    """Read a request; LedgerError where it is malformed."""
    begin, between, note = data.partition(b"\n\n")
    try:
        first, *hashes = begin.decode("ascii").split("\n")
        proof = tuple(base64.b64decode(each, validate=True) for each in hashes)
    except ValueError as error:
        raise LedgerError("the request has a line that is no base64") from error
    said = _OLD.fullmatch(first)
    if said is None or not between or len(proof) > MOST_HASHES or any(len(each) != HASH for each in proof):
        raise LedgerError("the request is not `old SIZE`, at most 63 hashes, an empty line and a checkpoint")
    return Request(int(said[1]), proof, note)


def request_for(run: Path, since: int) -> Request:
    """What a witness who saw `since` entries is to be asked: the run's checkpoint, and the proof up to it.

    Raises LedgerError where the run has no checkpoint, or `since` is beyond it.
    """
    data = read_regular(run / LEDGER / CHECKPOINT)
    checkpoint, _ = parse_checkpoint(data)
    leaves = [leaf_hash(line) for line in read_log(run / LEDGER)[1]]
    return Request(since, tuple(consistency(leaves, since, checkpoint.size)), data)


class Witness:
    """The witness whose key, name and memory lie in `home`/witness; `clock` gives the time.

    `name` is given once, as one that nobody else has ("audit.example.org/desk-1"), and kept with the key.
    Raises LedgerError where there is none yet, or it is another.
    """

    def __init__(self, home: Path, name: str | None, clock: Callable[[], datetime]) -> None:
        self._folder = home / FOLDER
        kept = self._folder / NAME
        known = read_regular(kept).decode("utf-8", "replace") if kept.exists() else None
        if name is None and known is None:
            raise LedgerError("this witness has no name yet: give it one (--name audit.example.org/desk-1)")
        if None not in (name, known) and name != known:
            raise LedgerError(f"this witness is called {known}; a key never signs under two names")
        self._key = load_or_create(self._folder)
        self._clock = clock
        self.key: NoteKey = witness_key(known or name or "", self._key.public)
        if known is None:
            write_durably(kept, self.key.name.encode(), mode=0o600)

    def seen(self, run: str) -> Seen | None:
        """What was last co-signed of a run; None if nothing was."""
        path = self._path(run)
        if not path.exists() and not path.is_symlink():
            return None
        try:
            seen = decode(read_regular(path), Seen)
        except DuecareError as error:
            raise LedgerError(f"{path}: what this witness remembers is damaged") from error
        if seen.run != run or seen.size < 0 or not (is_digest(seen.root) and is_digest(seen.key)):
            raise LedgerError(f"{path}: what this witness remembers is damaged")
        return seen

    def cosign(self, request: Request, public: str | None = None) -> Signature:
        """The co-signature of the request's checkpoint, once it is remembered that it was given.

        `public` is the key (hex) that must have signed the run: needed on first sight of it. Raises
        LedgerError where the checkpoint is not signed by it, or does not go on from what was co-signed last.
        """
        checkpoint, note = parse_checkpoint(request.note)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = Lock(self._folder / f"{checkpoint.run}.lock")  # looked at and remembered by one at a time
        try:
            seen = self.seen(checkpoint.run)
            key = _trusted(checkpoint.run, seen, public)
            if not signer(checkpoint, note, key):
                raise LedgerError(f"the checkpoint of run {checkpoint.run} is not signed by key {key}")
            _refuse_step(seen, request, checkpoint.size, checkpoint.root)
            last = Seen(run=checkpoint.run, size=checkpoint.size, root=checkpoint.root, key=key)
            write_durably(self._path(checkpoint.run), encode(last), mode=0o600)
        finally:
            lock.release()
        seconds = int(self._clock().timestamp())
        return cosignature(self.key, seconds, self._key.cosign(cosigned(note.text, seconds)))

    def _path(self, run: str) -> Path:
        if not is_run_id(run):  # it becomes a file name
            raise LedgerError(f"run id {run!r} is not 8 to 64 lower-case hex digits")
        return self._folder / f"{run}.json"


def _trusted(run: str, seen: Seen | None, public: str | None) -> str:
    if seen is None and public is None:
        raise LedgerError(f"run {run} was never seen by this witness: name the public key of its owner")
    if seen is not None and public is not None and public != seen.key:
        raise LedgerError(f"run {run} is known by key {seen.key}, not by {public}")
    key = public if seen is None else seen.key
    if key is None or not is_digest(key):
        raise LedgerError(f"key {key!r} is not 64 lower-case hex digits")
    return key


def _refuse_step(seen: Seen | None, request: Request, size: int, root: str) -> None:
    """Refuse a checkpoint that does not go on from what was seen."""
    old, old_root = (0, EMPTY_ROOT) if seen is None else (seen.size, bytes.fromhex(seen.root))
    if size < old:
        raise LedgerError(f"rolled back: the checkpoint has {size} entries, {old} were co-signed before")
    if request.old != old:
        raise LedgerError(
            f"the proof goes on from {request.old} entries, this witness saw {old}: ask for "
            f"`duecare checkpoint RUN --since {old}`"
        )
    proof: Sequence[bytes] = request.proof
    if not consistent(old, old_root, size, bytes.fromhex(root), proof):
        raise LedgerError(f"rewritten: the checkpoint does not begin with the {old} entries co-signed before")
