"""What the step `canaries` found, as tables without any text, and the figures that follow from them.

The figures of a run follow from these tables alone, so `duecare verify --recompute` derives them again. No
JAX.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import Estimate, Finding, unknown
from duecare.core.wire import decode, encode
from duecare.memorise import figures, verdict
from duecare.memorise.agreement import agreement
from duecare.memorise.figures import Scored, ScoredRows
from duecare.memorise.placed import Canary, Member, Promise

if TYPE_CHECKING:
    from duecare.memorise.canaries import CanariesBack

ABOUT = "asked.json"
FIELDS = ("canary", "source", "place", "repeats", "tossed", "placed", "taught", "draws", "lost")
"""What of a canary stands in the table of scores; its secret does not."""
MEMBERS = ("source", "row", "key", "member", "cluster", "groups")


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found of the model `model` of a training step: scores of canaries and rows, promises by
    source."""

    model: str
    scored: Scored
    rows: Sequence[ScoredRows]
    promises: Mapping[str, Promise]

    def told(self, step: CanariesBack) -> tuple[list[Estimate], list[Finding]]:
        """Every figure and verdict."""
        canaries, level = self.scored.canaries, 1 - step.alpha
        cells = figures.cells(canaries, self.model)
        estimates = [
            *figures.survived(canaries, self.model),
            *figures.canary_figures(self.scored, cells, level),
            *(each for one in self.rows for each in figures.row_figures(one, self.model, step.groups, level)),
            *(self._without_rows() if step.rows else ()),
        ]
        held = [int((~one.member).sum()) for one in self.rows]
        looks = figures.looks(self.scored, cells, self.rows, self.model)
        findings = [
            *verdict.limit_findings(looks, step.limits, step.alpha),
            verdict.survival_finding(canaries, step.survived, self.model),
            verdict.power_finding(cells, held, level),
        ]
        for source, promise in self.promises.items():
            agreed = agreement(self.scored, promise, source, self.model, step.alpha)
            estimates.append(agreed.estimate())
            findings.append(agreed.finding())
        return estimates, findings

    def _without_rows(self) -> list[Estimate]:
        """Sources of which nothing can be said of rows."""
        looked = {one.source for one in self.rows}
        reason = "no row was read whole that training drew, or that was held out"
        return [
            unknown(
                "memorise.auc",
                reason,
                0,
                {"model": self.model, "source": source, "of": "rows"},
                "area under the ROC curve (DeLong)",
            )
            for source in dict.fromkeys(one.source for one in self.scored.canaries)
            if source not in looked
        ]

    def write(self, out: Path) -> dict[str, str]:
        """The tables; name -> file name."""
        scores = {name: values.tolist() for name, values in self.scored.scores.items()}
        table = {name: [getattr(one, name) for one in self.scored.canaries] for name in FIELDS}
        for name, mask in (("back", self.scored.back), ("near", self.scored.near)):
            table |= {} if mask is None else {name: mask.tolist()}
        pq.write_table(pa.table(table | scores), out / "scored.parquet", compression="zstd")
        rows = [
            {"source": one.source, **asdict(member), "groups": list(member.groups.items())}
            | {name: float(values[number]) for name, values in one.scores.items()}
            for one in self.rows
            for number, member in enumerate(one.rows)
        ]
        promises = {source: asdict(promise) for source, promise in self.promises.items()}
        (out / ABOUT).write_bytes(encode({"model": self.model, "promises": promises}))
        files = {"scored": "scored.parquet", "asked": ABOUT}
        if rows:
            made = pa.Table.from_pylist([{**row, "groups": None} for row in rows])
            groups = pa.array([row["groups"] for row in rows], pa.map_(pa.string(), pa.string()))
            made = made.set_column(made.schema.get_field_index("groups"), "groups", groups)
            pq.write_table(made, out / "members.parquet", compression="zstd")
            files["members"] = "members.parquet"
        return files


def again(step: CanariesBack, folder: Path) -> tuple[list[Estimate], list[Finding]]:
    """The figures and verdicts of a run once more, from the tables that it wrote."""
    about = decode((folder / ABOUT).read_bytes(), dict)
    promises = msgspec.convert(about["promises"], dict[str, Promise])
    return Found(about["model"], _scored(folder), _rows(folder), promises).told(step)


def _scored(folder: Path) -> Scored:
    table = pq.read_table(folder / "scored.parquet")
    canaries = [
        Canary(**record, secret="", tokens=(), start=0, end=0) for record in table.select(FIELDS).to_pylist()
    ]
    known = {*FIELDS, "back", "near"}
    scores = {name: table[name].to_numpy() for name in table.column_names if name not in known}
    masks = [
        np.array(table[name].to_pylist(), dtype=bool) if name in table.column_names else None
        for name in ("back", "near")
    ]
    return Scored(canaries, scores, masks[0], masks[1])


def _rows(folder: Path) -> list[ScoredRows]:
    path = folder / "members.parquet"
    if not path.is_file():
        return []
    table = pq.read_table(path)
    records: list[dict[str, Any]] = table.to_pylist()
    attacks = [name for name in table.column_names if name not in MEMBERS]
    found = []
    for source in dict.fromkeys(record["source"] for record in records):
        mine = [record for record in records if record["source"] == source]
        members = [
            Member(
                row=record["row"],
                key=record["key"],
                member=record["member"],
                cluster=record["cluster"],
                groups=dict(record["groups"]),
            )
            for record in mine
        ]
        scores = {name: np.array([record[name] for record in mine], dtype=np.float64) for name in attacks}
        found.append(ScoredRows(source, members, scores))
    return found
