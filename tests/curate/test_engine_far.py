"""What goes wrong on each engine that works in processes: our own, Daft and Ray Data.

A row that raises costs that row, a process that dies its partition's retry, a killed run what was in flight.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_works import Broken, Shouting, Unloadable, Unsealed, many

from duecare.core import DuecareError
from duecare.curate import elsewhere
from duecare.curate import engine as engine_module
from duecare.curate.engine import engine_of, working_on
from duecare.curate.flow import BATCH, sift
from duecare.curate.partition import Made, Partition, pack
from duecare.curate.processes import AHEAD
from duecare.ledger.layout import RESUME
from duecare.vault import home, secret

# Daft and Ray leave pipes and sockets for the garbage collector, and Ray calls what it deprecates itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
WORKS = str(Path(__file__).with_name("engine_works.py"))
FAR = [pytest.param(name, marks=pytest.mark.engines) for name in ("daft", "ray")]
EVERY = pytest.mark.parametrize("name", ["local", *FAR])


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of an engine load the works beside this file."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(each for each in sys.path if each))


def quiet(told: object) -> None:
    """Tells nobody."""


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def folder(place: Path) -> Path:
    place.mkdir()
    return place


@EVERY
@pytest.mark.parametrize("says", ["boom", "panic"])
def test_a_poisoned_row_costs_that_row(name: str, says: str, tmp_path: Path) -> None:
    read = many(tmp_path / "in", 2, {2050: says})
    plain, out = folder(tmp_path / "plain"), folder(tmp_path / "out")
    here = sift(read, plain, quiet, Shouting())
    with working_on(engine_of(name, 2)):
        assert sift(read, out, quiet, Shouting()) == here
    assert written(out) == written(plain)
    aside = pq.read_table(out / "changes.parquet").filter(pa.compute.field("action") == "set aside")
    assert aside.column("row").to_pylist() == ["a:2050"]


@EVERY
def test_a_process_that_is_killed_costs_its_partition_a_retry(name: str, tmp_path: Path) -> None:
    read, log, survived = many(tmp_path / "in", 6, {4100: "die"}), tmp_path / "log", tmp_path / "died-once"
    plain, out = folder(tmp_path / "plain"), folder(tmp_path / "out")
    with working_on(engine_of(name, 2)):
        sift(read, out, quiet, Shouting(once=str(survived), log=str(log)))
    assert survived.exists()
    begun = Counter(log.read_text().split())
    assert sorted(begun) == sorted(f"a:{number * BATCH}" for number in range(6))
    assert begun[f"a:{2 * BATCH}"] == 1  # it died before it took note
    assert max(begun.values()) <= 2  # others only where they were in flight
    sift(read, plain, quiet, Shouting(once=str(survived)))
    assert written(out) == written(plain)


@EVERY
def test_a_process_that_always_dies_is_told_with_step_and_partition(name: str, tmp_path: Path) -> None:
    read = many(tmp_path / "in", 2, {2100: "die, said Ada"})
    with (
        working_on(engine_of(name, 2)),
        pytest.raises(
            DuecareError, match=r"^shouting: partition 1 \(rows 2048 to 3995\): its process died 3 times"
        ) as told,
    ):
        sift(read, tmp_path, quiet, Shouting())
    assert "Ada" not in str(told.value)
    assert told.value.__cause__ is told.value.__context__ is None


@EVERY
def test_a_partition_is_said_to_have_died_as_often_as_it_did(name: str, tmp_path: Path) -> None:
    """Also one that was only waiting when another one's process died."""
    deaths = tmp_path / "deaths"
    read = many(tmp_path / "in", 6, {5: "die", 3 * BATCH: "die always", 5 * BATCH: "die always"})
    with (
        working_on(engine_of(name, 2)),
        pytest.raises(DuecareError, match=r"partition 3 \(.*its process died 3 times"),
    ):
        sift(read, tmp_path, quiet, Shouting(once=str(tmp_path / "once"), deaths=str(deaths), seconds=0.5))
    assert len(deaths.read_text().split()) >= 3


