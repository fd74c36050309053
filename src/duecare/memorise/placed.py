"""What training handed over: canaries as they were read, and rows that were read or held out. Needs no
JAX."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core import Artifacts, DataError, Example
from duecare.core.table import examples

TRAINED, DATA = "trained:", "data:"
FILE, READ, CLAIM = "canaries.parquet", "read.parquet", "privacy.json"
MASKED = "masked"
TALK, PARENT = "conversation_id", "parent"
"""Kept columns by which rows are not independent: one conversation, or made of the row that stands there."""


@dataclass(frozen=True, slots=True)
class Canary:
    """One canary, placed or not, as training read it.

    The secret is the `tokens` [start, end). `draws` is how often its copies were drawn, None where that is
    secret; `lost` says why it did not reach training as it was placed. See `train.engine_read.CANARIES`.
    """

    source: str
    canary: str
    place: str
    secret: str
    repeats: int
    tossed: bool
    placed: bool
    tokens: tuple[int, ...]
    start: int
    end: int
    taught: bool
    draws: int | None
    lost: str | None

    @property
    def name(self) -> str:
        """What it is called beside those of other sources."""
        return f"{self.source}:{self.canary}"


def canaries_of(inputs: Artifacts, on: str) -> list[Canary]:
    """The canaries of the source `on` (of all sources, where that is empty), as the last step read them.

    One is lost only where every step that read its source lost it. Raises DataError where there are none.
    """
    found: dict[str, Canary] = {}
    for name, artifact in inputs.items():
        path = artifact.path / FILE
        if not name.startswith(TRAINED) or not path.is_file():
            continue
        for record in pq.read_table(path).to_pylist():
            one = _seen(Canary(**record | {"tokens": tuple(record["tokens"])}))
            if on in ("", one.source):
                found[one.name] = _again(found.get(one.name), one)
    if not found:
        raise DataError(
            "memorise.canaries: expected a training step that read canaries; none handed any over"
        )
    return list(found.values())


def _seen(one: Canary) -> Canary:
    """A secret that is to be taught, and is not, did not reach training; prompts are never taught."""
    masked = one.lost is None and not one.taught and one.place != "prompt"
    return replace(one, lost=MASKED) if masked else one


def _again(before: Canary | None, now: Canary) -> Canary:
    """A canary that an earlier step read too."""
    if before is None:
        return now
    draws = None if before.draws is None or now.draws is None else before.draws + now.draws
    kept = before if now.lost is not None else now
    return replace(kept, draws=draws)


@dataclass(frozen=True, slots=True)
class Member:
    """What figures need of a row: whether training drew it, with which it belongs, its declared groups by
    axis."""

    row: str
    key: str
    member: bool
    cluster: str
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the data, whether training drew it, and with which others it is not independent.

    `cluster` is the name of the first of these, and not the value that they share: that may be a person's.
    """

    example: Example
    member: bool
    cluster: str

    @property
    def known(self) -> Member:
        """The row without its texts."""
        groups = {each.axis: each.value for each in self.example.groups}
        return Member(self.example.row, self.example.key, self.member, self.cluster, groups)


def rows_of(inputs: Artifacts, source: str, most: int, seed: int) -> list[Row]:
    """At most `most` rows that training drew, and as many held-out ones, none of which was (or would be) cut.

    Which, is a matter of seed and name alone.
    """
    read: dict[str, dict[str, Any]] = {}
    for name, artifact in inputs.items():
        path = artifact.path / READ
        if name.startswith(TRAINED) and path.is_file() and source_read(artifact.path) == source:
            for line in pq.read_table(path).to_pylist():
                read[line["row"]] = line
    found, first = list[Row](), dict[str, str]()
    for part in ("train", "held_out"):
        names = [row for row, line in read.items() if line["part"] == part and not line["cut"]]
        chosen = sorted(names, key=lambda row: _rank(seed, row))[:most]
        path = inputs[f"{DATA}{source}"].path / f"{part}.parquet"
        found += _rows(path, chosen, first, member=part == "train")
    return found


def source_read(folder: Path) -> str:
    """The source whose canaries a training step read."""
    sources = pq.read_table(folder / FILE, columns=["source"])["source"]
    return str(sources[0].as_py()) if len(sources) else ""


def _rows(path: Path, names: Sequence[str], first: dict[str, str], *, member: bool) -> Iterator[Row]:
    """The rows of these names; `first` is the first row of each cluster that was met, added to."""
    table = pq.read_table(path)
    for example in examples(table.filter(pc.is_in(table["row"], value_set=_strings(names)))):
        kept = {each.name: each.value for each in example.fields}
        cluster = f"{TALK}\0{kept[TALK]}" if TALK in kept else kept.get(PARENT, example.row)
        yield Row(example, member, first.setdefault(cluster, example.row))


def _strings(names: Sequence[str]) -> Any:
    import pyarrow as pa

    return pa.array(list(names), type=pa.string())


def _rank(seed: int, row: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{row}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Promise:
    """What training claims of one source: `epsilon` at `delta` for one `unit`; `jobs` that claim it."""

    epsilon: float
    delta: float
    unit: str
    jobs: tuple[str, ...]


def promise_of(inputs: Artifacts, source: str) -> Promise | None:
    """The claim of all steps that read a source, added up; None where one of them makes none."""
    claims: dict[str, Mapping[str, Any]] = {}
    for name, artifact in inputs.items():
        if not name.startswith(TRAINED) or not (artifact.path / FILE).is_file():
            continue
        if source_read(artifact.path) != source:
            continue
        path = artifact.path / CLAIM
        if not path.is_file():
            return None
        claims[name.removeprefix(TRAINED)] = json.loads(path.read_bytes())["claim"]
    if not claims:
        return None
    units = {str(claim["unit"]) for claim in claims.values()}
    return Promise(
        epsilon=sum(float(claim["epsilon"]) for claim in claims.values()),
        delta=sum(float(claim["delta"]) for claim in claims.values()),
        unit="person" if units == {"person"} else "example",
        jobs=tuple(claims),
    )
