"""Files under data keys: the same refusals as under a secret, and each file bound to its place."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import tracemalloc
from pathlib import Path

import pytest

from duecare.core import LedgerError
from duecare.vault import destroy, home, memory, opened, sealed_with, secret, writing
from duecare.vault.sealed import CHUNK, sealed_by

CONTENT = random.Random(4).randbytes(2 * CHUNK + 1000)
NAME = "data.study.chats"


def artifact(tmp_path: Path, folder: str = "read-chats-1a2b3c4d", content: bytes = CONTENT) -> Path:
    """A sealed file, written in scratch and moved to its artifact as a run does."""
    scratch, place = tmp_path / "scratch" / folder, tmp_path / "artifacts" / folder
    scratch.mkdir(parents=True)
    with writing(scratch / "kept.parquet.sealed", NAME) as file:
        file.write(content)
    place.parent.mkdir(exist_ok=True)
    scratch.rename(place)
    return place / "kept.parquet.sealed"


def content_of(path: Path) -> bytes:
    with opened(path) as file:
        return file.read()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, len(CONTENT)])
def test_it_comes_back_and_equal_content_gives_other_bytes(tmp_path: Path, size: int) -> None:
    one, other = (artifact(tmp_path / str(n), content=CONTENT[:size]) for n in (1, 2))
    assert content_of(one) == content_of(other) == CONTENT[:size]
    assert one.read_bytes() != other.read_bytes()
    assert sealed_with(one) == NAME


def test_any_place_can_be_read(tmp_path: Path) -> None:
    chance = random.Random(5)
    with opened(artifact(tmp_path)) as file:
        for _ in range(100):
            start, size = chance.randrange(len(CONTENT)), chance.randrange(2 * CHUNK)
            file.seek(start)
            assert file.read(size) == CONTENT[start : start + size]


@pytest.mark.parametrize("place", [0, 15, 30, 60, 100, 150, 200, 250, 5000, CHUNK + 900, -17, -1])
def test_a_flipped_bit_is_refused(tmp_path: Path, place: int) -> None:
    path = artifact(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)
    with pytest.raises(LedgerError, match=r"sealed file kept\.parquet\.sealed"):
        content_of(path)


@pytest.mark.parametrize("left", [0, 10, 100, 0.3, 0.7, -1, -CHUNK])
def test_a_cut_file_is_refused_before_a_byte_is_read(tmp_path: Path, left: float) -> None:
    path = artifact(tmp_path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(left * len(raw))] if isinstance(left, float) else raw[:left])
    with pytest.raises(LedgerError, match="sealed file"):
        opened(path)


def test_chunks_cannot_change_places_nor_files(tmp_path: Path) -> None:
    one, other = artifact(tmp_path), artifact(tmp_path, "toxicity-chats-5e6f7a8b")
    raw, theirs = one.read_bytes(), other.read_bytes()
    size = CHUNK + 16
    head = len(raw) - len(CONTENT) - 3 * 16
    swapped = (
        raw[:head] + raw[head + size : head + 2 * size] + raw[head : head + size] + raw[head + 2 * size :]
    )
    their_head = len(theirs) - len(CONTENT) - 3 * 16
    mixed = raw[:head] + theirs[their_head : their_head + size] + raw[head + size :]
    for forged in (swapped, mixed):
        one.write_bytes(forged)
        with pytest.raises(LedgerError, match="changed or cut"):
            content_of(one)


def test_a_whole_file_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    one, other = artifact(tmp_path), artifact(tmp_path, "toxicity-chats-5e6f7a8b")
    aside = tmp_path / "aside.sealed"
    shutil.copyfile(other, aside)
    assert content_of(aside) == CONTENT  # control: on its own it is in nobody's place
    shutil.copyfile(other, one)
    with pytest.raises(LedgerError, match="lies in the place of another"):
        content_of(one)
    dropped = other.with_name("dropped.parquet.sealed")
    shutil.copyfile(other, dropped)
    with pytest.raises(LedgerError, match="lies in the place of another"):
        content_of(dropped)


def test_a_run_that_moved_and_a_result_beside_another_open_as_before(tmp_path: Path) -> None:
    path = artifact(tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "moved")
    place = tmp_path / "moved" / path.parent.relative_to(tmp_path / "run")
    beside = place.with_name(place.name + ".2")
    place.rename(beside)
    assert content_of(beside / path.name) == CONTENT


def test_when_its_key_is_destroyed_it_stays_shut_also_for_a_new_key_of_that_name(tmp_path: Path) -> None:
    path = artifact(tmp_path)
    name, known = sealed_by(path)
    assert (name, len(known)) == (NAME, 16)
    assert destroy(home(), NAME)
    with pytest.raises(LedgerError, match="is not here; it was destroyed"):
        opened(path)
    secret(home(), NAME)
    with pytest.raises(LedgerError, match="of today is another one than sealed it"):
        opened(path)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for size in (4, 32):
        plain = tmp_path / f"{size}.bin"
        plain.write_bytes(bytes(size * 1024 * 1024))
        tracemalloc.start()
        memory.seal_file(plain, tmp_path / f"{size}.sealed", "weights.s.sft")
        with opened(tmp_path / f"{size}.sealed") as file:
            while file.read(CHUNK):
                pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 8 * 1024 * 1024


def test_in_memory_shows_plain_files_and_leaves_nothing(tmp_path: Path) -> None:
    path = artifact(tmp_path)
    (path.parent / "changes.parquet").write_bytes(b"plain")
    with memory.in_memory(path.parent) as view:
        assert sorted(each.name for each in view.iterdir()) == ["changes.parquet", "kept.parquet"]
        assert (view / "kept.parquet").read_bytes() == CONTENT
        assert (view / "changes.parquet").read_bytes() == b"plain"
        assert (view / "kept.parquet").is_file()
        assert not view.is_relative_to(tmp_path / "artifacts")
    assert not view.exists()
    path.unlink()
    with memory.in_memory(path.parent) as view:  # control: where nothing is sealed, nothing is done
        assert view == path.parent


def test_weights_settle_sealed_and_the_place_in_memory_is_gone(tmp_path: Path) -> None:
    work = memory.workplace("0f" * 8, "sft-1a2b3c4d")
    try:
        (work / "model").mkdir()
        (work / "model" / "model.safetensors").write_bytes(CONTENT)
        (work / "model" / "config.json").write_text("{}")
        (work / ".resume").mkdir()
        (work / ".resume" / "state.npz").write_bytes(CONTENT)
        assert work.stat().st_mode & 0o077 == 0
        target = tmp_path / "scratch" / "sft-1a2b3c4d"
        target.mkdir(parents=True)
        weights = {True: "weights.s.sft", False: None}
        memory.settle(work, target, lambda path: weights[path.suffix in memory.WEIGHTS], ".resume")
        assert not work.exists()
    finally:
        memory.leave(work)
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    assert files == ["model/config.json", "model/model.safetensors.sealed"]
    assert content_of(target / "model" / "model.safetensors.sealed") == CONTENT
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or CONTENT[:64] not in path.read_bytes()


def test_what_a_killed_job_left_in_memory_can_be_cleared() -> None:
    work = memory.workplace("0e" * 8, "sft-1a2b3c4d")
    (work / "state.npz").write_bytes(b"weights")
    assert memory.workplace("0e" * 8, "sft-1a2b3c4d") == work
    assert (work / "state.npz").exists()  # a killed job goes on from there
    memory.clear("0e" * 8)
    assert not work.exists()


def test_a_disk_is_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memory.MEMORY, str(Path(__file__).parent))
    with pytest.raises(LedgerError, match="is no RAM disk"):
        memory.workplace("0f" * 8, "sft-1a2b3c4d")


def test_a_place_in_memory_that_others_laid_out_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(tempfile.mkdtemp(dir="/dev/shm"))
    monkeypatch.setenv(memory.MEMORY, str(root))
    own = root / f"duecare-{os.getuid()}"
    try:
        own.symlink_to(tmp_path, target_is_directory=True)
        with pytest.raises(LedgerError, match="belongs to you alone"):
            memory.workplace("0f" * 8, "sft")
        own.unlink()
        own.mkdir(mode=0o777)
        own.chmod(0o777)
        with pytest.raises(LedgerError, match="belongs to you alone"):
            memory.workplace("0f" * 8, "sft")
        own.chmod(0o700)
        assert memory.workplace("0f" * 8, "sft").is_dir()  # the control
    finally:
        shutil.rmtree(root)
    assert list(tmp_path.iterdir()) == []
