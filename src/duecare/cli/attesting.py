"""Attestations of a run: made of its ledger, signed with the key that records it, entered, made again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from duecare.cli.run import now
from duecare.cli.software import versions
from duecare.core import LedgerError
from duecare.ledger import sign
from duecare.ledger.attestation import Subject, subject_of
from duecare.ledger.attested import (
    ATTESTED,
    Signers,
    last_attested,
    lies_broken,
    note_of,
    people_told,
    signatures_kept,
    statements,
    told_by,
    write_attestations,
)
from duecare.ledger.chain import leaf_hash
from duecare.ledger.durable import read_regular
from duecare.ledger.duties import Account, account
from duecare.ledger.entry import Entry
from duecare.ledger.envelope import read_line
from duecare.ledger.inspect_attested import faults
from duecare.ledger.layout import ATTESTATIONS, SCRATCH
from duecare.ledger.log import entry_line
from duecare.ledger.record import Recorder
from duecare.ledger.sign import Key
from duecare.ledger.standing import standing
from duecare.ledger.weightkey import load_or_create_weights_key
from duecare.vault import keys


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be attested now: of what, what is said (by file), and the moment for which it is said."""

    subject: Subject
    said: dict[str, bytes]
    time: datetime


def drafted(folder: Path, recorder: Recorder, model: str | None) -> Draft:
    """The statements about a run as it is now. Raises LedgerError where there is nothing to attest."""
    entries, time = recorder.entries, now().replace(microsecond=0)
    subject = subject_of(folder, standing(entries), model)
    said = statements(folder, entries, _people(recorder), time, subject)
    return Draft(subject, said, time)


def attest(
    folder: Path, recorder: Recorder, model: str | None = None, people: Sequence[Key] = ()
) -> tuple[Entry, bool]:
    """Sign and enter attestations, unless those that lie there say just this; their entry, and whether it is
    new. `model` is the job whose model it is (left out: the last), `people` are further keys that sign; what
    people on the list signed before of the same statements stays.

    Raises LedgerError where the run is not at its end, or made nothing.
    """
    _refuse_unfinished(recorder)
    draft = drafted(folder, recorder, model)
    last = last_attested(recorder.entries)
    if last is not None and _stands(folder, recorder, draft, people):
        return last, False
    home = keys.home()
    weights = load_or_create_weights_key(home)
    out = folder / SCRATCH / ATTESTATIONS
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    name = standing(recorder.entries).name
    mine = sign.load_or_create(home)
    others = [key for key in people if key.public != mine.public]
    kept = signatures_kept(folder, draft.said, _people(recorder))
    by = write_attestations(out, draft.said, draft.subject, name, Signers([mine, *others], weights, kept))
    artifact = recorder.publish_attestations(out)
    note = note_of(draft.subject, draft.time, weights, by)
    entry = recorder.append(ATTESTED, outputs={ATTESTATIONS: artifact.digest}, software=versions(), note=note)
    _tidy(folder)
    return entry, True


def put_right(folder: Path, recorder: Recorder) -> None:
    """Take away what a killed call left: attestations that no entry records, or not these; half of them.

    Raises LedgerError where a person signed them whose signature lies there no more: nobody else can give it.
    """
    if lies_broken(folder, recorder.entries):
        last = last_attested(recorder.entries)
        model = told_by(last).model or None if last is not None else None
        if last is not None and (lost := _lost(folder, recorder, last, model)):
            raise LedgerError(
                f"the attestations of entry {last.index} lie there no more as they were signed by "
                f"{', '.join(lost)}: `duecare attest RUN --as NAME` has them signed again, and `duecare "
                "attest RUN` does without"
            )
        attest(folder, recorder, model)
    put_away(folder)


def put_away(folder: Path) -> None:
    """Take away attestations that a killed call had not finished."""
    shutil.rmtree(folder / SCRATCH / ATTESTATIONS, ignore_errors=True)
    _tidy(folder)


def _lost(folder: Path, recorder: Recorder, last: Entry, model: str | None) -> list[str]:
    """By name (or key) the people who signed what an entry records, and whose signatures cannot be kept."""
    people = _people(recorder)
    said = drafted(folder, recorder, model).said
    kept = signatures_kept(folder, said, people)
    stay = [{each.keyid for each in kept.get(name, ())} for name in said]
    listed = people.listed.listing.people.items() if people.listed else ()
    names = {person.key: name for name, person in listed}
    return [names.get(key, key) for key in people_told(last) if not all(key in each for each in stay)]


def _stands(folder: Path, recorder: Recorder, draft: Draft, people: Sequence[Key]) -> bool:
    """Whether what lies there is whole, says what is to be said now, and is signed by all who are to sign."""
    last = last_attested(recorder.entries)
    if last is None or lies_broken(folder, recorder.entries) or told_by(last).model != draft.subject.job:
        return False
    try:
        if faults(folder, recorder.entries, _leaves(recorder), recorder.head):
            return False
    except LedgerError:
        return False
    read = {path.name: read_line(read_regular(path)) for path in (folder / ATTESTATIONS).glob("*.jsonl")}
    mine = {key.public for key in people}
    signed = all(mine <= {each.keyid for each in line.signatures} for line in read.values())
    return signed and {name: line.content() for name, line in read.items()} == draft.said


def _leaves(recorder: Recorder) -> list[bytes]:
    return [leaf_hash(entry_line(entry)) for entry in recorder.entries]


def _people(recorder: Recorder) -> Account:
    return account(recorder.entries, _leaves(recorder), recorder.head.run, recorder.head.key)


def _refuse_unfinished(recorder: Recorder) -> None:
    state = standing(recorder.entries)
    if not state.finished:
        raise LedgerError(f"the run is not at its end: {state.next or 'run.finished'} comes next")


def _tidy(folder: Path) -> None:
    scratch = folder / SCRATCH
    if scratch.is_dir() and not any(scratch.iterdir()):
        scratch.rmdir()
