"""`duecare review serve` beside a run: pages come, the ledger hears, and a kill loses nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from review_rounds import joined
from typer.testing import CliRunner

from duecare.cli import reviewing
from duecare.cli.main import app
from duecare.ledger.read import entries
from duecare.review import oversight
from duecare.review.rounds import rounds
from duecare.review.store import Store

STUDY = """\
study: {name: served}
data:
  chats: {source: chats.jsonl, kind: text, text: text}
"""
SECONDS = 60.0


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("chats.jsonl").write_text("".join(json.dumps({"text": f"Text {i}"}) + "\n" for i in range(5)))
    Path("study.yaml").write_text(STUDY)
    assert CliRunner().invoke(app, ["run", "study.yaml"]).exit_code == 0
    found = tmp_path / "runs" / "served"
    assert CliRunner().invoke(app, ["review", "open", str(found), "--point", "data"]).exit_code == 0
    return found


def served(run: Path, port: int) -> subprocess.Popen[bytes]:
    program = "from duecare.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "review", "serve", str(run), "--port", str(port)],
        stdout=subprocess.DEVNULL,
    )
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                assert answer.status == 200
                return process
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    process.kill()
    raise AssertionError("the application did not come up")


def told(run: Path, topic: str) -> int:
    return sum(entry.note is not None and entry.note.topic == topic for entry in entries(run))


def test_the_ledger_hears_while_pages_are_served(run: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = served(run, port)
    try:
        with Store.open(reviewing.where(run, None)) as store:
            (opened,) = rounds(store)
            ethics = joined(store, 1, "ethics")
            oversight.revise(store, opened.id, ethics, "Judge slowly.", "people hurried")
            ends = time.monotonic() + SECONDS
            while not told(run, "guideline") and time.monotonic() < ends:
                time.sleep(0.2)
            assert told(run, "guideline") == 1
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            oversight.revise(store, opened.id, ethics, "Judge more slowly.", "still")
            process = served(run, port)
            while told(run, "guideline") < 2 and time.monotonic() < ends:
                time.sleep(0.2)
        assert told(run, "guideline") == 2
    finally:
        process.terminate()
        process.wait()


def test_it_listens_on_no_open_network_without_tls(run: Path) -> None:
    done = CliRunner().invoke(app, ["review", "serve", str(run), "--host", "0.0.0.0"])
    assert done.exit_code == 2
