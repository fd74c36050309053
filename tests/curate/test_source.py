from __future__ import annotations

import gzip
import json
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sources_on_disk import Reading, as_csv, as_lines, written

from duecare.core import DataError, StudyError
from duecare.curate.formats import hub
from duecare.curate.source import Read, probe
from duecare.vault import destroy, home, row_key, secret

FORMATS = ["a.csv", "a.tsv", "a.jsonl", "a.ndjson", "a.json", "a.parquet", "a.arrow", "a.stream.arrow"]
ZIPPED = ["a.csv.gz", "a.tsv.gz", "a.jsonl.gz", "a.json.gz"]
ROWS = [
    {"id": "1", "text": "Where is my card?", "age": "older", "outcome": "helped"},
    {
        "id": "2",
        "text": 'She said "never",\nthen hung up; "ciao"\t👩🏽‍🚀 e\u0301 שלום',
        "age": "",
        "outcome": "late",
    },
    {
        "id": "2",
        "text": "An id that comes twice is no reason.",
        "age": "Older American, Servicemember",
        "outcome": "",
    },
]


def read(path, tmp_path, **settings):
    return Reading(Read(source=str(path), **settings), tmp_path / "out")


@pytest.mark.parametrize("name", FORMATS + ZIPPED)
def test_every_format_gives_the_same_rows(name, tmp_path):
    got = read(written(tmp_path / name, ROWS), tmp_path, groups=("age",), keep=("id",), outcomes=("outcome",))
    assert [row.text for row in got.kept] == [row["text"] for row in ROWS]
    assert [row.row for row in got.kept] == ["data:0", "data:1", "data:2"]
    assert [row.group("age") for row in got.kept] == ["older", None, "Older American, Servicemember"]
    assert [{each.name: each.value for each in row.fields} for row in got.kept] == [
        {"id": "1", "outcome": "helped"},
        {"id": "2", "outcome": "late"},
        {"id": "2"},
    ]
    assert got.aside == []
    assert got.counts == {"in": 3, "kept": 3, "set_aside": 0}
    assert {each.method for each in got.outcome.estimates} == {"exact count"}
    assert got.outcome.estimates[0].slice == {"source": "data"}


@pytest.mark.parametrize("name", FORMATS)
def test_more_rows_than_a_batch_keep_order_and_position(name, tmp_path):
    rows = [{"text": f"number {number}" if number % 1000 else " "} for number in range(5001)]
    got = read(written(tmp_path / name, rows), tmp_path)
    assert [row.text for row in got.kept] == [row["text"] for row in rows if row["text"].strip()]
    assert got.positions[1] == [0, 1000, 2000, 3000, 4000, 5000]
    assert all(row.text == f"number {row.row.removeprefix('data:')}" for row in got.kept)


def test_the_same_source_gives_the_same_bytes(tmp_path):
    path = written(tmp_path / "a.jsonl", ROWS)
    first, second = (Reading(Read(source=str(path)), tmp_path / each) for each in "12")
    for file in first.outcome.files.values():
        assert (first.artifact.path / file).read_bytes() == (second.artifact.path / file).read_bytes()


def test_a_key_is_of_content_and_of_a_secret_that_can_be_destroyed(tmp_path):
    path = written(tmp_path / "a.jsonl", [{"text": "same"}, {"text": "same"}, {"text": "Same"}])
    first = read(path, tmp_path, study="support study/ä")
    keys = [row.key for row in first.kept]
    assert keys[0] == keys[1] != keys[2]
    content = b'["text","same",[],null,null]'
    name = "support-study--"
    assert keys[0] == row_key(secret(home(), name), content)
    assert [row.key for row in read(path, tmp_path, study="other").kept] != keys
    destroy(home(), name)
    assert [row.key for row in read(path, tmp_path, study="support study/ä").kept] != keys


def test_roles_are_part_of_a_key(tmp_path):
    turns = [[["user", "a"], ["assistant", "b"]], [["assistant", "a"], ["user", "b"]]]
    got = read(written(tmp_path / "a.jsonl", [{"messages": each} for each in turns]), tmp_path, kind="chat")
    assert got.kept[0].key != got.kept[1].key


