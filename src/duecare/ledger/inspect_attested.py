"""Verification of attestations: signed by whom they may be, and saying what the ledger says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from duecare.core.errors import DuecareError, LedgerError
from duecare.core.finding import INSUFFICIENT, Finding
from duecare.ledger.attestation import Subject
from duecare.ledger.attested import (
    KEY_FILE,
    Told,
    last_attested,
    model_files,
    people_told,
    statements,
    subject_told,
    told_by,
)
from duecare.ledger.claims import SOFTWARE
from duecare.ledger.durable import read_regular
from duecare.ledger.duties import Account, account, moment
from duecare.ledger.entry import Entry
from duecare.ledger.envelope import read_line, signers
from duecare.ledger.inspect_log import Ledger, fail, hold
from duecare.ledger.layout import ATTESTATIONS
from duecare.ledger.modelsig import SIGNATURE_FILE, check_model
from duecare.ledger.sign import Head
from duecare.ledger.standing import standing
from duecare.version import __version__

_LIMIT = "attestations are signed by the run's key and say what the ledger says"
_NAME = "attested"
_NEAR = timedelta(hours=1)
_AGAIN = "Do not use them. `duecare attest` makes them anew from the ledger."
_NOW = "`duecare attest` says it of the run as it is."


def inspect_attested(run: Path, ledger: Ledger) -> list[Finding]:
    """A finding on what lies in attestations/; none where nothing was attested."""
    entries = [entry for _, entry in ledger.entries]
    last = last_attested(entries)
    if last is None or ledger.head is None or not (run / ATTESTATIONS).is_dir():
        return []
    try:
        problems, unlike = _compared(run, entries, ledger.leaves, ledger.head)
    except LedgerError as error:
        if _changed(entries, last):  # a result was made again since, so that its list is another
            return [_insufficient(f"What entry {last.index} attests cannot be compared any more: {error}.")]
        problems, unlike = [str(error)], []
    except (DuecareError, OSError, KeyError, IndexError) as error:
        problems, unlike = [f"they hold what no attestation can ({type(error).__name__})"], []
    if problems:
        return [fail(_NAME, _LIMIT, f"{ATTESTATIONS}: {text}.", _AGAIN) for text in problems]
    if unlike:
        other = f"version {last.software.get(SOFTWARE, 'unknown')} of duecare"
        return [_insufficient(f"{other} wrote {', '.join(unlike)}, and this one writes them otherwise.")]
    if _changed(entries, last):
        return [_insufficient(f"Attested is the run as it was before entry {last.index}.")]
    return [hold(_NAME, _LIMIT, f"{ATTESTATIONS} are signed and say what entry {last.index} records.")]


def faults(run: Path, entries: Sequence[Entry], leaves: Sequence[bytes], head: Head) -> list[str]:
    """What is wrong with the attestations that lie there, by the last entry of such: their signatures, and
    where they say something else than the ledger did then. Entries that do not matter may be left out.

    Raises LedgerError where they cannot be compared with it.
    """
    return _compared(run, entries, leaves, head)[0]


def _compared(
    run: Path, entries: Sequence[Entry], leaves: Sequence[bytes], head: Head
) -> tuple[list[str], list[str]]:
    """The faults, and the files that only differ in that another version of this program wrote them, as far
    as can be known."""
    last = last_attested(entries)
    if last is None:
        return [], []
    told = told_by(last)
    before = [entry for entry in entries if entry.index < last.index]
    subject = subject_told(run, before, told.model)
    people = account(entries, leaves, head.run, head.key, upto=last.index)
    said = statements(run, before, people, told.time, subject)
    here = {path.name for path in (run / ATTESTATIONS).glob("*.jsonl")}
    problems = [
        *_untimely(told, last),
        *_signatures(run, head, people, last),
        *(f"{name} is missing, or nothing that can be attested" for name in sorted(here ^ set(said))),
        *_weights(run, standing(before).name, subject, told),
    ]
    unlike = _unlike(run, {name: said[name] for name in sorted(here & set(said))})
    if last.software.get(SOFTWARE) != __version__:
        return problems, unlike
    return problems + [f"{name} says something else than the ledger" for name in unlike], []


def _insufficient(detail: str) -> Finding:
    return Finding(name=f"verify.{_NAME}", verdict=INSUFFICIENT, limit=_LIMIT, detail=detail, next=_NOW)


def _changed(entries: Sequence[Entry], last: Entry) -> bool:
    """Whether results count now that did not when it was attested, or the other way round."""
    then = standing([entry for entry in entries if entry.index < last.index])
    now = standing(entries)
    return [(job, entry.outputs) for job, entry in then.done.items()] != [
        (job, entry.outputs) for job, entry in now.done.items()
    ] or then.gates != now.gates


def _signatures(run: Path, head: Head, people: Account, last: Entry) -> list[str]:
    """Who signed: the run's key always, of others only people on the list, and all whom the entry names."""
    listed = people.listed.listing.people.values() if people.listed else ()
    known = {head.key, *(person.key for person in listed)}
    problems = []
    for path in sorted((run / ATTESTATIONS).glob("*.jsonl")):
        try:
            keys = signers(read_line(read_regular(path)))
        except LedgerError as error:
            problems.append(f"{path.name}: {error}")
            continue
        if head.key not in keys:
            problems.append(f"{path.name} is not signed by the key that records the run")
        problems += [
            f"{path.name} is signed by {key[:16]}, who is nobody here" for key in keys if key not in known
        ]
        problems += [
            f"{path.name} is not signed by {key[:16]}, who did by entry {last.index}"
            for key in people_told(last)
            if key not in keys
        ]
    return problems


def _untimely(told: Told, last: Entry) -> list[str]:
    """Whether waivers were judged for another moment than that of the entry: one that ran out would count."""
    then = moment(last.time)
    near = then is not None and abs(then - told.time) <= _NEAR
    return [] if near else [f"entry {last.index} judges waivers for {told.time.date()}, not for its own time"]


def _unlike(run: Path, said: dict[str, bytes]) -> list[str]:
    """The statements that are not the ones that follow from the ledger."""
    found = []
    for name, content in said.items():
        try:
            differs = read_line(read_regular(run / ATTESTATIONS / name)).content() != content
        except LedgerError:
            continue  # said of its signature
        found += [name] if differs else []
    return found


def _weights(run: Path, name: str, subject: Subject, told: Told) -> list[str]:
    if not subject.job:
        return []
    folder, public = run / ATTESTATIONS, told.weights_key.encode()
    if read_regular(folder / KEY_FILE) != public:
        return [f"{KEY_FILE} is another key than the one that the ledger names"]
    found = check_model(read_regular(folder / SIGNATURE_FILE), name, model_files(subject), public)
    return [f"{SIGNATURE_FILE}: {text}" for text in found]
