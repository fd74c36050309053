"""A Croissant description as a source: its files and names, and every way in which it is refused."""

from __future__ import annotations

import contextlib
import json
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sources_on_disk import Reading, written

from duecare.core import DataError, StudyError
from duecare.curate import Read
from duecare.curate.croissant import described
from duecare.curate.source import probe
from duecare.ledger.layout import HEAD, LEDGER

ROWS = [{"id": str(number), "body": f"note {number}", "region": "NS"[number % 2]} for number in range(4)]
CSV = "text/csv"


def field(name, column, holder="table", **more):
    source = {"fileObject": {"@id": holder}, "extract": {"column": column}, **more}
    return {"@type": "cr:Field", "@id": f"notes/{name}", "name": name, "source": source}


def record_set(*fields, name="notes"):
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": list(fields)}


def file_object(url="rows.csv", encoding=CSV, name="table", **more):
    found = {"@type": "cr:FileObject", "@id": name, "contentUrl": url, "encodingFormat": encoding}
    return found | more


def describe(folder, distribution, sets, **more):
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "@context": {"@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/"},
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "distribution": distribution,
        "recordSet": sets,
    }
    path = folder / "croissant.json"
    path.write_text(json.dumps(data | more))
    return path


@pytest.fixture
def notes(tmp_path):
    """A folder with rows.csv, and what describes it: `body` is the text, `region` the area."""
    folder = tmp_path / "notes"
    folder.mkdir()
    written(folder / "rows.csv", ROWS)
    fields = [field("id", "id"), field("text", "body"), field("area", "region")]

    def made(objects=None, sets=None, **more):
        objects = [file_object()] if objects is None else objects
        return describe(folder, objects, [record_set(*fields)] if sets is None else sets, **more)

    return made


def read(path, tmp_path, **settings):
    return Reading(Read(source=str(path), **settings), tmp_path / "out")


def texts(got):
    return [row.text for row in got.kept]


def test_rows_come_under_the_names_of_the_fields(notes, tmp_path):
    got = read(notes(), tmp_path, groups=("area",), id="id")
    assert texts(got) == [row["body"] for row in ROWS]
    assert [row.groups[0].value for row in got.kept] == [row["region"] for row in ROWS]
    assert probe(Read(source=str(notes()))).columns == ("id", "text", "area")


def test_without_a_description_the_same_file_has_its_own_names(notes, tmp_path):
    """Control: it is the description that names them."""
    with pytest.raises(DataError, match="text is missing"):
        read(notes().parent / "rows.csv", tmp_path)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("rows.jsonl", "application/jsonlines"),
        ("rows.json", "application/json"),
        ("rows.tsv", "text/tab-separated-values"),
        ("rows.parquet", "application/x-parquet"),
        ("rows.arrow", "application/vnd.apache.arrow.file"),
        ("rows.csv.gz", ["text/csv", "application/gzip"]),
    ],
)
def test_every_format_that_we_read(name, encoding, notes, tmp_path):
    path = notes([file_object(name, encoding)])
    written(path.parent / name, ROWS)
    assert texts(read(path, tmp_path)) == [row["body"] for row in ROWS]


def test_prefixes_and_single_things_are_read_alike(notes, tmp_path):
    path = notes()
    data = json.loads(path.read_text())
    data["cr:recordSet"] = data.pop("recordSet")[0]
    data["https://schema.org/distribution"] = data.pop("distribution")[0]
    path.write_text(json.dumps(data))
    assert texts(read(path, tmp_path)) == [row["body"] for row in ROWS]


@pytest.mark.parametrize(
    "named",
    [
        {"@id": "notes/text", "name": "notes/text"},
        {"@id": "notes/text"},
        {"@id": "f1", "name": "text"},
        {"@id": "f1", "name": {"en": "text"}},
        {"@id": "other/text"},
    ],
)
def test_a_field_is_called_without_what_it_stands_in(named, notes, tmp_path):
    only = {key: said for key, said in field("text", "body").items() if key not in ("@id", "name")} | named
    assert texts(read(notes(sets=[record_set(only)]), tmp_path)) == [row["body"] for row in ROWS]


def test_a_name_with_a_stroke_stays_whole(notes, tmp_path):
    spent = field("in/out", "body") | {"@id": "notes/in/out", "name": "notes/in/out"}
    assert texts(read(notes(sets=[record_set(spent)]), tmp_path, text="in/out"))


