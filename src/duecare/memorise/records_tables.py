"""What the step `records` leaves: places, flags and numbers, from which its figures follow, and no text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import DataError, Finding
from duecare.core.wire import decode, encode
from duecare.memorise.extraction import Beginning, Gone, Shown
from duecare.memorise.missed import Sample
from duecare.memorise.records_rows import TRAIN, Place, Value
from duecare.memorise.redacted import Heard, Tried

_MODELS = ("base", "tuned")
_ROW = pa.field("row", pa.string(), nullable=False)
_GROUPS = pa.field("groups", pa.list_(pa.struct([("axis", pa.string()), ("value", pa.string())])))
_PLACE = (
    _ROW,
    pa.field("part", pa.string(), nullable=False),
    *(pa.field(name, pa.int32(), nullable=False) for name in ("start", "end")),
    pa.field("kind", pa.string(), nullable=False),
)
REDACTED = pa.schema(
    [
        *_PLACE,
        pa.field("split", pa.string(), nullable=False),
        pa.field("taught", pa.bool_(), nullable=False),
        *(
            pa.field(f"{model}_{how}", pa.bool_(), nullable=False)
            for model in _MODELS
            for how in ("exact", "near")
        ),
        pa.field("lift", pa.float64()),
        pa.field("stands", pa.int32(), nullable=False),
        _GROUPS,
    ]
)
"""One redacted value a row: where it stood, which model said it, the share of decoys whose log-probability
training raised less, and in how many training rows it stands in plain."""

VERBATIM = pa.schema(
    [
        _ROW,
        *(pa.field(name, pa.string(), nullable=False) for name in ("split", "model")),
        pa.field("prefix", pa.int32(), nullable=False),
        pa.field("exact", pa.bool_(), nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),
        pa.field("run", pa.int32(), nullable=False),
        _GROUPS,
    ]
)
"""One continuation a row, that of the base model before that of the trained one: whether it is the row's own,
token by token; how alike (1 less the edit distance as a share); tokens of the longest run that some training
row holds and the model was not shown."""

MISSED = pa.schema(
    [
        *_PLACE,
        *(pa.field(name, pa.bool_(), nullable=False) for name in ("tried", "memorised")),
    ]
)
"""One place a row that people marked and redaction missed, in the text after it; those were tried that lie in
training rows."""

REVIEWED = pa.schema([_ROW, pa.field("weight", pa.float64(), nullable=False), _GROUPS])
"""One row that people judged a row, with its sampling weight."""

Groups = Mapping[str, Mapping[str, str]]


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the figures need besides the tables: counts, who reviewed, and what could not be asked for."""

    left_out: int
    trained: int
    sizes: list[tuple[str, str, int]]
    rests_on: list[str]
    reviewed: bool
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Kept:
    """All that figures and verdicts follow from.

    `left_out` counts redacted values that could not be asked for, `findings` say what cannot be told.
    """

    tried: Sequence[Tried]
    left_out: int
    shown: Sequence[Shown]
    sample: Sample | None
    findings: Sequence[Finding]
    groups: Groups

    def write(self, out: Path) -> dict[str, str]:
        """The tables in `out`; name -> file name."""
        rows = {
            "redacted": (REDACTED, [_tried(each, self.groups) for each in self.tried]),
            "verbatim": (VERBATIM, [row for each in self.shown for row in _shown(each, self.groups)]),
            "missed": (MISSED, list(_missed(self.sample))),
            "reviewed": (REVIEWED, list(_reviewed(self.sample, self.groups))),
        }
        for name, (schema, own) in rows.items():
            made = pa.Table.from_pylist(own, schema=schema)
            pq.write_table(made, out / f"{name}.parquet", compression="zstd")
        sample = self.sample
        about = About(
            left_out=self.left_out,
            trained=sample.trained if sample else 0,
            sizes=sorted((*where, count) for where, count in sample.sizes.items()) if sample else [],
            rests_on=list(sample.rests_on) if sample else [],
            reviewed=sample is not None,
            findings=list(self.findings),
        )
        (out / "records.json").write_bytes(encode(about))
        return {name: f"{name}.parquet" for name in rows} | {"records": "records.json"}


