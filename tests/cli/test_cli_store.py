"""Runs to a store and back: a folder, and a server that speaks S3; interrupted, changed, and hostile."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stored import ADA, MAIL, STUDY, call, lay_out

from duecare.cli import exchange
from duecare.cli.reviewing import recording
from duecare.core import LedgerError
from duecare.ledger import entries
from duecare.vault import blobs
from duecare.vault.blobs import Blobs


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    lay_out(tmp_path, STUDY)
    assert call("run", "study.yaml").exit_code == 0
    return tmp_path / "runs" / "tiny"


@pytest.fixture(scope="module")
def s3():
    """A server of the S3 protocol on this machine; the address of a bucket on it."""
    server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAMARKEDKEYID")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "marked-secret-of-the-store")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        running.start()
        host, port = running.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("audits")
        yield "s3://audits"
        running.stop()


@pytest.fixture(scope="module")
def gs():
    """A server of the Google Cloud Storage protocol on this machine; the address of a bucket on it."""
    server = pytest.importorskip("gcp_storage_emulator.server")
    gcsfs = pytest.importorskip("gcsfs")
    logging.getLogger("gcp_storage_emulator").setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        running = server.create_server("127.0.0.1", 0, in_memory=True, default_bucket="audits")
        running.start()
        port = running._api._httpd.server_port
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        gcsfs.GCSFileSystem.clear_instance_cache()
        yield "gs://audits"
        running.stop()


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the S3 client and server among themselves
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("where", ["s3", "gs", "folder"])
def test_a_run_goes_out_and_comes_back_byte_for_byte(run, where, request, tmp_path):
    url = str(tmp_path / "store") if where == "folder" else f"{request.getfixturevalue(where)}/one"
    said = call("push", run, url)
    assert said.exit_code == 0, said.output
    assert "holds run" in said.output
    again = call("push", run, url)
    assert ": 0 pieces sent (0 bytes)" in again.output or ": 0 pieces sent" in again.output
    back = call("pull", url, "--out", "back")
    assert back.exit_code == 0, back.output
    assert files(tmp_path / "back") == files(run)
    assert "marked-secret" not in said.output + back.output
    held = Blobs(url)
    for name in held.names("blobs"):
        for digest in held.names(f"blobs/{name}"):
            assert MAIL.encode() not in held.fetch(digest)


def test_the_review_and_work_in_progress_stay_here(run, tmp_path):
    (run / "review").mkdir()
    (run / "review" / "people.db").write_text(ADA)
    (run / "scratch").mkdir()
    (run / "scratch" / "half").write_text(ADA)
    exchange.push(run, str(tmp_path / "store"))
    exchange.pull(str(tmp_path / "store"), tmp_path / "back")
    assert {path.name for path in (tmp_path / "back").iterdir()} == {"ledger", "artifacts", "report"}


def test_time_stamps_go_along(run, tmp_path):
    (run / "ledger" / "stamp-3.tsr").write_bytes(b"an answer")
    exchange.push(run, str(tmp_path / "store"))
    exchange.pull(str(tmp_path / "store"), tmp_path / "back")
    assert files(tmp_path / "back") == files(run)


def test_a_call_killed_while_it_wrote_what_a_run_is_made_of_left_no_run(run, tmp_path):
    store = tmp_path / "store"
    exchange.push(run, str(store))
    (listing,) = store.glob("runs/*/*.json")
    half = listing.with_name(f".{'0f' * 8}")
    half.write_bytes(listing.read_bytes()[:50])
    assert exchange.whole_run(str(store)) == listing.parent.name  # the control: a whole one beside it
    listing.unlink()
    with pytest.raises(LedgerError, match="no run that was sent whole"):
        exchange.pull(str(store), tmp_path / "back")


def test_a_changed_cut_or_missing_piece_is_refused(run, tmp_path):
    store = tmp_path / "store"
    exchange.push(run, str(store))
    whole = files(store)
    victim = max((path for path in store.glob("blobs/*/*")), key=lambda path: path.stat().st_size)
    data = victim.read_bytes()
    for name, changed in {
        "changed or cut": data[:-1] + bytes([data[-1] ^ 1]),
        "was changed or cut": data[: len(data) // 2],
        "is not in the store": None,
    }.items():
        victim.write_bytes(changed) if changed is not None else victim.unlink()
        with pytest.raises(LedgerError, match=name):
            exchange.pull(str(store), tmp_path / f"back-{len(name)}")
        assert not (tmp_path / f"back-{len(name)}" / "ledger" / "head.json").exists()
        victim.write_bytes(data)
    victim.write_bytes(data[: len(data) // 2])  # a store that lost bytes is made whole by the next call
    assert exchange.push(run, str(store)).sent == 1
    assert files(store) == whole


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "/etc/outside",
        "artifacts/../../outside",
        "review/people.db",
        "artifacts\\..\\x",
        "ledger//x",
        "artifacts/\x00",
    ],
)
def test_a_store_cannot_write_outside_of_the_run(run, tmp_path, path):
    store = tmp_path / "store"
    exchange.push(run, str(store))
    (listing,) = store.glob("runs/*/*.json")
    said = json.loads(listing.read_text())
    said["files"][0]["path"] = path
    listing.write_text(json.dumps(said))
    with pytest.raises(LedgerError, match="malformed"):
        exchange.pull(str(store), tmp_path / "in" / "back")
    assert not (tmp_path / "in").exists()


def test_a_store_cannot_steer_the_terminal(run, tmp_path):
    store, told = tmp_path / "store", []
    exchange.push(run, str(store))
    (listing,) = store.glob("runs/*/*.json")
    said = json.loads(listing.read_text())
    said["files"][0]["path"], said["files"][0]["sha256"] = "artifacts/\x1b[2Jx", "0f" * 32
    listing.write_text(json.dumps(said))
    with pytest.raises(LedgerError, match=r"artifacts/\\x1b\[2Jx: its pieces") as refused:
        exchange.pull(str(store), tmp_path / "back", tell=told.append)
    assert "\x1b" not in f"{told}{refused.value}"


def test_a_run_that_went_on_while_it_was_sent_is_not_told_whole(run, tmp_path):
    def tell(path: str) -> None:
        if path.startswith("report/"):
            with recording(run) as recorder:
                recorder.append("told")

    with pytest.raises(LedgerError, match="went on while it was sent"):
        exchange.push(run, str(tmp_path / "store"), tell)
    with pytest.raises(LedgerError, match="no run that was sent whole"):
        exchange.pull(str(tmp_path / "store"), tmp_path / "back")


def test_nothing_is_written_through_a_link(run, tmp_path):
    exchange.push(run, str(tmp_path / "store"))
    (tmp_path / "mine").write_text("dear")
    (tmp_path / "back" / "ledger").mkdir(parents=True)
    (tmp_path / "back" / "ledger" / "log.jsonl").symlink_to(tmp_path / "mine")
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    for folder in ("back", "linked"):
        with pytest.raises(LedgerError, match="holds something else"):
            exchange.pull(str(tmp_path / "store"), tmp_path / folder)
    assert (tmp_path / "mine").read_text() == "dear"
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_folder_with_something_else_and_a_run_of_many_are_refused(run, tmp_path):
    store = tmp_path / "store"
    with pytest.raises(LedgerError, match="no run that was sent whole"):
        exchange.pull(str(store), tmp_path / "back")
    exchange.push(run, str(store))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(LedgerError, match="holds something else"):
        exchange.pull(str(store), tmp_path / "mine")
    (listing,) = store.glob("runs/*/*.json")
    other = store / "runs" / ("0f" * 8)
    other.mkdir()
    shutil.copy(listing, other)
    with pytest.raises(LedgerError, match="name one with --id"):
        exchange.pull(str(store), tmp_path / "back")
    with pytest.raises(LedgerError, match="malformed"):
        exchange.pull(str(store), tmp_path / "back", "0f" * 8)
    with pytest.raises(LedgerError, match="holds no run"):
        exchange.pull(str(store), tmp_path / "back", "../../etc")


def test_a_run_that_is_not_what_it_says_is_not_sent(run, tmp_path):
    table = next((run / "artifacts").glob("read-*/changes.parquet"))
    table.write_bytes(table.read_bytes() + b"x")
    with pytest.raises(LedgerError, match="not as its manifest has it"):
        exchange.push(run, str(tmp_path / "store"))
    assert call("pull", tmp_path / "store").exit_code == 1


@pytest.mark.parametrize(
    "url",
    [
        "s3://user:marked-pw@bucket/x",
        "s3://key@bucket",
        "s3://bucket?token=marked-pw",
        "simplecache::http://user:marked-pw@127.0.0.1:9/x",
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(run, url):
    said = call("push", run, url)
    assert said.exit_code == 1
    assert "marked-pw" not in said.output
    assert "environment" in said.output


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_a_service_says_is_not_repeated(run, s3):
    said = call("push", run, "s3://no-such-bucket-here/x")
    assert said.exit_code == 1
    assert "the store cannot be used" in said.output
    assert "marked-secret" not in said.output


KILLED = """
import os, signal, sys
from duecare.vault import blobs
from duecare.cli.main import main

