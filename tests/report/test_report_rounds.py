"""Rounds of human review in the report: agreement on the page, mended figures beside the detector's."""

from __future__ import annotations

import html as escaping
import re
from pathlib import Path

import numpy as np
from fabricated_jobs import base
from fabricated_report import build
from fabricated_run import TOXICITY, Fabricator
from fabricated_verdicts import evaluate

from duecare.measure import Ratings, agreements, proportion

ALONE = "No person rated the answers"


def fabricated(tmp_path: Path, *, reviewed: bool, planned: bool = True) -> Path:
    """A run that evaluates, and where `reviewed` takes a round on its answers in."""
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["base", "evaluate", "gate", *(["review:model"] if reviewed and planned else [])])
    base(run)
    evaluate(run, tuned=False)
    if reviewed:
        by, rng = ("people/first@2",), np.random.default_rng(0)
        ratings = Ratings.table(rng.integers(1, 5, (3, 40)))
        about = {"round": "first", "question": "harm"}
        said = [
            found.estimate(f"review.agreement.{name}", about, "", by)
            for name, found in agreements(ratings, rng, "ordinal").items()
        ]
        where = {"suite": "toxicity-by-group", "model": "base", "axis": "gender", "group": "women"}
        mended = proportion(9, 60).estimate("toxicity.corrected.rate", where, "share", (TOXICITY, *by))
        run.job(
            "review:model",
            "duecare.review.waiting.Review",
            inputs={"reviewed": "evaluate"},
            estimates=[*said, mended],
        )
    return run.finish()


def test_a_round_stands_on_the_page_with_the_agreement_of_its_people(tmp_path: Path) -> None:
    built = build(fabricated(tmp_path, reviewed=True), tmp_path / "out")
    start = built.html.index("What people said: round model")
    section = built.html[start : built.html.index("</table>", start)]
    titles = [escaping.unescape(each) for each in re.findall(r'<th scope="row">([^<]*)', section)]
    assert titles == [
        "Percent agreement",
        "Fleiss' kappa",
        "Krippendorff's alpha",
        "Gwet's AC1",
        "Gwet's AC2",
    ]
    assert section.count("data-figure=") == section.count('class="ci"') == 5
    assert "Toxic (mended by people) answers, by gender" in built.html
    assert "people/first@2" in built.html
    assert ALONE not in built.html


def test_a_round_that_no_plan_held_stands_there_too(tmp_path: Path) -> None:
    built = build(fabricated(tmp_path, reviewed=True, planned=False), tmp_path / "out")
    assert "What people said: round model" in built.html
    assert ALONE not in built.html


def test_control_without_a_round_no_person_rated(tmp_path: Path) -> None:
    built = build(fabricated(tmp_path, reviewed=False), tmp_path / "out")
    assert "What people said" not in built.html
    assert ALONE in built.html