def test_folders_and_patterns_are_read_in_order(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for name, text in (("b.csv", "second"), ("a.jsonl", "first"), ("notes.md", "no data")):
        if name.endswith("md"):
            (folder / name).write_text(text)
        else:
            written(folder / name, [{"text": text}])
    for source in (folder, folder / "[ab].*"):
        got = read(source, tmp_path)
        assert [(row.row, row.text) for row in got.kept] == [("data:0", "first"), ("data:1", "second")]


def test_only_the_first_rows_on_request(tmp_path):
    lines = b"broken\n" + as_lines([{"text": str(number)} for number in range(9)])
    (tmp_path / "a.jsonl").write_bytes(lines)
    got = read(tmp_path / "a.jsonl", tmp_path, rows=4)
    assert [row.text for row in got.kept] == ["0", "1", "2"]
    assert got.positions == ([1, 2, 3], [0])


@pytest.mark.parametrize("zipped", [False, True])
def test_lines_before_the_header_are_skipped_and_counted(zipped, tmp_path):
    data = b"Archive: x\n inflating, y\n" + as_csv(ROWS) + b"only one column\n"
    path = tmp_path / ("a.csv.gz" if zipped else "a.csv")
    path.write_bytes(gzip.compress(data) if zipped else data)
    got = read(path, tmp_path, skip_lines=2)
    assert len(got.kept) == 3
    assert got.aside == [
        {"source": "data", "position": 3, "line": 8, "reason": "1 columns where the header has 4"}
    ]
    with pytest.raises(StudyError, match="a column of the file"):
        probe(Read(source=str(path)))  # the control: without it the junk is taken for the header


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    for name, data in (
        ("a.csv", as_csv(ROWS)),
        ("a.jsonl", as_lines(ROWS)),
        ("a.json", json.dumps(ROWS).encode()),
    ):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + data)
        assert len(read(tmp_path / name, tmp_path).kept) == 3


def test_json_lines_under_the_name_of_an_array_are_read_too(tmp_path):
    (tmp_path / "a.json").write_bytes(as_lines(ROWS))
    assert len(read(tmp_path / "a.json", tmp_path).kept) == 3


def test_values_that_other_programs_write_as_nan_declare_nothing(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"text": "a", "age": NaN}\n{"text": "b", "age": 40}\n{"text": "c", "age": true}'
    )
    (tmp_path / "b.json").write_text(
        '[{"text": "a", "age": NaN}, {"text": "b", "age": 40}, {"text": "c", "age": true}]'
    )
    for name in ("a.jsonl", "b.json"):
        got = read(tmp_path / name, tmp_path, groups=("age",))
        assert [row.group("age") for row in got.kept] == [None, "40", "true"]


def test_kept_lists_become_json(tmp_path):
    got = read(
        written(tmp_path / "a.jsonl", [{"text": "a", "tags": ["x", {"y": 1}]}]), tmp_path, keep=("tags",)
    )
    assert got.kept[0].fields[0].value == '["x",{"y":1}]'


@pytest.mark.jax  # that extra brings the hub's library along
def test_a_data_set_of_the_hub_is_streamed(tmp_path):
    written(tmp_path / "train.jsonl", ROWS)  # the library reads a folder as it reads the hub
    found = hub(str(tmp_path))
    assert found.columns == ("id", "text", "age", "outcome")
    assert [record.value["text"] for record in found.records] == [row["text"] for row in ROWS]


BROKEN_SETTINGS = [
    ({"source": ""}, "read.source"),
    ({"kind": "poem"}, "read.kind"),
    ({"kind": "preference", "text": "a"}, "read.text"),
    ({"kind": "chat", "prompt": "a"}, "read.prompt"),
    ({"kind": "chat", "answer": "a"}, "read.prompt"),
    ({"kind": "chat", "prompt": "a", "answer": "b", "text": "c"}, "read.text"),
    ({"answer": "a"}, "read.answer"),
    ({"prompt": "a"}, "read.prompt"),
    ({"chosen": "a"}, "read.chosen"),
    ({"rejected": "a"}, "read.rejected"),
    ({"groups": ("a", "a")}, "read.groups"),
    ({"keep": ("",)}, "read.keep"),
    ({"skip_lines": -1}, "read.skip_lines"),
    ({"max_chars": 0}, "read.max_chars"),
    ({"rows": 0}, "read.rows"),
    ({"name": ""}, "read.name"),
]


