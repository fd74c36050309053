"""Verification of RUN/ledger/checkpoint and of the witnesses' lines in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from duecare.core.errors import LedgerError
from duecare.core.finding import INSUFFICIENT, Finding
from duecare.ledger.chain import tree_root
from duecare.ledger.checkpoint import CHECKPOINT, Checkpoint, log_key, parse_checkpoint, signer, witnessed
from duecare.ledger.durable import read_regular
from duecare.ledger.inspect_log import Ledger, fail, hold
from duecare.ledger.layout import LEDGER
from duecare.ledger.note import NoteKey, SignedNote

_LIMIT = "the checkpoint is signed by the run's key and is a head that its log had"
_SIGN_AGAIN = "Take it out and let `duecare checkpoint` write it again; ask where it comes from."
_ASK = "Ask that witness for its line (`duecare checkpoint RUN --out REQUEST`, `duecare witness REQUEST`)."
_WHERE = f"{LEDGER}/{CHECKPOINT}"


def inspect_checkpoint(run: Path, ledger: Ledger, witnesses: Sequence[NoteKey]) -> list[Finding]:
    """Findings on the checkpoint, where there is one, and on each witness whose key is given."""
    path = run / LEDGER / CHECKPOINT
    if not os.path.lexists(path):
        return [_missing(key, "there is no checkpoint") for key in witnesses]
    try:
        checkpoint, note = parse_checkpoint(read_regular(path))
    except LedgerError as error:
        return [fail("checkpoint", _LIMIT, f"{_WHERE}: {error}.", _SIGN_AGAIN)]
    if problem := _problem(checkpoint, note, ledger):
        return [fail("checkpoint", _LIMIT, f"{_WHERE}: {problem}.", _SIGN_AGAIN)]
    others = len(note.signatures) - 1 - sum(len(key.of(note)) for key in witnesses)
    said = f", {others} further lines by keys that were not given here (they say nothing)" if others else ""
    return [
        hold("checkpoint", _LIMIT, f"{_WHERE}: {checkpoint.size} entries{said}."),
        *(_witness(key, checkpoint, note) for key in witnesses),
    ]


def _problem(checkpoint: Checkpoint, note: SignedNote, ledger: Ledger) -> str | None:
    """What does not hold first; None where all does."""
    head = ledger.head
    if head is None:
        return "there is no head to compare it with"
    mine = log_key(checkpoint.run, head.key).of(note)
    covered, size = ledger.leaves[: checkpoint.size], checkpoint.size
    checks = (
        (checkpoint.run == head.run, f"it is of run {checkpoint.run}"),
        (signer(checkpoint, note, head.key), f"it is not signed by key {head.key}, which signed the head"),
        (len(mine) <= 1, "it bears the run's signature more than once"),
        (size <= head.size, f"it signs {size} entries, the head {head.size}: the run was rolled back"),
        (len(covered) == size, f"it signs {size} entries, the log holds {len(covered)}"),
        (tree_root(covered) == checkpoint.root, f"the first {size} entries are not those that it signs"),
    )
    return next((problem for holds, problem in checks if not holds), None)


def _witness(key: NoteKey, checkpoint: Checkpoint, note: SignedNote) -> Finding:
    limit = f"witness {key.name} co-signed the log"
    try:
        seconds = witnessed(note, key)
    except LedgerError as error:
        return fail("witness", limit, f"{_WHERE}: {error}.", _SIGN_AGAIN)
    if seconds is None:
        return _missing(key, "it has no line of this witness")
    try:
        when = datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return fail("witness", limit, f"{_WHERE}: the time of {key.name} is none ({seconds}).", _SIGN_AGAIN)
    detail = f"At {when} the log had {checkpoint.size} entries and had only grown in what this witness saw."
    return hold("witness", limit, detail)


def _missing(key: NoteKey, why: str) -> Finding:
    return Finding(
        name="verify.witness",
        verdict=INSUFFICIENT,
        limit=f"witness {key.name} co-signed the log",
        detail=f"{_WHERE}: {why}.",
        next=_ASK,
    )
