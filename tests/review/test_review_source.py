"""Candidates from what a run left: rows, pairs, answers, scores."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duecare.core import Example, Message
from duecare.core.errors import DataError
from duecare.core.example import Field, Group
from duecare.core.step import Note
from duecare.core.table import ANSWERS, EXAMPLES, SCORES, table
from duecare.ledger.digest import key_of_step, value_digest
from duecare.ledger.layout import scratch_folder
from duecare.ledger.record import Recorder
from duecare.ledger.sign import load_or_create
from duecare.review.source import of_answers, of_rows, of_run, scores_by_row
from duecare.vault import sealed
from duecare.vault.keys import destroy, home


def scored(folder: Path, rows: list[tuple[str, str, str, float | None]]) -> None:
    records = [
        {"row": row, "key": "k", "part": part, "instrument": name, "value": value, "reason": None}
        for row, part, name, value in rows
    ]
    pq.write_table(pa.Table.from_pylist(records, schema=SCORES), folder / "scores.parquet")


def example(number: int, **more: object) -> Example:
    given = {
        "kind": "text",
        "text": f"Text {number}",
        "row": f"t:{number}",
        "key": "k",
        "source": "t",
        **more,
    }
    return Example(**given)  # type: ignore[arg-type]


def finished(run: Path, keys: Path, jobs: dict[str, dict[str, pa.Table]]) -> None:
    """A run in which each of `jobs` left its tables."""
    made = Recorder(run, load_or_create(keys), "me", lambda: datetime(2026, 5, 4, tzinfo=UTC))
    with made as recorder:
        recorder.append("run.started", note=Note(topic="plan", text="", data={"plan": "[]"}))
        for job, tables in jobs.items():
            key = key_of_step("a:Step", value_digest({"job": job}), None, {}, "0")
            folder = scratch_folder(run, job, key)
            folder.mkdir(parents=True)
            for name, rows in tables.items():
                pq.write_table(rows, folder / name)
            left = recorder.publish(folder, job, key)
            where = {str(left.path.relative_to(run)): left.digest}
            about = {"settings": {"job": job}, "software": {"duecare": "0"}, "step_key": key}
            recorder.append("step.finished", job=job, step="a:Step", outputs=where, **about)


def test_a_round_on_the_reward_model_holds_pairs_that_it_scored(tmp_path: Path) -> None:
    asked = (Message(role="user", content="Why?"),)
    kept = table(
        [
            example(
                number, kind="preference", text=None, messages=asked, chosen=f"Good {number}", rejected="Bad"
            )
            for number in range(3)
        ]
    )
    for name in ("toxic", "judged"):
        (tmp_path / name).mkdir()
    scored(tmp_path / "toxic", [(f"t:{number}", "chosen", "toxicity@1", 0.1) for number in range(3)])
    both = [("t:1", "chosen", "reward-model", 2.0), ("t:1", "rejected", "reward-model", 2.0)]
    scored(tmp_path / "judged", both)
    toxic, judged = (pq.read_table(tmp_path / name / "scores.parquet") for name in ("toxic", "judged"))
    jobs = {"toxicity:t": {"kept.parquet": kept, "scores.parquet": toxic}}
    finished(tmp_path / "without", tmp_path / "keys", jobs)
    with pytest.raises(DataError, match="no step left scores of the reward model"):
        of_run(tmp_path / "without", "reward", "t")
    jobs["reward-model"] = {"scores.parquet": judged}
    finished(tmp_path / "with", tmp_path / "keys", jobs)
    (only,) = of_run(tmp_path / "with", "reward", "t").candidates
    assert only.row == "t:1"
    assert only.scores == {"toxicity@1": 0.1, "reward-model": 0.5}
    assert len(of_run(tmp_path / "with", "pairs", "t").candidates) == 3


def test_rows_of_every_kind_with_their_groups_scores_and_twins(tmp_path: Path) -> None:
    asked = (Message(role="user", content="Why?"),)
    rows = [
        example(1, groups=(Group(axis="age", value="older"),)),
        example(2, kind="chat", text=None, messages=(*asked, Message(role="assistant", content="So."))),
        example(3, kind="preference", text=None, messages=asked, chosen="Good", rejected="Bad"),
        example(4, fields=(Field(name="parent", value="t:1"),)),
    ]
    pq.write_table(table(rows), tmp_path / "kept.parquet")
    scored(
        tmp_path,
        [
            ("t:1", "text", "toxicity@1", 0.2),
            ("t:2", "messages.0", "toxicity@1", 0.1),
            ("t:2", "messages.1", "toxicity@1", 0.7),
            ("t:4", "text", "toxicity@1", None),
        ],
    )
    text, chat, pair, copy = of_rows(tmp_path, [tmp_path])
    assert (text.shown, text.groups, text.scores) == (
        {"kind": "text", "text": "Text 1"},
        {"age": "older"},
        {"toxicity@1": 0.2},
    )
    assert (chat.shown["kind"], chat.scores, chat.disturbing) == ("chat", {"toxicity@1": 0.7}, True)
    assert pair.shown["answers"] == {"a": "Good", "b": "Bad"}
    assert (copy.pair_id, copy.scores, copy.disturbing) == ("t:1", {}, False)
    assert all(each.disturbing for each in of_rows(tmp_path, blur=None))


def test_twins_are_a_row_and_its_counterfactual_copy_and_nothing_else(tmp_path: Path) -> None:
    """Not two plain copies, which are one text, nor two copies on two axes, which differ in both."""
    from review_rounds import plan

    from duecare.review import schema
    from duecare.review.rounds import open_round
    from duecare.review.store import Store

    def copy(root: int, made: str) -> Example:
        return example(root, row=f"t:{root}~{made}", fields=(Field(name="parent", value=f"t:{root}"),))

    gender, age, both = "gender:women>men", "age:young>older", "gender:women>men~age:young>older"
    rows = [
        copy(1, age), example(1), copy(1, gender), copy(1, both), copy(1, "copy:1"),
        example(2), copy(2, "copy:1"), copy(2, "copy:2"),
        copy(3, gender), copy(3, age),  # what they were made from is set aside
        example(4),
    ]  # fmt: skip
    pq.write_table(table(rows), tmp_path / "kept.parquet")
    found = list(of_rows(tmp_path))
    assert {each.row: each.pair_id for each in found if each.pair_id} == dict.fromkeys(
        ("t:1", f"t:1~{gender}", f"t:1~{age}"), "t:1"
    )
    with Store.open(tmp_path / "review.sqlite") as store:
        open_round(store, found, plan(twins=5))
        with store.read() as connection:
            items = connection.execute(schema.items.select().where(schema.items.c.purpose == "twin")).all()
    assert [(each.row, each.hidden["pair_id"]) for each in items] == [("t:1", "t:1"), (f"t:1~{age}", "t:1")]


def test_a_reward_model_is_unsure_where_its_scores_are_near(tmp_path: Path) -> None:
    scored(
        tmp_path,
        [
            ("p:1", "chosen", "reward@1", 2.0),
            ("p:1", "rejected", "reward@1", 2.0),
            ("p:2", "chosen", "reward@1", 900.0),
            ("p:2", "rejected", "reward@1", -900.0),
            ("p:3", "chosen", "reward@1", 1.0),
        ],
    )
    found = scores_by_row([tmp_path])
    assert found["p:1"] == {"reward@1": 0.5}
    assert found["p:2"]["reward@1"] == pytest.approx(1)
    assert "p:3" not in found


def test_sealed_rows_lie_open_only_where_that_is_asked_for(tmp_path: Path) -> None:
    with sealed.writing(tmp_path / "kept.parquet.sealed", "study") as file:
        pq.write_table(table([example(1)]), file)
    with pytest.raises(DataError, match="sealed"):
        list(of_rows(tmp_path))
    assert [each.shown["text"] for each in of_rows(tmp_path, unredacted=True)] == ["Text 1"]
    destroy(home(), "study")
    from duecare.core.errors import LedgerError

    with pytest.raises(LedgerError):
        list(of_rows(tmp_path, unredacted=True))


def test_answers_alone_or_side_by_side(tmp_path: Path) -> None:
    records = [
        {
            "row": f"{model}:{prompt}", "key": "k", "suite": "tone", "model": model, "prompt_id": prompt,
            "pair_id": "pair", "groups": [{"axis": "age", "value": "older"}], "sample": 0,
            "prompt": "How?", "answer": f"{model} says", "reference": None,
        }
        for prompt in ("one", "two")
        for model in ("base", "tuned")
        if (prompt, model) != ("two", "base")
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(records, schema=ANSWERS), tmp_path / "answers.parquet")
    alone = list(of_answers(tmp_path))
    assert [each.shown["messages"][1]["content"] for each in alone] == ["tuned says", "tuned says"]
    assert all("tuned" not in str(sorted(each.shown)) for each in alone)
    (both,) = of_answers(tmp_path, compare=True)
    assert both.shown["answers"] == {"a": "base says", "b": "tuned says"}
    assert both.pair_id == "pair"
    assert list(of_answers(tmp_path, "another suite")) == []


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"row": ["a"]}), tmp_path / "kept.parquet")
    with pytest.raises(DataError, match="kind"):
        list(of_rows(tmp_path))
    assert EXAMPLES.names[0] == "row"
