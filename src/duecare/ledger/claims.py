"""What one entry says about itself, and whether it can be so: asked before writing and when verifying."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime

from duecare.core.errors import DuecareError
from duecare.ledger.digest import key_of_step, value_digest
from duecare.ledger.entry import Entry
from duecare.ledger.layout import ATTESTATIONS, REPORT, is_artifact_path, is_digest

EXTERNAL = "external:"
"""Begins the name of an input that is no output of an earlier entry (a file given by the user)."""

SOFTWARE = "duecare"
"""The key of duecare's own version in `Entry.software`; part of every step_key."""

ONE_FOLDER = {"report": REPORT, "attested": ATTESTATIONS}
"""What happened, to the one folder that an entry of it records."""


def contradictions(entry: Entry, known: Container[str]) -> list[str]:
    """Why the entry cannot stand, a sentence each; `known` holds the output digests of earlier entries."""
    return [*_times(entry), *_settings(entry), *_key(entry), *_outputs(entry), *_inputs(entry, known)]


def _times(entry: Entry) -> list[str]:
    given = {"time": entry.time, "started": entry.started}
    return [
        f"{name} is not a time with its zone"
        for name, text in given.items()
        if text is not None and not _is_time(text)
    ]


def _settings(entry: Entry) -> list[str]:
    if entry.settings_digest is None:
        return ["it has settings but no settings_digest"] if entry.settings else []
    try:
        digest = value_digest(entry.settings)
    except (DuecareError, ValueError, RecursionError, OverflowError) as error:
        return [f"its settings cannot be digested: {type(error).__name__}"]
    return [] if digest == entry.settings_digest else ["settings_digest is not the digest of its settings"]


def _key(entry: Entry) -> list[str]:
    if entry.step_key is not None and not is_digest(entry.step_key):
        return ["step_key is no SHA-256 in hex"]
    if entry.happened != "step.finished":
        return []
    version = entry.software.get(SOFTWARE)
    if not (entry.job and entry.step and entry.step_key and entry.settings_digest and version):
        return [f"a finished step needs job, step, step_key, settings_digest and software[{SOFTWARE!r}]"]
    expected = key_of_step(entry.step, entry.settings_digest, entry.seed, entry.inputs, version)
    if expected != entry.step_key:
        return ["step_key is not that of its step, settings, seed, inputs and version"]
    return []


def _outputs(entry: Entry) -> list[str]:
    problems = [
        f"output {path!r} has no SHA-256" for path, digest in entry.outputs.items() if not is_digest(digest)
    ]
    if (only := ONE_FOLDER.get(entry.happened)) is not None:
        if set(entry.outputs) != {only}:
            problems.append(f"an entry {entry.happened} has the one output {only!r}")
    else:
        may = entry.happened == "step.finished"
        problems += [
            f"an entry {entry.happened} cannot have output {path!r}"
            for path in entry.outputs
            if not (may and is_artifact_path(path))
        ]
    return problems


def _inputs(entry: Entry, known: Container[str]) -> list[str]:
    return [
        f"input {name!r} is no output of an earlier entry"
        for name, digest in entry.inputs.items()
        if digest not in known and not name.startswith(EXTERNAL)
    ]


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
