from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from small_run import KEY, OTHER_KEY, RUN_ID, SOFTWARE, clock, do_step, failures, fields, make_run, open_run

from duecare.core import LedgerError, Note, exact
from duecare.ledger import entries, head, scratch_folder, value_digest
from duecare.ledger.chain import NO_PREVIOUS, leaf_hash
from duecare.ledger.record import Recorder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_entries_are_filled_in_linked_and_read_back(run: Path) -> None:
    with open_run(run, run_id=RUN_ID) as recorder:
        first = recorder.append("run.started", settings={"a": (1, 2)})
        second = recorder.append("told", note=Note(topic="t", text="x"), estimates=(exact("m", 1, 1, {}),))
        assert recorder.entries == (first, second)
        assert recorder.head.size == 2
    lines = (run / "ledger" / "log.jsonl").read_bytes().splitlines()
    assert entries(run) == [first, second]
    assert (first.index, second.index) == (0, 1)
    assert first.previous == NO_PREVIOUS
    assert second.previous == leaf_hash(lines[0]).hex()
    assert first.run == RUN_ID == head(run).run
    assert first.actor == "tester"
    assert first.time == "2030-01-01T00:00:01.000000+00:00"
    assert first.settings == {"a": [1, 2]}
    assert first.settings_digest == value_digest({"a": [1, 2]})


def test_a_new_run_gets_a_random_id_and_keeps_it(tmp_path: Path) -> None:
    ids = []
    for name in ("a", "b", "a"):
        with open_run(tmp_path / name) as recorder:
            ids.append(recorder.append("told").run)
    assert ids[0] == ids[2] != ids[1]
    with pytest.raises(LedgerError, match="holds run"):
        open_run(tmp_path / "a", run_id=RUN_ID)
    with pytest.raises(LedgerError, match="hex digits"):
        open_run(tmp_path / "c", run_id="../c")
    with open_run(tmp_path / "a", run_id=ids[0]) as recorder:  # no lock was left behind
        assert len(recorder.entries) == 2


def test_many_entries_share_one_signature_and_come_all_or_none(run: Path) -> None:
    with open_run(run) as recorder:
        added = recorder.append_many({"happened": "told", "job": f"j{i}"} for i in range(5))
        assert [entry.index for entry in added] == [0, 1, 2, 3, 4]
        with pytest.raises(LedgerError):
            recorder.append_many([{"happened": "told"}, {"happened": "nonsense"}])
        assert recorder.append_many([]) == []
        assert len(recorder.entries) == 5
    assert len(entries(run)) == 5
    assert not failures(run)


@pytest.mark.parametrize(
    "record",
    [
        {"happened": "nonsense"},
        {"happened": "told", "index": 3},
        {"happened": "told", "wrong": 1},
        {"happened": "told", "settings": {"x": float("nan")}},
        {"happened": "told", "settings": {"x": "\ud800"}},
        {"happened": "told", "settings": {"x": {1: "no JSON key"}}},
        {"happened": "told", "settings": {"x": object()}},
        {"happened": "told", "settings": {"x": 1}, "settings_digest": "00" * 32},
        {"happened": "told", "started": "yesterday"},
        {"happened": "told", "outputs": {"artifacts/x": "00" * 32}},
        {"happened": "told", "inputs": {"examples": "00" * 32}},
        {"happened": "report"},
        {"happened": "report", "outputs": {"report": "00" * 32}},
        {"happened": "step.finished"},
        {"happened": "step.finished", **fields("read:chats"), "software": {}},
        {"happened": "step.finished", **fields("read:chats"), "seed": 1},
        {"happened": "step.finished", **fields("read:chats"), "outputs": {"../../etc": "00" * 32}},
        {"happened": "step.finished", **fields("read:chats"), "outputs": {"artifacts/x": "00" * 32}},
    ],
)
def test_what_verify_would_object_to_is_not_written(run: Path, record: dict[str, Any]) -> None:
    with open_run(run) as recorder:
        with pytest.raises(LedgerError):
            recorder.append(**record)
        assert recorder.entries == ()
        recorder.append("told")  # the refusal broke nothing
    assert not failures(run)


def test_external_inputs_are_allowed_where_they_say_so(run: Path) -> None:
    with open_run(run) as recorder:
        recorder.append("told", inputs={"external:population.csv": "ab" * 32})
    assert not failures(run)


def test_floats_in_settings_have_one_digest(run: Path) -> None:
    with open_run(run) as recorder:
        entry = recorder.append("told", settings={"by": [1.0, 1e22, -0.0, 2**63, 0.1]})
    assert entries(run) == [entry]
    assert not failures(run)


def test_finished_work_is_found_until_its_files_change(run: Path) -> None:
    with open_run(run) as recorder:
        artifact = do_step(recorder, run, "read:chats", {"kept.parquet": b"rows", "model/w": b"1"})
        key = fields("read:chats")["step_key"]
        entry = recorder.finished(key)
        assert entry is not None
        assert entry.outputs == {artifact.path.relative_to(run).as_posix(): artifact.digest}
        assert recorder.finished("00" * 32) is None
        (artifact.path / "model" / "w").write_bytes(b"2")
        assert recorder.finished(key) is None


