"""Where things lie in a run folder.

```
RUN/ledger/log.jsonl head.json lock     the entries, the signed head over them, the writer's lock
RUN/artifacts/<job>-<step_key[:8]>/     sealed results, each with a manifest.json
RUN/report/                             the latest report, sealed likewise
RUN/attestations/                       what is signed for outsiders about the results, sealed likewise
RUN/review/                             the store of human review; it names people, is not sealed, and stays
                                        with its owner when a run is handed on
RUN/scratch/<job>-<step_key[:8]>/       work in progress; absent once the run is finished
```
"""

from __future__ import annotations

import re
from pathlib import Path

from duecare.core.errors import LedgerError

LEDGER = "ledger"
LOG = "log.jsonl"
HEAD = "head.json"
LOCK = "lock"
ARTIFACTS = "artifacts"
REPORT = "report"
ATTESTATIONS = "attestations"
REVIEW = "review"
SCRATCH = "scratch"
MANIFEST = "manifest.json"
RESUME = ".resume"

_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,120}")
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,140}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"[0-9a-f]{8,64}")


def is_digest(text: str) -> bool:
    """Whether `text` is a lower-case SHA-256 in hex."""
    return _DIGEST.fullmatch(text) is not None


def is_run_id(text: str) -> bool:
    """Whether `text` is 8 to 64 lower-case hex digits, safe as a file name."""
    return _RUN.fullmatch(text) is not None


def folder_name(job: str, step_key: str) -> str:
    """The folder of a job's result: "toxicity:chats" becomes "toxicity-chats-1a2b3c4d".

    Raises LedgerError for a job that is no safe file name or a key that is no SHA-256 in hex.
    """
    if not _JOB.fullmatch(job):
        raise LedgerError(f"job {job!r}: expected letters, digits and . _ - : only, at most 121 of them")
    if not is_digest(step_key):
        raise LedgerError(f"job {job}: step_key {step_key!r} is not a SHA-256 in hex")
    return f"{job.replace(':', '-')}-{step_key[:8]}"


def scratch_folder(run: Path, job: str, step_key: str) -> Path:
    """Where a job works before its result is published (not created here)."""
    return run / SCRATCH / folder_name(job, step_key)


def is_artifact_path(path: str) -> bool:
    """Whether an output path is one folder directly under artifacts/ (no way out of the run)."""
    root, slash, name = path.partition("/")
    return root == ARTIFACTS and slash == "/" and _FOLDER.fullmatch(name) is not None
