"""Where a model comes from: back from its artifact to sources, settings, digests, software and people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duecare.core import LedgerError
from duecare.ledger.forgotten import forgotten
from duecare.report.gather import Stage, Story, gather
from duecare.report.origin import base_model

_EXTERNAL = "external:"


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that came from outside the run: its name, and the SHA-256 it had."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Made:
    """A result on the way to the model: who made it, when, how, and of which others (by job)."""

    job: str
    entry: int
    step: str
    actor: str
    time: str
    digest: str
    folder: str
    settings: dict[str, object]
    seed: int | None
    software: dict[str, str]
    outside: tuple[Outside, ...]
    of: dict[str, str]
    again: int | None


@dataclass(frozen=True, slots=True)
class Lineage:
    """Everything that a model rests on, the model first; `people` are all who ran any of it."""

    run: str
    study: str
    model: str
    base: str
    made: tuple[Made, ...]
    people: tuple[str, ...]
    unknown: tuple[str, ...]


def lineage(run: Path, model: str | None = None) -> Lineage:
    """The way back from `model`: a job, its folder or the beginning of its digest; else the last model.

    Raises LedgerError where the run made no such result.
    """
    story = gather(run)
    start = _meant(story, model)
    order: dict[str, Stage] = {}
    unknown: list[str] = []
    waiting = [start]
    while waiting:
        stage = waiting.pop(0)
        if stage.job in order:
            continue
        order[stage.job] = stage
        for name, digest in sorted(stage.entry.inputs.items()):
            maker = _maker(story, stage, name, digest)
            if maker is not None:
                waiting.append(maker)
            elif not name.startswith(_EXTERNAL):
                unknown.append(f"{stage.job} used {name} ({digest[:12]}...), which no current step made")
    made = tuple(_made(story, stage) for stage in order.values())
    ways = {each.folder for each in made}
    unknown += [one.text for one in forgotten(story.ledger) if ways & set(one.touched)]
    return Lineage(
        run=story.run,
        study=story.name,
        model=start.job,
        base=base_model(story) if any(each.job == "base" for each in made) else "",
        made=made,
        people=tuple(dict.fromkeys(each.actor for each in made)),
        unknown=tuple(unknown),
    )


def _meant(story: Story, named: str | None) -> Stage:
    models = [stage for stage in story.stages if any(file.startswith("model/") for file in stage.listed)]
    if named is None:
        if not models:
            raise LedgerError(f"{story.name} trained no model; name one of its jobs instead")
        return models[-1]
    for stage in story.stages:
        if named in (stage.job, stage.folder, stage.folder.partition("/")[2]):
            return stage
        if len(named) >= 8 and stage.digest.startswith(named):
            return stage
    known = ", ".join(stage.job for stage in models) or "none"
    raise LedgerError(f"{story.name} has no result {named!r}; its models are {known}")


def _maker(story: Story, stage: Stage, name: str, digest: str) -> Stage | None:
    """The job whose result an input is: of several with equal bytes the one of the same source."""
    source = name.partition(":")[2] or stage.source
    return story.maker(digest, source)


def _made(story: Story, stage: Stage) -> Made:
    entry = stage.entry
    makers = {
        name: maker.job
        for name, digest in entry.inputs.items()
        if not name.startswith(_EXTERNAL) and (maker := _maker(story, stage, name, digest)) is not None
    }
    kept = entry.note.data.get("entry") if entry.note is not None and entry.note.topic == "kept" else None
    return Made(
        job=stage.job,
        entry=entry.index,
        step=entry.step or "",
        actor=entry.actor,
        time=entry.time,
        digest=stage.digest,
        folder=stage.folder,
        settings=dict(entry.settings),
        seed=entry.seed,
        software=dict(entry.software),
        outside=tuple(
            Outside(name.removeprefix(_EXTERNAL), digest)
            for name, digest in entry.inputs.items()
            if name.startswith(_EXTERNAL)
        ),
        of=makers,
        again=int(kept) if kept is not None and kept.isdigit() else None,
    )
