from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_run import (
    RUN_ID,
    anchor,
    assert_well_told,
    do_step,
    failures,
    files_of,
    log_lines,
    make_run,
    open_run,
    write_lines,
)

from duecare.core import INSUFFICIENT, PASS
from duecare.ledger import head, recall, remember, seal, verify

# --- no false alarm ---------------------------------------------------------------------------------


def test_an_untouched_run_is_consistent_but_not_anchored(run: Path) -> None:
    findings = verify(run)
    assert {finding.verdict for finding in findings} == {PASS, INSUFFICIENT}
    assert anchor(findings).verdict == INSUFFICIENT
    assert anchor(findings).detail == "Consistent, not anchored."
    assert len({finding.name for finding in findings}) == len(findings)
    assert_well_told(findings)


def test_a_run_may_be_named_by_text(run: Path) -> None:
    assert verify(str(run)) == verify(run)


def test_an_untouched_run_is_anchored_by_what_was_remembered(run: Path, own_home: Path) -> None:
    remember(own_home, head(run))
    known = recall(own_home, RUN_ID)
    assert known is not None
    findings = verify(run, pinned_key=known[0], last_head=known[1])
    assert {finding.verdict for finding in findings} == {PASS}
    assert {f.verdict for f in verify(run, last_head=known[1])} == {PASS}
    pinned = anchor(verify(run, pinned_key=known[0]))
    assert (pinned.verdict, "roll-back" in pinned.detail) == (INSUFFICIENT, True)


def test_no_false_alarm_when_moved_copied_or_grown(run: Path, own_home: Path) -> None:
    remember(own_home, head(run))
    moved = run.rename(run.parent / "elsewhere")
    with open_run(moved) as recorder:
        recorder.append("run.started")
        do_step(recorder, moved, "personal:chats", {"kept.parquet": b"redacted"})
        assert not failures(moved)
        recorder.append("run.finished")
    known = recall(own_home, RUN_ID)
    assert known is not None
    assert {finding.verdict for finding in verify(moved, last_head=known[1])} == {PASS}
    for path in files_of(moved):
        os.utime(path, (1, 1))
    assert not failures(moved)


def test_a_second_report_takes_the_place_of_the_first(run: Path) -> None:
    with open_run(run) as recorder:
        scratch = run / "report.new"
        scratch.mkdir()
        (scratch / "report.html").write_bytes(b"<p>fairer</p>")
        recorder.append("report", outputs={"report": recorder.publish_report(scratch).digest})
    assert not failures(run)


@pytest.mark.parametrize("stop", range(1, 6))
def test_no_false_alarm_at_any_stage_of_a_run(tmp_path: Path, stop: int) -> None:
    run = tmp_path / "run"
    with open_run(run) as recorder:
        for number in range(stop):
            recorder.append("run.started") if number % 2 == 0 else do_step(
                recorder, run, f"read:s{number}", {"kept.parquet": b"rows"}
            )
            assert not failures(run)
    assert not failures(run)


def test_work_in_progress_is_noted_and_wrong_in_a_finished_run(run: Path) -> None:
    (run / "scratch" / "sft-00000000").mkdir(parents=True)
    assert [finding.name for finding in failures(run)] == ["verify.scratch"]
    with open_run(run) as recorder:
        recorder.append("run.started")
    assert not failures(run)
    assert any(f.name == "verify.scratch" and f.verdict == INSUFFICIENT for f in verify(run))


# --- every byte ---------------------------------------------------------------------------------------


def test_any_flipped_byte_in_any_file_is_found(run: Path) -> None:
    """Every byte of every file: lowest bit flipped; and the bit that turns a into A, where hex stands."""
    for path in files_of(run):
        whole = path.read_bytes()
        flips = (1, 32) if path.name in ("head.json", "manifest.json") else (1,)
        for position in range(len(whole)):
            for flip in flips:
                changed = bytearray(whole)
                changed[position] ^= flip
                path.write_bytes(changed)
                found = failures(run)
                assert found, f"{path.name}: byte {position} ^ {flip}"
                assert not any("stopped with" in finding.detail for finding in found)
        path.write_bytes(whole)
    assert not failures(run)


def test_any_lost_or_added_byte_at_the_end_of_a_file_is_found(run: Path) -> None:
    for path in files_of(run):
        whole = path.read_bytes()
        for changed in (whole[:-1], whole + b"\n", whole + b"\0", b""):
            if changed != whole:
                path.write_bytes(changed)
                assert failures(run) or path.name == "lock", path
        path.write_bytes(whole)
        if path.name != "lock":
            path.unlink()
            assert failures(run), path
            path.write_bytes(whole)
    assert not failures(run)


# --- entries ------------------------------------------------------------------------------------------


def test_removed_added_reordered_truncated_and_changed_entries_are_found(run: Path) -> None:
    lines = log_lines(run)
    variants = [lines[:i] + lines[i + 1 :] for i in range(len(lines))]
    variants += [lines[:i] for i in range(len(lines))]
    variants += [[*lines[:i], lines[i + 1], lines[i], *lines[i + 2 :]] for i in range(len(lines) - 1)]
    variants += [[*lines[:i], lines[i], *lines[i:]] for i in range(len(lines))]
    variants += [[*lines, lines[-1]], [*lines, b"{}\n"], [*lines, b"\n"], [*lines, b"torn"]]
    variants += [[*lines[:-1], lines[-1].replace(b"tester", b"nobody")]]
    for variant in variants:
        write_lines(run, variant)
        found = failures(run)
        assert any(finding.name in ("verify.log", "verify.tree") for finding in found)
        assert_well_told(found)