def test_a_damaged_result_is_made_again_with_a_note(run: Path) -> None:
    with open_run(run) as recorder:
        artifact = do_step(recorder, run, "read:chats", {"kept.parquet": b"rows"})
        (artifact.path / "kept.parquet").write_bytes(b"damaged")
    assert failures(run)
    with open_run(run) as recorder:
        again = do_step(recorder, run, "read:chats", {"kept.parquet": b"rows"})
        assert again == artifact
        assert [entry.happened for entry in recorder.entries] == ["step.finished", "repair", "step.finished"]
    assert not failures(run)


def test_a_whole_result_is_never_destroyed_by_a_second_one(run: Path) -> None:
    with open_run(run) as recorder:
        first = do_step(recorder, run, "read:chats", {"kept.parquet": b"rows"})
        assert do_step(recorder, run, "read:chats", {"kept.parquet": b"rows"}) == first
        other = do_step(recorder, run, "read:chats", {"kept.parquet": b"other rows"})
        assert other.path.name == first.path.name + ".2"
        assert do_step(recorder, run, "read:chats", {"kept.parquet": b"other rows"}) == other
        latest = recorder.finished(fields("read:chats")["step_key"])
        assert latest is not None
        assert list(latest.outputs.values()) == [other.digest]
        recorder.append("run.finished")
    assert not failures(run)


def test_publishing_cleans_what_is_only_for_resuming(run: Path) -> None:
    with open_run(run) as recorder:
        key = fields("sft")["step_key"]
        scratch = scratch_folder(run, "sft", key)
        (scratch / ".resume" / "deep").mkdir(parents=True)
        (scratch / ".resume" / "state").write_bytes(b"x")
        (scratch / "empty" / "folders").mkdir(parents=True)
        (scratch / "model.safetensors").write_bytes(b"w")
        artifact = recorder.publish(scratch, "sft", key)
        assert artifact.job == "sft"
        assert artifact.path == run / "artifacts" / f"sft-{key[:8]}"
        assert sorted(os.listdir(artifact.path)) == ["manifest.json", "model.safetensors"]
        assert not scratch.exists()
        with pytest.raises(LedgerError):
            recorder.publish(scratch, "sft", key)
        with pytest.raises(LedgerError, match="expected letters"):
            recorder.publish(scratch, "../sft", key)


def test_a_result_without_entry_goes_back_to_scratch(run: Path) -> None:
    with open_run(run) as recorder:
        key = fields("sft")["step_key"]
        scratch = scratch_folder(run, "sft", key)
        scratch.mkdir(parents=True)
        (scratch / "w").write_bytes(b"1")
        recorder.publish(scratch, "sft", key)
    assert any("not recorded" in finding.detail for finding in failures(run))
    with open_run(run) as recorder:
        (entry,) = recorder.entries
        assert entry.happened == "repair"
        assert entry.note is not None
        assert entry.note.data["path"] == f"artifacts/sft-{key[:8]}"
        assert (scratch / "w").read_bytes() == b"1"
        assert recorder.finished(key) is None
        do_step(recorder, run, "sft", {"w": b"1"})
        recorder.append("run.finished")
    assert not (run / "scratch").exists()
    assert not failures(run)


def test_scratch_is_gone_when_the_run_is_finished(run: Path) -> None:
    with open_run(run) as recorder:
        recorder.append("run.started")
        (run / "scratch" / "sft-00000000").mkdir(parents=True)
        recorder.append("run.finished")
    assert not (run / "scratch").exists()


