"""A round's export: what counts, what was taken back, and the files of other programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from review_rounds import BETTER, PLACES, RATE, candidates, pairs, plan

from duecare.core.errors import DataError
from duecare.review import adjudicate, desk, export, oversight, people, tables
from duecare.review.bringing import Brought, bring_in, read_labels
from duecare.review.desk import Shown
from duecare.review.interchange import FORMS, write_as
from duecare.review.person import Person
from duecare.review.plan import Check, Draw, Quality
from duecare.review.question import Question
from duecare.review.rounds import Round, open_round, progress, round_of
from duecare.review.store import Store

Join = Callable[..., Person]
FORMULA = '=HYPERLINK("http://example.org")'


def judge(store: Store, person: Person, round: str, answers: Callable[[Shown], dict[str, Any]]) -> None:
    while isinstance(shown := desk.next_item(store, person, round), Shown):
        desk.submit(store, person, shown.assignment, answers(shown), FORMULA)


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / export.FILES[name]).to_pylist()


def number(shown: Shown) -> int:
    return int(shown.texts["text"].removesuffix(".").split()[-1])


@pytest.fixture
def judged(store: Store, join: Join, tmp_path: Path) -> tuple[Round, Path, list[Person]]:
    """Two people, of whom the second finds item 2 worse; repeats, a check, spans, an answer taken back."""
    checks = (Check(text="Check 9", expected={"harm": (3,)}),)
    opened = open_round(
        store,
        candidates(6),
        plan(
            overlap=2,
            questions=(RATE, PLACES),
            checks=checks,
            quality=Quality(consistency=0.2, apart=1, qualify=0),
        ),
    )
    raters = [join(), join()]
    for person, worse in zip(raters, (1, 3), strict=True):
        people.state_attributes(store, person, {"age": "older"})

        def answers(shown: Shown, worse: int = worse) -> dict[str, Any]:
            spans = [{"part": "text", "start": 0, "end": 4, "label": "name"}]
            value = worse if number(shown) == 2 else 1
            return {"harm": value, "places": spans if number(shown) == 3 else []}

        shown = desk.next_item(store, person, opened.id)
        assert isinstance(shown, Shown)
        desk.submit(store, person, shown.assignment, {"harm": 2})
        desk.undo(store, person)
        judge(store, person, opened.id, answers)
    (dispute,) = adjudicate.disputed(store, opened.id)
    adjudicate.settle(store, join("adjudicator"), dispute.item, {"harm": 2, "places": []}, "between the two")
    export.write(store, opened.id, tmp_path / "out")
    return opened, tmp_path / "out", raters


def test_every_table_has_its_schema(judged: tuple[Round, Path, list[Person]]) -> None:
    _, out, _ = judged
    for name, schema in (
        ("labels", tables.LABELS),
        ("spans", tables.LABEL_SPANS),
        ("judged", tables.JUDGED),
        ("decisions", tables.DECISIONS),
        ("settled", tables.SETTLED),
        ("soft", tables.SOFT),
    ):
        assert pq.read_schema(out / export.FILES[name]).equals(schema, check_metadata=False)


def test_labels_say_all_that_counts(judged: tuple[Round, Path, list[Person]]) -> None:
    _, out, raters = judged
    labels = read(out, "labels")
    first = [each for each in labels if each["purpose"] == "item" and each["turn"] == 0]
    assert len(first) == 12
    assert {each["person"] for each in first} == {person.id for person in raters}
    assert {each["instrument"] for each in first} == {f"person:{person.id}" for person in raters}
    assert {each["weight"] for each in first} == {1.0}
    assert [each["value"] for each in first if each["row"] == "chats:2"] == [1.0, 3.0]
    checks = [each for each in labels if each["purpose"] == "qualification"]
    assert [(each["value"], each["expected"]) for each in checks] == [(1.0, False), (1.0, False)]
    assert len([each for each in labels if each["turn"] == 1]) == 2  # a repeat for each


def test_spans_and_who_looked_and_found_none(judged: tuple[Round, Path, list[Person]]) -> None:
    _, out, _ = judged
    spans = read(out, "spans")
    assert {(each["row"], each["part"], each["start"], each["end"], each["label"]) for each in spans} == {
        ("chats:3", "text", 0, 4, "name")
    }
    looked = [each for each in read(out, "judged") if each["purpose"] == "item" and each["turn"] == 0]
    assert len(looked) == 12
    assert sum(each["marked"] for each in looked) == 2


def test_decisions_hold_what_was_taken_back(judged: tuple[Round, Path, list[Person]]) -> None:
    _, out, _ = judged
    decisions = read(out, "decisions")
    kinds = [each["kind"] for each in decisions]
    assert (kinds.count("withdrawn"), kinds.count("settled")) == (2, 1)
    assert all(len(each["shown_digest"]) == 64 for each in decisions)
    names = {each["decision"] for each in decisions}
    assert all(each["replaces"] in names for each in decisions if each["replaces"])


def test_settled_and_soft_stand_side_by_side(judged: tuple[Round, Path, list[Person]]) -> None:
    _, out, _ = judged
    settled = {each["row"]: each for each in read(out, "settled")}
    assert len(settled) == 6
    assert (settled["chats:2"]["value"], settled["chats:2"]["why"]) == (2.0, "between the two")
    assert {each["by"] for row, each in settled.items() if row != "chats:2"} == {"agreed"}
    soft = [each for each in read(out, "soft") if each["row"] == "chats:2"]
    assert {(each["axis"], each["panel"], each["value"], each["share"]) for each in soft} == {
        (axis, panel, value, 0.5)
        for axis, panel in (("all", "all"), ("age", "older"))
        for value in (1.0, 3.0)
    }


def test_about_the_round(judged: tuple[Round, Path, list[Person]]) -> None:
    opened, out, _ = judged
    about = json.loads((out / "round.json").read_text())
    assert (about["items_digest"], about["counts"]["complete"], about["counts"]["people"]) == (
        opened.digest,
        6,
        2,
    )
    text = "".join(path.read_bytes().decode("latin-1") for path in out.iterdir())
    assert "Person 1" not in text
    assert "Text number" not in text  # no reviewed text leaves with the labels


def test_a_panel_of_one_is_not_shown(store: Store, join: Join, tmp_path: Path) -> None:
    opened = open_round(store, candidates(2), plan(overlap=2))
    for person, age in ((join(), "older"), (join(), "younger")):
        people.state_attributes(store, person, {"age": age})
        judge(store, person, opened.id, lambda shown: {"harm": 1})
    export.write(store, opened.id, tmp_path)
    assert {each["axis"] for each in read(tmp_path, "soft")} == {"all"}


def test_choices_are_scores_of_the_first_answer(store: Store, join: Join, tmp_path: Path) -> None:
    opened = open_round(store, pairs(4), plan(point="pairs", questions=(BETTER,), overlap=1))
    words = iter(["good", "bad", "tie", "neither"])

    def choice(shown: Shown) -> dict[str, Any]:
        word = next(words)
        good = "left" if shown.texts["left"].startswith("Good") else "right"
        bad = "right" if good == "left" else "left"
        return {"better": {"good": good, "bad": bad}.get(word, word)}

    judge(store, join(), opened.id, choice)
    export.write(store, opened.id, tmp_path)
    found = sorted(read(tmp_path, "labels"), key=lambda each: each["time"])
    assert [(each["value"], each["reason"]) for each in found] == [
        (1.0, None), (0.0, None), (0.5, None), (None, "neither"),
    ]  # fmt: skip


def test_labels_of_an_old_guideline_and_of_the_recused_are_marked(
    store: Store, join: Join, tmp_path: Path
) -> None:
    opened = open_round(store, candidates(2), plan(overlap=1))
    person, ethics = join(), join("ethics")
    judge(store, person, opened.id, lambda shown: {"harm": 1})
    oversight.revise(store, opened.id, ethics, "Another guideline.", "unclear before")
    item = desk.history(store, person, opened.id)[0].item
    oversight.recuse(store, ethics, person.id, opened.id, "knows the author", item=item)
    export.write(store, opened.id, tmp_path)
    (label,) = read(tmp_path, "labels")
    assert (label["guideline"], label["current_guideline"]) == (1, False)
    assert label["item"] != item
    assert [each["kind"] for each in read(tmp_path, "decisions")].count("recused") == 1


def test_weights_are_the_inverse_of_the_chance(store: Store, join: Join, tmp_path: Path) -> None:
    opened = open_round(store, candidates(100), plan(overlap=1, draw=Draw(items=20)))
    judge(store, join(), opened.id, lambda shown: {"harm": 1})
    export.write(store, opened.id, tmp_path)
    assert sum(each["weight"] for each in read(tmp_path, "labels")) == pytest.approx(100)


@pytest.mark.parametrize("form", ["csv", "parquet", "label-studio", "argilla"])
def test_labels_go_out_and_come_in_again(store: Store, join: Join, tmp_path: Path, form: str) -> None:
    questions = (RATE,) if form in ("csv", "parquet") else (RATE, PLACES)
    opened = open_round(store, candidates(5), plan(overlap=2, questions=questions))
    for person in (join(), join()):
        judge(store, person, opened.id, lambda shown: {"harm": 1 + number(shown) % 3})
    out = write_as(store, opened.id, tmp_path, form)[0]
    again = open_round(store, candidates(5), plan(name="again", overlap=1, questions=questions))
    labels = read_labels(out, again.questions)
    with store.read() as connection:
        rows = {row[0]: row[1] for row in connection.exec_driver_sql("SELECT id, row FROM items")}
    for label in labels:
        label.item = rows[label.item]  # ids are those of the round before
    taken = bring_in(store, again.id, labels)
    assert (taken.labels, taken.people) == (5, 1)
    assert taken.refused == {"the item has all the labels that were planned": 5}
    assert progress(store, again.id).complete == 5
    export.write(store, again.id, tmp_path / "again")
    found = {each["row"]: each["value"] for each in read(tmp_path / "again", "labels")}
    assert found == {f"chats:{i}": float(1 + i % 3) for i in range(5)}


def test_a_table_that_holds_no_labels_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"row": ["a"]}), tmp_path / "labels.parquet")
    (tmp_path / "bytes.parquet").write_bytes(b"PAR1, and no table")
    for name in ("labels", "bytes"):
        with pytest.raises(DataError, match=f"{name}.parquet is not as expected of labels"):
            read_labels(tmp_path / f"{name}.parquet", (RATE,))


def test_a_table_gives_first_judgements_and_whole_steps_only(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    rows = ["chats:0,p,harm,1,0", "chats:0,p,harm,3,1", "chats:1,p,harm,2.7,0", "chats:2,p,harm,2.0,0"]
    path.write_text("\n".join(["row,person,question,value,turn", *rows]) + "\n")
    opened = open_round(store, candidates(3), plan(overlap=1))
    taken = bring_in(store, opened.id, read_labels(path, opened.questions))
    assert (taken.labels, taken.refused) == (2, {"expected a step from 1 to 3": 1})
    export.write(store, opened.id, tmp_path / "out")
    labels = read(tmp_path / "out", "labels")
    assert {each["row"]: each["value"] for each in labels} == {"chats:0": 1.0, "chats:2": 2.0}
    with pytest.raises(DataError, match="no marked places"):  # nobody looked: that is no "nothing is there"
        read_labels(path, (RATE, PLACES))


def test_what_is_brought_in_is_checked_as_a_form_is(store: Store, tmp_path: Path) -> None:
    opened = open_round(store, candidates(2), plan(overlap=2))
    labels = [
        Brought("chats:0", "ann", {"harm": 2}),
        Brought("chats:0", "ann", {"harm": 3}),
        Brought("chats:0", "ben", {"harm": 9}),
        Brought("chats:7", "ann", {"harm": 1}),
        Brought("chats:1", "ann", {"other": 1}),
    ]
    taken = bring_in(store, opened.id, labels)
    assert taken.labels == 1
    assert sum(taken.refused.values()) == 4
    assert progress(store, opened.id).labels == 1
    with store.read() as connection:
        assert "ann" not in str(connection.exec_driver_sql("SELECT * FROM people").all())


@pytest.mark.parametrize(
    "text", ["{}", "[1]", "nothing", '[{"annotations": [{"result": 3}]}]', '[{"id": 1}]']
)
def test_files_that_are_no_labels_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(DataError):
        read_labels(path, (RATE,))


def test_no_cell_is_a_formula(store: Store, join: Join, tmp_path: Path) -> None:
    opened = open_round(store, candidates(1), plan(overlap=1))
    judge(store, join(), opened.id, lambda shown: {"harm": 1})
    write_as(store, opened.id, tmp_path, "csv")
    with (tmp_path / "decisions.csv").open(newline="") as file:
        comments = [row["comment"] for row in csv.DictReader(file)]
    assert comments == [f"'{FORMULA}"]
    assert set(FORMS) == {"parquet", "csv", "label-studio", "argilla"}


def test_a_question_refuses_what_cannot_be_asked() -> None:
    from duecare.core.errors import StudyError

    for wrong in (
        {"kind": "rate"},
        {"kind": "spans"},
        {"kind": "sing"},
        {"name": "Not so", "kind": "comment"},
    ):
        with pytest.raises(StudyError):
            Question(**{"name": "a", "ask": "b", **wrong})
    assert round_of is not None
