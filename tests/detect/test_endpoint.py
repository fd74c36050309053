"""A scorer behind HTTP, against a server that answers, stalls, fails, lies and babbles."""

from __future__ import annotations

# ruff: noqa: E501 - tables of cases are read whole, on their lines
import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest

from duecare.core import DuecareError, StudyError
from duecare.core.table import TEXTS
from duecare.detect.endpoint import Endpoint, EndpointScorer


class Server(ThreadingHTTPServer):
    """What it does with a text stands in the text: "say 0.4", "stall", "fail 2", "lie null"."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.headers_seen: list[dict[str, str]] = []
        self.now = self.most = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/score"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self._answer(json.loads(self.rfile.read(length))["input"][0]["said"])

    def do_GET(self) -> None:
        self._answer(parse_qs(urlsplit(self.path).query)["q"][0])

    def _answer(self, text: str) -> None:
        server = self.server
        with server.lock:
            server.asked[text] += 1
            server.headers_seen.append(dict(self.headers))
        with contextlib.suppress(OSError):  # the client may have left
            self._do(*text.partition(" ")[::2], server.asked[text])

    def _do(self, verb: str, rest: str, turn: int) -> None:
        if verb == "stall":
            time.sleep(3)
        if verb == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(40):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.1)
        if verb == "slow":
            self._work()
        if verb == "refuse" or (verb == "fail" and turn <= int(rest)):
            self.send_error(403 if verb == "refuse" else 503)
            return
        body = rest if verb in ("lie", "slow") else "x" * 2_000_000
        if verb in ("say", "fail"):
            body = json.dumps({"scores": [{"toxic": float(rest) if verb == "say" else 0.25}]})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def _work(self) -> None:
        """Counted as under way until before the answer goes out: after it the client may ask on at once."""
        server = self.server
        with server.lock:
            server.now += 1
            server.most = max(server.most, server.now)
        time.sleep(0.1)
        with server.lock:
            server.now -= 1

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server()
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()


def endpoint(server: Server, **settings: object) -> Endpoint:
    given = {"url": server.url, "send": {"input": [{"said": "$text"}]}, "take": "scores.0.toxic"}
    return Endpoint(**{"seconds": 0.5, **given, **settings})  # type: ignore[arg-type]


def asked(chosen: Endpoint, *texts: str) -> list[tuple[float | None, str | None]]:
    batch = pa.RecordBatch.from_pylist(
        [{"row": f"a:{n}", "key": "k", "part": "text", "text": each} for n, each in enumerate(texts)],
        schema=TEXTS,
    )
    waits: list[float] = []
    scores = EndpointScorer(chosen, wait=waits.append)(batch)
    assert scores.column("row").to_pylist() == batch.column("row").to_pylist()
    assert set(scores.column("instrument").to_pylist()) == {chosen.instrument}
    return list(zip(scores.column("value").to_pylist(), scores.column("reason").to_pylist(), strict=True))


def test_scores_come_back_in_order_and_equal_texts_are_sent_once(server: Server) -> None:
    texts = [f"say 0.{digit}" for digit in (3, 1, 9, 3, 3)]
    assert asked(endpoint(server), *texts) == [
        (0.3, None),
        (0.1, None),
        (0.9, None),
        (0.3, None),
        (0.3, None),
    ]
    assert server.asked == {"say 0.3": 1, "say 0.1": 1, "say 0.9": 1}


def test_a_text_can_stand_in_the_url_whatever_is_in_it(server: Server) -> None:
    chosen = endpoint(server, url=server.url + "?q=$text", send={}, top=100.0)
    assert asked(chosen, "say 40") == [(0.4, None)]
    assert asked(chosen, "lie &x=/../ #é") == [(None, "the answer has nothing at scores.0.toxic")]
    assert "lie &x=/../ #é" in server.asked
    assert chosen.instrument == f"127.0.0.1:{server.server_address[1]}/score@unversioned"


@pytest.mark.parametrize(
    "lie",
    ["null", "[]", '{"scores": []}', '{"scores": [{"toxic": "0.9"}]}', '{"scores": [{"toxic": 1.7}]}', "not json",
     '{"scores": [{"toxic": NaN}]}', '{"scores": [{"toxic": true}]}', '{"scores": [{"toxic": -1}]}', "[" * 9000],
)  # fmt: skip
def test_a_lie_is_no_score_and_never_a_zero(server: Server, lie: str) -> None:
    ((value, reason), good) = asked(endpoint(server), f"lie {lie}", "say 0.5")
    assert value is None
    assert reason is not None
    assert "answer has no" in reason
    assert lie not in reason
    assert good == (0.5, None)


def test_an_endless_answer_is_cut(server: Server) -> None:
    ((value, reason),) = asked(endpoint(server, seconds=5.0), "babble")
    assert (value, reason) == (None, "the answer is longer than 1,048,576 bytes")


def test_a_server_that_fails_at_first_is_asked_again(server: Server) -> None:
    assert asked(endpoint(server), "fail 2") == [(0.25, None)]
    assert server.asked["fail 2"] == 3


@pytest.mark.parametrize(
    ("text", "tries", "why"),
    [
        ("stall", 2, "ReadTimeout"),
        ("drip", 2, "TimeoutError"),
        ("fail 9", 3, "status 503"),
        ("refuse", 1, "status 403"),
    ],
)
def test_a_server_that_does_not_answer_stops_the_run(server: Server, text: str, tries: int, why: str) -> None:
    began = time.monotonic()
    with pytest.raises(DuecareError, match=why) as caught:
        asked(endpoint(server, tries=max(tries, 2)), text)
    assert server.asked[text] == tries if text != "fail 9" else 2
    assert time.monotonic() - began < 10
    assert text not in str(caught.value).replace(why, "")


def test_no_more_requests_are_under_way_than_asked_for(server: Server) -> None:
    asked(endpoint(server, at_once=3, seconds=60.0), *(f"slow {number}" for number in range(20)))
    assert server.most == 3


def test_the_secret_goes_along_and_is_not_shown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = endpoint(server, secret="SCORER_TOKEN")
    with pytest.raises(DuecareError, match="SCORER_TOKEN"):
        asked(chosen, "say 0.1")
    monkeypatch.setenv("SCORER_TOKEN", "hush")
    asked(chosen, "say 0.1")
    assert server.headers_seen[0]["Authorization"] == "Bearer hush"
    assert "hush" not in repr(chosen)
    with pytest.raises(DuecareError) as caught:
        asked(chosen, "refuse")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "http://me:word@host/"}, "url"),
        ({"send": {"text": "no place"}}, "send"),
        ({"take": ""}, "take"),
        ({"seconds": 0}, "seconds"),
        ({"at_once": 0}, "at_once"),
        ({"tries": 99}, "tries"),
        ({"top": float("nan")}, "top"),
    ],
)
def test_nonsense_is_refused_by_name(settings: dict[str, object], field: str) -> None:
    with pytest.raises(StudyError, match=rf"detector\.{field} ="):
        Endpoint(**{"url": "http://host/", "take": "score", **settings})  # type: ignore[arg-type]
