"""Small worlds to train in: a tiny model, chats and pairs with a plan, and a run in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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
from duecare.ledger.digest import file_digest
from duecare.model.fetch import Fetch
from duecare.model.tiny import write_tiny


@dataclass
class Told:
    """All that a step told, in order."""

    all: list[Estimate | Finding | Note | Progress] = field(default_factory=list)

    def __call__(self, what: Estimate | Finding | Note | Progress) -> None:
        self.all.append(what)

    def estimates(self, metric: str, **slice: str) -> list[Estimate]:
        return [
            each
            for each in self.all
            if isinstance(each, Estimate) and each.metric == metric and slice.items() <= each.slice.items()
        ]


def chat(number: int, question: str, answer: str, group: str | None = None, weight: float = 1.0) -> Example:
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Example(
        row=f"chats:{number}",
        key=f"{number:064x}",
        source="chats",
        kind="chat",
        messages=turns,
        groups=() if group is None else (Group(axis="gender", value=group),),
        weight=weight,
    )


def preference(
    number: int, chosen: str, rejected: str, group: str | None = None, weight: float = 1.0, who: str = "q"
) -> Example:
    return Example(
        row=f"pairs:{number}",
        key=f"{number:064x}",
        source="pairs",
        kind="preference",
        messages=(Message(role="user", content=f"{who}{number % 7}"),),
        chosen=chosen,
        rejected=rejected,
        groups=() if group is None else (Group(axis="gender", value=group),),
        weight=weight,
    )


def learnable(count: int, *, worse: str | None = None) -> list[Example]:
    """Chats whose answer is always "yes", but noise for the group `worse`: nothing to learn there."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        group = ("women", "men")[number % 2]
        noise = "".join(rng.choice(list("bcdfghjklmnp"), size=3))
        rows.append(chat(number, f"q{number % 9}", noise if group == worse else "yes", group))
    return rows


def data_artifact(folder: Path, train: Sequence[Example], held_out: Sequence[Example] = ()) -> Artifact:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train", train), ("held_out", held_out)):
        pq.write_table(table(rows), folder / f"{name}.parquet")
    return Artifact("split:chats", folder, file_digest(folder / "train.parquet"))


def base_artifact(folder: Path, **changes: object) -> Artifact:
    """The artifact of Fetch on a tiny model."""
    model = write_tiny(folder / "tiny", **changes)
    out = folder / "base"
    out.mkdir()
    Fetch(name=str(model)).run({}, out, Told())
    return Artifact("base", out, file_digest(out / "reference.json"))


def run(step: object, inputs: Artifacts, out: Path) -> tuple[Outcome, Told]:
    out.mkdir(parents=True, exist_ok=True)
    told = Told()
    made: Callable[..., Outcome] = step.run  # type: ignore[attr-defined]
    return made(inputs, out, told), told


class Died(Exception):
    """Stands in for a kill: nothing of the run survives it but the disk."""


def run_killed_once(step: object, inputs: Artifacts, out: Path, *, at: int) -> tuple[Outcome, Told]:
    """A run that dies as its training step `at` is told, and then the same once more."""

    def dying(what: object) -> None:
        if isinstance(what, Progress) and what.done == at:
            raise Died

    out.mkdir()
    with pytest.raises(Died):
        step.run(inputs, out, dying)  # type: ignore[attr-defined]
    return run(step, inputs, out)


def curves(out: Path) -> pa.Table:
    return pq.read_table(out / "curves.parquet")


def digests(out: Path) -> dict[str, str]:
    """Every file a step left, by path, but for its scratch."""
    return {
        str(path.relative_to(out)): file_digest(path)
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".resume" not in path.parts
    }
