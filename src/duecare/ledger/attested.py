"""The folder attestations/: what a run says for outsiders in forms that their programs read, and its entry.

```
provenance.intoto.jsonl   SLSA provenance v1 of the model, signed with the key of the run (DSSE)
gates.intoto.jsonl        in-toto test-result v0.1: what the gates said of it; absent where none did
model.sig                 OpenSSF Model Signing v1.0 of the model's files; absent where no model was trained
weights-key.pub           the key that model.sig holds for; the entry names it, under the signed head
```

Everything but the signatures follows from the ledger, so `verify` writes it again and compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import structs

from duecare.core.errors import LedgerError
from duecare.core.step import Note
from duecare.ledger.attestation import MODEL, Subject, subject_of
from duecare.ledger.durable import read_regular
from duecare.ledger.duties import Account, moment
from duecare.ledger.entry import Entry
from duecare.ledger.envelope import Signature, read_line, sealed_by, signers, write_line
from duecare.ledger.layout import ATTESTATIONS
from duecare.ledger.manifest import File, check
from duecare.ledger.modelsig import SIGNATURE_FILE, sign_model
from duecare.ledger.provenance import provenance
from duecare.ledger.sign import Key
from duecare.ledger.standing import standing
from duecare.ledger.testresult import gate_results
from duecare.ledger.weightkey import WeightsKey

ATTESTED: Final = "attested"
PROVENANCE_FILE: Final = "provenance.intoto.jsonl"
GATES_FILE: Final = "gates.intoto.jsonl"
KEY_FILE: Final = "weights-key.pub"
SIGNED_BY: Final = "signed_by"


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry says of its attestations: the job of the model ("" for none), the moment for which
    waivers were judged, and the key (PEM) that signed the weights ("" where none did)."""

    model: str
    time: datetime
    weights_key: str


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs: the Ed25519 keys under each statement (that of the run first), the key of weights, and by
    file what people signed before of just the same bytes."""

    keys: Sequence[Key]
    weights: WeightsKey
    kept: Mapping[str, Sequence[Signature]] = field(default_factory=dict)


def statements(
    run: Path, entries: Sequence[Entry], people: Account, now: datetime, subject: Subject
) -> dict[str, bytes]:
    """What is attested of a run whose ledger holds `entries` (and says of people what `people` does), by the
    name of its file."""
    gates = gate_results(run, entries, people, now, subject)
    found = {PROVENANCE_FILE: provenance(run, entries, people.recorder, subject)}
    return found if gates is None else {**found, GATES_FILE: gates}


def model_files(subject: Subject) -> list[File]:
    """The files of a model, by paths relative to its folder; none where no model is attested."""
    before = f"{subject.folder}/{MODEL}"
    return [
        File(path=each.path.removeprefix(before), size=each.size, sha256=each.sha256)
        for each in subject.files
        if subject.job
    ]


def write_attestations(
    out: Path, said: Mapping[str, bytes], subject: Subject, name: str, by: Signers
) -> tuple[str, ...]:
    """Sign and write all of it into `out`; `name` is that of the study. The people (public keys) who signed
    every statement."""
    people: list[set[str]] = []
    for file, content in said.items():
        line = sealed_by(content, by.keys)
        ours = {each.keyid for each in line.signatures}
        further = tuple(each for each in by.kept.get(file, ()) if each.keyid not in ours)
        line = structs.replace(line, signatures=(*line.signatures, *further))
        (out / file).write_bytes(write_line(line))
        people.append({each.keyid for each in line.signatures} - {by.keys[0].public})
    if subject.job:
        (out / SIGNATURE_FILE).write_bytes(sign_model(name, model_files(subject), by.weights))
        (out / KEY_FILE).write_bytes(by.weights.public)
    return tuple(sorted(set.intersection(*people)))


def signatures_kept(
    run: Path, said: Mapping[str, bytes], people: Account
) -> dict[str, tuple[Signature, ...]]:
    """What people on the list signed of the files that lie in the run, where a file says just what is to be
    said now; by file."""
    listed = people.listed.listing.people.values() if people.listed else ()
    known, found = {person.key for person in listed}, {}
    for name, content in said.items():
        try:
            line = read_line(read_regular(run / ATTESTATIONS / name))
            if line.content() == content and signers(line):
                found[name] = tuple(each for each in line.signatures if each.keyid in known)
        except (LedgerError, OSError):
            continue  # not there, or damaged: nothing of it is to be kept
    return found


def note_of(subject: Subject, now: datetime, weights: WeightsKey, people: Sequence[str] = ()) -> Note:
    """The note of the entry: it binds the key of the weights to the run, and names the `people` (public keys)
    who signed beside the run."""
    what = f"the model of {subject.job}" if subject.job else "the results"
    data = {
        "model": subject.job,
        "time": now.isoformat(timespec="seconds"),
        "weights_key": weights.public.decode("ascii") if subject.job else "",
        **({SIGNED_BY: ",".join(people)} if people else {}),
    }
    return Note(topic=ATTESTED, text=f"Attestations of {what} were signed.", data=data)


def told_by(entry: Entry) -> Told:
    """What the entry says. Raises LedgerError where it says nothing of the kind."""
    data = entry.note.data if entry.note is not None else {}
    when = moment(data.get("time", ""))
    if when is None or not {"model", "weights_key"} <= data.keys():
        raise LedgerError(f"entry {entry.index} says not what was attested")
    return Told(data["model"], when, data["weights_key"])


def people_told(entry: Entry) -> tuple[str, ...]:
    """The people (public keys) who, as the entry says, signed beside the run."""
    written = entry.note.data.get(SIGNED_BY, "") if entry.note is not None else ""
    return tuple(written.split(",")) if written else ()


def last_attested(entries: Sequence[Entry]) -> Entry | None:
    """The entry of the attestations that lie in the folder; None where there are none."""
    found = [entry for entry in entries if entry.happened == ATTESTED]
    return found[-1] if found else None


def lies_broken(run: Path, entries: Sequence[Entry]) -> bool:
    """Whether attestations/ is not as its entry says, as a killed call leaves it."""
    last = last_attested(entries)
    if last is None:
        return (run / ATTESTATIONS).exists()
    return bool(check(run / ATTESTATIONS, last.outputs[ATTESTATIONS]))


def subject_told(run: Path, entries: Sequence[Entry], model: str) -> Subject:
    """The subject of attestations made when the ledger held `entries`."""
    return subject_of(run, standing(entries), model or None)
