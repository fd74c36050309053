"""A limit crossed while training is seen at the top, beside the curves, on the card and in the JSON."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from fabricated_report import Built, build
from fabricated_run import CURVES, Fabricator, curves

from duecare.core import FAIL, PASS, Estimate, Finding, Note
from duecare.report.chart import draw, paint
from duecare.report.curves import panels
from duecare.report.gather import gather
from duecare.report.metrics import metric

CROSSED = "Up to training step 120 the gap of men against women (gender) in loss was +1.2 nats per token"
HELD = "Up to training step 300 the gap of old against all others (age) in loss was +0.1 nats per token"


def look(step: int, value: float, axis: str, group: str, against: str) -> Estimate:
    return Estimate(
        metric="sft.loss.gap",
        value=value,
        low=value - 0.2,
        high=value + 0.2,
        n=4 * step,
        clusters=step,
        method="confidence sequence (asymptotic, from 100 on)",
        slice={"source": "chats", "split": "train", "axis": axis, "group": group, "against": against},
        level=1 - 0.05 / 2,
        unit="nats per token",
        step=step,
    )


def said(verdict: str, detail: str, estimate: Estimate) -> Finding:
    return Finding(
        name="sft.loss.gap",
        verdict=verdict,  # type: ignore[arg-type]  # one of the three
        limit="between -0.5 and 0.5",
        detail=detail,
        estimate=estimate,
    )


def gap_points() -> pa.Table:
    points = [
        {"step": step, "split": "train", "axis": "gender", "group": "men", "metric": "loss.gap"}
        | {"value": 1.2, "low": 1.0, "high": 1.4, "n": 4 * step}
        for step in (100, 110, 120)
    ]
    return pa.Table.from_pylist(points, schema=CURVES)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("watched")
    run = Fabricator(folder / "run", folder / "keys")
    run.start(["base", "sft"])
    run.job("base", "duecare.model.fetch.Fetch")
    crossed = said(FAIL, CROSSED, look(120, 1.2, "gender", "men", "women"))
    held = said(PASS, HELD, look(300, 0.1, "age", "old", "all others"))
    run.job(
        "sft",
        "duecare.train.sft.Sft",
        inputs={"base": "base"},
        files={
            "curves.parquet": pa.concat_tables(
                [curves({"loss": (3, 1)}, "gender", ["men", "women"], 120), gap_points()]
            )
        },
        told=[[look(110, 1.3, "gender", "men", "women")]],
        findings=[crossed, held],
    )
    return build(run.finish(), folder / "report")


def test_a_crossing_stands_at_the_top_and_with_the_training(watched: Built) -> None:
    top, rest = watched.html.split('<section id="data"')
    assert CROSSED in top
    assert HELD not in top, "what holds raises no alarm"
    assert "The study set no limits" not in top
    training = rest.split('<section id="training"')[1]
    assert CROSSED in training
    assert HELD in training
    assert CROSSED not in rest.split('<section id="training"')[0]


def test_a_crossing_stands_on_the_card_and_in_the_json(watched: Built) -> None:
    assert "- fails: Up to training step 120" in watched.card
    assert "- holds: Up to training step 300" in watched.card
    verdicts = {item["finding"]["verdict"] for item in watched.data["findings"] if item["job"] == "sft"}
    assert verdicts == {FAIL, PASS}


def test_the_gap_is_drawn_with_its_band(watched: Built) -> None:
    (panel,) = [each for each in panels(gather(watched.run)) if each.metric == "loss.gap"]
    assert panel.title == "Loss gap, group less all others, on training rows, by gender"
    (curve,) = panel.curves
    assert [(point.step, point.low, point.high) for point in curve.points] == [
        (100, 1.0, 1.4),
        (110, 1.0, 1.4),
        (120, 1.0, 1.4),
    ]
    assert panel.title in watched.html


def test_the_level_of_a_look_is_not_rounded_away(watched: Built) -> None:
    assert "97.5% interval" in watched.html


def test_a_gap_is_written_with_its_sign() -> None:
    assert (metric("sft.loss.gap").form, metric("sft.loss.gap").neutral) == ("signed", 0.0)
    assert metric("dpo.accuracy.gap").form == metric("dpo.accuracy.gap.change").form == "points"
    assert metric("twins.gap").title == "Gap between counterfactual twins"


def undone() -> pa.Table:
    """Losses of both groups; those after step 40 were rolled back. And twins, asked three times."""
    schema = CURVES.append(pa.field("rolled_back", pa.bool_(), nullable=False))
    points = [
        {
            "step": step,
            "split": "train",
            "axis": "gender",
            "group": group,
            "metric": "loss",
            "value": 3 - step / 50,
        }
        | {"low": None, "high": None, "n": 4, "rolled_back": step > 40}
        for step in (20, 40, 60)
        for group in ("men", "women")
    ]
    points += [
        {"step": step, "split": "twins", "axis": "gender", "group": "women", "metric": "twins.gap"}
        | {"value": -step / 100, "low": -step / 100 - 0.1, "high": 0.1, "n": 40, "rolled_back": step > 40}
        for step in (0, 40, 60)
    ]
    return pa.Table.from_pylist(points, schema=schema)


def test_what_was_rolled_back_is_drawn_apart_in_the_colour_of_its_group(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["base", "sft"])
    run.job("base", "duecare.model.fetch.Fetch")
    files = {"curves.parquet": undone()}
    run.job("sft", "duecare.train.sft.Sft", inputs={"base": "base"}, files=files)
    loss, twins = panels(gather(run.finish()))
    names = [curve.group for curve in loss.curves]
    assert names == ["men", "women", "men, rolled back", "women, rolled back"]
    assert [[point.step for point in curve.points] for curve in loss.curves] == [
        [20, 40],
        [20, 40],
        [40, 60],
        [40, 60],
    ]
    inks = dict(zip(names, paint(loss), strict=True))
    for group in ("men", "women"):
        assert inks[f"{group}, rolled back"].colour == inks[group].colour
        assert inks[f"{group}, rolled back"].dash != inks[group].dash
    assert twins.title == "Gap between counterfactual twins, by gender"
    assert "rolled back from" in draw(loss)


def test_steps_after_the_best_model_are_not_called_rolled_back(tmp_path: Path) -> None:
    """`keep: best` let them go because an earlier model was better, not because a limit was crossed."""
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["base", "sft"])
    run.job("base", "duecare.model.fetch.Fetch")
    note = Note(topic="sft.kept", text="that of step 40 is kept", data={"step": "40"})
    files = {"curves.parquet": undone()}
    run.job("sft", "duecare.train.sft.Sft", inputs={"base": "base"}, files=files, notes=[note])
    loss, _ = panels(gather(run.finish()))
    assert [curve.group for curve in loss.curves] == ["men", "women", "men, not kept", "women, not kept"]
    assert "rolled back" not in draw(loss)


def test_figures_of_twins_asked_while_training_have_the_words_of_the_suite() -> None:
    assert metric("sft.twins.gap") is metric("twins.gap")
    assert metric("dpo.twins.amplification").better == "lower"


def test_control_a_run_without_a_crossing_raises_no_alarm(whole_report: Built) -> None:
    assert "A watched limit was crossed" not in whole_report.html
    assert "Limits watched while training" not in whole_report.html
