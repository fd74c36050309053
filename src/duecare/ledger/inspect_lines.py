"""What can be said of each line of a log by itself and its neighbour; long logs go to several processes.

The lines reach them through a pipe, so that what is examined is what was read, whatever happens to the file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from duecare.core.errors import LedgerError
from duecare.ledger.chain import NO_PREVIOUS, leaf_hash
from duecare.ledger.claims import contradictions
from duecare.ledger.entry import Entry
from duecare.ledger.forgotten import concerns
from duecare.ledger.log import parse_line
from duecare.ledger.proof import HASH
from duecare.ledger.waiver import WAIVER

SHARED_FROM = 50_000
"""Lines from which on processes beside this one help: they take a third of a second to start."""
MOST_PROCESSES = 8

_ALWAYS = ("run.started", "run.finished", "step.failed", "signed", "released")


class Examined(msgspec.Struct):
    """What was found in a stretch of lines: their leaf hashes, one after another, what is wrong with which
    line (index, sentence), and the indexes of lines that say something about files, gates or people, or of
    themselves."""

    leaves: bytes
    wrong: list[tuple[int, str]]
    matter: list[int]


class _Stretch(msgspec.Struct):
    """Lines to examine: `before` is the line before the first, empty where there is none."""

    lines: list[bytes]
    first: int
    before: bytes
    run: str


class _Anything:
    """Holds every digest: what an entry uses can only be judged with all entries before it."""

    def __contains__(self, _: object) -> bool:
        return True


def examine(lines: Sequence[bytes], run: str, processes: int | None = None) -> Examined:
    """Examine all lines of a log of `run`, in at most so many `processes` (left out: one a processor)."""
    most = processes if processes is not None else min(MOST_PROCESSES, os.cpu_count() or 1)
    count = 1 if len(lines) < SHARED_FROM and processes is None else max(1, min(most, len(lines)))
    size = -(-len(lines) // count) or 1
    parts = [
        _Stretch(list(lines[at : at + size]), at, lines[at - 1] if at else b"", run)
        for at in range(0, len(lines), size)
    ]
    with ThreadPoolExecutor(max(1, len(parts))) as pool:  # each thread waits for a process
        beside = [pool.submit(_beside, part) for part in parts[1:]]
        done = [_examined(part) for part in parts[:1]]
        done += [_result(waited, part) for waited, part in zip(beside, parts[1:], strict=True)]
    return Examined(
        leaves=b"".join(each.leaves for each in done),
        wrong=[wrong for each in done for wrong in each.wrong],
        matter=[index for each in done for index in each.matter],
    )


def leaves_of(examined: Examined) -> list[bytes]:
    """The leaf hashes, one by one."""
    data = examined.leaves
    return [data[at : at + HASH] for at in range(0, len(data), HASH)]


def _examined(part: _Stretch) -> Examined:
    """The plain way, here."""
    previous = leaf_hash(part.before).hex() if part.first else NO_PREVIOUS
    leaves, wrong, matter, every = [], [], [], _Anything()
    for index, line in enumerate(part.lines, part.first):
        try:
            entry = parse_line(line)
        except LedgerError as error:
            wrong.append((index, str(error)))
        else:
            if entry.index != index or entry.previous != previous or entry.run != part.run:
                wrong += [(index, text) for text in _misplaced(entry, index, previous, part.run)]
            says = entry.outputs or entry.inputs or entry.happened in _ALWAYS
            says = says or concerns(entry) or any(finding.gate for finding in entry.findings)
            says = says or (entry.note is not None and entry.note.topic == WAIVER)
            if says or contradictions(entry, every):
                matter.append(index)
        leaf = leaf_hash(line)
        leaves.append(leaf)
        previous = leaf.hex()
    return Examined(b"".join(leaves), wrong, matter)


def _misplaced(entry: Entry, index: int, previous: str, run: str) -> list[str]:
    wrong = []
    if entry.index != index:
        wrong.append(f"its index is {entry.index}")
    if entry.previous != previous:
        wrong.append("it does not follow the entry before it")
    if entry.run != run:
        wrong.append("it is of another run")
    return wrong


def _beside(part: _Stretch) -> Examined:
    """In a process of its own; raises where that does not come to an answer."""
    done = subprocess.run(  # noqa: S603  # this very module; -P: nothing is imported from where we stand
        [sys.executable, "-P", "-m", __name__],
        input=msgspec.msgpack.encode(part),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    found = msgspec.msgpack.decode(done.stdout, type=Examined)
    if len(found.leaves) != HASH * len(part.lines):
        raise ValueError("another process lost lines")
    return found


def _result(waited: Future[Examined], part: _Stretch) -> Examined:
    """What the process beside found; where it failed, for whatever reason, it is done here."""
    try:
        return waited.result()
    except (OSError, ValueError, subprocess.SubprocessError, msgspec.MsgspecError):
        return _examined(part)


if __name__ == "__main__":
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Stretch)
    sys.stdout.buffer.write(msgspec.msgpack.encode(_examined(asked)))
