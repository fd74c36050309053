"""The whole loop: a run is reviewed by people of two panels, and the next study learns from their choices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from review_rounds import joined
from typer.testing import CliRunner

from duecare.cli import reviewing
from duecare.cli.main import app
from duecare.core.table import examples
from duecare.ledger.read import entries
from duecare.ledger.verify import verify
from duecare.review import desk
from duecare.review.desk import Shown
from duecare.review.people import state_attributes
from duecare.review.rounds import rounds
from duecare.review.store import Store

COUNT = 8
FIRST = """\
study: {name: first}
data:
  pairs: {source: pairs.jsonl, kind: preference}
curate:
  - duplicates: {}
review: {before: train, point: pairs, on: pairs, items: 8, overlap: 5, panels: origin}
"""
SECOND = """\
study: {name: second}
data:
  people: {source: EXPORT, kind: preference, keep: [review.round, review.guideline, review.share]}
curate:
  - toxicity: {on: people}
"""
TOPICS = ("loans", "cards", "mortgages", "savings", "transfers", "cheques", "pensions", "insurance")


def duecare(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, " ".join(done.output.split())


def judged_by(store: Store, round: str, person: object, liked: str) -> None:
    """The person prefers the answer that begins with `liked`, wherever it stands."""
    while isinstance(shown := desk.next_item(store, person, round), Shown):  # type: ignore[arg-type]  # a person
        (side,) = (side for side in ("left", "right") if shown.texts[side].startswith(liked))
        desk.submit(store, person, shown.assignment, {"better": side})  # type: ignore[arg-type]  # as above


@pytest.fixture
def reviewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose pairs three people of the panel "here" and two of the panel "there" have judged."""
    rows = [
        {"prompt": f"May I ask about {topic} {i}?", "chosen": f"Good {topic}.", "rejected": f"Bad {topic}."}
        for i, topic in enumerate(TOPICS)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "first.yaml").write_text(FIRST)
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "first"
    assert duecare("run", "first.yaml")[0] == 4
    assert duecare("review", "open", run)[0] == 0
    with Store.open(reviewing.where(run, None)) as store:
        (opened,) = rounds(store)
        for number in range(5):
            person = joined(store, number, "annotator")
            state_attributes(store, person, {"origin": "here" if number < 3 else "there"})
            judged_by(store, opened.id, person, "Good" if number < 3 else "Bad")
    assert duecare("review", "close", run)[0] == 0
    code, said = duecare("run", "first.yaml")
    assert code == 0, said
    return run


def test_the_next_study_learns_from_the_people_of_a_round(reviewed: Path) -> None:
    (folder,) = reviewed.glob("artifacts/review-*")
    sealed = next(each for each in entries(reviewed) if each.job == "review:pairs-pairs" and each.outputs)
    figures = {each.metric: each for each in sealed.estimates}
    assert figures["review.agreement.percent"].value == pytest.approx(0.4)
    assert figures["review.agreement.krippendorff_alpha"].value < 0
    study = reviewed.parents[1] / "second.yaml"
    study.write_text(SECOND.replace("EXPORT", str(folder)))
    code, said = duecare("run", study)
    assert code == 0, said
    run = study.parent / "runs" / "second"
    (kept,) = run.glob("artifacts/read-*/kept.parquet")
    rows = examples(pq.read_table(kept))
    assert len(rows) == 2 * COUNT
    toward = {
        word: sum(row.weight for row in rows if row.chosen.startswith(word)) for word in ("Good", "Bad")
    }
    assert toward["Good"] == pytest.approx(toward["Bad"])  # three of one panel count as two of the other
    shares = {field.value for row in rows for field in row.fields if field.name == "review.share"}
    assert shares == {"0.6000", "0.4000"}
    assert not [each for each in verify(run) if each.verdict == "fail"]
    assert not [each for each in verify(reviewed) if each.verdict == "fail"]
    page = (reviewed / "report" / "report.html").read_text("utf-8")
    assert "What people said: round pairs-pairs" in page


def test_a_study_is_told_where_a_round_has_no_pairs(reviewed: Path) -> None:
    (folder,) = reviewed.glob("artifacts/review-*")
    other = reviewed.parents[1] / "other"
    other.mkdir()
    for path in folder.iterdir():
        if path.name != "pairs.parquet":
            (other / path.name).write_bytes(path.read_bytes())
    study = reviewed.parents[1] / "third.yaml"
    study.write_text(SECOND.replace("EXPORT", str(other)))
    code, said = duecare("check", study)
    assert code != 0
    assert "without pairs.parquet: nobody compared" in said


def test_an_audit_of_the_people_behind_a_reward_reads_what_the_round_left(reviewed: Path) -> None:
    from duecare.reward.labels import read_labels

    (folder,) = reviewed.glob("artifacts/review-*")
    labels = read_labels(folder, "origin")
    assert len(labels.items) == COUNT
    assert len(labels.people) == 5
    assert labels.panels == ("here", "there")
    assert all(first.answer.startswith("Good") for first, _ in labels.sides.values())
    assert all(text.turns[0].content.startswith("May I ask") for text, _ in labels.sides.values())
    assert labels.weights().tolist() == [[3.0, 2.0]] * COUNT
    assert labels.panels_alike() == pytest.approx(np.full((COUNT, 2), 2.5))
    assert labels.without_panel("here").tolist() == [[0.0, 2.0]] * COUNT
    (liked_bad, *_) = [
        person
        for person in labels.people
        if all(each.value == 0 for each in labels.choices if each.person == person)
    ]
    assert labels.weights(liked_bad).tolist() == [[3.0, 1.0]] * COUNT
