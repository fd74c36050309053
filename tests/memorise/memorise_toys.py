"""A small world with canaries: chats or pairs, a tiny model, one training step, and the step that looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from duecare.core import (
    Artifact,
    Artifacts,
    Estimate,
    Example,
    Finding,
    Group,
    Message,
    Note,
    Outcome,
    Progress,
)
from duecare.core.table import table
from duecare.curate import Canaries
from duecare.ledger.digest import file_digest
from duecare.memorise import CanariesBack
from duecare.model.fetch import Fetch
from duecare.model.tiny import write_tiny


@dataclass
class Told:
    """All that a step told, in order."""

    all: list[Estimate | Finding | Note | Progress] = field(default_factory=list)

    def __call__(self, what: Estimate | Finding | Note | Progress) -> None:
        self.all.append(what)


def chats(count: int) -> list[Example]:
    """Chats that say little, of two groups."""
    return [
        Example(
            row=f"chats:{number}",
            key=f"{number:064x}",
            source="chats",
            kind="chat",
            messages=(
                Message(role="user", content=f"what is {number % 11} and {number}"),
                Message(role="assistant", content=f"it is {number + number % 11}"),
            ),
            groups=(Group(axis="gender", value=("women", "men")[number % 2]),),
        )
        for number in range(count)
    ]


def pairs(count: int) -> list[Example]:
    """Pairs of which the good answer is always the same."""
    return [
        Example(
            row=f"pairs:{number}",
            key=f"{number:064x}",
            source="pairs",
            kind="preference",
            messages=(Message(role="user", content=f"what is {number}"),),
            chosen="it is so",
            rejected=f"no {number}",
        )
        for number in range(count)
    ]


def run(step: object, inputs: Artifacts, out: Path) -> tuple[Outcome, Told]:
    out.mkdir(parents=True, exist_ok=True)
    told = Told()
    made: Callable[..., Outcome] = step.run  # type: ignore[attr-defined]
    return made(inputs, out, told), told


def base_of(folder: Path) -> Artifact:
    """The tiny model as a step's base."""
    model = write_tiny(folder / "tiny")
    run(Fetch(name=str(model)), {}, folder / "base")
    return Artifact("base", folder / "base", file_digest(folder / "base" / "reference.json"))


def split_of(folder: Path, rows: Sequence[Example], held_out: int) -> Artifact:
    """Rows to train on, and the last `held_out` of them held out."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": rows[:-held_out], "held_out": rows[-held_out:]}
    for name, part in parts.items():
        pq.write_table(table(part), folder / f"{name}.parquet")
    return Artifact(f"split:{rows[0].source}", folder, file_digest(folder / "train.parquet"))


def placed(step: Canaries, split: Artifact, out: Path) -> Artifact:
    """The rows with canaries among them."""
    run(step, {"examples": split}, out)
    source = split.job.partition(":")[2]
    return Artifact(f"canaries:{source}", out, file_digest(out / "train.parquet"))


def trained(step: object, data: Artifact, base: Artifact, out: Path, job: str) -> Artifact:
    """The artifact of a training step."""
    run(step, {"data": data, "base": base}, out)
    return Artifact(job, out, file_digest(out / "curves.parquet"))


def looked(
    step: CanariesBack, base: Artifact, data: Artifact, model: Artifact, out: Path
) -> tuple[Outcome, Told]:
    """What the step that looks finds in a model that one step trained."""
    source = data.job.partition(":")[2]
    inputs = {"base": base, "model": model, f"trained:{model.job}": model, f"data:{source}": data}
    return run(step, inputs, out)


def estimates(outcome: Outcome, metric: str, **about: str) -> list[Estimate]:
    """The figures of one name that speak of this."""
    return [
        each for each in outcome.estimates if each.metric == metric and about.items() <= each.slice.items()
    ]


def finding(outcome: Outcome, name: str) -> Finding:
    """The one finding of a name."""
    (found,) = [each for each in outcome.findings if each.name == name]
    return found
