"""SLSA provenance (v1) of a released model: from which data and weights, by which steps, with which settings.

The predicate is https://slsa.dev/spec/v1.0/provenance. What the study says is the external parameters, what
each step was given the internal ones; files that came from outside are the dependencies, what was made on the
way are byproducts. People are left out: their list has a digest here, and stands in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from duecare.core.errors import DuecareError, LedgerError
from duecare.core.wire import Noun, decode
from duecare.ledger.attestation import Subject, descriptor, started, statement, way_back
from duecare.ledger.claims import EXTERNAL, SOFTWARE
from duecare.ledger.digest import value_digest
from duecare.ledger.durable import read_regular
from duecare.ledger.entry import Entry
from duecare.ledger.layout import MANIFEST
from duecare.ledger.manifest import read_manifest
from duecare.ledger.standing import standing

PROVENANCE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "urn:duecare:study:v1"
BUILDER: Final = "urn:duecare:recorder:"
"""Begins the name of the builder; the public key of the machine that records the run follows."""
REFERENCE: Final = "reference.json"
_OF_PEOPLE = ("people", "rules")


class _Reference(Noun, frozen=True, kw_only=True):
    """What is read of reference.json: a model that was not trained here, by the SHA-256 of its files."""

    name: str
    family: str = ""
    revision: str | None = None
    files: dict[str, str]
    digest: str


def provenance(run: Path, entries: Sequence[Entry], recorder: str, subject: Subject) -> bytes:
    """The statement about `subject`, by the key `recorder` that records the run."""
    begun, state = started(entries), standing(entries)
    way = way_back(state, subject.job)
    last = way[-1]
    study = {name: value for name, value in begun.settings.items() if name not in _OF_PEOPLE}
    people = {name: begun.settings[name] for name in _OF_PEOPLE if name in begun.settings}
    if people:
        study["people_sha256"] = value_digest(people)
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"study": study},
            "internalParameters": {"jobs": [_job(entry) for entry in way]},
            "resolvedDependencies": _dependencies(run, way),
        },
        "runDetails": {
            "builder": {
                "id": BUILDER + recorder,
                "version": {SOFTWARE: last.software.get(SOFTWARE, "unknown")},
            },
            "metadata": {
                "invocationId": begun.run,
                "startedOn": min(entry.started or entry.time for entry in way),
                "finishedOn": last.time,
            },
            "byproducts": [
                descriptor(f"{folder}/{MANIFEST}", digest, job=entry.job, entry=entry.index)
                for entry in way
                for folder, digest in sorted(entry.outputs.items())
            ],
        },
    }
    return statement(subject, PROVENANCE, predicate)


def referring(run: Path, way: Sequence[Entry]) -> list[tuple[Entry, str]]:
    """Entries on the way whose result only names a model (reference.json), each with its folder."""
    return [
        (entry, folder)
        for entry in way
        for folder in sorted(entry.outputs)
        if any(file.path == REFERENCE for file in read_manifest(run / folder).files)
    ]


def _job(entry: Entry) -> dict[str, Any]:
    """One step, as it stands in the ledger."""
    return {
        "entry": entry.index,
        "job": entry.job,
        "step": entry.step,
        "stepKey": entry.step_key,
        "settings": entry.settings,
        "settingsDigest": entry.settings_digest,
        "seed": entry.seed,
        "software": entry.software,
    }


def _dependencies(run: Path, way: Sequence[Entry]) -> list[dict[str, Any]]:
    """What came from outside: files that were read, and the files of base models."""
    read = [
        descriptor(name.removeprefix(EXTERNAL), digest, kind="file", job=entry.job, entry=entry.index)
        for entry in way
        for name, digest in sorted(entry.inputs.items())
        if name.startswith(EXTERNAL)
    ]
    return read + list(_of_base_models(run, way))


def _of_base_models(run: Path, way: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    for entry, folder in referring(run, way):
        try:
            found = decode(read_regular(run / folder / REFERENCE), _Reference)
        except DuecareError as error:
            raise LedgerError(f"{folder}/{REFERENCE} cannot be read: {type(error).__name__}") from error
        for name, digest in sorted(found.files.items()):
            about: dict[str, object] = {"kind": "model", "job": entry.job, "entry": entry.index}
            if found.revision is not None:
                about["revision"] = found.revision
            yield descriptor(f"{found.name}/{name}", digest, **about)