@pytest.mark.parametrize(("settings", "where"), BROKEN_SETTINGS)
def test_settings_that_cannot_be_meant_are_refused(settings, where):
    with pytest.raises(StudyError) as refused:
        Read(**{"source": "a.csv", **settings})
    assert where in [problem.where for problem in refused.value.problems]


UNREADABLE = {
    "absent.csv": None,
    "table.xlsx": b"PK",
    "a.parquet": b"PAR1 this is none",
    "a.arrow": b"neither file nor stream",
    "a.jsonl.gz": b"no gzip at all",
    "cut.jsonl.gz": gzip.compress(as_lines(ROWS))[:-12],
    "broken.jsonl.gz": gzip.compress(as_lines(ROWS * 50))[:60] + b"\0" * 60,
    "a.json": b'[{"text": "never closed"',
    "empty.csv": b"",
    "utf16.csv": as_csv(ROWS).decode().encode("utf-16"),
    "headeronly.csv": b"id,text\r\n",
    "empty.jsonl": b"\n\n",
    "allbad.jsonl": b"no\njson\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_refused_by_the_name_of_the_field(name, tmp_path):
    data = UNREADABLE[name]
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=r"^read\.source: ") as refused:
        read(tmp_path / name, tmp_path)
    assert str(tmp_path) not in str(refused.value)
    with pytest.raises((DataError, StudyError)):
        probe(Read(source=str(tmp_path / name)))


def test_only_formats_with_lines_have_lines_to_skip(tmp_path):
    path = written(tmp_path / "a.parquet", ROWS)
    with pytest.raises(DataError, match=r"read\.skip_lines"):
        read(path, tmp_path, skip_lines=1)


@pytest.mark.parametrize("called", [None, "no tag"])
def test_those_who_declare_nothing_are_a_group_only_where_it_has_a_name(tmp_path, called):
    path = tmp_path / "rows.csv"
    path.write_text("text,tag\none,older\ntwo,\nthree, \n")
    step = Read(source=str(path), groups=("tag",), undeclared=called)
    step.run({}, tmp_path, lambda _: None)
    found = pq.read_table(tmp_path / "kept.parquet").column("groups").to_pylist()
    rest = [{"axis": "tag", "value": called}] if called else []
    assert found == [[{"axis": "tag", "value": "older"}], rest, rest]


def test_a_probe_tells_columns_and_groups(tmp_path):
    for name in FORMATS:
        seen = probe(Read(source=str(written(tmp_path / name, ROWS)), groups=("age",)))
        assert seen.columns == ("id", "text", "age", "outcome")
        assert seen.rows_sampled == 3
        assert seen.groups == {"age": ("Older American, Servicemember", "older")}


PROBED = [
    ({"text": "txt"}, {"read.text"}, 'did you mean "text"'),
    ({"kind": "chat"}, {"read.text"}, "a column of the file (id, text, age, outcome)"),
    ({"kind": "preference"}, {"read.chosen", "read.rejected"}, "a column"),
    ({"kind": "chat", "prompt": "q", "answer": "a"}, {"read.prompt", "read.answer"}, "a column"),
    (
        {"groups": ("Age",), "keep": ("x",), "outcomes": ("y",)},
        {"read.groups", "read.keep", "read.outcomes"},
        "age",
    ),
    ({"kind": "chat", "text": "text"}, {"read.kind"}, "not a list of turns"),
]


@pytest.mark.parametrize(("settings", "where", "words"), PROBED)
def test_a_probe_names_every_field_that_does_not_fit(settings, where, words, tmp_path):
    with pytest.raises(StudyError) as refused:
        probe(Read(source=str(written(tmp_path / "a.jsonl", ROWS)), **settings))
    assert {problem.where for problem in refused.value.problems} == where
    assert words in str(refused.value)


def test_a_probe_refuses_a_column_that_is_there_twice(tmp_path):
    (tmp_path / "a.csv").write_text("text,text\na,b\n")
    with pytest.raises(StudyError, match="only once"):
        probe(Read(source=str(tmp_path / "a.csv")))


