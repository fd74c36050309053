"""Runs a plan: only what is not on record yet, each step sealed and entered before the next begins."""

from __future__ import annotations

import getpass
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from duecare.cli.keeping import Store, expect_in_time
from duecare.cli.plan import Job, Plan
from duecare.cli.software import versions
from duecare.cli.standing import gates, plan_note, verdict
from duecare.cli.start import StartError, may_start
from duecare.core import (
    FAIL,
    INSUFFICIENT,
    PASS,
    Artifact,
    DuecareError,
    Estimate,
    Finding,
    LedgerError,
    Note,
    Outcome,
    Progress,
    StoppedError,
)
from duecare.ledger import anchor, digest, sign
from duecare.ledger.entry import Entry
from duecare.ledger.layout import HEAD, LEDGER, REPORT, RESUME, SCRATCH
from duecare.ledger.manifest import check
from duecare.ledger.read import answering, head
from duecare.ledger.record import Recorder
from duecare.vault import keeping, keys


class Screen(Protocol):
    """What a person sees while a plan runs."""

    def begin(self, job: str, number: int, of: int) -> None: ...

    def progress(self, progress: Progress) -> None: ...

    def note(self, note: Note) -> None:
        """Something noticed or decided midway."""

    def end(self, job: str, seconds: float | None, outcome: Outcome | None) -> None:
        """`seconds` None: nothing had to be done; `outcome` None: the step failed."""


class Reporter(Protocol):
    """Writes a report from a run folder into `out`."""

    def build(self, run: Path, out: Path) -> Outcome: ...


class StepError(DuecareError):
    """A step stopped; what was finished before it is kept, and the next run goes on from there."""

    def __init__(self, job: str, reason: str) -> None:
        super().__init__(f"{job} stopped: {reason}")
        self.job, self.reason = job, reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a run came to: `done` and `kept` are jobs (worked on now, taken from the record)."""

    folder: Path
    done: tuple[str, ...]
    kept: tuple[str, ...]
    gates: tuple[Finding, ...]
    report: Path | None

    @property
    def verdict(self) -> str:
        """ "pass", "fail", "insufficient evidence" or "no gates": the worst of the gates."""
        return verdict(self.gates)


def now() -> datetime:
    """The clock of real runs."""
    return datetime.now(UTC)


def actor() -> str:
    """Who runs: $DUECARE_ACTOR, or the name of the user's account."""
    try:
        return os.environ.get("DUECARE_ACTOR") or getpass.getuser()
    except OSError:  # a container may have no name for its user
        return f"uid {os.getuid()}"


def run(
    plan: Plan,
    folder: Path,
    *,
    screen: Screen,
    reporter: Reporter | None = None,
    clock: Callable[[], datetime] = now,
) -> Result:
    """Do what of `plan` is not done yet in the run folder, and seal the end with a report.

    Raises StepError where a step fails (recorded, and the next call goes on from there).
    """
    expect_in_time(plan, folder)
    home = keys.home()
    key = sign.load_or_create(home)
    folder.mkdir(parents=True, exist_ok=True)
    known = anchor.recall(home, head(folder).run) if (folder / LEDGER / HEAD).exists() else None
    with (
        keeping(plan.storage.keeping if plan.storage else None),
        Recorder(folder, key, actor(), clock, last_head=known[1] if known else None) as recorder,
    ):
        try:
            runner = _Runner(plan, recorder, folder=folder, screen=screen, reporter=reporter, clock=clock)
            return runner.go()
        finally:
            anchor.remember(home, recorder.head)


