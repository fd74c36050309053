"""An OpenAI-compatible server on this machine that fails, stalls and lies as a test tells it to."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Act = Callable[["Handler", dict[str, Any]], None]


def logprob(ids: list[int], place: int) -> float:
    """A made-up log-probability that depends on all tokens up to `place`."""
    digest = hashlib.sha256(json.dumps(ids[: place + 1]).encode()).digest()
    return -0.1 - digest[0] / 64


class Handler(BaseHTTPRequestHandler):
    """Does the next misdeed in line, else answers rightly."""

    protocol_version = "HTTP/1.1"
    server: Endpoint

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _serve(self, asked: dict[str, Any]) -> None:
        with self.server.lock:
            self.server.seen.append((self.path, asked, self.headers.get("Authorization")))
            self.server.open += 1
            self.server.most_open = max(self.server.most_open, self.server.open)
            self.counted = True
            act = self.server.misdeeds.pop(0) if self.server.misdeeds else self.server.habit
        try:
            act(self, asked)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            self._leave()

    def _leave(self) -> None:
        """Open no more, from before the answer goes out: once it is out the client may ask again at once."""
        with self.server.lock:
            self.server.open -= self.counted
            self.counted = False

    def say(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self._leave()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if length is not None:
            self.connection.shutdown(socket.SHUT_WR)
            self.close_connection = True


class Endpoint(ThreadingHTTPServer):
    """`misdeeds` are done one after the other, then `habit`; `seen` are (path, body, key)."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.misdeeds: list[Act] = []
        self.habit: Act = honest
        self.seen: list[tuple[str, dict[str, Any], str | None]] = []
        self.open = self.most_open = 0
        self.over = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def running() -> Iterator[Endpoint]:
    """A server that runs as long as the block."""
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def reply(asked: dict[str, Any]) -> dict[str, Any]:
    """What an honest server answers."""
    choices: list[dict[str, Any]] = []
    for index in range(asked.get("n", 1)):
        told = [asked.get("messages", asked.get("prompt")), asked.get("seed"), index]
        text = "answer " + hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]
        if "messages" in asked:
            choices.append({"index": index, "message": {"role": "assistant", "content": text}})
        else:
            choices.append({"index": index, "text": text})
    if asked.get("echo"):
        ids = asked["prompt"]
        values = [None, *(logprob(ids, place) for place in range(1, len(ids))), -0.5]
        choices[0]["logprobs"] = {"token_logprobs": values}
    return {"model": asked["model"], "choices": choices, "object": "x"}


def honest(handler: Handler, asked: dict[str, Any]) -> None:
    if handler.path.endswith("/models"):
        body: Any = {"data": [{"id": "toy", "root": "maker/toy"}]}
    else:
        body = reply(asked)
    handler.say(json.dumps(body).encode())


def status(code: int, **headers: str) -> Act:
    """An error; its body repeats the prompt, as some servers do."""
    return lambda handler, asked: handler.say(json.dumps(asked).encode(), code, **headers)


def body(data: bytes) -> Act:
    return lambda handler, asked: handler.say(data)


def changed(change: Callable[[dict[str, Any]], Any]) -> Act:
    """An honest answer with something wrong in it."""

    def act(handler: Handler, asked: dict[str, Any]) -> None:
        found = reply(asked)
        change(found)
        handler.say(json.dumps(found).encode())

    return act


def cut(handler: Handler, asked: dict[str, Any]) -> None:
    whole = json.dumps(reply(asked)).encode()
    handler.say(whole[: len(whole) // 2], length=len(whole))


def stall(handler: Handler, asked: dict[str, Any]) -> None:
    handler.server.over.wait(20)


def drip(handler: Handler, asked: dict[str, Any]) -> None:
    """A byte now and then: no single read ever times out."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    end = time.monotonic() + 20
    while time.monotonic() < end and not handler.server.over.wait(0.05):
        handler.wfile.write(b"a")
        handler.wfile.flush()


def hang_up(handler: Handler, asked: dict[str, Any]) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