when, count, real = int(sys.argv.pop(1)), 0, blobs.Blobs._put

blobs.PIECE = 2_000  # many pieces

def dying(step):
    def act(*given):
        global count
        count += 1
        if count == when:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*given)

    return act

blobs.Blobs._put = dying(blobs.Blobs._put)
if sys.argv[1] == "pull":
    os.replace = dying(os.replace)
main()
"""


def _killed(when, *words):
    argv = [sys.executable, "-c", KILLED, str(when), *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, env=os.environ, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("where", ["s3", "gs", "folder"])
def test_killed_while_sending_and_while_fetching_the_next_call_completes(
    run, where, request, tmp_path, monkeypatch
):
    store = str(tmp_path / "store") if where == "folder" else f"{request.getfixturevalue(where)}/killed"
    back, held = tmp_path / "back", Blobs(store)
    before, log = files(run), len(entries(run))
    _killed(7, "push", run, store)
    assert sum(len(held.names(f"blobs/{name}")) for name in held.names("blobs")) >= 6
    assert call("verify", run).exit_code == 0  # the run itself is as it was
    assert files(run) == before
    assert len(entries(run)) == log
    with pytest.raises(LedgerError, match="no run that was sent whole"):
        exchange.pull(store, back)
    monkeypatch.setattr(blobs, "PIECE", 2_000)
    moved = exchange.push(run, store)
    assert moved.there >= 6
    assert exchange.push(run, store).sent == 0

    _killed(5, "pull", store, "--out", back)
    said = call("verify", back)
    assert said.exit_code == 1  # no ledger yet: not a run
    done = exchange.pull(store, back)
    assert done.there >= 4
    assert files(back) == before