@EVERY
def test_what_stops_a_step_is_told_without_a_rows_text(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    read = many(tmp_path / "in", 2, {5: "boom"})
    with working_on(engine_of(name, 2)):
        with pytest.raises(DuecareError, match=r"^broken: KeyError on every row of partition 0 ") as told:
            sift(read, tmp_path, quiet, Broken())
        assert "LOUD" not in str(told.value)
        with pytest.raises(DuecareError, match=r"^unloadable: KeyError while its detector was loaded$"):
            sift(read, tmp_path, quiet, Unloadable())
        with pytest.raises(DuecareError, match=r"^unloadable: PanicException while its detector was loaded$"):
            sift(read, tmp_path, quiet, Unloadable(panics=True))
        sift(read, tmp_path, quiet, Shouting())
    said = "".join(capfd.readouterr())
    assert "LOUD" not in said
    assert "Ada" not in said


@pytest.mark.engines
def test_no_log_of_ray_holds_a_rows_text(tmp_path: Path) -> None:
    read = many(tmp_path / "in", 2, {5: "boom", 9: "panic", 2100: "die"})
    with working_on(engine_of("ray", 2)):
        with pytest.raises(DuecareError, match="its process died"):
            sift(read, tmp_path, quiet, Shouting())
        with pytest.raises(DuecareError, match="on every row"):
            sift(read, tmp_path, quiet, Broken())
    import ray

    logs = Path(ray._private.worker._global_node.get_logs_dir_path())
    found = [path.read_bytes() for path in logs.rglob("*") if path.is_file()]
    assert any(b"MapWorker" in each for each in found)  # control: it does log what its actors do
    assert not [each for each in found if b"LOUD" in each or b"Ada" in each]


@EVERY
@pytest.mark.parametrize("bound", ["number", "bytes"])
def test_partitions_in_flight_are_bounded_by_number_and_by_bytes(
    name: str, bound: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pq.ParquetFile(many(tmp_path / "in", 1)["examples"].path / "kept.parquet")
    batch = next(iter(file.iter_batches(8)))
    monkeypatch.setattr(elsewhere, "WAVE", 3 if bound == "number" else 100)
    monkeypatch.setattr(elsewhere, "WAVE_BYTES", 2 * batch.nbytes if bound == "bytes" else 2**40)
    taken, ahead = 0, []

    def parts() -> Iterator[Partition]:
        nonlocal taken
        for number in range(8):
            taken += 1
            yield Partition(number, 8 * number, batch)

    for _ in engine_of(name, 2).carry(Shouting(), parts()):
        ahead.append(taken - len(ahead))
    assert len(ahead) == 8
    assert max(ahead) == (2 * AHEAD if name == "local" else 6 if bound == "number" else 4)


@EVERY
def test_a_run_that_is_left_in_the_middle_leaves_the_engine_as_it_was(name: str, tmp_path: Path) -> None:
    def fail(told: object) -> None:
        raise ZeroDivisionError

    read, out, plain = many(tmp_path / "in", 3), folder(tmp_path / "out"), folder(tmp_path / "plain")
    with working_on(engine_of(name, 2)):
        with pytest.raises(ZeroDivisionError):
            sift(read, out, fail, Shouting(seconds=0.2))
        sift(read, out, quiet, Shouting(seconds=0.2))
    sift(read, plain, quiet, Shouting())
    assert written(out) == written(plain)
    if name == "ray":
        import ray

        ends = time.monotonic() + 20
        while ray.available_resources().get("CPU") != ray.cluster_resources()["CPU"]:
            assert time.monotonic() < ends, "actors of Ray Data still hold processors"
            time.sleep(0.2)


AGENTS = (b"ray::DashboardAgent", b"ray::RuntimeEnvAgent")


def running(mark: str) -> list[int]:
    """Processes in whose environment `mark` stands; but two of Ray's own, which look once a minute for it."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            named = place.with_name("cmdline").read_bytes()
            if mark.encode() in place.read_bytes() and not named.startswith(AGENTS):
                found.append(int(place.parent.name))
        except OSError:
            continue  # it ended meanwhile
    return found


def drive(name: str, place: Path, kill_at: int, mark: str = "") -> int:
    call = [sys.executable, WORKS, "drive", name, str(place), str(kill_at)]
    inside = {**os.environ, "DUECARE_TEST_RUN": mark}
    return subprocess.run(call, env=inside, check=False, stderr=subprocess.DEVNULL).returncode


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc tells which processes run")
@EVERY
def test_a_run_whose_process_is_killed_goes_on_and_leaves_no_orphans(name: str, tmp_path: Path) -> None:
    many(tmp_path / "in", 8)
    log, out, mark = tmp_path / "log", folder(tmp_path / "out"), uuid.uuid4().hex
    assert drive(name, tmp_path, 2, mark) == -9
    ends = time.monotonic() + 20
    while running(mark):
        assert time.monotonic() < ends, "processes of a killed run are still there"
        time.sleep(0.2)
    noted = log.read_text()
    finished = {f"a:{BATCH * int(path.name[:8])}" for path in (out / RESUME).rglob("*.part")}
    assert 2 <= len(finished) < 8
    time.sleep(1)
    assert log.read_text() == noted
    assert drive(name, tmp_path, 0) == 0
    begun = Counter(log.read_text().split())
    assert len(begun) == 8
    assert {row for row in finished if begun[row] > 1} == set()
    sift(many(tmp_path / "in", 8), folder(tmp_path / "plain"), quiet, Shouting())
    assert written(out) == written(tmp_path / "plain")


@pytest.mark.engines
@pytest.mark.parametrize("name", ["daft", "ray"])
def test_more_processes_than_processors_do_not_wait_for_ever_on_ray(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAFT_RUNNER", "ray")
    many(tmp_path / "in", 2)
    folder(tmp_path / "out")
    call = [sys.executable, WORKS, "drive", name, str(tmp_path), "0", str((os.cpu_count() or 1) + 2)]
    assert subprocess.run(call, check=False, stderr=subprocess.DEVNULL, timeout=120).returncode == 0
    assert len((tmp_path / "log").read_text().split()) == 2


@pytest.mark.engines
@pytest.mark.parametrize("name", ["daft", "ray"])
@pytest.mark.parametrize(
    ("taken", "said"), [("0", "1 free: 1 of 2 workers are used"), ("1", "0 free; expected")]
)
def test_a_ray_that_runs_already_with_fewer_processors_is_used_or_refused(
    taken: str, said: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAFT_RUNNER", "ray")
    many(tmp_path / "in", 2)
    folder(tmp_path / "out")
    call = [sys.executable, WORKS, "crowded", name, str(tmp_path), "1", taken]
    told = subprocess.run(call, check=True, capture_output=True, text=True, timeout=120)
    assert said in told.stdout + told.stderr
    assert told.stdout.splitlines()[-1].startswith(
        "done" if taken == "0" else "stopped: engine: the Ray that"
    )


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[bool]:
    """A folder on a disk of so many kilobytes; False where this machine lets nobody mount one."""
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    mounted = os.geteuid() == 0 and subprocess.run(mounting, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


@EVERY
def test_a_full_disk_is_a_clear_stop_and_leaves_nothing_half_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that is small where one can be mounted, and with a write that fails elsewhere."""
    read, plain = many(tmp_path / "in", 6), folder(tmp_path / "plain")
    with small_disk(tmp_path / "disk", 160) as mounted, working_on(engine_of(name, 2)):
        out, writes = tmp_path / "disk" / "out", []
        out.mkdir()

        def full(made: Made) -> bytes:
            writes.append(1)
            if len(writes) == 4 and not mounted:
                raise OSError(errno.ENOSPC, "No space left on device")
            return pack(made)

        monkeypatch.setattr(engine_module, "pack", full)
        with pytest.raises(DuecareError, match=r"^shouting: the disk is full, at .*out"):
            sift(read, out, quiet, Shouting())
        assert 1 < len(writes) < 6
        assert not written(out)
        kept = sorted(path.name for path in (out / RESUME).rglob("*") if path.is_file())
        assert kept == [f"{number:08d}.part" for number in range(len(writes) - 1)]
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=8m", str(tmp_path / "disk")], check=True)
        sift(read, out, quiet, Shouting())
        sift(read, plain, quiet, Shouting())
        assert written(out) == written(plain)


@EVERY
def test_a_disk_that_is_full_where_an_operator_works_is_a_clear_stop(name: str, tmp_path: Path) -> None:
    read = many(tmp_path / "in", 2)
    with (
        working_on(engine_of(name, 2)),
        pytest.raises(DuecareError, match=r"^shouting: the disk is full"),
    ):
        sift(read, tmp_path, quiet, Shouting(log="/dev/full"))
    assert not written(tmp_path)


NAME = b"Zebulonia Quux"


def sealed_input(tmp_path: Path) -> dict[str, object]:
    secret(home(), "s")
    return many(
        tmp_path / "in", 3, {n: f"Her name is {NAME.decode()} {n}" for n in (1, 2500, 4200)}, seal="s"
    )


@pytest.mark.engines
def test_nothing_that_daft_puts_into_shared_memory_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daft.execution.udf import SharedMemoryTransport

    seen: list[bytes] = []
    put, take = SharedMemoryTransport.write_and_close, SharedMemoryTransport.read_and_release

    def taking(self: object, *segment: object) -> bytes:
        seen.append(take(self, *segment))
        return seen[-1]

    monkeypatch.setattr(
        SharedMemoryTransport, "write_and_close", lambda self, data: seen.append(data) or put(self, data)
    )
    monkeypatch.setattr(SharedMemoryTransport, "read_and_release", taking)
    read = sealed_input(tmp_path)

    def shown(out: Path) -> list[bool]:
        seen.clear()
        with working_on(engine_of("daft", 2)):
            sift(read, folder(out), quiet, Shouting())
        assert not [path for path, data in written(out).items() if NAME in data]
        return [NAME in each for each in seen]

    sealed = shown(tmp_path / "sealed")
    assert len(sealed) == 2 * 3  # there and back
    assert not any(sealed)
    monkeypatch.setattr("duecare.curate.engine_daft.Parcels", Unsealed)
    assert any(shown(tmp_path / "control"))


@pytest.mark.engines
@pytest.mark.parametrize("parcels", ["sealed", "unsealed"])
@pytest.mark.parametrize("name", ["daft", "ray"])
def test_nothing_that_ray_spills_to_a_disk_can_be_read(
    name: str, parcels: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for Ray Data, nor for a Daft whose runner is Ray."""
    monkeypatch.setenv("DAFT_RUNNER", "ray")
    sealed_input(tmp_path)
    folder(tmp_path / "out")
    with TemporaryDirectory(prefix="r") as short:  # a socket's path has to be short
        for place in ("in", "out"):
            (Path(short) / place).symlink_to(tmp_path / place)
        marks = (NAME.decode(), "quiet words", "Quux's secret")
        call = [sys.executable, WORKS, "spill", name, parcels, short, *marks]
        told = subprocess.run(call, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    said = json.loads(told)
    assert said["spilled"] > 100_000
    lies_about = marks if name == "ray" else marks[:2]  # Daft's settings are small enough for a message
    assert said["found"] == ([] if parcels == "sealed" else sorted(lies_about))
