"""Held-out rows of a study as prompts: which are read, and what of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from duecare.core import DataError, Example, Group, Message
from duecare.core.table import table
from duecare.explain.declared import LONGEST, declared
from duecare.model.tiny import write_tiny
from duecare.model.tokenize import Tokenizer


def row(number: int, group: str | None, text: str = "Where is it?") -> Example:
    turns = (Message(role="user", content=text), Message(role="assistant", content="Secret answer."))
    groups = () if group is None else (Group(axis="age", value=group),)
    return Example(
        row=f"chats:{number}",
        key=f"{number:064x}",
        source="chats",
        kind="chat",
        messages=turns,
        groups=groups,
    )


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    return Tokenizer(write_tiny(tmp_path / "tiny"))


def split(folder: Path, rows: list[Example]) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    pq.write_table(table(rows), folder / "held_out.parquet")
    return {"data:chats": folder}


def test_the_prompt_is_read_and_the_answer_is_not(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folders = split(tmp_path / "split", [row(0, "older"), row(1, "young"), row(2, None)])
    found = declared(tokenizer, folders, "age", 10, 0)
    assert sorted((each.group, each.cluster) for each in found) == [
        ("older", "chats:0"),
        ("young", "chats:1"),
    ]
    read = tokenizer.decode(found[0].side.tokens[:-1], special=True)
    assert "Where is it?" in read
    assert "Secret" not in read
    assert found[0].side.first == len(found[0].side.tokens) - 1


def test_which_rows_does_not_depend_on_their_order(tokenizer: Tokenizer, tmp_path: Path) -> None:
    rows = [row(number, "older" if number % 2 else "young") for number in range(12)]
    one = declared(tokenizer, split(tmp_path / "one", rows), "age", 5, 3)
    other = declared(tokenizer, split(tmp_path / "other", rows[::-1]), "age", 5, 3)
    assert [each.cluster for each in one] == [each.cluster for each in other]
    again = declared(tokenizer, split(tmp_path / "one", rows), "age", 5, 4)
    assert {each.cluster for each in one} != {each.cluster for each in again}


def test_a_twin_is_of_the_cluster_of_its_row_and_long_prompts_are_cut_in_front(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    twin = Example(
        row="chats:0~gender:men>women",
        key="0" * 64,
        source="chats",
        kind="text",
        text="x" * 400 + "the end",
        groups=(Group(axis="age", value="older"),),
    )
    (found,) = declared(tokenizer, split(tmp_path / "split", [twin]), "age", 10, 0)
    assert found.cluster == "chats:0"
    assert len(found.side.tokens) == LONGEST + 1
    assert tokenizer.decode(found.side.tokens[:-1]).endswith("the end")


def test_an_axis_that_nobody_declares_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"layers\.declared: no held-out row declares height"):
        declared(tokenizer, split(tmp_path / "split", [row(0, "older")]), "height", 10, 0)
    with pytest.raises(DataError, match=r"no held_out\.parquet"):
        declared(tokenizer, {"data:chats": tmp_path}, "age", 10, 0)
