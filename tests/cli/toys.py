"""Small real steps for testing the runner: they write numbers, count their calls and can fail."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from duecare.cli.plan import Job, Plan
from duecare.core import (
    Artifacts,
    DataError,
    Finding,
    Note,
    Outcome,
    Progress,
    Tell,
    exact,
    refuse_unless,
)

CALLS: list[str] = []
"""Every run of a toy in this process, by the toy's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """Writes `number`, plus the numbers of its inputs, into number.txt.

    - name: of the toy
    - number: what is added
    - gate: a limit that the sum must not exceed, as a finding
    - fail: "", "data" (a refusal of ours), "bug" (somebody else's error), "missing" (a file not written)
    - workers: changes nothing but speed
    """

    name: str
    number: int = 1
    gate: int | None = None
    fail: str = ""
    seed: int = 0
    workers: int = field(default=1, metadata={"speed": True})

    def __post_init__(self) -> None:
        refuse_unless("toys.count", (self.number >= 0, "number", self.number, "0 or more"))

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        CALLS.append(self.name)
        total = self.number + sum(int((a.path / "number.txt").read_text()) for a in inputs.values())
        tell(Progress(1, 2, "numbers"))
        tell(exact("toy.midway", total, 1, {"toy": self.name}))
        tell(Note(topic="toy", text="Added."))
        if self.fail == "data":
            raise DataError("toys.count: the numbers do not add up")
        if self.fail == "bug":
            raise ValueError("SECRET ROW TEXT")
        (out / "number.txt").write_text(str(total))
        findings = ()
        if self.gate is not None:
            findings = (
                Finding(
                    name="gate.toy.total",
                    verdict="pass" if total <= self.gate else "fail",
                    limit=f"at most {self.gate}",
                    detail=f"The total is {total}.",
                    gate=True,
                ),
            )
        files = {"number": "nowhere.txt" if self.fail == "missing" else "number.txt"}
        return Outcome(
            files=files, estimates=(exact("toy.total", total, 1, {"toy": self.name}),), findings=findings
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Slow:
    """Counts to `rounds`, one file of progress at a time, and goes on where it was killed."""

    rounds: int = 5
    pause: float = 0.2

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        resume = out / ".resume"
        resume.mkdir(exist_ok=True)
        for number in range(self.rounds):
            mark = resume / str(number)
            if mark.exists():
                continue
            tell(exact("toy.round", number, 1, {}))
            mark.write_text(str(os.getpid()))
            time.sleep(self.pause)
        pids = [(resume / str(number)).read_text() for number in range(self.rounds)]
        (out / "number.txt").write_text(str(self.rounds))
        return Outcome(
            files={"number": "number.txt"}, estimates=(exact("toy.processes", len(set(pids)), 1, {}),)
        )


def job(step, *inputs, files=None):
    """A Job for a toy, named as the toy is."""
    name = getattr(step, "name", "slow")
    return Job(id=name, step=step, declared=step, inputs={each: each for each in inputs}, files=files or {})


def chain(a=1, b=1, c=1, **last):
    """a -> b -> c, and d beside them on a."""
    return Plan(
        name="toys",
        settings={
            "study": {"name": "toys"},
            "numbers": [a, b, c],
            "last": {k: str(v) for k, v in last.items()},
        },
        jobs=(
            job(Count(name="a", number=a)),
            job(Count(name="b", number=b), "a"),
            job(Count(name="d"), "a"),
            job(Count(name="c", number=c, **last), "b"),
        ),
    )


class Silent:
    """A Screen that remembers."""

    def __init__(self):
        self.seen = []

    def begin(self, job, number, of):
        self.seen.append(("begin", job))

    def progress(self, progress):
        self.seen.append(("progress", progress.done))

    def note(self, note):
        self.seen.append(("note", note.topic))

    def end(self, job, seconds, outcome):
        self.seen.append(("end", job, None if seconds is None else "worked", outcome is not None))


class PlainReport:
    """A Reporter that writes one line."""

    def build(self, run, out):
        (out / "report.html").write_text("a report")
        return Outcome(files={"page": "report.html"})
