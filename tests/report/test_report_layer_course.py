"""What layers know from model to model: a strip where the causal check held, a table and words always."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from duecare.cli.show_layers import print_layers, shade
from duecare.core import INSUFFICIENT, PASS, Estimate, Finding, Verdict
from duecare.ledger.entry import Entry
from duecare.report.gather import Figure, Ruling, Stage
from duecare.report.layer_chart import Square, strip
from duecare.report.layered import Layered, _of
from duecare.report.page import _pages

MODELS = (("base", None, 0.5), ("sft@20", 20, 0.7), ("sft@40", 40, 0.9), ("tuned", None, 1.0))
"""Model, training step, and what the reader of its last layer reads right."""


def read_rows() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for model, step, best in MODELS:
        for layer in (0, 3):
            value = best if layer else 0.5
            for metric, found in (("accuracy", value), ("control", 0.5), ("selectivity", value - 0.5)):
                about = {"model": model, "axis": "gender", "group": None, "against": None}
                figure = {"value": found, "low": found - 0.1, "high": found + 0.1, "n": 40, "reason": None}
                certain = found > 0.3 if metric == "selectivity" else None
                more = {"layer": layer, **figure, "found": certain, "step": step}
                rows.append({"metric": f"explain.probe.{metric}", **about, **more})
    return rows


def stage(folder: Path, verdict: Verdict, rows: list[dict[str, object]] | None = None) -> Stage:
    made = pa.Table.from_pylist(read_rows() if rows is None else rows)
    pq.write_table(made, folder / "layers.parquet")
    about = {"model": "tuned", "axis": "gender", "layer": "3"}
    behind = Estimate(
        metric="explain.erase.beyond_control", value=0.4, low=0.3, high=0.5, n=20, method="test", slice=about
    )
    finding = Finding(
        name="explain.probe.causal", verdict=verdict, limit="more than its control", detail="It was tested."
    )
    ruling = Ruling("9.0", 9, "layers", finding, Figure("9.1", 9, "layers", behind))
    entry = Entry(
        index=9,
        happened="step.finished",
        run="tiny",
        actor="nobody",
        time="2026-01-01T00:00:00Z",
        previous="",
        job="layers",
        settings={"manner": "respectful", "issues": 30, "patched": 0, "snapshots": True},
    )
    files = {"layers.parquet": folder / "layers.parquet"}
    return Stage("layers", entry, (), (ruling,), (), "sha256:0", files, ())


def shown(one: Layered) -> str:
    page = '{% import "macros.html" as m with context %}{% include "explain_layers.html" %}'
    return _pages().from_string(page).render(view=SimpleNamespace(layered=(one,)))


@pytest.mark.parametrize("verdict", [PASS, INSUFFICIENT])
def test_the_strip_is_drawn_where_the_causal_check_held_and_the_table_always(
    tmp_path: Path, verdict: Verdict
) -> None:
    one = _of(stage(tmp_path, verdict))
    (course,) = one.courses
    assert bool(course.chart) == course.valid == (verdict == PASS)
    assert course.models == ("base", "sft, step 20", "sft, step 40", "tuned")
    assert [layer for layer, _ in course.table] == [0, 3]
    last = course.table[1][1]
    assert [said for said, _, _ in last] == [f"{v:.2f} [{v - 0.1:.2f}, {v + 0.1:.2f}]" for _, _, v in MODELS]
    assert [level for _, level, _ in last] == pytest.approx([0.0, 0.4, 0.8, 1.0])
    assert [found for _, _, found in last] == [False, False, True, True]
    assert course.firsts == (
        "Read above chance for certain: base: at none; sft, step 20: at none; sft, step 40: from layer 3 on;"
        " tuned: from layer 3 on."
    )
    page = shown(one)
    assert page.count("<svg") == (2 if verdict == PASS else 0)  # the strip, and the readers of "tuned"
    assert '<th scope="col">sft, step 20</th>' in page
    assert "0.90 [0.80, 1.00]*" in page
    assert ("Columns: 1 base; 2 sft, step 20; 3 sft, step 40; 4 tuned." in page) == (verdict == PASS)


def test_states_on_the_way_have_no_part_of_their_own(tmp_path: Path) -> None:
    one = _of(stage(tmp_path, PASS))
    assert [part.model for part in one.parts] == ["base", "tuned"]


def test_without_states_on_the_way_there_is_no_course(tmp_path: Path) -> None:
    """Control, and what an older run left: its table has no training steps."""
    plain = [row for row in read_rows() if row["step"] is None]
    older = [{name: value for name, value in row.items() if name != "step"} for row in plain]
    for rows in (plain, older):
        assert _of(stage(tmp_path, PASS, rows)).courses == ()


def test_what_could_not_be_read_is_said_and_not_drawn(tmp_path: Path) -> None:
    rows = read_rows()
    for row in rows:
        if row["model"] == "sft@20":
            row |= {"value": None, "low": None, "high": None, "reason": "too few", "found": False}
    (course,) = _of(stage(tmp_path, PASS, rows)).courses
    assert course.table[1][1][1] == ("could not say", None, False)
    assert course.chart.count('role="img"') == 1


def test_a_strip_reads_in_grey_and_is_told_in_words() -> None:
    cells = [
        Square(0, 0, 0.0, False),
        Square(1, 0, 0.2, False),
        Square(0, 3, 0.1, False),
        Square(1, 3, 0.9, True),
    ]
    svg = strip("Readers", ["base", "<tuned>"], cells)
    assert "layer 3: base 10%, &lt;tuned&gt; 90%" in svg
    assert "<tuned>" not in svg
    assert svg.count('stroke-width="2.2"') == 1
    assert set(re.findall(r"var\(--(\w+)\)", svg)) <= {"g0", "muted", "rule"}
    assert strip("Readers", ["base", "<tuned>"], cells) == svg


def test_the_terminal_shows_the_course_in_blocks(tmp_path: Path) -> None:
    out = Console(width=120, record=True, file=io.StringIO())
    print_layers(out, _of(stage(tmp_path, INSUFFICIENT)))
    said = out.export_text()
    assert "How well linear readers tell gender, from model to model" in said
    row = next(line for line in said.splitlines() if "█1.00*" in line)
    assert [each.strip() for each in row.strip("│ ").split("│")] == ["3", "0.50", "▒0.70", "█0.90*", "█1.00*"]
    assert [shade(level) for level in (None, 0.0, 0.2, 0.5, 0.9)] == ["", " ", "░", "▒", "█"]
