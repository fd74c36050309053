"""Sealed files: only their secret opens them, at any place, and no changed or cut one passes."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duecare.core import LedgerError
from duecare.vault import (
    Replaced,
    destroy,
    home,
    map_writer,
    opened,
    read_map,
    sealed_with,
    secret,
    stored,
    writing,
)
from duecare.vault import sealed as module
from duecare.vault.sealed import CHUNK, KEPT_CHUNKS

CONTENT = random.Random(3).randbytes(3 * CHUNK + 1000)


def sealed(path: Path, content: bytes = CONTENT, name: str = "study") -> Path:
    with writing(path, name) as file:
        for start in range(0, len(content), 100_000):
            file.write(content[start : start + 100_000])
    return path


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, len(CONTENT)])
def test_what_is_sealed_comes_back_and_stands_nowhere_in_plain(tmp_path: Path, size: int) -> None:
    content = (b"ada.brown@mail.test " * (size // 20 + 1))[:size]
    path = sealed(tmp_path / "a.sealed", content)
    with opened(path) as file:
        assert file.read() == content
    assert b"ada.brown" not in path.read_bytes()
    assert sealed_with(path) == "study"


def test_it_is_read_at_any_place(tmp_path: Path) -> None:
    chance = random.Random(5)
    with opened(sealed(tmp_path / "a.sealed")) as file:
        for _ in range(200):
            start, size = chance.randrange(len(CONTENT)), chance.randrange(3 * CHUNK)
            file.seek(start)
            assert file.read(size) == CONTENT[start : start + size]
        file.seek(-10, 2)
        assert file.read() == CONTENT[-10:]


def test_a_few_chunks_are_kept_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two columns read by turns open their chunks once; a whole file, read twice, most of them twice."""
    content = random.Random(4).randbytes(9 * CHUNK)
    path, numbers, real = sealed(tmp_path / "a.sealed", content), [], module._nonce
    monkeypatch.setattr(module, "_nonce", lambda number, last: numbers.append(number) or real(number, last))
    with opened(path) as file:
        assert numbers.pop() == 8  # the last one, as a file may have been cut
        for start in range(0, CHUNK, CHUNK // 8):
            for column in (0, 4 * CHUNK):
                file.seek(column + start)
                assert file.read(CHUNK // 8) == content[column + start : column + start + CHUNK // 8]
        assert sorted(numbers) == [0, 4]
        for _ in range(2):
            file.seek(0)
            assert file.read() == content
    assert len(numbers) >= 2 * (9 - KEPT_CHUNKS) + 2


def test_equal_content_gives_equal_bytes_and_another_secret_others(tmp_path: Path) -> None:
    one = sealed(tmp_path / "a.sealed")
    (tmp_path / "b").mkdir()
    same = sealed(tmp_path / "b" / "a.sealed")
    other = sealed(tmp_path / "c.sealed", name="other")
    assert one.read_bytes() == same.read_bytes()
    assert one.read_bytes()[-1000:] != other.read_bytes()[-1000:]


def test_without_its_secret_it_stays_shut_for_good(tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.sealed")
    assert destroy(home(), "study")
    with pytest.raises(LedgerError, match="its secret study is not here"):
        opened(path)
    secret(home(), "study")  # a new one of the same name opens nothing
    with pytest.raises(LedgerError, match="changed or cut, or its secret is another"):
        opened(path)


@pytest.mark.parametrize("place", [0, 20, 60, 90, 1000, CHUNK + 200, -17, -1])
def test_a_flipped_bit_is_refused(tmp_path: Path, place: int) -> None:
    path = sealed(tmp_path / "a.sealed")
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)
    with pytest.raises(LedgerError, match=r"sealed file a\.sealed"), opened(path) as file:
        file.read()


@pytest.mark.parametrize("left", [0, 10, 40, 80, 500, 0.3, 0.5, -1, "chunk"])
def test_a_cut_file_is_refused_before_a_byte_is_read(tmp_path: Path, left: float | str) -> None:
    path = sealed(tmp_path / "a.sealed")
    raw = path.read_bytes()
    header = len(raw) - len(CONTENT) - 4 * 16
    size = (
        header + 2 * (CHUNK + 16)
        if left == "chunk"
        else int(left * len(raw))
        if isinstance(left, float)
        else left
    )
    path.write_bytes(raw[: int(size)])
    with pytest.raises(LedgerError, match=r"sealed file a\.sealed"):
        opened(path)


def test_chunks_cannot_change_places(tmp_path: Path) -> None:
    path = sealed(tmp_path / "a.sealed")
    raw = path.read_bytes()
    header, size = len(raw) - len(CONTENT) - 4 * 16, CHUNK + 16
    one, two = raw[header : header + size], raw[header + size : header + 2 * size]
    path.write_bytes(raw[:header] + two + one + raw[header + 2 * size :])
    with pytest.raises(LedgerError, match="changed or cut"), opened(path) as file:
        file.read()


def test_parquet_is_written_and_read_through_it(tmp_path: Path) -> None:
    table = pa.table({"text": [f"row {number}" for number in range(50_000)]})
    path = tmp_path / "kept.parquet.sealed"
    with writing(path, "study") as file, pq.ParquetWriter(file, table.schema, compression="zstd") as writer:
        for batch in table.to_batches(max_chunksize=1000):
            writer.write_batch(batch)
    assert stored(tmp_path, "kept.parquet") == path
    with opened(path) as file:
        assert pq.read_table(file).equals(table)
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(path)


def test_a_plain_file_goes_through_the_same_door(tmp_path: Path) -> None:
    with writing(tmp_path / "a.bin", None) as file:
        file.write(b"plain")
    assert sealed_with(tmp_path / "a.bin") is None
    with opened(stored(tmp_path, "a.bin")) as file:
        assert file.read() == b"plain"


def test_the_map_of_surrogates_leads_back_until_its_secret_is_destroyed(tmp_path: Path) -> None:
    pairs = [
        Replaced("", "PERSON", "Abribrin Amberloam", "José Ágil"),
        Replaced("", "EMAIL", "x@example.com", "a@b.c"),
    ]
    with map_writer(tmp_path, "study") as writer:
        for pair in [*pairs, *pairs]:
            writer.add(pair)
    assert list(read_map(tmp_path)) == pairs
    assert all("José".encode() not in path.read_bytes() for path in tmp_path.iterdir())
    destroy(home(), "study")
    with pytest.raises(LedgerError, match="not here"):
        list(read_map(tmp_path))


def test_a_folder_without_a_map_is_told(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="keep_map"):
        list(read_map(tmp_path))
