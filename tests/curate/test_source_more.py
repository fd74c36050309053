"""Sources in other packings and encodings, saved by other tools, with ids, consent and licence."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from sources_on_disk import PACKED, Reading, written

from duecare.core import DataError, StudyError
from duecare.curate import Read, formats

ROWS = [{"text": f"number {number}", "id": str(number), "may": "Yes", "by": "CC0-1.0"} for number in range(3)]


def read(path, tmp_path, **settings):
    return Reading(Read(source=str(path), **settings), tmp_path / "out")


def texts(got):
    return [row.text for row in got.kept]


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
def test_every_packing_gives_the_same_rows(name, packed, tmp_path):
    got = read(written(tmp_path / f"{name}{packed}", ROWS), tmp_path)
    assert texts(got) == [row["text"] for row in ROWS]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "folder"])
def test_a_record_of_json_is_decoded_once(name, tmp_path, monkeypatch):
    """Also where the first records are looked at for their columns, and in a folder of several files."""
    rows = [{"text": f"number {number}"} for number in range(1500)]
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
        written(path / "a.jsonl", rows[:600])
        written(path / "b.json", rows[600:])
    else:
        written(path, rows)
    decoded, real = [], formats._decoded
    monkeypatch.setattr(formats, "_decoded", lambda line, raw: decoded.append(line) or real(line, raw))
    got = read(path, tmp_path)
    assert texts(got) == [row["text"] for row in rows]
    assert [row.row for row in got.kept] == [f"data:{number}" for number in range(1500)]
    assert len(decoded) == 1500
    (tmp_path / "few").mkdir()
    assert len(Reading(Read(source=str(path), rows=1200), tmp_path / "few").kept) == 1200


def test_files_with_and_without_columns_of_their_own_are_read_together(tmp_path):
    (folder := tmp_path / "in").mkdir()
    written(folder / "a.jsonl", [{"text": "one", "more": 1}])
    written(folder / "b.parquet", [{"text": "two", "more": b"\xff"}])
    assert texts(read(folder, tmp_path)) == ["one", "two"]


@pytest.mark.parametrize("packed", PACKED)
def test_a_packing_that_ends_early_is_an_error_that_names_the_file(packed, tmp_path):
    rows = [{"text": f"{number:x}" * 40} for number in range(4000)]
    path = written(tmp_path / f"rows.jsonl{packed}", rows)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"read\.source: rows\.jsonl.* cannot be read to its end"):
        read(path, tmp_path)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json", "rows.tsv"])
def test_other_encodings_are_read_where_they_are_named(name, encoding, tmp_path):
    path = written(tmp_path / name, [{"text": "naïve Übung"}, {"text": "déjà vu"}])
    path.write_bytes(path.read_bytes().decode().encode(encoding))
    assert texts(read(path, tmp_path, encoding=encoding)) == ["naïve Übung", "déjà vu"]


def test_what_is_not_in_the_encoding_is_set_aside(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "good"}\n{"text": "b\xe4d"}\n')
    got = read(path, tmp_path, encoding="ascii")
    assert (texts(got), [each["reason"] for each in got.aside]) == (["good"], ["not UTF-8"])
    undefined = tmp_path / "other.jsonl"
    undefined.write_bytes(b'{"text": "good"}\n{"text": "b\x81d"}\n')
    again = Reading(Read(source=str(undefined), encoding="cp1252"), tmp_path / "again")
    assert (texts(again), len(again.aside)) == (["good"], 1)


def test_an_encoding_that_nobody_knows_is_refused():
    with pytest.raises(StudyError, match=r"read\.encoding"):
        Read(source="rows.csv", encoding="utf-99")


def test_a_folder_is_read_at_any_depth_and_hidden_ones_are_not(tmp_path):
    for place in ("a/b", "c", ".hidden"):
        (tmp_path / "all" / place).mkdir(parents=True)
        written(tmp_path / "all" / place / "rows.jsonl", [{"text": place}])
    assert texts(read(tmp_path / "all", tmp_path)) == ["a/b", "c"]
    again = Reading(Read(source=f"{tmp_path}/all/**/*.jsonl"), tmp_path / "again")
    assert set(texts(again)) == {"a/b", "c"}


def saved(folder, texts):
    """A data set as `datasets` saves it: a state that names Arrow files in the stream format."""
    folder.mkdir(parents=True)
    names = []
    for number, text in enumerate(texts):
        names.append(f"data-{number:05}-of-{len(texts):05}.arrow")
        table = pa.table({"text": [text]})
        with (
            pa.OSFile(str(folder / names[-1]), "wb") as sink,
            pa.ipc.new_stream(sink, table.schema) as writer,
        ):
            writer.write_table(table)
    state = {"_data_files": [{"filename": name} for name in names], "_format_type": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def test_a_saved_data_set_is_read_as_its_state_says(tmp_path):
    folder = saved(tmp_path / "set", ["one", "two"])
    written(folder / "cache-1.arrow", [{"text": "left over from a map"}])
    assert texts(read(folder, tmp_path)) == ["one", "two"]


def test_of_a_saved_data_set_with_parts_one_is_read(tmp_path):
    folder = tmp_path / "set"
    for split in ("train", "test"):
        saved(folder / split, [split])
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert texts(read(folder, tmp_path)) == ["train"]
    assert texts(Reading(Read(source=str(folder), split="test"), tmp_path / "again")) == ["test"]
    with pytest.raises(DataError, match=r"read\.split: 'dev': expected a part of set \(test, train\)"):
        Reading(Read(source=str(folder), split="dev"), tmp_path / "third")


@pytest.mark.parametrize("state", ["{", "{}", '{"_data_files": [{"filename": "../../other.arrow"}]}'])
def test_a_state_that_cannot_be_followed_is_refused(state, tmp_path):
    folder = saved(tmp_path / "set", ["one"])
    (folder / "state.json").write_text(state)
    with pytest.raises(DataError, match=r"state\.json"):
        read(folder, tmp_path)


def test_an_id_that_was_there_before_and_one_that_is_empty_are_set_aside(tmp_path):
    rows = [
        {"text": "a", "id": "7"},
        {"text": "b", "id": "8"},
        {"text": "c", "id": "7"},
        {"text": "d", "id": " "},
    ]
    got = read(written(tmp_path / "rows.jsonl", rows), tmp_path, id="id")
    assert texts(got) == ["a", "b"]
    assert [each["reason"] for each in got.aside] == ["its id is that of record 0", "id is empty"]


def test_ids_are_compared_beyond_a_batch(tmp_path):
    rows = [{"text": f"row {number}", "id": str(number % 4000)} for number in range(4001)]
    got = read(written(tmp_path / "rows.jsonl", rows), tmp_path, id="id")
    assert [each["position"] for each in got.aside] == [4000]


def test_rows_without_consent_are_set_aside_and_it_travels_with_the_others(tmp_path):
    rows = [
        *ROWS,
        {"text": "no", "id": "9", "may": "no", "by": ""},
        {"text": "none", "id": "10", "may": "", "by": ""},
    ]
    got = read(
        written(tmp_path / "rows.csv", rows), tmp_path, consent="may", licence="by", origin="own survey"
    )
    assert texts(got) == [row["text"] for row in ROWS]
    assert {each["reason"] for each in got.aside} == {"may gives no consent"}
    assert {each.name: each.value for each in got.kept[0].fields} == {
        "licence": "CC0-1.0", "consent": "Yes", "origin": "own survey",
    }  # fmt: skip


def test_a_licence_in_words_holds_for_every_row(tmp_path):
    got = read(written(tmp_path / "rows.csv", ROWS), tmp_path, licence="CC-BY-4.0")
    assert {each.value for row in got.kept for each in row.fields} == {"CC-BY-4.0"}


def test_a_column_of_ids_or_consent_that_is_not_there_is_named(tmp_path):
    from duecare.curate.source import probe

    path = written(tmp_path / "rows.csv", ROWS)
    with pytest.raises(StudyError) as refused:
        probe(Read(source=str(path), id="key", consent="agreed"))
    assert "read.id" in str(refused.value)
    assert "read.consent" in str(refused.value)