@pytest.mark.parametrize(
    ("licence", "said"),
    [
        ("https://spdx.org/licenses/CC0-1.0", "https://spdx.org/licenses/CC0-1.0"),
        (["MIT", {"@type": "sc:CreativeWork", "name": "Ours"}], "MIT, Ours"),
    ],
)
def test_the_licence_goes_with_the_rows(licence, said, notes, tmp_path):
    (first, *_) = read(notes(license=licence), tmp_path).kept
    assert [(each.name, each.value) for each in first.fields] == [("licence", said)]


def test_what_the_study_says_of_a_licence_wins(notes, tmp_path):
    (first, *_) = read(notes(license="MIT"), tmp_path, licence="CC0-1.0").kept
    assert [each.value for each in first.fields] == ["CC0-1.0"]


def test_a_digest_that_is_right_is_accepted_and_a_wrong_one_refused(notes, tmp_path):
    path = notes()
    right = sha256((path.parent / "rows.csv").read_bytes()).hexdigest()
    assert texts(read(notes([file_object(sha256=right.upper())]), tmp_path))
    with pytest.raises(DataError, match=r"distribution\.sha256 of rows\.csv: '0000.*expected"):
        read(notes([file_object(sha256="0" * 64)]), tmp_path)


def test_a_file_on_the_net_is_never_fetched(notes, tmp_path, monkeypatch):
    def no_net(*_args, **_more):
        raise AssertionError("asked the net")

    monkeypatch.setattr("socket.socket.connect", no_net)
    url = "https://someone:key@example.org/data/other.csv?token=secret"
    with pytest.raises(DataError, match=r"distribution\.table\.contentUrl: .*example\.org") as refused:
        read(notes([file_object(url)]), tmp_path)
    assert "secret" not in str(refused.value)
    assert "key" not in str(refused.value)


@pytest.mark.parametrize(
    "node",
    [
        file_object("https://example.org/data/rows.csv"),
        file_object("https://example.org/x?n=1") | {"name": "rows.csv"},
        file_object("./rows.csv"),
    ],
)
def test_a_file_that_was_brought_here_is_read(node, notes, tmp_path):
    assert texts(read(notes([node]), tmp_path)) == [row["body"] for row in ROWS]


@pytest.mark.parametrize("url", ["../other.csv", "a/../../other.csv"])
def test_no_description_leads_out_of_its_folder(url, notes, tmp_path):
    (tmp_path / "notes" / "a").mkdir(exist_ok=True)
    written(tmp_path / "other.csv", ROWS)
    with pytest.raises(DataError, match="a file in the folder of the description"):
        read(notes([file_object(url)]), tmp_path)
    with pytest.raises(DataError, match="a file in the folder of the description"):
        read(notes([file_object(str(tmp_path / "other.csv"))]), tmp_path)
    with pytest.raises(DataError, match=r"distribution\.table\.includes"):
        read(notes([{"@id": "table", "includes": url, "encodingFormat": CSV}]), tmp_path)


def test_the_report_of_a_run_leads_to_the_run_and_no_further(tmp_path):
    run = tmp_path / "run"
    (run / LEDGER).mkdir(parents=True)
    (run / LEDGER / HEAD).write_text("{}")
    written(run / "rows.csv", ROWS)
    written(tmp_path / "rows.csv", ROWS)
    sets = [record_set(field("text", "body"))]
    assert texts(read(describe(run / "report", [file_object("../rows.csv")], sets), tmp_path))
    with pytest.raises(DataError, match="a file in the folder of the description"):
        read(describe(run / "report", [file_object("../../rows.csv")], sets), tmp_path)


def test_a_set_of_files_is_read_in_order(notes, tmp_path):
    node = {"@type": "cr:FileSet", "@id": "table", "includes": "parts/*.csv", "encodingFormat": CSV}
    path = notes([node])
    (path.parent / "parts").mkdir()
    for number in (1, 0):
        written(path.parent / "parts" / f"{number}.csv", ROWS[number * 2 : number * 2 + 2])
    fields = [field("text", "body") | {"source": {"fileSet": "table", "extract": {"column": "body"}}}]
    path = notes([node], [record_set(*fields)])
    assert texts(read(path, tmp_path)) == [row["body"] for row in ROWS]
    excluding = notes([node | {"excludes": ["parts/1.csv"]}], [record_set(*fields)])
    assert len(texts(Reading(Read(source=str(excluding)), tmp_path / "again"))) == 2


def test_a_column_that_the_file_lacks_is_refused(notes, tmp_path):
    with pytest.raises(
        DataError, match=r"recordSet\.field text\.source\.extract\.column: 'prose'.*rows\.csv"
    ):
        read(notes(sets=[record_set(field("text", "prose"))]), tmp_path)


