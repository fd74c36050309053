"""Where the figures come from and who answers for them: instruments, lineage, software, the ledger's root."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duecare.core import DuecareError, written
from duecare.core.wire import decode
from duecare.ledger.attested import last_attested, people_told, told_by
from duecare.ledger.chain import leaf_hash, tree_root
from duecare.ledger.layout import ATTESTATIONS
from duecare.ledger.log import entry_line
from duecare.ledger.read import head
from duecare.report.curation import STEPS
from duecare.report.gather import Stage, Story
from duecare.report.texts import rows
from duecare.report.words import plural

if TYPE_CHECKING:
    from duecare.detect.card import Card
    from duecare.detect.card import Measured as CardLine

_EXTERNAL = "external:"
_NO_DETECTOR = {
    "model": "The model's own probabilities: nothing stands between the model and the figure.",
    "rouge-l": "A formula: the longest run of words, with gaps, in answer and reference (Lin 2004).",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """An input of a job: under which name, from which job or file, with which digest."""

    name: str
    job: str
    entry: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class Node:
    """One job on the way from the sources to the model."""

    stage: Stage
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """Jobs that follow one another: all of one source, or one job of its own."""

    name: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure of an instrument's card, in words."""

    on: str
    slice: str
    figure: str
    n: str

    @property
    def words(self) -> str:
        """All of it on one line."""
        return f"{self.figure} on {self.on} ({self.slice}), n = {self.n}"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A detector (or model, or panel of people) that figures rest on, and its card where it has one."""

    name: str
    used_for: tuple[str, ...]
    card: Card | None

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return "instrument-" + re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def says(self) -> str:
        """What it is, as its card says; for what is no detector, in our words."""
        return self.card.what if self.card else _NO_DETECTOR.get(self.name.partition(":")[0], "")

    @property
    def measured(self) -> tuple[Measured, ...]:
        """What it was measured on, the figure farthest from perfect first."""
        return tuple(map(_measured, self.card.worst_first)) if self.card else ()

    @property
    def worst(self) -> Measured | None:
        """The worst figure on its card."""
        return self.measured[0] if self.measured else None

    @property
    def limits(self) -> str:
        """What it cannot do, as its card says."""
        return " ".join(self.card.limits) if self.card else ""

    @property
    def not_for(self) -> str:
        """What it must not be used for, as its card says."""
        return " ".join(self.card.not_for) if self.card else ""


@dataclass(frozen=True, slots=True)
class Account:
    """Who ran it, and what a stranger needs to check it."""

    actors: tuple[str, ...]
    entries: int
    root: str
    key: str
    software: tuple[tuple[str, str], ...]
    seeds: tuple[tuple[int, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Attested:
    """The last attestations that the ledger records: by which entry, and in words of what."""

    entry: int
    said: str


def attested(story: Story) -> Attested | None:
    """What was attested of the run, as far as it was when this is written; None where nothing was."""
    last = last_attested(story.entries)
    if last is None:
        return None
    job = told_by(last).model
    later = any(each.happened == "step.finished" and each.index > last.index for each in story.entries)
    people = len(people_told(last))
    said = [
        f"Signed of {f'the model of {job}' if job else 'the results'} by the key that records the run"
        + (f", and by {plural(people, 'person', 'people')}" if people else "")
        + f": {ATTESTATIONS}/ in the run folder.",
        *(["Results that were entered since then are not in them."] if later else []),
    ]
    return Attested(last.index, " ".join(said))


def lanes(story: Story) -> tuple[tuple[Lane, ...], tuple[Node, ...]]:
    """The jobs that prepare, side by side (each source, the base model), and those after them, in order."""
    sources = list(dict.fromkeys(stage.source for stage in story.of(*STEPS) if stage.source))
    side = [
        Lane(source, tuple(_node(story, stage) for stage in story.of(*STEPS) if stage.source == source))
        for source in sources
    ]
    side += [Lane(stage.job, (_node(story, stage),)) for stage in story.of("base")]
    after = tuple(_node(story, stage) for stage in story.stages if stage.kind not in (*STEPS, "base"))
    return tuple(side), after


def _node(story: Story, stage: Stage) -> Node:
    origins = []
    for name, digest in sorted(stage.entry.inputs.items()):
        maker = story.maker(digest, stage.source)
        shown = name.removeprefix(_EXTERNAL)
        origins.append(
            Origin(shown, maker.job if maker else "", maker.entry.index if maker else None, digest)
        )
    return Node(stage, tuple(origins))


def instruments(story: Story) -> tuple[Instrument, ...]:
    """Every instrument that a figure or a change of this run rests on, by name."""
    used: dict[str, dict[str, None]] = {}
    for figure in story.figures:
        for name in figure.estimate.rests_on:
            used.setdefault(name, {})[figure.job] = None
    for stage in story.stages:
        for file in ("changes.parquet", "scores.parquet"):
            for name in _named(stage, file):
                used.setdefault(name, {})[stage.job] = None
    return tuple(Instrument(name, tuple(jobs), _card(name)) for name, jobs in sorted(used.items()))


def _named(stage: Stage, file: str) -> Iterable[str]:
    table = rows(stage, file, ["instrument"]) if file in stage.files else None
    return sorted(name for name in set(table.column("instrument").to_pylist()) if name) if table else ()


def _card(name: str) -> Card | None:
    """The card of a detector that this installation knows under that name and version."""
    try:
        from duecare.detect import load_card

        card = load_card(name.partition("@")[0])
    except (ImportError, KeyError, DuecareError):
        return None
    return card if name.partition("@")[2] in ("", card.version) else None


def _measured(line: CardLine) -> Measured:
    value, low, high = written.interval(line.value, line.low, line.high)
    return Measured(line.data, line.part, f"{line.metric}: {value} ({low} to {high})", f"{line.n:,}")


def account(run: Path, story: Story) -> Account:
    """Who ran it and what to check it by. The root covers the ledger up to the last entry told of here,
    so that it does not change when the report itself is put on record."""
    last = story.entries[-1].index
    leaves = [leaf_hash(entry_line(entry)) for entry in story.ledger if entry.index <= last]
    software: dict[str, dict[str, None]] = {}
    for stage in story.stages:
        for package, version in sorted(stage.entry.software.items()):
            software.setdefault(package, {})[version] = None
    seeds: dict[int, list[str]] = {}
    for stage in story.stages:
        if stage.entry.seed is not None:
            seeds.setdefault(stage.entry.seed, []).append(stage.job)
    return Account(
        actors=tuple(dict.fromkeys(entry.actor for entry in story.entries)),
        entries=len(leaves),
        root=tree_root(leaves),
        key=head(run).key,
        software=tuple((package, ", ".join(versions)) for package, versions in sorted(software.items())),
        seeds=tuple((seed, tuple(jobs)) for seed, jobs in sorted(seeds.items())),
    )


def base_model(story: Story) -> str:
    """The model the run started from: as its reference says, else as the study asked for it."""
    for stage in story.of("base"):
        path = stage.files.get("reference.json")
        if path is not None:
            try:
                name = decode(path.read_bytes(), dict).get("name")
            except DuecareError:
                continue
            if isinstance(name, str):
                return name
    asked = story.study.get("model")
    named = asked.get("base") if isinstance(asked, dict) else asked
    return str(named) if named else ""
