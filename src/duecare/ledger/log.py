"""log.jsonl and the signed head over it: appended durably, read back only as far as it is signed.

One canonical JSON line an entry; the leaf of the Merkle tree is the line without its newline. An append
is acknowledged once the lines are on the disk *and* the head that covers them has replaced the last one.
So whatever stands after the signed head was never acknowledged and may be cut, whereas a log that is
shorter than its head, or has another root, has lost something and is never "repaired".
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from duecare.core.errors import DuecareError, LedgerError
from duecare.core.wire import decode, encode, encode_read
from duecare.ledger.chain import EMPTY_ROOT, NO_PREVIOUS, Frontier, leaf_hash
from duecare.ledger.durable import PENDING, read_regular, write_durably
from duecare.ledger.entry import Entry
from duecare.ledger.layout import HEAD, LOG
from duecare.ledger.sign import Head, Key, parse_head, write_head


class Log:
    """An open log that can grow. `head` is the last acknowledged; `previous` the last leaf hash (hex)."""

    def __init__(self, folder: Path, key: Key, head: Head, lines: Sequence[bytes] = ()) -> None:
        self._folder = folder
        self._key = key
        self._frontier = Frontier(map(leaf_hash, lines))
        self._length = sum(len(line) + 1 for line in lines)
        self._broken = False
        self.head = head
        self.previous = leaf_hash(lines[-1]).hex() if lines else NO_PREVIOUS
        self._handle = os.open(folder / LOG, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)

    def append(self, lines: Sequence[bytes], time: str) -> Head:
        """Write lines and the head over them; when this returns they survive any crash.

        Bytes left after the last acknowledged line are cut by the same write. After a failure the state
        on the disk is not known here, so that every further append is refused until the run is reopened.
        """
        if self._broken:
            raise LedgerError("the log is closed, or an earlier append failed: open the run again")
        frontier = self._frontier.copy()
        for line in lines:
            frontier.add(leaf_hash(line))
        head = self._key.sign_head(
            run=self.head.run, size=frontier.size, root=frontier.root().hex(), time=time
        )
        self._broken = True
        data = b"".join(line + b"\n" for line in lines)
        try:
            self._write(data)
            write_durably(self._folder / HEAD, write_head(head))
        except OSError as error:
            raise LedgerError(f"the ledger could not be written ({error.strerror})") from error
        self._broken = False
        self._frontier, self._length, self.head = frontier, self._length + len(data), head
        self.previous = leaf_hash(lines[-1]).hex()
        return head

    def close(self) -> None:
        """Close the file; nothing is pending. A second call does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._broken = -1, True

    def _write(self, data: bytes) -> None:
        os.lseek(self._handle, self._length, os.SEEK_SET)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        os.ftruncate(self._handle, self._length + len(data))
        os.fsync(self._handle)


def create_log(folder: Path, key: Key, run_id: str, time: str) -> Log:
    """A new, empty log. Its head over nothing comes first: a log without head is then always a loss."""
    head = key.sign_head(run=run_id, size=0, root=EMPTY_ROOT.hex(), time=time)
    write_durably(folder / HEAD, write_head(head))
    return Log(folder, key, head)


def open_log(folder: Path, key: Key) -> tuple[Log, list[bytes], bytes]:
    """The log to append to, its acknowledged lines, and the bytes after them (cut by the next append).

    Raises LedgerError where the log lost what its head signs, or the head is another key's.
    """
    head, lines, tail = read_log(folder)
    if head.key != key.public:
        raise LedgerError(
            f"run {head.run} was signed by key {head.key}, yours is {key.public}: go on with that key, "
            "or start a run of your own"
        )
    (folder / (HEAD + PENDING)).unlink(missing_ok=True)
    return Log(folder, key, head, lines), lines, tail


def read_log(folder: Path) -> tuple[Head, list[bytes], bytes]:
    """Head, acknowledged lines and the bytes after them; refuses a log that does not hold what is signed.

    The head is read first: a log that another process is writing is then never shorter than it.
    """
    head = parse_head(read_regular(folder / HEAD))
    data = b"" if head.size == 0 and not os.path.lexists(folder / LOG) else read_regular(folder / LOG)
    lines, tail = split(data, head.size)
    if len(lines) < head.size:
        raise LedgerError(
            f"{LOG} holds {len(lines)} whole entries, its head signs {head.size}: entries were lost; "
            "restore it from a copy (nothing was changed)"
        )
    if Frontier(map(leaf_hash, lines)).root().hex() != head.root:
        raise LedgerError(
            f"{LOG} is not what its head signs: an entry was changed, added, removed or moved; "
            "restore it from a copy (nothing was changed)"
        )
    return head, lines, tail


def split(data: bytes, size: int) -> tuple[list[bytes], bytes]:
    """The first `size` whole lines (without newline; fewer if there are not so many) and what follows."""
    parts = data.split(b"\n", size)
    return parts[:-1], parts[-1]


def entry_line(entry: Entry) -> bytes:
    """The canonical line of an entry, without newline."""
    return encode(entry)


def parse_line(line: bytes) -> Entry:
    """Read one line; LedgerError where it is malformed or not canonical. Never quotes the line."""
    try:
        entry = decode(line, Entry)
        canonical = encode_read(entry) == line
    except (DuecareError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise LedgerError(f"not an entry: {type(error).__name__}") from error
    if not canonical:
        raise LedgerError("not in the form in which entries are written")
    return entry
