from __future__ import annotations

import pandas as pd
import pytest
from sources_on_disk import written

from duecare import load_and_ethically_filter_data
from duecare.core import DataError, StudyError

CALM = [
    "The train to the coast was late again.",
    "I would like to change my booking.",
    "Thank you for the quick answer.",
]
RUDE = "You are a stupid worthless idiot and I hate you."
MAIL = "Write to jane.roe@mailbox-post.com about the invoice."
ROWS = [
    {"id": "a", "narrative": CALM[0], "age": "older"},
    {"id": "b", "narrative": RUDE, "age": "younger"},
    {"id": "c", "narrative": CALM[1], "age": ""},
    {"id": "d", "narrative": MAIL, "age": "older"},
    {"id": "e", "narrative": CALM[0].upper().replace(" ", "  "), "age": "younger"},
    {"id": "f", "narrative": "", "age": "older"},
]


def test_a_small_csv_is_screened_cleared_of_doubles_and_redacted(tmp_path):
    frame = load_and_ethically_filter_data(written(tmp_path / "a.csv", ROWS), groups=["age"], keep=["id"])
    assert list(frame.columns) == ["row", "text", "age", "id"]
    assert frame["row"].tolist() == ["data:0", "data:2", "data:3"]
    assert frame["text"].tolist()[:2] == CALM[:2]
    assert "jane.roe" not in frame["text"].iloc[2]
    assert "[EMAIL]" in frame["text"].iloc[2]
    assert frame["age"].isna().tolist() == [False, True, False]
    assert frame["id"].tolist() == ["a", "c", "d"]


def test_what_was_done_is_on_the_frame(tmp_path):
    account = load_and_ethically_filter_data(str(written(tmp_path / "a.csv", ROWS))).attrs["duecare"]
    assert account["kind"] == "text"
    assert account["columns"] == ["narrative"]
    assert account["counts"] == {"in": 6, "set_aside": 1, "dropped": 2, "changed": 1, "flagged": 0, "kept": 3}
    assert account["reasons"].keys() == {"data:1", "data:4", "data:5"}
    assert account["reasons"]["data:1"].startswith("toxicity: scored ")
    assert account["reasons"]["data:4"] == "duplicates: same content as data:0"
    assert account["reasons"]["data:5"] == "read: narrative is empty"
    assert account["replaced"] == {"EMAIL": 1}


def test_the_control_clean_rows_come_back_as_they_were(tmp_path):
    frame = load_and_ethically_filter_data(written(tmp_path / "a.csv", [{"text": said} for said in CALM]))
    assert frame["text"].tolist() == CALM
    counts = frame.attrs["duecare"]["counts"]
    assert counts == {"in": 3, "set_aside": 0, "dropped": 0, "changed": 0, "flagged": 0, "kept": 3}


def test_columns_that_nobody_named_are_left_out(tmp_path):
    frame = load_and_ethically_filter_data(written(tmp_path / "a.csv", ROWS))
    assert list(frame.columns) == ["row", "text"]


TURNS = [["USER", CALM[1]], ["SYSTEM", CALM[2]]]
AS_CHAT = [{"role": "user", "content": CALM[1]}, {"role": "assistant", "content": CALM[2]}]
GUESSED = [
    ({"id": "a", "turns": TURNS}, "chat", {"messages": AS_CHAT}),
    ({"prompt": CALM[1], "response": CALM[2], "text": "other"}, "chat", {"messages": AS_CHAT}),
    (
        {"prompt": CALM[1], "chosen": CALM[2], "rejected": RUDE},
        "preference",
        {"messages": AS_CHAT[:1], "chosen": CALM[2], "rejected": RUDE},
    ),
    ({"a": "short", "b": CALM[0]}, "text", {"text": CALM[0]}),
    ({"text": "short", "b": CALM[0]}, "text", {"text": "short"}),
]


@pytest.mark.parametrize(("row", "kind", "content"), GUESSED)
@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_the_kind_of_rows_is_seen_from_the_columns(row, kind, content, name, tmp_path):
    frame = load_and_ethically_filter_data(written(tmp_path / name, [row]))
    assert frame.attrs["duecare"]["kind"] == kind
    assert frame.drop(columns="row").to_dict("records") == [content]


def test_a_rude_rejected_answer_is_flagged_not_dropped(tmp_path):
    rows = [{"prompt": CALM[1], "chosen": CALM[2], "rejected": RUDE}]
    account = load_and_ethically_filter_data(written(tmp_path / "a.jsonl", rows)).attrs["duecare"]
    assert account["counts"]["flagged"] == account["counts"]["kept"] == 1


def test_a_file_without_content_or_a_column_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(StudyError, match="a column of turns"):
        load_and_ethically_filter_data(written(tmp_path / "a.jsonl", [{"number": 7}]))
    with pytest.raises(StudyError) as refused:
        load_and_ethically_filter_data(written(tmp_path / "a.csv", ROWS), groups=["Age"], keep=["text"])
    assert {problem.where for problem in refused.value.problems} == {"groups", "keep"}
    with pytest.raises(DataError, match=r"read\.source"):
        load_and_ethically_filter_data(tmp_path / "absent.csv")


def test_one_name_is_a_list_of_one(tmp_path):
    frame = load_and_ethically_filter_data(written(tmp_path / "a.csv", ROWS), groups="age", keep="id")
    assert list(frame.columns) == ["row", "text", "age", "id"]


def test_rows_in_memory_and_files_without_rows_are_told_apart(tmp_path):
    with pytest.raises(StudyError, match="path = DataFrame: expected the path of a file"):
        load_and_ethically_filter_data(pd.DataFrame(ROWS))
    (tmp_path / "header.csv").write_text("text\n")
    with pytest.raises(StudyError, match="a file with rows"):
        load_and_ethically_filter_data(tmp_path / "header.csv")


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    load_and_ethically_filter_data(written(tmp_path / "a.csv", ROWS))
    assert not list((tmp_path / "scratch").iterdir())
