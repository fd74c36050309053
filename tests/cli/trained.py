"""A finished run of toys that read a file, named a base model and made a model of their own."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from test_people_commands import RECORDER, Team
from toys import Silent, chain, job

from duecare.cli.plan import Job, Plan
from duecare.cli.run import run
from duecare.core import Artifacts, Finding, Outcome, Tell
from duecare.core.wire import encode

WEIGHTS = bytes(range(256)) * 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """Names a model that comes from elsewhere, by the digests of its files."""

    name: str = "base"

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        files = {"config.json": hashlib.sha256(b"{}").hexdigest()}
        digest = hashlib.sha256(encode(files)).hexdigest()
        reference = {"name": "tiny", "family": "toy", "revision": None, "files": files, "digest": digest}
        (out / "reference.json").write_bytes(encode(reference))
        return Outcome(files={"reference": "reference.json"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Train:
    """Writes a model of two files, and an adapter that is not part of it."""

    name: str = "sft"
    weights: str = ""

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        (out / "model").mkdir()
        (out / "model" / "config.json").write_text('{"layers": 2}')
        (out / "model" / "model.safetensors").write_bytes(WEIGHTS + self.weights.encode())
        (out / "adapter").mkdir()
        (out / "adapter" / "adapter.safetensors").write_bytes(b"low rank")
        return Outcome(files={"model": "model/config.json"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A gate on what a model answered."""

    name: str = "ask"

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        (out / "answers.txt").write_text("yes")
        limit = "at least 1"
        found = Finding(name="gate.toy.asked", verdict="pass", limit=limit, detail="It is 1.", gate=True)
        return Outcome(files={"answers": "answers.txt"}, findings=(found,))


def plan(folder: Path, weights: str = "", **last: Any) -> Plan:
    """data, base -> sft, then the chain of toys with its gate."""
    source = folder / "rows.txt"
    source.write_text("1")
    plain = chain(**last)
    read = job(plain.jobs[0].step, files={"rows.txt": source})
    return dataclasses.replace(
        plain, jobs=(read, job(Base()), job(Train(weights=weights), "base", "a"), *plain.jobs[1:])
    )


class Trained(Team):
    """A team whose run made a model."""

    def run(self, *further: Job, **given: Any) -> None:
        self.at(RECORDER)
        made = plan(self.folder, **given)
        made = dataclasses.replace(made, jobs=(*made.jobs, *further))
        made = dataclasses.replace(made, settings={**made.settings, **self.listing.plain()})
        run(made, self.folder / "toys", screen=Silent())
