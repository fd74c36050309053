"""verify: everything that a run folder says about itself, recomputed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.x509 import Certificate

from duecare.core.finding import FAIL, INSUFFICIENT, Finding
from duecare.ledger.anchor import step_back
from duecare.ledger.chain import tree_root
from duecare.ledger.forgotten import inspect_forgotten
from duecare.ledger.inspect_attested import inspect_attested
from duecare.ledger.inspect_checkpoint import inspect_checkpoint
from duecare.ledger.inspect_files import inspect_files
from duecare.ledger.inspect_log import Ledger, fail, hold, inspect_log
from duecare.ledger.inspect_people import about_people, inspect_people
from duecare.ledger.note import NoteKey
from duecare.ledger.sign import Head, is_signed
from duecare.ledger.stamp import inspect_stamps

_LIMIT = "the head is signed by the pinned key and goes on from the head last seen"
_NOT_ANCHORED = "Verify where the run was seen before, or give the signer's public key and a trusted head."


def verify(
    run: Path | str,
    *,
    pinned_key: str | None = None,
    last_head: Head | None = None,
    witnesses: Sequence[NoteKey] = (),
    now: datetime | None = None,
    authorities: Sequence[Certificate] = (),
) -> list[Finding]:
    """Hash the whole run again and compare it with its ledger; one Finding a limit, or a broken place.

    `pinned_key` is the public key (hex) that must have signed, `last_head` the head last seen of this run,
    both from *outside* the run. A folder replaced whole by an older or re-signed copy of itself is found
    only with them; without, `verify.anchor` is "insufficient evidence": consistent, not anchored. Of each of
    the `witnesses` a co-signature is looked for: it dates what it covers, and is silent on what came after.
    `authorities` are certificates of time stamping authorities, whose stamps are then looked for.
    `now` is the day on which waivers are still good or not (left out: this moment). Findings on who answers
    for the run (`verify.people...`) are there where its study lists people; they say nothing of the folder.
    Needs no network and never raises, whatever lies in the folder. Meant for a run that nobody is writing.
    """
    run = Path(run)  # text, as a newcomer writes it, must not be told to be a forged run
    try:
        if not run.is_dir():
            return [
                fail("run", "there is a run folder", f"{run.name} is not a folder.", "Give a run folder.")
            ]
        ledger = inspect_log(run)
        findings = ledger.findings + inspect_checkpoint(run, ledger, witnesses)
        findings += inspect_stamps(run, ledger, authorities)
        findings += _stored(run, ledger)
        findings += inspect_people(ledger, now or datetime.now(UTC))
        sound = not any(finding.verdict == FAIL and not about_people(finding) for finding in findings)
        return findings + _anchor(ledger, pinned_key, last_head, sound)
    except OSError as error:
        where = Path(str(error.filename)).name if error.filename else "a file"
        detail = f"{where!a} cannot be read ({error.strerror})."
        return [fail("run", "the run can be read whole", detail, "Ask for the right to read it.")]
    except Exception as error:  # garbage that no check foresaw is a failed run, not a crashed auditor
        detail = f"Verification stopped with {type(error).__name__}: the run holds what no run can."
        return [fail("run", "the run can be read whole", detail)]


def _stored(run: Path, ledger: Ledger) -> list[Finding]:
    """What lies there, and what of it was forgotten."""
    said = [entry for _, entry in ledger.entries]
    return inspect_files(run, said) + inspect_attested(run, ledger) + inspect_forgotten(said)


def _anchor(ledger: Ledger, pinned_key: str | None, last_head: Head | None, sound: bool) -> list[Finding]:
    head = ledger.head
    if head is None:
        return []
    problems = []
    if pinned_key is not None and head.key != pinned_key.lower():
        problems.append(f"signed by key {head.key}, pinned is {pinned_key.lower()}")
    if last_head is not None:
        problems += _since(last_head, head, ledger.leaves)
    if problems:
        then = "Do not rely on this folder: it was re-signed or rolled back. Ask its owner for the true one."
        return [fail("anchor", _LIMIT, f"ledger/head.json: {text}.", then) for text in problems]
    if not sound:
        return []
    if last_head is not None:
        detail = f"Anchored: consistent, and goes on from {last_head.size} entries seen at {last_head.time}."
        return [hold("anchor", _LIMIT, detail)]
    seen = "signed by the pinned key, but a roll-back could not be seen" if pinned_key else "not anchored"
    return [
        Finding(
            name="verify.anchor",
            verdict=INSUFFICIENT,
            limit=_LIMIT,
            detail=f"Consistent, {seen}.",
            next=_NOT_ANCHORED,
        )
    ]


def _since(known: Head, head: Head, leaves: list[bytes]) -> list[str]:
    if not is_signed(known):
        return ["the head remembered has no valid signature: what was remembered was changed"]
    if problem := step_back(known, head):
        return [problem]
    if len(leaves) >= known.size and tree_root(leaves[: known.size]) != known.root:
        return [f"rewritten: its first {known.size} entries are not those last seen"]
    return []