def test_a_column_that_no_line_has_is_named_by_the_study_check(notes):
    path = notes([file_object("rows.jsonl", "application/jsonl")], [record_set(field("text", "prose"))])
    written(path.parent / "rows.jsonl", ROWS)
    with pytest.raises(StudyError, match=r"read\.text = 'text'"):
        probe(Read(source=str(path)))


def test_a_part_of_a_column_is_not_taken_for_the_column(notes, tmp_path):
    """A field that is cut out of `text` must not give the whole of it."""
    cut = field("text", "text", transform={"regex": "(..).*"})
    path = notes([file_object("cut.csv")], [record_set(field("id", "id"), cut)])
    written(path.parent / "cut.csv", [{"id": "1", "text": "whole"}])
    with pytest.raises(DataError, match="text is missing"):
        read(path, tmp_path)
    with pytest.raises(StudyError, match=r"read\.text"):
        probe(Read(source=str(path)))


def test_sub_fields_of_one_column_are_that_column(notes, tmp_path):
    turns = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}]
    parts = [
        field(f"talk/{part}", "turns", transform={"jsonPath": part}) | {"name": part}
        for part in ("role", "content")
    ]
    talk = {"@type": "cr:Field", "@id": "notes/talk", "name": "talk", "isArray": True, "subField": parts}
    path = notes([file_object("talk.parquet", "application/x-parquet")], [record_set(talk)])
    pq.write_table(pa.Table.from_pylist([{"turns": turns}]), path.parent / "talk.parquet")
    (row,) = read(path, tmp_path, kind="chat", text="talk").kept
    assert [each.content for each in row.messages] == ["Hello?", "Hello."]


def test_one_of_several_record_sets_is_chosen(notes, tmp_path):
    sets = [record_set(field("text", "body"), name="bodies"), record_set(field("text", "id"), name="ids")]
    path = notes(sets=sets)
    with pytest.raises(DataError, match=r"read\.record_set: None: expected one of bodies, ids"):
        read(path, tmp_path)
    with pytest.raises(DataError, match=r"read\.record_set: 'all': expected one of bodies, ids"):
        read(path, tmp_path, record_set="all")
    assert texts(read(path, tmp_path, record_set="ids")) == [row["id"] for row in ROWS]


@pytest.mark.parametrize(
    ("objects", "where"),
    [
        (
            [file_object(encoding="application/zip")],
            r"distribution\.table\.encodingFormat: 'application/zip'",
        ),
        ([file_object(encoding="application/x-parquet")], r"distribution\.table\.encodingFormat"),
        ([file_object("gone.csv")], r"distribution\.table\.contentUrl: 'gone\.csv'"),
        ([file_object(name="other")], r"recordSet\.field\.source: 'table': expected one of other"),
    ],
)
def test_what_cannot_be_followed_is_named(objects, where, notes, tmp_path):
    with pytest.raises(DataError, match=where):
        read(notes(objects), tmp_path)


def test_fields_of_two_files_are_refused(notes, tmp_path):
    sets = [record_set(field("text", "body"), field("area", "region", holder="more"))]
    with pytest.raises(DataError, match=r"recordSet\.field\.source: 'table, more'"):
        read(notes(sets=sets), tmp_path)


def test_other_json_is_no_description(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('{"text": "one", "@type": "sc:Dataset"}\n{"text": "two"}\n')
    assert texts(read(path, tmp_path)) == ["one", "two"]
    with pytest.raises(DataError, match=r"read\.record_set: 'notes'"):
        Reading(Read(source=str(path), record_set="notes"), tmp_path / "again")


def places(value, here=()):
    """The path of every value inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*here, key)
        yield from places(inner, (*here, key))


@pytest.mark.parametrize("odd", [None, 3, "", "\0", "[", [], [[]], {}, {"@id": []}, {"@value": 1}, ["a", 1]])
def test_a_description_with_odd_values_is_refused_or_read_but_never_falls(odd, notes):
    """Who wrote it need not have kept to the form: every value is put wrong once."""
    talk = field("talk", "body") | {"subField": [field("role", "body", transform={"jsonPath": "role"})]}
    sets = [record_set(field("text", "body", transform={"regex": "."}), field("id", "id"), talk)]
    whole = [file_object(sha256="0" * 64), {"@id": "more", "includes": "*.csv", "encodingFormat": [CSV]}]
    path = notes(whole, sets, license=[{"@type": "CreativeWork", "url": "https://example.org"}])
    for also in (path.read_text(), json.dumps(json.loads(path.read_text()) | {"recordSet": []})):
        for place in places(json.loads(also)):
            data = json.loads(also)
            inner = data
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = odd
            path.write_text(json.dumps(data))
            with contextlib.suppress(DataError):
                described(str(path))
