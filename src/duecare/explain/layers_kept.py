"""What the step `layers` finds of one model: gathered, written when that model is done, read after a kill.

A model takes minutes, a course of snapshots hours. So each is whole on the disk before the next one begins,
under `out/.resume`, with what later models are compared with. Free of JAX.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import Artifacts, DuecareError, Estimate, Finding
from duecare.core.table import expect
from duecare.core.wire import decode, encode, settings
from duecare.explain import layers_table
from duecare.explain.probes import Known
from duecare.measure.cluster import Sums
from duecare.measure.interval import Interval
from duecare.measure.reader import Hits, Reading

TABLES = {"layers": layers_table.LAYERS, "patching": layers_table.PATCHING}
_TOLD = "told.json"


@dataclass(slots=True)
class Found:
    """What was found so far: figures, verdicts, rows of both tables, and by axis what the layers know."""

    estimates: list[Estimate] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    patching: list[dict[str, Any]] = field(default_factory=list)
    known: dict[str, list[Known]] = field(default_factory=dict)

    @classmethod
    def together(cls, parts: Iterable[Found]) -> Found:
        """Figures, verdicts and rows of several models, in order."""
        found = cls()
        for each in parts:
            found.estimates += each.estimates
            found.findings += each.findings
            found.layers += each.layers
            found.patching += each.patching
        return found

    def write(self, out: Path) -> dict[str, str]:
        """Both tables; name -> file name."""
        for name, schema in TABLES.items():
            made = pa.Table.from_pylist(getattr(self, name), schema=schema)
            pq.write_table(made, out / f"{name}.parquet", compression="zstd")
        return {name: f"{name}.parquet" for name in TABLES}


def mark(step: object, inputs: Artifacts) -> str:
    """Tells this work from that of other settings or inputs."""
    read = {name: artifact.digest for name, artifact in sorted(inputs.items())}
    told = json.dumps({"settings": settings(step), "inputs": read}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def keep(found: Found, folder: Path, mark: str) -> None:
    """Write what was found of one model; after a kill `folder` is whole or not there."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    part.mkdir(parents=True)
    found.write(part)
    (part / "estimates.json").write_bytes(encode(found.estimates))
    (part / "findings.json").write_bytes(encode(found.findings))
    known = {axis: [asdict(each) for each in mine] for axis, mine in found.known.items()}
    told = json.dumps({"mark": mark, "known": known}, default=lambda each: each.tolist())
    (part / _TOLD).write_text(told, "utf-8")
    part.rename(folder)


def again(folder: Path, mark: str) -> Found | None:
    """What `keep` wrote under the same mark; None where there is nothing whole."""
    try:
        told = json.loads((folder / _TOLD).read_bytes())
        if told["mark"] != mark:
            return None
        rows = {name: _rows(folder / f"{name}.parquet", schema) for name, schema in TABLES.items()}
        return Found(
            estimates=decode((folder / "estimates.json").read_bytes(), list[Estimate]),
            findings=decode((folder / "findings.json").read_bytes(), list[Finding]),
            known={axis: list(map(_known, mine)) for axis, mine in told["known"].items()},
            **rows,
        )
    except (OSError, ValueError, KeyError, TypeError, DuecareError, pa.ArrowException):
        return None  # torn by a power cut: that model is read once more


def _rows(path: Path, schema: pa.Schema) -> list[dict[str, Any]]:
    found = pq.read_table(path)
    expect(found, schema, path.name)
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _known(told: Mapping[str, Any]) -> Known:
    reading = dict(told["reading"])
    hits = reading.pop("hits")
    accuracy, control = (Interval(**reading.pop(name)) for name in ("accuracy", "control"))
    return Known(
        depth=told["depth"],
        reading=Reading(
            accuracy=accuracy, control=control, hits=None if hits is None else _hits(hits), **reading
        ),
        selectivity=Interval(**told["selectivity"]),
        holm=told["holm"],
    )


def _hits(told: Mapping[str, Any]) -> Hits:
    return Hits(**{name: _sums(told[name]) for name in ("group", "chance")})


def _sums(told: Mapping[str, Any]) -> Sums:
    sums, sizes = (np.array(told[name], dtype=np.float64) for name in ("sums", "sizes"))
    return Sums(tuple(told["ids"]), sums, sizes, told["n"])
