"""A plan: which step runs on what, in an order in which every input is made before it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duecare.core import Step, StudyError
from duecare.core.wire import settings
from duecare.vault.storage import Storage

EXTERNAL = "external:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One step at its place in a plan.

    `step` is ready to run; `declared` is the same step as the study wrote it (relative paths, variables
    not expanded), which is what is recorded and digested, so that a study may be moved. `inputs` maps the
    name by which the step knows an input to the job that makes it; `files` are paths outside the run
    whose content the step reads, by the name under which they are recorded.
    """

    id: str
    step: Step
    declared: Step
    inputs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The dotted name of the step's class."""
        return f"{type(self.step).__module__}.{type(self.step).__qualname__}"

    @property
    def settings(self) -> dict[str, Any]:
        """What is recorded of the step: every field that can change its result, but the seed."""
        return {name: value for name, value in settings(self.declared).items() if name != "seed"}

    @property
    def seed(self) -> int | None:
        """The seed of what the step draws, or None where it draws nothing."""
        return getattr(self.declared, "seed", None)

    def outside(self) -> dict[str, str]:
        """Digest of every file the step reads from outside the run, by recorded name."""
        return {f"{EXTERNAL}{name}": content_digest(path) for name, path in self.files.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Jobs in order, the study they come from as plain values, and how what they write is stored."""

    name: str
    settings: Mapping[str, Any]
    jobs: tuple[Job, ...]
    storage: Storage | None = None

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for job in self.jobs:
            if job.id in seen:
                raise StudyError(f"each job once, but {job.id} is planned twice")
            if missing := sorted(set(job.inputs.values()) - seen):
                raise StudyError(f"job {job.id} reads {', '.join(missing)}, which no earlier job makes")
            seen.add(job.id)


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's file names and contents; OSError where it cannot be read."""
    from duecare.ledger.digest import file_digest, value_digest  # a check does without signatures

    if path.is_file():
        return file_digest(path)
    files = sorted(inner for inner in path.rglob("*") if inner.is_file())
    if not files:
        raise FileNotFoundError(2, "no such file, or a folder without files", str(path))
    return value_digest({inner.relative_to(path).as_posix(): file_digest(inner) for inner in files})
