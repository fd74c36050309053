"""What is told of memorisation stands on the page in plain words; most attacks are one click away."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from duecare.core import FAIL, Estimate, Finding, Note
from duecare.report.gather import Figure, Ruling, Stage
from duecare.report.memorised import _of, whose
from duecare.report.page import _pages

CELL = {"model": "sft", "source": "chats", "of": "canaries", "place": "answer", "repeats": "4"}


def figure(number, metric, value, **about):
    told = Estimate(
        metric=metric,
        value=value,
        low=value,
        high=value,
        n=20,
        method="test",
        slice={**CELL, **about},
    )
    return Figure(f"7.{number}", 7, "canaries-back", told)


@pytest.fixture
def stage():
    figures = (
        figure(0, "memorise.auc", 0.9, attack="ratio"),
        figure(1, "memorise.auc", 0.8, attack="loss"),
        figure(2, "memorise.regurgitated", 0.25),
        figure(3, "memorise.regurgitated", 0.0, repeats="0"),
        figure(4, "memorise.survived", 1.0),
    )
    finding = Finding(
        name="memorise.regurgitated", verdict=FAIL, limit="at most 5%", detail="Secrets came back.", gate=True
    )
    note = Note(topic="memorise.canaries", text="", data={"model": "sft", "placed": "20", "controls": "1"})
    entry = SimpleNamespace(index=7, step="duecare.memorise.canaries.CanariesBack", settings={})
    ruling = Ruling("7.0", 7, "canaries-back", finding, figures[2])
    return Stage("canaries-back", entry, figures, (ruling,), ((7, note),), "0" * 64, {}, ())


def test_the_first_attack_stands_there_at_once(stage):
    one = _of(stage)
    assert [plot.title.partition(",")[0] for plot in one.plots] == [
        "Secrets that come back word for word",
        "Telling what was trained on from what was not",
    ]
    assert one.plots[1].title.endswith("by its loss against the base model")
    assert len(one.further) == 2  # another attack, and survival
    assert "20 canaries" in one.lead
    assert "1 control " in one.lead


def test_rows_of_a_plot_say_what_they_speak_of(stage):
    assert [whose(each) for each in stage.figures[2:4]] == [
        "in the answer, placed 4 times",
        "in the answer, not placed (control)",
    ]
    rows = figure(9, "memorise.auc", 0.6, of="rows", group="women")
    assert whose(rows) == "women"


def test_of_several_sources_each_row_says_which(stage):
    more = figure(5, "memorise.auc", 0.6, attack="ratio", source="notes")
    told = _of(Stage(stage.job, stage.entry, (*stage.figures, more), (), stage.notes, "0", {}, ()))
    labels = [[row.label for row in plot.rows] for plot in told.plots]
    assert labels[1] == ["chats: in the answer, placed 4 times", "notes: in the answer, placed 4 times"]
    assert labels[0][0] == "in the answer, placed 4 times"


def test_the_page_holds_figures_verdicts_and_no_markup_of_strangers(stage):
    strange = figure(5, "memorise.auc", 0.7, attack="ratio", of="rows", axis="<b>axis</b>", group="<i>x</i>")
    shown = _of(
        Stage(stage.job, stage.entry, (*stage.figures, strange), stage.rulings, stage.notes, "0", {}, ())
    )
    view = SimpleNamespace(memorised=(shown,), recorded=(), number=lambda _: 5, measuring=lambda _: ())
    page = _pages().from_string('{% import "macros.html" as m with context %}{% include "memorised.html" %}')
    html = page.render(view=view)
    assert "Secrets came back." in html
    assert "in the answer, placed 4 times" in html
    assert "<b>axis" not in html
    assert "<i>x" not in html
    assert "&lt;i&gt;x" in html