def test_a_probe_never_shows_a_text(tmp_path):
    rows = [{"text": 7, "messages": "the secret is 4711"}] * 3
    path = written(tmp_path / "a.jsonl", rows)
    for settings in (
        {},
        {"kind": "chat"},
        {"kind": "preference", "chosen": "messages", "rejected": "messages"},
    ):
        with pytest.raises(StudyError) as refused:
            probe(Read(source=str(path), **settings))
        assert "4711" not in str(refused.value)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.parquet"])
def test_a_probe_of_ten_megabytes_is_quick(name, tmp_path):
    path = written(tmp_path / name, [{"text": f"{number} " + "word " * 200} for number in range(10_000)])
    assert name == "a.parquet" or path.stat().st_size > 10_000_000
    probe(Read(source=str(path)))  # imports are not counted
    began = time.perf_counter()
    probe(Read(source=str(path)))
    assert time.perf_counter() - began < 1.0  # 0.05 to 0.2 s on an idle core


def test_progress_is_told_and_ends_at_the_count(tmp_path):
    told = []
    path = written(tmp_path / "a.jsonl", [{"text": str(number)} for number in range(3000)])
    (tmp_path / "out").mkdir()
    Read(source=str(path)).run({}, tmp_path / "out", told.append)
    assert [each.done for each in told] == [2048, 3000]


def test_text_columns_of_other_arrow_types_are_read(tmp_path):
    table = pa.table(
        {"text": pa.array(["a", "b", "a"]).dictionary_encode(), "age": pa.array([1.0, None, 2.5])}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    got = read(tmp_path / "a.parquet", tmp_path, groups=("age",))
    assert [(row.text, row.group("age")) for row in got.kept] == [("a", "1.0"), ("b", None), ("a", "2.5")]


@pytest.mark.data
def test_complaints_with_junk_before_the_header(data_folder, tmp_path):
    folder, settings = (
        data_folder / "cfpb-complaints",
        {"text": "Consumer complaint narrative", "groups": ("Tags",)},
    )
    whole = read(folder / "complaints_sample.csv", tmp_path, skip_lines=2, **settings)
    assert whole.counts == {"in": 6623, "kept": 1532, "set_aside": 5091}
    assert {each["reason"] for each in whole.aside} == {"Consumer complaint narrative is empty"}
    fixed = read(folder / "cfpb_narratives.csv", tmp_path, **settings)
    assert [row.text for row in fixed.kept] == [row.text for row in whole.kept]
    tags = {row.group("Tags") for row in fixed.kept}
    assert tags == {None, "Servicemember", "Older American", "Older American, Servicemember"}
    source = str(folder / "complaints_sample.csv")
    with pytest.raises(StudyError, match="a column of the file"):
        probe(Read(source=source, **settings))


@pytest.mark.data
def test_dialogues_of_a_service(data_folder, tmp_path):
    path = data_folder / "sgd-support" / "sgd_dev_flat.jsonl"
    got = read(path, tmp_path, kind="chat", text="turns")
    assert got.counts == {"in": 2098, "kept": 2098, "set_aside": 0}
    sources = [json.loads(line)["turns"] for line in path.read_bytes().splitlines()]
    roles = {"USER": "user", "SYSTEM": "assistant"}
    assert [[(turn.role, turn.content) for turn in row.messages] for row in got.kept] == [
        [(roles[role], content) for role, content in turns] for turns in sources
    ]


@pytest.mark.data
def test_transcripts_of_human_preferences(data_folder, tmp_path):
    path = data_folder / "hh-rlhf-harmless" / "harmless-base_test_first1500.jsonl"
    got = read(path, tmp_path, kind="preference")
    assert got.counts == {"in": 1500, "kept": 1495, "set_aside": 5}
    sources = [json.loads(line) for line in path.read_bytes().splitlines()]
    for row in got.kept:
        source = sources[int(row.row.removeprefix("data:"))]
        spoken = "".join(
            f"\n\n{'Human' if turn.role == 'user' else 'Assistant'}: {turn.content}" for turn in row.messages
        )
        for side in ("chosen", "rejected"):
            assert f"{spoken}\n\nAssistant: {getattr(row, side)}".split() == source[side].split()


def test_a_source_with_answers_about_it_can_be_remembered(tmp_path):
    """A study check keeps what a source showed by the step that reads it."""
    one, two = (Read(source="a.csv", about={"harm": said}) for said in ("none", "some"))
    assert hash(one) == hash(two)
    assert one != two
