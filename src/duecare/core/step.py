"""Step: files in, files and an Outcome out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from duecare.core.estimate import Estimate
from duecare.core.finding import Finding
from duecare.core.wire import Noun


@dataclass(frozen=True, slots=True)
class Artifact:
    """A folder written by one step, sealed by the digest of its manifest.

    `job` is what the plan calls the step that made it ("toxicity:chats", "sft", "evaluate").
    """

    job: str
    path: Path
    digest: str


Artifacts = Mapping[str, Artifact]
"""The inputs of a step by the name the step knows them by ("examples", "model", "base")."""


class Note(Noun, frozen=True, kw_only=True):
    """Something decided or noticed midway that belongs on the record: words and digests, no row text."""

    topic: str
    text: str
    data: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is: for the screen only, never recorded. `total` None means not known.

    Without a `unit` nothing is counted, and the `message` says what is done now.
    """

    done: int
    total: int | None
    unit: str
    message: str = ""


Tell = Callable[[Estimate | Finding | Note | Progress], None]
"""Estimates, findings and notes told are durable in the ledger before the call returns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a step leaves behind: files (name -> path relative to `out`), estimates, findings.

    What was already told need not be repeated here.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    estimates: tuple[Estimate, ...] = ()
    findings: tuple[Finding, ...] = ()


class Step(Protocol):
    """A frozen dataclass whose fields are its settings; `run` does the work.

    `out` is a folder for this step's results. It may hold what an earlier, killed call left under
    `out/.resume`, and a step that can go on from there does; everything else in it is the step's to
    overwrite. `.resume` is removed before the folder is sealed.
    """

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome: ...