class _Runner:
    """One walk through a plan."""

    def __init__(
        self,
        plan: Plan,
        recorder: Recorder,
        *,
        folder: Path,
        screen: Screen,
        reporter: Reporter | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._plan, self._folder, self._recorder = plan, folder, recorder
        self._screen, self._reporter, self._clock = screen, reporter, clock
        self._versions = versions()
        self._outside = {job.id: job.outside() for job in plan.jobs}
        self._store = Store(plan, folder, recorder.head.run, recorder.entries)
        self._made: dict[str, Artifact] = {}
        self._entries: dict[str, Entry] = {}

    def go(self) -> Result:
        """Everything that is left to do, in order."""
        standing = self._standing()
        if len(standing) == len(self._plan.jobs) and self._closed():
            return self._result(done=(), report=self._report())
        self._recorder.append(
            "run.started",
            settings=dict(self._plan.settings),
            software=self._versions,
            note=plan_note([job.id for job in self._plan.jobs], standing),
        )
        done = []
        for number, job in enumerate(self._plan.jobs, start=1):
            self._screen.begin(job.id, number, len(self._plan.jobs))
            if job.id in standing:
                self._screen.end(job.id, None, Outcome())
            elif (found := self._found(job)) is not None:
                self._enter_again(job, found)
                self._screen.end(job.id, None, Outcome())
            else:
                self._do(job)
                done.append(job.id)
        self._finish()
        return self._result(done=tuple(done), report=self._report())

    def _inputs(self, job: Job) -> dict[str, Artifact] | None:
        if any(source not in self._made for source in job.inputs.values()):
            return None
        return {name: self._made[source] for name, source in job.inputs.items()}

    def _digests(self, job: Job) -> dict[str, str]:
        made = {name: self._made[source].digest for name, source in job.inputs.items()}
        return made | self._outside[job.id]

    def _key(self, job: Job) -> str:
        return digest.key_of_step(
            job.kind,
            digest.value_digest(job.settings),
            job.seed,
            self._digests(job),
            self._versions["duecare"],
        )

    def _standing(self) -> dict[str, Entry]:
        """The jobs whose work is on record and intact, as far as that can be told before anything runs."""
        standing = {}
        for job in self._plan.jobs:
            found = self._found(job) if self._inputs(job) is not None else None
            if found is not None and self._latest(job.id) is found:
                standing[job.id] = found
                self._note_made(job, found)
        return standing

    def _found(self, job: Job) -> Entry | None:
        found = self._recorder.finished(self._key(job))
        return None if found is not None and self._store.is_forgotten(found) else found

    def _latest(self, job: str) -> Entry | None:
        mine = (e for e in reversed(self._recorder.entries) if e.happened == "step.finished" and e.job == job)
        return next(mine, None)

    def _note_made(self, job: Job, entry: Entry) -> None:
        ((path, sealed),) = entry.outputs.items()
        self._made[job.id] = Artifact(job=job.id, path=self._folder / path, digest=sealed)
        self._entries[job.id] = entry

    def _enter_again(self, job: Job, found: Entry) -> None:
        """What is on record is used, and entered again: whoever reads the ledger takes the latest entry of
        a job for the one that counts."""
        kept = ("step", "step_key", "settings", "seed", "inputs", "outputs", "software")
        entry = self._recorder.append(
            "step.finished",
            job=job.id,
            **{name: getattr(found, name) for name in kept},
            estimates=found.estimates,
            findings=found.findings,
            note=Note(
                topic="kept",
                text="Not done again: settings and inputs are those of an earlier entry.",
                data={"entry": str(found.index)},
            ),
        )
        self._note_made(job, entry)

    def _do(self, job: Job) -> None:
        key, inputs = self._key(job), self._inputs(job)
        if inputs is None:
            raise LedgerError(f"job {job.id}: an input is not in the ledger, though the plan makes it before")
        began, record = time.monotonic(), self._record(job, key)
        tell = self._tell(job.id, key)
        try:
            self._store.expect_another_source(job, self._outside[job.id])
            out = _workplace(self._store.workplace(job, key, inputs))
            if (start := self._may_start(job)) is not None:
                tell(start)
            with self._store.shown(job, inputs) as shown:
                outcome = job.step.run(shown, out, tell)
            _expect_files(job.id, outcome, out)
            self._store.expect_nobody_back(job, inputs, out)
            artifact = self._recorder.publish(self._store.finished(job, key, out), job.id, key)
        except BaseException as error:
            self._screen.end(job.id, time.monotonic() - began, None)
            reason = reason_of(error)
            with suppress(OSError):  # a full disk may have no room for its own record
                refused = (error.finding,) if isinstance(error, StartError) else ()
                note = Note(topic="failed", text=reason)
                self._recorder.append("step.failed", **record, findings=refused, note=note)
            if isinstance(error, Exception):
                raise StepError(job.id, reason) from error
            raise
        self._made[job.id] = artifact
        self._entries[job.id] = self._recorder.append(
            "step.finished",
            **record,
            outputs={artifact.path.relative_to(self._folder).as_posix(): artifact.digest},
            estimates=outcome.estimates,
            findings=outcome.findings,
        )
        self._screen.end(job.id, time.monotonic() - began, outcome)

    def _record(self, job: Job, key: str) -> dict[str, Any]:
        """What stands in the entry of a job whether it ends well or not."""
        return {
            "job": job.id,
            "step": job.kind,
            "step_key": key,
            "settings": job.settings,
            "seed": job.seed,
            "inputs": self._digests(job),
            "software": self._versions,
            "started": self._clock().isoformat(timespec="microseconds"),
        }

    def _may_start(self, job: Job) -> Note | None:
        if not getattr(job.step, "reward_model", ""):  # spares reading the log
            return None
        people = answering(self._folder)[1]
        log, now = self._recorder.entries, self._clock()
        return may_start(job, self._digests(job), self._entries, log, now, people=people)

    def _tell(self, job: str, key: str) -> Callable[[Estimate | Finding | Note | Progress], None]:
        def tell(told: Estimate | Finding | Note | Progress) -> None:
            if isinstance(told, Progress):
                self._screen.progress(told)
            elif isinstance(told, Estimate):
                self._recorder.append("told", job=job, step_key=key, estimates=(told,))
            elif isinstance(told, Finding):
                self._recorder.append("told", job=job, step_key=key, findings=(told,))
            else:
                self._recorder.append("told", job=job, step_key=key, note=told)
                self._screen.note(told)

        return tell

    def _finish(self) -> None:
        found = self._gates()
        data = {"verdict": verdict(found)}
        for each in (PASS, FAIL, INSUFFICIENT):
            data[each] = str(sum(finding.verdict == each for finding in found))
        self._recorder.append("run.finished", note=Note(topic="verdict", text=verdict(found), data=data))

    def _gates(self) -> tuple[Finding, ...]:
        counting = [self._entries[job.id] for job in self._plan.jobs]
        return gates(self._recorder.entries, counting)

    def _closed(self) -> bool:
        """Whether the latest run was of this very study and came to its end."""
        begun: Entry | None = None
        ended = False
        for entry in self._recorder.entries:
            if entry.happened == "run.started":
                begun, ended = entry, False
            ended = ended or entry.happened == "run.finished"
        same = begun is not None and begun.settings_digest == digest.value_digest(dict(self._plan.settings))
        return same and ended

    def _report(self) -> Path | None:
        return write_report(self._folder, self._recorder, self._reporter) if self._reporter else None

    def _result(self, *, done: tuple[str, ...], report: Path | None) -> Result:
        kept = tuple(job.id for job in self._plan.jobs if job.id not in done)
        return Result(folder=self._folder, done=done, kept=kept, gates=self._gates(), report=report)


def write_report(folder: Path, recorder: Recorder, reporter: Reporter, *, again: bool = False) -> Path:
    """Build report/ and enter it, unless the one that stands was built from all that is on record."""
    last = recorder.entries[-1]
    if not again and last.happened == "report" and not check(folder / REPORT, last.outputs[REPORT]):
        return folder / REPORT
    out = _workplace(folder / SCRATCH / REPORT)
    reporter.build(folder, out)
    artifact = recorder.publish_report(out)
    recorder.append("report", outputs={REPORT: artifact.digest}, software=versions())
    scratch = folder / SCRATCH
    if scratch.is_dir() and not any(scratch.iterdir()):
        scratch.rmdir()
    return folder / REPORT


def reason_of(error: BaseException) -> str:
    """Why a step stopped, fit for the record: only our own errors promise to hold no row's text."""
    if isinstance(error, DuecareError | StoppedError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped by the user (Ctrl-C)"
    if isinstance(error, MemoryError):
        return "out of memory"
    place, trace = "", error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        place = f" in {module}, line {trace.tb_lineno}"
        trace = trace.tb_next
    if isinstance(error, OSError) and error.errno is not None:
        return f"{os.strerror(error.errno)}{place}"
    return f"{type(error).__name__}{place}"


def _workplace(out: Path) -> Path:
    """An empty folder, but for what a killed call left to go on from."""
    out.mkdir(parents=True, exist_ok=True)
    for path in out.iterdir():
        if path.name == RESUME:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return out


def _expect_files(job: str, outcome: Outcome, out: Path) -> None:
    files: Mapping[str, str] = outcome.files
    if missing := [path for path in files.values() if not (out / path).exists()]:
        raise DuecareError(f"{job} said that it wrote {', '.join(missing)}, but did not")
