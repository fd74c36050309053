"""The library of compiled kernels: built from its sources, loaded only where it is theirs, and never missed
silently."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from duecare.core import DataError
from duecare.detect import overlap
from duecare.detect.kernel import buffers_of, library, load, standing
from duecare.detect.kernel import build as building

ROOT = Path(__file__).parent.parent.parent
STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")
needs_compiler = pytest.mark.skipif(building.compiler() is None, reason="no C compiler is on the PATH")


def copied(folder):
    """The sources somewhere else."""
    folder.mkdir()
    for path in building.FOLDER.glob("*.[ch]"):
        shutil.copy(path, folder)
    return folder


@needs_compiler
def test_where_a_compiler_is_the_kernels_are_in_use(monkeypatch):
    """Else every other test would speak of the fallback alone."""
    monkeypatch.delenv("DUECARE_KERNEL", raising=False)
    assert standing() == load.Standing(True), "python src/duecare/detect/kernel/build.py compiles them"
    assert library().duecare_kernel_digest().decode() == building.digest_of(building.FOLDER)


@needs_compiler
def test_a_library_built_from_source_is_loaded_and_a_stale_one_is_not(tmp_path):
    folder = copied(tmp_path / "kernel")
    path = building.build(folder, sources=folder, more=STRICT)
    assert load._found(path)[1] == load.Standing(True)
    (folder / "digest.c").write_text((folder / "digest.c").read_text() + "/* edited */\n")
    load._found.cache_clear()
    found, why = load._found(path)
    assert found is None
    assert "other sources" in why.why
    building.build(folder, sources=folder)
    assert building.digest_of(folder) != building.digest_of(building.FOLDER)


def test_an_absent_and_a_foreign_library_are_told_and_not_used(tmp_path):
    assert "not compiled" in load._found(tmp_path / building.NAME)[1].why
    (tmp_path / "other").write_bytes(b"\x7fELF of another machine")
    found, why = load._found(tmp_path / "other")
    assert found is None
    assert "cannot be loaded" in why.why


def test_it_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("DUECARE_KERNEL", "off")
    assert library() is None
    assert standing() == load.Standing(False, "DUECARE_KERNEL=off")


def test_without_a_compiler_or_with_a_broken_source_nothing_is_built(tmp_path, monkeypatch):
    folder = copied(tmp_path / "kernel")
    (folder / "broken.c").write_text("int broken( {")
    if building.compiler() is not None:
        with pytest.raises(building.NotBuilt, match=r"failed: .*broken\.c"):
            building.build(folder, sources=folder)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(building.NotBuilt, match="no C compiler"):
        building.build(folder, sources=folder)
    assert not list(folder.glob(f"{building.NAME}*"))
    assert not list(folder.glob(".building-*"))


def test_every_exported_function_has_its_prototype_and_no_other_has():
    exported = re.findall(
        r"^EXPORT [\w \*]*?(\w+)\(", "".join(p.read_text() for p in building.FOLDER.glob("*.c")), re.M
    )
    assert sorted(exported) == sorted(load.PROTOTYPES)


@needs_compiler
@pytest.mark.skipif(not shutil.which("nm"), reason="nm is not on the PATH")
def test_no_kernel_has_a_global_it_could_write(tmp_path):
    """Threads call them side by side. Control: a counter that is written is seen."""
    plain, counting = copied(tmp_path / "plain"), copied(tmp_path / "counting")
    (counting / "count.c").write_text("static int seen; int count(void) { return ++seen; }")

    def written(folder):
        names: set[str] = set()
        for path in folder.glob("*.c"):
            made = path.with_suffix(".o")
            define = '-DDUECARE_KERNEL_DIGEST=""'
            subprocess.run(
                [*building.compiler(), "-std=c99", "-O1", define, "-c", path, "-o", made], check=True
            )
            listed = subprocess.run(["nm", made], capture_output=True, text=True, check=True).stdout
            names |= {line.split()[-1] for line in listed.splitlines() if line.split()[-2] in "bBdDC"}
        return names

    assert written(plain) == set()
    assert written(counting) == {"seen"}


def test_threads_that_call_a_kernel_side_by_side_get_what_one_gets():
    rows = [
        [f"{place} {' '.join(str(place * word) for word in range(60))}" for place in range(300)]
        for _ in range(8)
    ]

    def keys(texts):
        return overlap.band_keys(
            overlap.passages_of(pa.array(texts)), overlap.Shape(5), overlap.Banding(21, 6)
        )[0]

    alone = keys(rows[0]).tobytes()
    with ThreadPoolExecutor(8) as pool:
        assert {each.tobytes() for each in pool.map(keys, rows)} == {alone}


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_compiler), False])
def test_the_wheel_has_the_library_where_a_compiler_is(compiled, tmp_path, monkeypatch):
    root = tmp_path / "project"
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "weights"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, root)
    if not compiled:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CC", raising=False)
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True)
    (wheel,) = (tmp_path / "dist").iterdir()
    names = zipfile.ZipFile(wheel).namelist()
    assert (f"duecare/detect/kernel/{building.NAME}" in names) is compiled
    assert "duecare/detect/kernel/digest.c" in names
    assert "duecare/py.typed" in names
    assert wheel.stem.endswith("-py3-none-any") is not compiled
    assert ("no C compiler" in done.stdout + done.stderr) is not compiled


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string()])
def test_buffers_are_those_of_the_texts_also_of_a_slice(type_):
    said = ["", "a", "zwei", "\N{SNOWMAN}", "", "last"]
    for array in (pa.array(said, type_), pa.array(["before", *said, "after"], type_).slice(1, len(said))):
        texts = buffers_of(array)
        pairs = zip(texts.starts[:-1], texts.starts[1:], strict=True)
        assert [texts.data[a:b].tobytes().decode() for a, b in pairs] == said
        assert len(texts) == len(said)
        assert texts.starts.dtype == np.int64
    assert len(buffers_of(pa.array([], type_))) == 0
    assert buffers_of(pa.array(["", ""], type_)).starts.tolist() == [0, 0, 0]


def test_other_columns_are_refused_at_the_door():
    with pytest.raises(DataError, match="type int64, expected string"):
        buffers_of(pa.array([1]))
    with pytest.raises(DataError, match="1 of 2 are null"):
        buffers_of(pa.array(["a", None]))
    falling = np.array([0, 3, 1, 3], np.int32).tobytes()  # what a cheap check of Arrow's lets through
    bad = pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(falling), pa.py_buffer(b"abc")])
    with pytest.raises(DataError, match="do not fit its 3 bytes"):
        buffers_of(bad)


def test_an_array_of_another_type_or_with_strides_is_refused_by_its_prototype():
    for bad in (np.zeros(4, np.int32), np.zeros(8, np.int64)[::2], [0, 1]):
        with pytest.raises((TypeError, ctypes.ArgumentError)):
            load._read(np.int64).from_param(bad)
    fixed = np.zeros(4, np.int64)
    fixed.flags.writeable = False
    load._read(np.int64).from_param(fixed)
    with pytest.raises(TypeError):
        load._write(np.int64).from_param(fixed)
