"""Entry: one line of the ledger."""

from __future__ import annotations

from typing import Any, Literal

from duecare.core.estimate import Estimate
from duecare.core.finding import Finding
from duecare.core.step import Note
from duecare.core.wire import Noun

Happened = Literal[
    "run.started",  # note.data: study digest, plan; settings: the whole study as parsed
    "step.finished",  # a step's artifact is sealed: settings, inputs, outputs, estimates, findings
    "told",  # figures, findings or notes that a step told midway
    "step.failed",  # a step stopped with an error: note.text says which, without row text
    "run.finished",  # every step of the plan is done, verdict in note.data
    "report",  # report files were written: outputs holds the digest of the report folder
    "repair",  # what a crash left was put right: bytes after the last acknowledged entry were cut, or a
    # folder without entry was moved back to scratch or replaced; note.data has counts and digests
    "signed",  # a person signed a statement about the run: note.data has statement, key and signature
    "attested",  # attestations and the signature of the weights were written: outputs holds the digest of
    # their folder, note.data the model's job, the time, and the key that signed the weights
    "released",  # a bundle was made of a release: note.data has its SHA-256 and the entry of the release
]


class Entry(Noun, frozen=True, kw_only=True):
    """What happened, on what, with which settings and software, by whom and when.

    `previous` is the leaf hash (hex) of the entry before, 64 zeros for the first. Digests are
    lower-case SHA-256 hex. `step_key` is the digest of step type, settings, seed, inputs and
    duecare's version: equal keys mean that the work need not be done again. `outputs` maps folder
    paths relative to the run ("artifacts/toxicity-chats-1a2b3c4d") to manifest digests. `inputs` maps
    names to digests that are outputs of earlier entries; what comes from outside the run is named
    "external:<what>".
    """

    index: int
    happened: Happened
    run: str
    actor: str
    time: str
    previous: str
    started: str | None = None
    job: str | None = None
    step: str | None = None
    step_key: str | None = None
    settings: dict[str, Any] = {}
    settings_digest: str | None = None
    seed: int | None = None
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    software: dict[str, str] = {}
    estimates: tuple[Estimate, ...] = ()
    findings: tuple[Finding, ...] = ()
    note: Note | None = None
