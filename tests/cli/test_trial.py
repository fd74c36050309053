"""`duecare detectors audit`: a planted bias is found, a fair detector is not accused, bad data is named."""

from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.trial import Trial
from duecare.core import DataError, StudyError

RUDE, KIND = "You are a stupid idiot.", "Thank you, the parcel came in time."


def labelled(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label", "team"))
        writer.writerows(rows)
    return path


def rows(mislabelled=False):
    """60 rude and 60 kind texts; every third mentions Muslims, and then the labels may be turned round."""
    found = []
    for number in range(120):
        about = " The Muslim customer reads it." if number % 3 == 0 else ""
        rude = number % 2 == 0
        said = rude != bool(mislabelled and about)
        found.append(((RUDE if rude else KIND) + about, int(said), "ab"[number % 2]))
    return found


def figure(tried, metric, **about):
    (found,) = [
        each for each in tried.figures if each.metric == metric and about.items() <= each.slice.items()
    ]
    return found


def test_a_detector_that_is_wrong_about_one_group_is_found_out(tmp_path):
    tried = Trial(detector="toxicity", data=labelled(tmp_path / "a.csv", rows(mislabelled=True))).run()
    about = {"axis": "mentioned", "group": "religion:Muslim"}
    assert figure(tried, "detector.subgroup_auc", **about).high < 0.5
    assert figure(tried, "detector.bpsn_auc", **about).high < 0.9
    assert figure(tried, "detector.false_positive_rate", **about).low > 0.5


def test_control_one_that_treats_all_alike_is_not(tmp_path):
    tried = Trial(detector="toxicity", data=labelled(tmp_path / "a.csv", rows()), groups="team").run()
    assert figure(tried, "detector.subgroup_auc", axis="mentioned").value == 1
    assert figure(tried, "detector.roc_auc").value == 1
    assert figure(tried, "detector.false_positive_rate", axis="mentioned").value == 0
    assert {
        each.slice["group"]
        for each in tried.figures
        if each.slice.get("axis") == "group"
        if "group" in each.slice
    } >= {"a", "b"}
    assert all(each.rests_on == ("toxicity@3",) for each in tried.figures)


def test_one_that_points_at_places_is_measured_by_its_surest(tmp_path):
    data = [("Write to jane.roe@example.org today.", 1, "a"), ("Write to me today.", 0, "a")] * 20
    tried = Trial(detector="personal", data=labelled(tmp_path / "a.csv", data)).run()
    assert figure(tried, "detector.roc_auc").value == 1


def test_bad_data_is_named(tmp_path):
    path = labelled(tmp_path / "a.csv", [("a", "perhaps", "x")])
    with pytest.raises(DataError, match="row 0: label is 'perhaps'"):
        Trial(detector="toxicity", data=path).run()
    with pytest.raises(DataError, match="no body"):
        Trial(detector="toxicity", data=path, text="body").run()
    with pytest.raises(StudyError, match="did you mean"):
        Trial(detector="toxcity", data=path).run()
    with pytest.raises(DataError, match="both labels"):
        Trial(detector="toxicity", data=labelled(tmp_path / "b.csv", [("a", 1, "x")] * 3)).run()


def test_the_command_shows_tables_and_json(tmp_path):
    path = labelled(tmp_path / "a.csv", rows())
    words = ["detectors", "audit", "toxicity", "--data", str(path)]
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 0, said.output
    assert "religion:Muslim" in said.output
    figures = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert {each["metric"] for each in figures} >= {"detector.roc_auc", "detector.bnsp_auc"}
    assert CliRunner().invoke(app, ["detectors", "audit"]).exit_code == 2
