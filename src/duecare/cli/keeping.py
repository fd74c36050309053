"""How the results of a run are stored: which keys are in force, what is sealed, what must not come back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from duecare.cli.plan import EXTERNAL, Job, Plan
from duecare.core import Artifact, Artifacts, LedgerError
from duecare.core.errors import StudyError
from duecare.curate.flow import batches
from duecare.curate.subjects import index_key, row_terms
from duecare.curate.surrogate import secret_name
from duecare.ledger.entry import Entry
from duecare.ledger.forgotten import Forgotten, forgotten
from duecare.ledger.layout import RESUME, folder_name, scratch_folder
from duecare.vault import envelope, home, memory, secret
from duecare.vault.sealed import sealed_by
from duecare.vault.storage import WEIGHTS
from duecare.vault.subjects import NAME, digests, read_blocks

_OPENS_ITSELF = ("duecare.curate.", "duecare.review.")
"""Stages whose steps open sealed tables themselves, a piece at a time; others are shown them in memory."""
_TRAINS, _EVALUATES = "duecare.train.", "duecare.evaluate."
ANSWERED = "answers.parquet"
"""The one table of an evaluation that holds texts of rows: held-out rows are its prompts and references."""
_READS, _INDEXES = "duecare.curate.source.", "duecare.curate.subjects."


def expect_in_time(plan: Plan, folder: Path) -> None:
    """Refuse to read data whose day is past. Raises StudyError."""
    until = plan.storage.until if plan.storage else None
    if until is not None and envelope.today() > until:
        raise StudyError(
            f"storage.keep_until = {until}: a day that is not past; the data of this study are not read any "
            f"more. `duecare forget {folder} --expired` destroys the keys of what was stored"
        )


class Store:
    """Of one walk through a plan: where each job works and what its inputs look like to it."""

    def __init__(self, plan: Plan, folder: Path, run: str, entries: Sequence[Entry]) -> None:
        self._storage, self._study, self._folder, self._run = plan.storage, plan.name, folder, run
        self._forgotten = forgotten(entries)
        envelope.renew(home(), secret_name(plan.name))

    def is_forgotten(self, entry: Entry) -> bool:
        """Whether what an entry recorded is not to be used again: it holds what was to be forgotten."""
        gone = {path for one in self._forgotten for path in one.touched}
        return bool(gone & entry.outputs.keys())

    def expect_another_source(self, job: Job, outside: dict[str, str]) -> None:
        """Refuse to read again, unchanged, what somebody asked to be forgotten from. Raises LedgerError."""
        digests = {digest for name, digest in outside.items() if name.startswith(EXTERNAL)}
        for one in self._forgotten if job.kind.startswith(_READS) else ():
            if digests & set(one.files):
                raise LedgerError(
                    f"{job.id}: its data were forgotten (entry {one.entry}), and the files are still the "
                    "same; take out of them what was to be forgotten"
                )

    def expect_nobody_back(self, job: Job, inputs: Artifacts, out: Path) -> None:
        """Refuse an index (of a source just read) that holds somebody who was forgotten. LedgerError."""
        if not job.kind.startswith(_INDEXES) or not self._forgotten:
            return
        read, key = inputs["examples"], secret(home(), index_key(self._study))
        source = read.job.partition(":")[2]
        for one in self._forgotten:
            if one.terms and source in one.sources and _holds(read, out / NAME, one, key):
                raise LedgerError(
                    f"the source {source} still holds somebody who was forgotten (entry {one.entry}): take "
                    "the person out of it, and call `duecare forget` again for what was read just now"
                )

    def workplace(self, job: Job, key: str, inputs: Artifacts) -> Path:
        """Where a job works: in scratch, or in memory where something of what it makes is to be sealed."""
        trains = job.kind.startswith(_TRAINS)
        texts = (
            not trains and not job.kind.startswith(_OPENS_ITSELF) and any(map(_rows_sealed, inputs.values()))
        )
        scratch = scratch_folder(self._folder, job.id, key)
        if texts or (trains and self._storage is not None and WEIGHTS in self._storage.seal):
            if (
                scratch.exists()
            ):  # of a killed call: sealed in part, or in plain, from before the study sealed it
                shutil.rmtree(scratch)
            return memory.workplace(self._run, folder_name(job.id, key))
        return scratch

    def finished(self, job: Job, key: str, out: Path) -> Path:
        """What a job made, as it may lie on a disk: in scratch, weights and texts of sealed rows sealed."""
        scratch = scratch_folder(self._folder, job.id, key)
        if out != scratch:
            scratch.mkdir(parents=True, exist_ok=True)
            trains, evaluates = job.kind.startswith(_TRAINS), job.kind.startswith(_EVALUATES)
            about = secret_name(self._study), secret_name(job.id)

            def key_of(path: Path) -> str | None:
                if trains:
                    return envelope.named("weights", *about) if path.suffix in memory.WEIGHTS else None
                texts = path.name == ANSWERED if evaluates else path.suffix == ".parquet"
                return envelope.named("results", *about) if texts else None

            memory.settle(out, scratch, key_of, RESUME)
        return scratch

    @contextmanager
    def shown(self, job: Job, inputs: Artifacts) -> Iterator[Artifacts]:
        """The inputs as a job can read them."""
        if job.kind.startswith(_OPENS_ITSELF):
            yield inputs
            return
        with ExitStack() as stack:
            yield {
                name: replace(each, path=stack.enter_context(memory.in_memory(each.path)))
                for name, each in inputs.items()
            }


def _rows_sealed(artifact: Artifact) -> bool:
    """Whether an input holds rows that the study keeps sealed, or texts of them."""
    return any(
        sealed_by(path)[0].startswith(("data.", "results.")) for path in memory.sealed_files(artifact.path)
    )


def _holds(read: Artifact, index: Path, one: Forgotten, key: bytes) -> bool:
    """Whether a row has all terms of a request; where the filter says so, the rows themselves are asked."""
    wanted = {bytes.fromhex(each) for each in one.terms}
    if not any(block.holds(sorted(wanted)) for block in read_blocks(index)):
        return False
    return any(
        wanted <= set(digests(key, found)) for rows in batches(read) for found in row_terms(rows).values()
    )
