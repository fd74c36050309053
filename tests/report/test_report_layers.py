"""Readings and maps are drawn where their causal check held, and nowhere else."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duecare.cli.show_layers import drawn
from duecare.core import INSUFFICIENT, PASS, Estimate, Finding, Note, Verdict
from duecare.explain import patching
from duecare.ledger.entry import Entry
from duecare.report.gather import Figure, Ruling, Stage
from duecare.report.layer_chart import Line, Point, Square, lines, squares
from duecare.report.layered import ROWS, _of
from duecare.report.page import _pages

QUIET = patching.share(np.zeros(4), np.ones(4), list("abcd")).reason
"""What the step says of a part that moves nothing: the table tells it from what cannot be said."""
GROUP = {"model": "base", "axis": "gender", "group": "women", "against": "men"}


def estimate(metric: str, value: float, **slice: str) -> Estimate:
    return Estimate(
        metric=metric, value=value, low=value - 0.1, high=value + 0.1, n=20, method="test", slice=slice
    )


def ruling(name: str, verdict: Verdict, **slice: str) -> Ruling:
    behind = estimate("explain.site.beyond_control", 0.4, **slice)
    finding = Finding(name=name, verdict=verdict, limit="more than its control", detail="It was tested.")
    return Ruling("9.0", 9, "layers", finding, Figure("9.1", 9, "layers", behind))


def read_rows() -> list[dict[str, object]]:
    rows = []
    for layer in (0, 1, 2):
        for metric, value in (
            ("explain.probe.accuracy", 0.5 + 0.2 * layer),
            ("explain.probe.control", 0.5),
            ("explain.probe.selectivity", 0.2 * layer),
        ):
            about = {"model": "base", "axis": "gender", "group": None, "against": None}
            figure = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 40, "reason": None}
            rows.append({"metric": metric, **about, "layer": layer, **figure, "found": layer == 2})
        gap = {"value": 0.1 * layer, "low": 0.0, "high": 0.3, "n": 20, "reason": None, "found": None}
        rows.append({"metric": "explain.lens.gap", **GROUP, "layer": layer, **gap})
    return rows


def map_rows() -> list[dict[str, object]]:
    rows = []
    for number, (part, position, _) in enumerate(ROWS):
        for layer in (0, 1, 2) if part == "stream" else (1, 2):
            quiet = position == "between"
            share = None if quiet else 0.1 * number * layer
            reason = QUIET if quiet else None
            rows.append(
                {
                    **GROUP,
                    "part": part,
                    "layer": layer,
                    "position": position,
                    "share": share,
                    "reason": reason,
                }
                | {"low": share, "high": share, "found": number == 6 and layer == 2, "n": 12}
            )
    return rows


def stage(tmp_path: Path, probe: Verdict, site: Verdict) -> Stage:
    for name, rows in (("layers", read_rows()), ("patching", map_rows())):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{name}.parquet")
    entry = Entry(
        index=9,
        happened="step.finished",
        run="tiny",
        actor="nobody",
        time="2026-01-01T00:00:00Z",
        previous="",
        job="layers",
        settings={"manner": "respectful", "issues": 30, "patched": 12},
    )
    note = Note(
        topic="explain.layers",
        text="gender: the group can be read from layer 2 on",
        data={"model": "base", "axis": "gender"},
    )
    cost = Figure(
        "9.2", 9, "layers", estimate("explain.erase.kl", 0.2, model="base", axis="gender", layer="2")
    )
    rulings = (
        ruling("explain.probe.causal", probe, model="base", axis="gender", layer="2"),
        ruling("explain.site.causal", site, **GROUP, part="mlp", layer="2"),
    )
    files = {f"{name}.parquet": tmp_path / f"{name}.parquet" for name in ("layers", "patching")}
    return Stage("layers", entry, (cost,), rulings, ((9, note),), "sha256:0", files, ())


@pytest.mark.parametrize("probe", [PASS, INSUFFICIENT])
@pytest.mark.parametrize("site", [PASS, INSUFFICIENT])
def test_what_is_not_validated_is_not_drawn(tmp_path: Path, probe: Verdict, site: Verdict) -> None:
    (part,) = _of(stage(tmp_path, probe, site)).parts
    assert part.known is not None
    assert bool(part.known.chart) == part.known.valid == (probe == PASS)
    (one,) = part.maps
    assert bool(one.chart) == one.valid == (site == PASS)
    assert ("Not validated" in part.known.said) == (probe != PASS)
    assert ("Not validated" in one.said) == (site != PASS)
    assert part.notes == ("gender: the group can be read from layer 2 on",)
    assert len(part.costs) == 1
    assert "women against men" in part.lens


def test_tables_stand_beside_the_drawings(tmp_path: Path) -> None:
    (part,) = _of(stage(tmp_path, PASS, PASS)).parts
    assert part.known is not None
    assert [(layer, found) for layer, _, found in part.known.table] == [(0, False), (1, False), (2, True)]
    assert part.known.table[1][1][0] == "0.70 [0.60, 0.80]"
    (one,) = part.maps
    assert one.layers == (0, 1, 2)
    table = dict(one.table)
    assert table["MLP"] == (("", False), ("0.60", False), ("1.20", True))
    assert table["stream, the rest of the prompt"][1] == ("0", False)


def test_the_page_writes_an_axis_as_the_data_do(tmp_path: Path) -> None:
    note = Note(
        topic="explain.layers",
        text="income in EUR <b>: the group can be read",
        data={"model": "base", "axis": "gender"},
    )
    one = _of(replace(stage(tmp_path, PASS, PASS), notes=((9, note),)))
    page = '{% import "macros.html" as m with context %}{% include "explain_layers.html" %}'
    found = _pages().from_string(page).render(view=SimpleNamespace(layered=(one,)))
    assert "<p>Income in EUR &lt;b&gt;: the group can be read.</p>" in found
    assert found.count("<svg") == found.count("<figure") == 3  # readers, lens and map


def test_a_map_is_told_in_words_and_reads_in_grey() -> None:
    cells = [Square(0, 1, 0.9, True), Square(0, 2, -0.4, False), Square(1, 1, 0.1, False)]
    svg = squares("Where it arises", ["words", "<MLP>"], cells)
    assert 'role="img"' in svg
    assert "words of layer 1: 90%" in svg
    assert "<MLP>" not in svg.replace("&lt;MLP&gt;", "")
    assert svg.count('fill="var(--g0)"') == 2  # the one that holds the gap down is hollow
    assert svg.count('stroke-width="2.2"') == 1
    assert set(re.findall(r"var\(--(\w+)\)", svg)) <= {"g0", "muted", "rule"}
    assert squares("Where it arises", ["words", "<MLP>"], cells) == svg
    assert "No part stands out for certain" in squares("Map", ["words"], cells[1:2])


def test_lines_differ_by_dash_and_are_told_in_words() -> None:
    drawn_lines = [
        Line(name, tuple(Point(layer, top * layer, top * layer - 0.1, top * layer + 0.1) for layer in (0, 5)))
        for name, top in (("accuracy", 0.2), ("control task", 0.1))
    ]
    svg = lines("Readers", "accuracy", drawn_lines)
    assert "accuracy from 0 at layer 0 to 1 at layer 5" in svg
    assert "stroke-dasharray" in svg
    assert "<title>Readers" in svg


def test_a_share_in_the_terminal_is_a_block_with_its_figure() -> None:
    assert drawn("0.02", found=False) == "░0.02"
    assert drawn("0.98", found=True) == "█0.98*"
    assert drawn("-0.60", found=False) == "▓-0.60"
    assert drawn("0.00", found=False) == " 0.00"
    assert drawn("?", found=False) == "?"