def test_a_torn_tail_of_any_length_is_cut_and_noted(tmp_path: Path) -> None:
    source = make_run(tmp_path / "source")
    log = source / "ledger" / "log.jsonl"
    whole = log.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for length in [1, 2, len(last) // 2, len(last) - 1, len(last), len(last) + 7]:
        log.write_bytes(whole + (last + last)[:length])
        assert any("after the last acknowledged entry" in finding.detail for finding in failures(source))
        assert len(entries(source)) == len(whole.splitlines())
        with open_run(source) as recorder:
            note = recorder.entries[-1].note
        assert note is not None
        assert note.data["bytes"] == str(length)
        whole = log.read_bytes()
        assert not failures(source)


def test_a_log_that_lost_something_is_never_repaired(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    log, signed = run / "ledger" / "log.jsonl", run / "ledger" / "head.json"
    whole, head_bytes = log.read_bytes(), signed.read_bytes()
    lines = whole.splitlines(keepends=True)
    for damaged in (
        whole[:-1],
        b"".join(lines[:-1]),
        b"",
        whole[: len(whole) // 2],
        whole.replace(b"tester", b"tested", 1),
        b"".join([lines[1], lines[0], *lines[2:]]),
    ):
        log.write_bytes(damaged)
        with pytest.raises(LedgerError, match=r"lost|not what its head signs"):
            open_run(run)
        with pytest.raises(LedgerError):
            entries(run)
        assert log.read_bytes() == damaged
    log.write_bytes(whole)
    signed.unlink()
    with pytest.raises(LedgerError, match="lost its"):
        open_run(run)
    log.unlink()
    with pytest.raises(LedgerError, match="lost its"):
        open_run(run)
    signed.write_bytes(head_bytes)
    with pytest.raises(LedgerError):
        open_run(run)
    log.write_bytes(whole)
    with open_run(run) as recorder:
        assert len(recorder.entries) == len(lines)


def test_another_key_may_not_go_on(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(LedgerError, match="signed by key"):
        open_run(run, OTHER_KEY)


def test_a_run_behind_the_head_last_seen_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    log, signed = run / "ledger" / "log.jsonl", run / "ledger" / "head.json"
    older = log.read_bytes(), signed.read_bytes()
    with open_run(run) as recorder:
        recorder.append("run.started")
        seen = recorder.head
    with open_run(run, last_head=seen):
        pass
    log.write_bytes(older[0])
    signed.write_bytes(older[1])
    with pytest.raises(LedgerError, match="rolled back"):
        open_run(run, last_head=seen)
    with open_run(run) as recorder:  # control: without memory nobody notices
        recorder.append("told")
        recorder.append("told")
    with pytest.raises(LedgerError, match="rewritten"):
        open_run(run, last_head=seen)


def test_a_failed_write_refuses_further_appends_until_reopened(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_run(run) as recorder:
        recorder.append("told", job="one")
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", _disk_full)
            with pytest.raises(LedgerError, match="No space left"):
                recorder.append("told", job="two")
        with pytest.raises(LedgerError, match="open the run again"):
            recorder.append("told", job="three")
    with pytest.raises(LedgerError, match="open the run again"):
        recorder.append("told", job="closed")
    recorder.close()
    with open_run(run) as recorder:
        assert [entry.job for entry in recorder.entries] == ["one", None]
    assert not failures(run)


def _disk_full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_clock_without_zone_is_refused(run: Path) -> None:
    with pytest.raises(LedgerError, match="zone"):
        Recorder(run, KEY, "tester", lambda: datetime(2030, 1, 1))
    with Recorder(run, KEY, "tester", clock()):
        pass


def test_the_same_run_twice_is_the_same_bytes(tmp_path: Path) -> None:
    make_run(tmp_path / "a")
    make_run(tmp_path / "b")
    for name in ("log.jsonl", "head.json"):
        assert (tmp_path / "a/ledger" / name).read_bytes() == (tmp_path / "b/ledger" / name).read_bytes()


HOLDER = """
import os, sys, time
from pathlib import Path
def held_up():
    while not Path(sys.argv[1]).with_name("go").exists():
        time.sleep(0.01)
if sys.argv[3] == "fork":  # a worker that first gets to run some time after the kill
    os.register_at_fork(after_in_child=held_up)
sys.path.insert(0, sys.argv[2])
from small_run import open_run
recorder = open_run(Path(sys.argv[1]))
if sys.argv[3] == "fork" and os.fork() == 0:
    time.sleep(60)
print("held", flush=True)
sys.stdin.readline()
"""


def hold(run: Path, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(run), str(Path(__file__).parent), how]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_two_processes_are_kept_apart(run: Path) -> None:
    with hold(run, "alone") as process:
        with pytest.raises(LedgerError, match=f"process {process.pid}"):
            open_run(run)
        assert not failures(run)  # the lock is no stranger
        process.communicate("\n")
    with open_run(run) as recorder:
        with pytest.raises(LedgerError, match=f"process {os.getpid()}"):
            open_run(run)
        recorder.append("told")
    assert (run / "ledger" / "lock").read_bytes() == b""


def test_a_killed_writer_leaves_no_lock_even_if_its_workers_live_on(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = hold(run, "fork")
    try:
        process.kill()
        process.wait()
        assert (run / "ledger" / "lock").read_text() == f"{process.pid}\n"
        assert not failures(run)
        monkeypatch.setattr("duecare.ledger.lock.PATIENCE", 0.0)
        with pytest.raises(LedgerError, match=f"process {process.pid}"):
            open_run(run)
        monkeypatch.setattr("duecare.ledger.lock.PATIENCE", 60.0)
        Timer(0.2, (run.parent / "go").touch).start()
        with open_run(run) as recorder:
            recorder.append("told")
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def test_settings_stand_in_the_log_as_json(run: Path) -> None:
    with open_run(run) as recorder:
        do_step(recorder, run, "read:chats", {"kept.parquet": b"rows"})
    record = json.loads((run / "ledger" / "log.jsonl").read_text().splitlines()[-1])
    assert record["settings"] == {"job": "read:chats", "limit": 0.5}
    assert record["software"] == SOFTWARE
