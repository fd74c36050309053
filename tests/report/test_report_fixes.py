"""The page says beside a suite whether a gap closed, or only refusals or lengths moved."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricated_report import Built, build
from fabricated_run import Fabricator, wilson

from duecare.core import Note
from duecare.report.gather import gather
from duecare.report.treatment import suites

WHERE = {"suite": "toxicity-by-group", "model": "tuned", "axis": "gender", "group": "women"}


def note(group: str, kind: str) -> Note:
    text = f"toxicity, {group} against all other groups of gender, base to tuned: {kind} moved."
    return Note(topic="evaluate.moved", text=text, data={"group": group, "kind": kind})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("fixes")
    run = Fabricator(folder / "run", folder / "keys")
    run.start(["base", "sft", "evaluate"])
    run.job("base", "duecare.model.fetch.Fetch")
    run.job("sft", "duecare.train.sft.Sft", inputs={"base": "base"})
    run.job(
        "evaluate",
        "duecare.evaluate.ask.Evaluate",
        inputs={"base": "base", "tuned": "sft"},
        estimates=[wilson("toxicity.rate", 4, 40, WHERE), wilson("heldout.rouge_l", 9, 40, {"source": "c"})],
        notes=[note("women", "only refusals"), note("men", "not shown")],
    )
    return build(run.finish(), folder / "report")


def test_what_moved_stands_under_its_suite_with_its_entry(built: Built) -> None:
    asked, useful = suites(gather(built.run), {})
    ((place, said),) = asked.said  # that nothing is shown is no news
    assert "women against all other groups" in said
    assert useful.said == ()
    assert said in built.html
    assert f'href="#entry-{place}"' in built.html


def test_the_page_is_as_before_where_nothing_was_tuned(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["base", "evaluate"])
    run.job("base", "duecare.model.fetch.Fetch")
    run.job("evaluate", "duecare.evaluate.ask.Evaluate", estimates=[wilson("toxicity.rate", 4, 40, WHERE)])
    (asked,) = suites(gather(run.finish()), {})
    assert asked.said == ()