def read(folder: Path) -> Kept:
    """What `Kept.write` left. Raises DataError where a table is lacking or damaged."""
    about = decode((folder / "records.json").read_bytes(), About)
    tables = {name: _table(folder, name) for name in ("redacted", "verbatim", "missed", "reviewed")}
    groups: dict[str, dict[str, str]] = {}
    for name in ("redacted", "verbatim", "reviewed"):
        for row in tables[name]:
            groups[row["row"]] = {each["axis"]: each["value"] for each in row["groups"] or ()}
    sample = _sample(about, tables, groups) if about.reviewed else None
    pairs = zip(tables["verbatim"][::2], tables["verbatim"][1::2], strict=True)
    return Kept(
        tried=[_tried_again(row) for row in tables["redacted"]],
        left_out=about.left_out,
        shown=[_shown_again(*both) for both in pairs],
        sample=sample,
        findings=about.findings,
        groups=groups,
    )


def _table(folder: Path, name: str) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = pq.read_table(folder / f"{name}.parquet").to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}.parquet: expected a whole table of the step records") from error
    return rows


def _place(place: Place) -> dict[str, object]:
    return {name: getattr(place, name) for name in ("row", "part", "start", "end", "kind")}


def _place_again(row: Mapping[str, Any]) -> Place:
    return Place(row["row"], row["part"], row["start"], row["end"], row["kind"])


def _groups(row: str, groups: Groups) -> list[dict[str, str]]:
    return [{"axis": axis, "value": value} for axis, value in sorted(groups.get(row, {}).items())]


def _tried(one: Tried, groups: Groups) -> dict[str, object]:
    said = {
        f"{model}_{how}": getattr(getattr(one, model), how) for model in _MODELS for how in ("exact", "near")
    }
    place = one.value.place
    own = {"split": one.value.split, "taught": one.value.taught, "lift": one.lift, "stands": one.stands}
    return _place(place) | said | own | {"groups": _groups(place.row, groups)}


def _tried_again(row: Mapping[str, Any]) -> Tried:
    base, tuned = (Heard(row[f"{model}_exact"], row[f"{model}_near"]) for model in _MODELS)
    value = Value(_place_again(row), row["split"], "", "", row["taught"])
    return Tried(value, base, tuned, row["lift"], row["stands"])


def _shown(one: Shown, groups: Groups) -> Iterator[dict[str, object]]:
    for model in _MODELS:
        went = getattr(one, model)
        yield {
            "row": one.beginning.row,
            "split": one.beginning.split,
            "model": model,
            "prefix": one.beginning.prefix,
            "exact": went.exact,
            "similarity": went.similarity,
            "run": went.run,
            "groups": _groups(one.beginning.row, groups),
        }


def _shown_again(base: Mapping[str, Any], tuned: Mapping[str, Any]) -> Shown:
    beginning = Beginning(base["row"], base["split"], base["prefix"], (), ())
    went = (Gone(each["exact"], each["similarity"], each["run"]) for each in (base, tuned))
    return Shown(beginning, *went)


def _missed(sample: Sample | None) -> Iterator[dict[str, object]]:
    if sample is None:
        return
    asked = {each.value.place: each.memorised for each in sample.tried}
    for place in sample.missed:
        yield _place(place) | {"tried": place in asked, "memorised": asked.get(place, False)}


def _reviewed(sample: Sample | None, groups: Groups) -> Iterator[dict[str, object]]:
    for row, weight in sorted(sample.weights.items()) if sample else ():
        yield {"row": row, "weight": weight, "groups": _groups(row, groups)}


def _sample(about: About, tables: Mapping[str, list[dict[str, Any]]], groups: Groups) -> Sample:
    tried = [
        Tried(
            Value(_place_again(row), TRAIN, "", ""),
            Heard(False, False),
            Heard(row["memorised"], row["memorised"]),
            None,
            0,
        )
        for row in tables["missed"]
        if row["tried"]
    ]
    return Sample(
        weights={row["row"]: row["weight"] for row in tables["reviewed"]},
        missed=[_place_again(row) for row in tables["missed"]],
        tried=tried,
        trained=about.trained,
        groups=groups,
        sizes={(axis, group): count for axis, group, count in about.sizes},
        rests_on=tuple(about.rests_on),
    )
