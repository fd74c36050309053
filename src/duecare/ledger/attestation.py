"""Statements of in-toto (v1) about what a run made: subjects by digest, and what is said of them.

The form is https://github.com/in-toto/attestation/tree/main/spec/v1. Everything said comes from the ledger
and the lists of files that it names, so whoever has these can write the same statement, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from duecare.core.errors import LedgerError
from duecare.core.wire import encode
from duecare.ledger.entry import Entry
from duecare.ledger.layout import MANIFEST
from duecare.ledger.manifest import File, manifest_digest, read_manifest
from duecare.ledger.standing import Standing

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
MODEL: Final = "model/"
"""Begins the names of a model's files in the result of the job that made it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is attested: the files of a model, or, of a run that trained none, the lists of files of its
    results. `job` made it ("" for the results), `folder` is its folder; paths are relative to the run."""

    job: str
    folder: str
    files: tuple[File, ...]

    def descriptors(self) -> list[dict[str, Any]]:
        """Each file by name and SHA-256."""
        return [descriptor(file.path, file.sha256) for file in self.files]


def descriptor(name: str, sha256: str, **annotations: object) -> dict[str, Any]:
    """A resource by name and digest (in-toto ResourceDescriptor)."""
    found: dict[str, Any] = {"name": name, "digest": {"sha256": sha256}}
    return {**found, "annotations": annotations} if annotations else found


def statement(subject: Subject, kind: str, predicate: Mapping[str, object]) -> bytes:
    """The bytes of a statement: canonical JSON."""
    said = {
        "_type": STATEMENT_TYPE,
        "subject": subject.descriptors(),
        "predicateType": kind,
        "predicate": predicate,
    }
    return encode(said)


def counted(state: Standing) -> dict[str, Entry]:
    """The entry of every job that counts, in the order of the plan."""
    return {job: state.done[job] for job in state.planned or tuple(state.done) if job in state.done}


def models(run: Path, state: Standing) -> dict[str, str]:
    """Every job that counts and made a model, with its folder, in the order of the plan."""
    return {
        job: folder
        for job, entry in counted(state).items()
        for folder in entry.outputs
        if any(file.path.startswith(MODEL) for file in read_manifest(run / folder).files)
    }


def subject_of(run: Path, state: Standing, model: str | None = None) -> Subject:
    """The model of job `model` (left out: the last one), or the results where the run trained none.

    Raises LedgerError where there is no such model, nothing at all, or a list of files is another than the
    one on record.
    """
    refuse_other_lists(run, counted(state).values())
    found = models(run, state)
    if model is not None and model not in found:
        raise LedgerError(
            f"no model of job {model!r} counts in this run; there are: {', '.join(found) or '-'}"
        )
    if found:
        job = model or list(found)[-1]
        listed = [f for f in read_manifest(run / found[job]).files if f.path.startswith(MODEL)]
        files = [
            File(path=f"{found[job]}/{each.path}", size=each.size, sha256=each.sha256) for each in listed
        ]
        return Subject(job, found[job], tuple(files))
    lists = [
        File(path=f"{folder}/{MANIFEST}", size=(run / folder / MANIFEST).stat().st_size, sha256=digest)
        for entry in counted(state).values()
        for folder, digest in sorted(entry.outputs.items())
    ]
    if not lists:
        raise LedgerError("nothing was made yet that counts: there is nothing to attest")
    return Subject("", "", tuple(lists))


def refuse_other_lists(run: Path, entries: Iterable[Entry]) -> None:
    """Raise LedgerError where the list of files of a result is not the one that its entry records."""
    for entry in entries:
        for folder, digest in entry.outputs.items():
            if manifest_digest(run / folder) != digest:
                raise LedgerError(f"{folder} is not what entry {entry.index} records")


def way_back(state: Standing, job: str) -> list[Entry]:
    """The entries of all that a result rests on, itself included, in the order in which they were made; of
    a run that trained no model (`job` "") all that count."""
    entries = list(counted(state).values())
    if not job:
        return entries
    found = {job: state.done[job]}
    waiting = [state.done[job]]
    while waiting:
        used = set(waiting.pop().inputs.values())
        for entry in entries:
            if used & set(entry.outputs.values()) and entry.job and entry.job not in found:
                found[entry.job] = entry
                waiting.append(entry)
    return sorted(found.values(), key=lambda entry: entry.index)


def started(entries: Sequence[Entry]) -> Entry:
    """The entry that began the latest run. Raises LedgerError where none did."""
    found = [entry for entry in entries if entry.happened == "run.started"]
    if not found:
        raise LedgerError("no run was begun here: there is nothing to attest")
    return found[-1]
