"""The index of a source: whoever is in any row is found, in the right block, and by the holder of the key."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from duecare.core import Artifact, Example, Message, Outcome
from duecare.core.example import Field
from duecare.core.table import table
from duecare.curate.subjects import Subjects, index_key, row_terms, rows_with
from duecare.vault import home, secret
from duecare.vault.subjects import BLOCK, NAME, asked, digests, read_blocks

ROWS = 2 * BLOCK + 100


@pytest.fixture
def indexed(tmp_path: Path) -> tuple[Artifact, Path, Outcome]:
    rows = []
    for i in range(ROWS):
        turns = (Message(role="user", content=f"Question {i}"), Message(role="assistant", content="Yes."))
        name = {7: "I am Ada Quill", 2 * BLOCK + 3: "ask ada.quill@mail.test"}.get(i)
        if name:
            turns = (Message(role="user", content=name), *turns[1:])
        fields = (Field(name="customer", value=f"KX-{i:06d}"),)
        rows.append(
            Example(
                row=f"chats:{i}", key=f"{i:064x}", source="chats", kind="chat", messages=turns, fields=fields
            )
        )
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    pq.write_table(table(rows), tmp_path / "in" / "kept.parquet")
    artifact = Artifact(job="read:chats", path=tmp_path / "in", digest="0" * 64)
    made = Subjects(study="s").run({"examples": artifact}, tmp_path / "out", lambda _: None)
    return artifact, tmp_path / "out" / NAME, made


@pytest.mark.parametrize(
    ("subject", "row"),
    [
        ("Ada Quill", 7),
        ("ada.quill@mail.test", 2 * BLOCK + 3),
        ("KX-002049", 2049),
        (f"Question {BLOCK}", BLOCK),
    ],
)
def test_who_is_in_a_row_is_found_in_its_block_and_in_the_rows(
    indexed: tuple[Artifact, Path, Outcome], subject: str, row: int
) -> None:
    artifact, index, _ = indexed
    wanted = digests(secret(home(), index_key("s")), asked(subject))
    holding = [block.first // BLOCK for block in read_blocks(index) if block.holds(wanted)]
    assert holding == [row // BLOCK]
    assert list(rows_with(artifact, set(asked(subject)))) == [f"chats:{row}"]


def test_without_the_key_nobody_is_found_and_its_size_is_told(
    indexed: tuple[Artifact, Path, Outcome],
) -> None:
    _, index, made = indexed
    foreign = digests(b"x" * 32, asked("Ada Quill"))
    assert not any(block.holds(foreign) for block in read_blocks(index))
    (size,) = made.estimates
    assert (size.metric, size.value) == ("curate.subjects.bytes", index.stat().st_size)
    assert sum(block.rows for block in read_blocks(index)) == ROWS
    assert b"quill" not in index.read_bytes().lower()


def test_words_of_two_turns_are_no_name(indexed: tuple[Artifact, Path, Outcome]) -> None:
    artifact, _, _ = indexed
    (first, *_) = pq.ParquetFile(artifact.path / "kept.parquet").iter_batches(batch_size=10)
    assert "quill yes" not in row_terms(first)["chats:7"]