def test_a_file_without_its_log_head_or_ledger_is_found(run: Path) -> None:
    for name in ("ledger/log.jsonl", "ledger/head.json", "ledger"):
        path = run / name
        path.rename(run.parent / "away")
        assert failures(run)
        (run.parent / "away").rename(path)
    assert not failures(run)
    assert failures(run / "nowhere")


def test_the_head_of_another_run_is_found(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", run_id="ab" * 16)
    shutil.copy(other / "ledger" / "head.json", run / "ledger" / "head.json")
    names = {finding.name for finding in failures(run)}
    assert {"verify.entry", "verify.tree"} <= names
    shutil.copy(other / "ledger" / "log.jsonl", run / "ledger" / "log.jsonl")
    assert not failures(run)  # control: with the whole ledger it *is* the other run ...
    assert failures(run, last_head=head(make_run(tmp_path / "again")))  # ... which who knows this one sees


# --- results ------------------------------------------------------------------------------------------


def test_a_replaced_artifact_is_found_even_with_its_manifest_rewritten(run: Path) -> None:
    folder = next((run / "artifacts").glob("read-chats-*"))
    (folder / "kept.parquet").write_bytes(b"evil")
    assert any("kept.parquet was changed" in finding.detail for finding in failures(run))
    seal(folder)
    (found,) = failures(run)
    assert found.name == "verify.result"
    assert folder.name in found.detail
    assert "manifest.json" in found.detail


def test_swapped_renamed_and_missing_artifacts_are_found(run: Path) -> None:
    one, two = sorted((run / "artifacts").iterdir())
    one.rename(run / "x")
    assert any("missing" in finding.detail for finding in failures(run))
    two.rename(one)
    (run / "x").rename(two)
    assert len([finding for finding in failures(run) if finding.name == "verify.result"]) == 2
    one.rename(run / "x")
    two.rename(one)
    (run / "x").rename(two)
    assert not failures(run)
    one.rename(one.with_name("other"))
    assert any("other is not recorded" in finding.detail for finding in failures(run))


STRANGERS = (
    "x",
    ".hidden",
    "notes/x",
    "ledger/x",
    "ledger/head.json.tmp",
    "artifacts/x",
    "artifacts/x/manifest.json",
    "report/x",
    "scratch/x",
)


@pytest.mark.parametrize("name", STRANGERS)
def test_a_file_that_nobody_recorded_is_found(run: Path, name: str) -> None:
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).write_bytes(b"")
    found = failures(run)
    assert found
    assert_well_told(found)


def test_a_file_inside_an_artifact_and_empty_folders_are_found(run: Path) -> None:
    folder = next((run / "artifacts").iterdir())
    for stranger in (
        folder / "x",
        folder / "part" / "x",
        run / "artifacts" / "x",
        run / "x",
        run / "report" / "x",
    ):
        if stranger.parent.is_dir():
            stranger.mkdir()
            assert failures(run), stranger
            stranger.rmdir()
    assert not failures(run)


@pytest.mark.parametrize(
    "name", ["ledger", "artifacts", "report", "scratch", "ledger/log.jsonl", "ledger/head.json"]
)
def test_a_link_in_place_of_the_real_thing_is_found(run: Path, name: str) -> None:
    away = run.parent / "away"
    if (run / name).exists():
        (run / name).rename(away)
    else:
        away.mkdir()
    (run / name).symlink_to(away)
    assert failures(run)


def test_a_report_that_nobody_recorded_is_found(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with open_run(run) as recorder:
        recorder.append("run.started")
    (run / "report").mkdir()
    (run / "report" / "report.html").write_bytes(b"<p>fair</p>")
    seal(run / "report")
    assert [finding.name for finding in failures(run)] == ["verify.unrecorded"]


def test_the_lock_hides_nothing(run: Path) -> None:
    for data, wrong in ((b"", False), (b"123\n", False), (b"123", True), (b"stowaway\n", True)):
        (run / "ledger" / "lock").write_bytes(data)
        assert bool(failures(run)) == wrong


def test_nothing_is_called_consistent_that_is_not(run: Path) -> None:
    (run / "stranger").write_bytes(b"")
    assert not [finding for finding in verify(run, last_head=head(run)) if finding.name == "verify.anchor"]


def test_verification_needs_no_jax_no_network_and_writes_nothing(run: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files_of(run)}
    program = (
        "import socket, sys; socket.socket = socket.create_connection = None; "
        "from pathlib import Path; from duecare.ledger import verify; "
        f"found = verify(Path({str(run)!r})); "
        "assert not {'jax', 'flax', 'tunix', 'torch'} & set(sys.modules); "
        "assert 'duecare.ledger.record' not in sys.modules; print(len(found))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(verify(run))
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files_of(run)}


def test_a_file_in_place_of_a_folder_is_found(run: Path) -> None:
    for name in ("artifacts", "report", "ledger"):
        shutil.rmtree(run / name)
        (run / name).write_bytes(b"")
        assert failures(run)
