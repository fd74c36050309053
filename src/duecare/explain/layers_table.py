"""Schemas of what the step `layers` writes, and the rows of both tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from duecare.core import Estimate
from duecare.explain.patching import Mapped

LAYERS = pa.schema(
    [
        pa.field("metric", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("axis", pa.string(), nullable=False),
        pa.field("group", pa.string()),
        pa.field("against", pa.string()),
        pa.field("layer", pa.int32(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("n", pa.int32(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("found", pa.bool_()),
        pa.field("step", pa.int32()),
    ]
)
"""One figure of one depth (0 is the embedded tokens) a row: of the lens, and of the probes; `found` says of a
probe's selectivity whether it is above zero after Holm's correction over depths; `step` is the training step
of a state on the way, models stand in the order of training."""

PATCHING = pa.schema(
    [
        pa.field("model", pa.string(), nullable=False),
        pa.field("axis", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("against", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("layer", pa.int32(), nullable=False),
        pa.field("position", pa.string()),
        pa.field("share", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("p", pa.float64()),
        pa.field("holm", pa.float64()),
        pa.field("n", pa.int32(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("found", pa.bool_(), nullable=False),
    ]
)
"""One cell of a map a row: the share of the gap that it carries with its interval, the p-value that it
carries none, plain and after Holm's correction over the map, and whether it stands out at 5 %."""


def of_estimates(told: Iterable[Estimate], found: Mapping[int, bool]) -> Iterator[dict[str, Any]]:
    """Rows of LAYERS; `found` by depth is that of the probes' selectivity."""
    for each in told:
        about, layer = each.slice, int(each.slice["layer"])
        yield {
            "metric": each.metric,
            "model": about["model"],
            "axis": about["axis"],
            "group": about.get("group"),
            "against": about.get("against"),
            "layer": layer,
            "value": each.value,
            "low": each.low,
            "high": each.high,
            "n": each.n,
            "reason": each.reason,
            "found": found.get(layer) if each.metric == "explain.probe.selectivity" else None,
            "step": each.step,
        }


def of_map(told: Sequence[Mapped], about: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Rows of PATCHING."""
    for each in told:
        yield {
            **{name: about[name] for name in ("model", "axis", "group", "against")},
            "part": each.cell.part,
            "layer": each.cell.depth,
            "position": each.cell.region,
            "share": each.share.value,
            "low": each.share.low,
            "high": each.share.high,
            "p": each.p,
            "holm": each.holm,
            "n": each.share.n,
            "reason": each.share.reason,
            "found": each.found,
        }
