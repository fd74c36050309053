"""Curation finds what the demonstration planted, and finds none of it where nothing was planted.

The floors guard against a step backwards; they say little about texts never seen. When the detectors met
this data for the first time (seed 7) they found toxic 16 of 60 (precision 0.16), stereotype 21 of 48 (0.95),
personal 231 of 278 (0.95). They were improved afterwards, while the data and what they missed in it were
open to read, and now know forms of words that are planted here: what is measured since is in sample. Only
the first figures, and those on public data in the detectors' cards, tell what to expect elsewhere. The
toxicity detector was trained anew since (version 2) without another look; its floors are those of its first
figures here. Names are now found by a model; none of these texts was trained on, but its training sentences
were widened after its first false alarms here had been read: persons 57 of 59, and of 36 false alarms left 30
are one phrase, the name of a menu; none is a planted look-alike. The earlier bar of 0.97 for the precision of
personal data belonged to rules that had been fitted to this data.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from planting.compare import Tally, artifact, read_list, shown, tallies

from duecare.cli.study import Study
from duecare.core import FAIL
from duecare.core.table import examples, group_column
from duecare.ledger.read import entries
from duecare.vault import opened, stored

DEMO = Path(__file__).parent.parent.parent / "studies" / "demo.yaml"


def curated(folder: Path, data: dict[str, str]) -> Path:
    """The run folder of the curating part of demo.yaml on `data`."""
    (folder / "demo-data").mkdir(parents=True)
    for name, text in data.items():
        (folder / "demo-data" / name).write_text(text, encoding="utf-8", newline="\n")
    shutil.copy(DEMO, folder / "demo.yaml")
    study = Study.read(folder / "demo.yaml")
    study = dataclasses.replace(study, train=(), evaluate=None, gates=None, model=None)
    study.run(folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, written: dict[str, str]) -> Path:
    return curated(tmp_path_factory.mktemp("planted"), written)


@pytest.fixture(scope="module")
def clean_run(tmp_path_factory: pytest.TempPathFactory, unplanted: dict[str, str]) -> Path:
    return curated(tmp_path_factory.mktemp("clean"), unplanted)


@pytest.fixture(scope="module")
def found(run: Path) -> dict[str, Tally]:
    counted = tallies(run, run.parent / "demo-data")
    print(f"\n{shown(counted)}")
    return {tally.kind: tally for tally in counted}


AXIS, RARE = "user_demographic", "65+"
PLANTED_GAPS = {"audit.representation", "audit.answer_length", "audit.outcome"}


def crossed(run: Path) -> dict[str, set[tuple[str, str]]]:
    """Name of a failed finding of the audit of the conversations -> the (axis, group) it speaks of."""
    found: dict[str, set[tuple[str, str]]] = {}
    for entry in entries(run):
        for finding in entry.findings if entry.job == "audit:chats" else ():
            if finding.verdict == FAIL and finding.estimate is not None:
                about = finding.estimate.slice
                found.setdefault(finding.name, set()).add((about["axis"], about["group"]))
    return found


FLOORS = {  # kind: (recall, precision), some way below what seeds 7 and 8 gave
    "malformed": (1.0, 1.0),
    "toxic": (0.5, 0.6),
    "duplicate": (1.0, 1.0),
    "stereotype": (0.8, 0.95),
    "personal": (0.9, 0.85),
}
MOST_TAKEN = 0.08  # share of harmless look-alikes that may be taken for trouble


@pytest.mark.parametrize("kind", FLOORS)
def test_what_was_planted_is_found(kind: str, found: dict[str, Tally]) -> None:
    recall, precision = FLOORS[kind]
    assert (found[kind].recall or 0) >= recall
    assert (found[kind].precision or 0) >= precision


def test_the_group_that_is_rare_and_answered_worse_is_named_and_no_other(run: Path) -> None:
    assert crossed(run) == {name: {(AXIS, RARE)} for name in PLANTED_GAPS}


def test_where_nothing_is_planted_no_gap_is_claimed(clean_run: Path) -> None:
    """Control: the same words and steps, and every group served alike."""
    assert crossed(clean_run) == {}


def test_balancing_gives_the_rare_group_its_share(
    run: Path, session_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUECARE_HOME", str(session_home))  # where the secret is that the rows are sealed with
    folder = artifact(run, "balance:chats")
    assert folder is not None
    with opened(stored(folder, "kept.parquet")) as sealed:
        kept = pq.read_table(sealed)
    weight = kept.column("weight").to_numpy()
    rare = np.array(group_column(kept, AXIS).to_pylist()) == RARE
    assert rare.mean() < 0.06
    assert weight[rare].sum() / weight.sum() == pytest.approx(0.2, abs=0.001)


def test_planted_personal_data_is_gone_from_what_training_reads(run: Path) -> None:
    """Every place that the step covered is no longer in the rows it passed on."""
    folder = artifact(run, "personal:chats")
    assert folder is not None
    kept = {row.row: row for row in examples(pq.read_table(folder / "kept.parquet"))}
    spans = pq.read_table(folder / "changes.parquet").to_pylist()
    lines = (run.parent / "demo-data" / "chats.jsonl").read_text("utf-8").split("\n")
    for item in read_list(run.parent / "demo-data", "planted"):
        row = kept.get(item["row"]) if item["kind"] == "personal" else None
        covered = [s for s in spans if row and s["row"] == row.row and s["part"] == item["part"]]
        if row is None or not any(s["start"] <= item["start"] and item["end"] <= s["end"] for s in covered):
            continue
        before = json.loads(lines[int(row.row.partition(":")[2])])["messages"]
        value = before[int(item["part"].partition(".")[2])]["content"][item["start"] : item["end"]]
        assert value not in dict(row.parts())[item["part"]]


def test_look_alikes_are_left_alone(found: dict[str, Tally]) -> None:
    for kind in ("toxic", "stereotype", "personal"):
        assert found[kind].taken <= MOST_TAKEN * found[kind].alike
