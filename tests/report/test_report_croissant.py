"""croissant.json: files and fields as they are, and no word that the data card does not say.

DUECARE_UPDATE_GOLDENS=1 writes golden_croissant.json anew, where a change of it is meant.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fabricated_jobs as jobs
import pyarrow.parquet as pq
import pytest
from fabricated_run import Fabricator, counts, rows_table

from duecare.core import Example, Message
from duecare.core.about import ABOUT
from duecare.core.example import Field
from duecare.ledger.digest import file_digest
from duecare.report.croissant import AGREED, LICENCE, ORIGIN, PROPERTIES, croissant
from duecare.report.datasheet import answers, data_card, sources_of
from duecare.report.named import digests
from duecare.report.view import View, view

GOLDEN = Path(__file__).parent / "golden_croissant.json"
DECLARED = {
    "licence": "CC0-1.0",
    "origin": "letters to a shop",
    "about": {"period": "2021-03-01 to 2021-09-30", "harm": "those who wrote", "kept": "by the shop"},
}


def one_row(kind: str, fields: dict[str, str] | None = None) -> Example:
    asked = (Message(role="user", content="Where is my parcel?"),)
    said = Message(role="assistant", content="It comes today.")
    content: dict[str, Any] = {
        "text": {"text": "My parcel came today."},
        "chat": {"messages": (*asked, said)},
        "preference": {"messages": asked, "chosen": "It comes today.", "rejected": "No."},
    }[kind]
    return Example(
        row="post:0",
        key="0" * 64,
        source="post",
        kind=kind,
        fields=tuple(Field(name=name, value=value) for name, value in (fields or {}).items()),
        **content,
    )


def small(folder: Path, kind: str = "text", fields: dict[str, str] | None = None, **settings: Any) -> View:
    """A run of one row that was only read."""
    run = Fabricator(folder / "run", folder / "keys")
    run.start(["read:post"])
    run.job(
        "read:post",
        "duecare.curate.source.Read",
        files={"kept.parquet": rows_table([one_row(kind, fields)])},
        estimates=counts("post", **{"in": 1, "kept": 1}),
        settings={"source": "post.jsonl", "kind": kind, **settings},
    )
    return view(run.finish(), 0)


def written(seen: View) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(croissant(seen))
    return found


def from_report(run: Path, url: str) -> Path:
    """Where a file lies that a description in RUN/report names; that folder need not be there."""
    return Path(os.path.normpath(run / "report" / url))


def test_a_small_run_is_described_as_it_was(tmp_path: Path) -> None:
    found = written(small(tmp_path, "chat", **DECLARED))
    found.pop("@context")
    (table,) = found["distribution"]
    table |= {"sha256": "...", "contentSize": "..."}  # other releases of Parquet write other bytes
    for entry in found["isBasedOn"]:
        entry["identifier"] = "..."  # so is the hash of the entry that names their digest
    text = re.sub(r"-[0-9a-f]{8}/", "-KEY/", json.dumps(found, indent=1, ensure_ascii=False)) + "\n"
    if os.environ.get("DUECARE_UPDATE_GOLDENS"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("kind", ["text", "chat", "preference"])
def test_every_field_is_a_column_of_its_table(kind: str, tmp_path: Path) -> None:
    found = written(small(tmp_path, kind))
    (table,), (record_set,) = found["distribution"], found["recordSet"]
    path = from_report(tmp_path / "run", table["contentUrl"])
    schema = pq.read_schema(path)
    for field in record_set["field"]:
        for leaf in field.get("subField", [field]):
            column = schema.field(leaf["source"]["extract"]["column"])
            part = leaf["source"].get("transform", {}).get("jsonPath")
            assert part is None or part in [each.name for each in column.type.value_type]
            assert leaf["source"]["fileObject"]["@id"] == table["@id"]
    held = {"text": {"text"}, "chat": {"messages"}, "preference": {"messages", "chosen", "rejected"}}[kind]
    names = {field["name"] for field in record_set["field"]}
    assert names == {"row", "kind", "groups", "fields", "weight", *held}


def test_files_lie_where_the_report_says_with_the_digest_that_it_says(made: Callable[[str], Path]) -> None:
    run = made("whole")
    found = written(view(run, 0))
    for table in found["distribution"]:
        path = from_report(run, table["contentUrl"])
        assert file_digest(path) == table["sha256"]
        assert f"{path.stat().st_size} B" == table["contentSize"]
    assert [each["@id"] for each in found["recordSet"]] == [
        "chats",
        "chats/train",
        "chats/held_out",
        "pairs",
        "pairs/train",
        "pairs/held_out",
    ]
    assert "personal-chats" in found["distribution"][0]["contentUrl"]  # the last step that kept rows


def test_a_table_that_was_altered_is_not_described(copied: Path) -> None:
    """Control: what is described is what was sealed."""
    (folder,) = copied.glob("artifacts/personal-chats-*")
    (folder / "kept.parquet").write_bytes(b"other rows")
    (first, *_) = written(view(copied, 0))["distribution"]
    assert "balance-chats" in first["contentUrl"]


def test_every_sentence_is_an_answer_of_the_data_card(made: Callable[[str], Path]) -> None:
    seen = view(made("whole"), 0)
    said = {
        f"{source.name}: {each.question} {each.said} ({each.standing})".replace("  ", " ")
        for source in sources_of(seen)
        for each in answers(seen, source)
    }
    found = written(seen)
    tools = found.pop("rai:machineAnnotationTools", [])
    properties = {name: told for name, told in found.items() if name.startswith("rai:")}
    assert {"rai:dataBiases", "rai:dataUseCases", "rai:dataManipulationProtocol"} <= properties.keys()
    for told in properties.values():
        assert set(told.split("\n") if isinstance(told, str) else told) <= said
    assert all("ledger entry" in tool for tool in tools)
    assert "not said" not in json.dumps(properties)
    assert "not measured" not in json.dumps(properties)


def test_every_entry_that_is_named_is_there_with_its_hash(made: Callable[[str], Path]) -> None:
    seen = view(made("whole"), 0)
    found = written(seen)
    leaves = digests(seen)
    told = {each["name"]: each["identifier"] for each in found["isBasedOn"]}
    named = {
        int(index)
        for each in re.findall(r"ledger entry ([\d, ]+)\)", json.dumps(found))
        for index in each.split(",")
    }
    assert len(named) > 5
    assert all(told[f"ledger entry {index}"] == f"sha256:{leaves[index]}" for index in named)


def test_every_question_that_is_used_is_one_of_the_card(made: Callable[[str], Path]) -> None:
    seen = view(made("whole"), 0)
    asked = {each.question for each in answers(seen, sources_of(seen)[0])}
    used = {question for questions in PROPERTIES.values() for question in questions}
    assert used | {LICENCE, ORIGIN, AGREED} <= asked
    assert {question for _, question in ABOUT.values()} <= used


def test_what_nobody_declared_is_absent(tmp_path: Path) -> None:
    found = written(small(tmp_path))
    assert not {"license", "rai:dataCollection", "rai:dataSocialImpact", "rai:dataAnnotationProtocol"} & set(
        found
    )
    assert "rai:dataCollectionTimeframe" not in found


def test_what_is_declared_is_there(tmp_path: Path) -> None:
    found = written(small(tmp_path, **DECLARED))
    assert found["license"] == ["CC0-1.0"]
    assert found["rai:dataCollectionTimeframe"] == ["2021-03-01", "2021-09-30"]
    assert "those who wrote (declared in the study)" in found["rai:dataSocialImpact"]
    assert "letters to a shop" in found["description"]


@pytest.mark.parametrize("period", ["the spring of 2021", "2021-13-01", "since 2021"])
def test_words_are_no_dates(period: str, tmp_path: Path) -> None:
    found = written(small(tmp_path, about={"period": period}))
    assert "rai:dataCollectionTimeframe" not in found
    assert period in found["rai:dataCollection"]


def test_a_licence_that_stands_in_the_rows_is_said_not_the_column(tmp_path: Path) -> None:
    seen = small(tmp_path, fields={"licence": "MIT"}, licence="terms")
    assert written(seen)["license"] == ["MIT"]
    (said,) = (each for each in answers(seen, sources_of(seen)[0]) if each.question == LICENCE)
    assert (said.said, said.known) == ("MIT", "measured")
    assert "MIT" in data_card(seen)


def test_sealed_rows_are_described_and_not_opened(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["read:post"])
    files = {"kept.parquet.sealed": b"sealed", "changes.parquet": jobs.changes([])}
    run.job("read:post", "duecare.curate.source.Read", files=files, settings={"kind": "text"})
    found = written(view(run.finish(), 0))
    (table,) = found["distribution"]
    assert table["encodingFormat"] == "application/octet-stream"
    assert "not open" in table["description"]
    assert "recordSet" not in found


def test_the_same_run_gives_the_same_bytes_and_another_run_others(tmp_path: Path) -> None:
    first = croissant(small(tmp_path / "a", "chat"))
    assert first == croissant(small(tmp_path / "b", "chat"))
    assert first != croissant(small(tmp_path / "c", "chat", licence="MIT"))
