"""A run as one file for outsiders, a proof of one entry as another, and the program that checks both.

The program (`verifier`) is the modules of `ledger.outside` joined into one file that needs Python's standard
library only. A bundle holds log, head, checkpoint, the lists of files of every result, the report,
attestations, and the files of those results that were asked for: no row's text travels unless somebody names
the result it is in.
"""

from __future__ import annotations

import ast
import base64
import os
from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from duecare.core.errors import LedgerError
from duecare.ledger.chain import leaf_hash
from duecare.ledger.checkpoint import CHECKPOINT, parse_checkpoint
from duecare.ledger.claims import ONE_FOLDER
from duecare.ledger.durable import PENDING, read_regular, sync_folder
from duecare.ledger.layout import ARTIFACTS, LEDGER, MANIFEST
from duecare.ledger.log import parse_line, read_log
from duecare.ledger.manifest import read_manifest
from duecare.ledger.outside.archive import RefusedError, write_archive
from duecare.ledger.outside.judge import HEAD_FILE, LOG_FILE, NOTE_FILE, READ_FILE, VERIFY_FILE
from duecare.ledger.outside.program import PROOF_BEGINS, READ_ME
from duecare.ledger.proof import inclusion
from duecare.ledger.sign import write_head
from duecare.version import __version__

EVERY = "all"
"""Asks for the files of every result."""

_MODULES = (
    "ed25519",
    "p256",
    "tree",
    "archive",
    "notes",
    "entries",
    "people",
    "duties",
    "attested",
    "judge",
    "program",
)
_START = '\nif __name__ == "__main__":\n    sys.exit(script())\n'


@dataclass(frozen=True, slots=True)
class Bundled:
    """What a bundle holds: files and bytes of all, and the results whose files are in it."""

    files: int
    size: int
    whole: tuple[str, ...]


def verifier() -> bytes:
    """The program for outsiders: one Python file."""
    imports: dict[str, None] = {}
    bodies = []
    for name in _MODULES:
        text = resources.files("duecare.ledger.outside").joinpath(f"{name}.py").read_text("utf-8")
        lines = text.split("\n")
        for node in ast.parse(text).body:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            written = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            if isinstance(node, ast.Import) or not (node.module or "").startswith(("duecare", "__future__")):
                imports[written] = None
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or 0) - node.lineno + 1)
        bodies.append("\n".join(lines).strip() + "\n")
    top = f"#!/usr/bin/env python3\n# The verifier of duecare {__version__} for bundles and proofs.\n"
    head = top + "from __future__ import annotations\n\n" + "\n".join(sorted(imports)) + "\n\n\n"
    return (head + "\n\n".join(bodies) + _START).encode()


def write_bundle(run: Path, out: Path, chosen: Collection[str] = (), parts: Collection[str] = ()) -> Bundled:
    """Write the run as the archive `out`, in one move; `chosen` are jobs or folders, or "all", `parts` the
    beginnings of further files that go along (paths relative to the run).

    Raises LedgerError where the log is not what its head signs, a result is not there, or a name among
    `chosen` is none of the run's.
    """
    head, lines, _ = read_log(run / LEDGER)
    files: dict[str, bytes | Path] = {
        LOG_FILE: b"".join(line + b"\n" for line in lines),
        HEAD_FILE: write_head(head),
        READ_FILE: READ_ME.encode(),
        VERIFY_FILE: verifier(),
    }
    if os.path.lexists(run / LEDGER / CHECKPOINT):
        files[NOTE_FILE] = read_regular(run / LEDGER / CHECKPOINT)
    results = _results(lines)
    whole = [
        path for path, job in results.items() if path in ONE_FOLDER.values() or _meant(path, job, chosen)
    ]
    known = {name for path, job in results.items() for name in (path.removeprefix(f"{ARTIFACTS}/"), job)}
    if unknown := sorted(set(chosen) - known - {EVERY}):
        raise LedgerError(f"no result is called {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    for path in results:
        files[f"run/{path}/{MANIFEST}"] = read_regular(run / path / MANIFEST)
        for file in read_manifest(run / path).files:
            name = f"{path}/{file.path}"
            if path in whole or name.startswith(tuple(parts)):
                files[f"run/{name}"] = run / name
    _write(out, files)
    return Bundled(len(files), out.stat().st_size, tuple(whole))


def _write(out: Path, files: dict[str, bytes | Path]) -> None:
    """The archive, in one move."""
    pending = out.with_name(out.name + PENDING)
    try:
        with pending.open("wb") as archive:
            write_archive(archive, files)
            archive.flush()
            os.fsync(archive.fileno())
        os.replace(pending, out)
        sync_folder(out.absolute().parent)
    except (RefusedError, OSError) as error:
        pending.unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else error
        raise LedgerError(f"{out.name} could not be written: {why}") from error


def entry_proof(run: Path, index: int) -> bytes:
    """That entry `index` is in the run's log, as a C2SP tlog-proof under its checkpoint, with its line.

    Raises LedgerError where there is no checkpoint, or it does not cover the entry.
    """
    data = read_regular(run / LEDGER / CHECKPOINT)
    checkpoint, _ = parse_checkpoint(data)
    lines = read_log(run / LEDGER)[1]
    if not 0 <= index < checkpoint.size:
        raise LedgerError(f"the checkpoint covers entries 0 to {checkpoint.size - 1}, not {index}")
    path = inclusion([leaf_hash(line) for line in lines], index, checkpoint.size)
    said = [f"extra {_base64(lines[index])}", f"index {index}", *map(_base64, path)]
    return PROOF_BEGINS + "".join(f"{line}\n" for line in said).encode() + b"\n" + data


def _results(lines: Collection[bytes]) -> dict[str, str]:
    """Folder of every result that an entry records, to its job."""
    found: dict[str, str] = {}
    for entry in map(parse_line, lines):
        if entry.happened in ("step.finished", *ONE_FOLDER):
            found |= dict.fromkeys(entry.outputs, entry.job or entry.happened)
    return found


def _meant(path: str, job: str, chosen: Collection[str]) -> bool:
    return bool({path.removeprefix(f"{ARTIFACTS}/"), job, EVERY} & set(chosen))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
