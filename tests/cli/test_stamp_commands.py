"""`duecare stamp` against a time stamping authority on loopback, and by files where there is no network."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from test_proof_commands import AUDITOR, OWNER, Desk, desk

from duecare.ledger import entries, head

__all__ = ["desk"]
pytest.importorskip("rfc3161_client")


def authority() -> Any:
    """The authority of the ledger's tests, which lies in another folder."""
    place = Path(__file__).parent.parent / "ledger" / "stamp_authority.py"
    spec = importlib.util.spec_from_file_location("stamp_authority", place)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["stamp_authority"] = module
    spec.loader.exec_module(module)
    return module.Authority()


@pytest.fixture
def served() -> Iterator[tuple[Any, str]]:
    """An authority that answers HTTP as RFC 3161, section 3.4, says; below /broken it does not."""
    stamps = authority()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            good = self.headers["Content-Type"] == "application/timestamp-query"
            self.send_response(200 if good and self.path != "/broken" else 500)
            self.end_headers()
            self.wfile.write(stamps.stamp(asked))

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield stamps, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_authority_is_asked_and_its_stamp_checked(desk: Desk, served: tuple[Any, str]) -> None:
    stamps, url = served
    Path("tsa.pem").write_bytes(stamps.pem)
    size = head(Path("toys")).size
    said = desk.good(OWNER, "stamp", "toys", "--tsa", url, "--root", "tsa.pem")
    assert f"Stamped: at 2030-05-06T07:08:09+00:00 the log had {size} entries." in said
    said = desk.good(OWNER, "verify", "toys", "--tsa-root", "tsa.pem")
    assert f"stamp-{size}.tsr: at 2030-05-06T07:08:09+00:00" in " ".join(said.split())
    Path("other.pem").write_bytes(authority().pem)
    code, said = desk.call(OWNER, "verify", "toys", "--tsa-root", "other.pem")
    assert code == 1
    desk.good(OWNER, "bundle", "toys")
    assert len(entries(Path("toys"))) == size  # a stamp is no entry: what it dates would change


def test_a_stamp_comes_by_file_where_there_is_no_network(desk: Desk, served: tuple[Any, str]) -> None:
    stamps, _ = served
    Path("tsa.pem").write_bytes(stamps.pem)
    desk.good(OWNER, "stamp", "toys", "--out", "asked.tsq")
    Path("answer.tsr").write_bytes(stamps.stamp(Path("asked.tsq").read_bytes()))
    assert "Kept unchecked" in desk.good(OWNER, "stamp", "toys", "--add", "answer.tsr")
    desk.good(OWNER, "stamp", "toys", "--add", "answer.tsr", "--root", "tsa.pem")
    code, said = desk.call(
        AUDITOR, "verify", "toys", "--key", head(Path("toys")).key, "--tsa-root", "tsa.pem"
    )
    assert code == 2  # nothing remembered there; the stamp itself holds
    assert "the log had these" in " ".join(said.split())


def test_a_later_stamp_of_the_same_entries_does_not_take_the_place_of_an_earlier(
    desk: Desk, served: tuple[Any, str]
) -> None:
    stamps, _ = served
    Path("tsa.pem").write_bytes(stamps.pem)
    desk.good(OWNER, "stamp", "toys", "--out", "asked.tsq")
    asked, kept = Path("asked.tsq").read_bytes(), Path(f"toys/ledger/stamp-{head(Path('toys')).size}.tsr")
    foreign = authority()
    for name, data in (
        ("foreign", foreign.stamp(asked)),
        ("later", stamps.stamp(asked, foreign.leaf.not_valid_after_utc - timedelta(days=9))),
        ("good", stamps.stamp(asked)),
    ):
        Path(f"{name}.tsr").write_bytes(data)
    desk.good(OWNER, "stamp", "toys", "--add", "foreign.tsr")
    for name, left in (("later", "later"), ("good", "good"), ("later", "good")):
        desk.good(OWNER, "stamp", "toys", "--add", f"{name}.tsr", "--root", "tsa.pem")
        assert kept.read_bytes() == Path(f"{left}.tsr").read_bytes()
    code, said = desk.call(OWNER, "stamp", "toys", "--add", "foreign.tsr")
    assert code == 1
    assert "is there already" in said
    assert kept.read_bytes() == Path("good.tsr").read_bytes()


def test_what_a_killed_call_left_is_explained_and_removed(desk: Desk, served: tuple[Any, str]) -> None:
    _, url = served
    left = Path("toys/ledger/stamp-1.tsr.tmp")
    left.write_bytes(b"half")
    code, said = desk.call(OWNER, "verify", "toys")
    assert code == 1
    assert "`duecare stamp` removes it" in " ".join(said.split())
    desk.good(OWNER, "stamp", "toys", "--tsa", url)
    assert not left.exists()
    desk.good(OWNER, "verify", "toys")


def test_what_does_not_work_is_said(desk: Desk, served: tuple[Any, str]) -> None:
    _, url = served
    for words, said in (
        (("--tsa", f"{url}/broken"), "answered with status 500"),
        (("--tsa", "http://127.0.0.1:9"), "could not be asked"),
        (("--tsa", url, "--out", "x"), "give one of"),
        ((), "give one of"),
        (("--add", "nothing.tsr"), "cannot be read"),
    ):
        code, text = desk.call(OWNER, "stamp", "toys", *words)
        assert code == 1
        assert said in text
    Path("other.pem").write_bytes(authority().pem)
    code, text = desk.call(OWNER, "stamp", "toys", "--tsa", url, "--root", "other.pem")
    assert code == 1
    assert not list(Path("toys/ledger").glob("*.tsr"))
    Path("none.pem").write_text("no certificate")
    code, text = desk.call(OWNER, "stamp", "toys", "--tsa", url, "--root", "none.pem")
    assert "holds no certificate in PEM" in text
