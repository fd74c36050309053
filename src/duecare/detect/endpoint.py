"""A scorer behind HTTP: texts go to a URL, a number between 0 and 1 comes back.

The texts leave this process; whether they may leave this machine is for the owner of the data to say.
A server that does not answer stops the run (after retries), for rows that nobody scored must not pass as
scored; an answer that holds no number between 0 and 1 is a text without a score, with the reason.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pyarrow as pa

from duecare.core.errors import DuecareError, refuse_unless
from duecare.core.table import SCORES, TEXTS, expect

TEXT = "$text"
"""What stands for the text in `url` and in `send`."""

_MOST_BYTES = 1 << 20
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A scorer of your own behind HTTP.

    - url: where it listens; with $text in it the text goes into the URL (GET), else the body is posted
    - take: where the number stands in the JSON that comes back, keys and places joined by dots
      ("scores.0.toxicity")
    - send: the JSON body; every "$text" in it becomes the text
    - top: the number that means 1 (100 for a scorer that gives per cent)
    - secret: name of an environment variable whose value goes along as a bearer token
    - seconds: how long one answer may take from first to last byte
    - tries: how often a text is sent before the run stops
    - at_once: how many requests are under way at a time
    """

    url: str
    take: str
    send: Mapping[str, Any] = field(default_factory=lambda: {"text": TEXT})
    top: float = 1.0
    secret: str | None = None
    seconds: float = 10.0
    tries: int = 3
    at_once: int = 4

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        refuse_unless(
            "detector",
            (
                parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.password,
                "url",
                f"{parts.scheme}://{parts.hostname}",
                "an http or https address without a password in it",
            ),
            (bool(self.take), "take", self.take, "keys and places joined by dots"),
            (
                TEXT in self.url or TEXT in json.dumps(dict(self.send)),
                "send",
                dict(self.send),
                f"{TEXT} somewhere, in the body or in the URL",
            ),
            (_number(self.top) and self.top > 0, "top", self.top, "a number above 0"),
            (_number(self.seconds) and self.seconds > 0, "seconds", self.seconds, "a number above 0"),
            (self.tries in range(1, 11), "tries", self.tries, "a whole number from 1 to 10"),
            (self.at_once in range(1, 65), "at_once", self.at_once, "a whole number from 1 to 64"),
        )

    @property
    def instrument(self) -> str:
        """Host and path, as it stands in Scores; what answers there says no version."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.hostname}{port}{parts.path.partition(TEXT)[0]}@unversioned"

    def scorer(self) -> EndpointScorer:
        """Ready to be called with batches of TEXTS."""
        return EndpointScorer(self)


class EndpointScorer:
    """Asks an `Endpoint` for the score of every text; equal texts of a batch are sent once."""

    def __init__(self, endpoint: Endpoint, wait: Callable[[float], None] = time.sleep) -> None:
        self._endpoint = endpoint
        self._wait = wait

    @property
    def instrument(self) -> str:
        """Host and path."""
        return self._endpoint.instrument

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        expect(texts, TEXTS, "texts")
        said = texts.column("text").to_pylist()
        distinct = list(dict.fromkeys(said))
        timeout = httpx.Timeout(self._endpoint.seconds)
        with (
            httpx.Client(timeout=timeout, headers=self._headers()) as client,
            ThreadPoolExecutor(self._endpoint.at_once) as pool,
        ):
            waiting = [pool.submit(self._ask, client, text) for text in distinct]
            try:
                found = dict(zip(distinct, (each.result() for each in waiting), strict=True))
            except BaseException:
                for each in waiting:
                    each.cancel()
                raise
        values = [found[text] for text in said]
        return pa.RecordBatch.from_arrays(
            [
                *(texts.column(name) for name in ("row", "key", "part")),
                pa.repeat(pa.scalar(self.instrument), len(texts)),
                pa.array([value if isinstance(value, float) else None for value in values], pa.float64()),
                pa.array([value if isinstance(value, str) else None for value in values], pa.string()),
            ],
            schema=SCORES,
        )

    def _headers(self) -> dict[str, str]:
        name = self._endpoint.secret
        if name is None:
            return {}
        if not os.environ.get(name):
            raise DuecareError(f"detector.secret = {name}: expected an environment variable that is set")
        return {"Authorization": f"Bearer {os.environ[name]}"}

    def _ask(self, client: httpx.Client, text: str) -> float | str:
        """The score of a text, or why it has none; DuecareError where the server does not answer."""
        why = ""
        for turn in range(self._endpoint.tries):
            if turn:
                self._wait(min(0.2 * 2.0**turn, 5.0))
            try:
                status, body = self._send(client, text)
            except (httpx.HTTPError, TimeoutError) as error:
                why = f"{type(error).__name__}"
                continue
            if status == httpx.codes.OK:
                return self._read(body)
            why = f"status {status}"
            if status not in _LATER:
                break
        raise DuecareError(
            f"detector {self.instrument}: no answer ({why}), expected status 200 within "
            f"{self._endpoint.seconds:g} s in {self._endpoint.tries} tries"
        )

    def _send(self, client: httpx.Client, text: str) -> tuple[int, bytes]:
        """Status and body; TimeoutError where the whole takes too long, however busily bytes drip in."""
        endpoint, ends = self._endpoint, time.monotonic() + self._endpoint.seconds
        if TEXT in endpoint.url:
            request = client.build_request("GET", endpoint.url.replace(TEXT, quote(text, safe="")))
        else:
            request = client.build_request("POST", endpoint.url, json=_filled(endpoint.send, text))
        answer = client.send(request, stream=True)
        try:
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if time.monotonic() > ends:
                    raise TimeoutError
                if len(body) > _MOST_BYTES:
                    break
            return answer.status_code, body
        finally:
            answer.close()

    def _read(self, body: bytes) -> float | str:
        if len(body) > _MOST_BYTES:
            return f"the answer is longer than {_MOST_BYTES:,} bytes"
        try:
            value: Any = json.loads(body)
            for key in self._endpoint.take.split("."):
                value = value[int(key)] if isinstance(value, list) else value[key]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            return f"the answer has nothing at {self._endpoint.take}"
        if not _number(value) or not 0 <= value / self._endpoint.top <= 1:
            return f"the answer has no number from 0 to {self._endpoint.top:g} at {self._endpoint.take}"
        return float(value) / self._endpoint.top


def _filled(value: Any, text: str) -> Any:
    """`value` with every "$text" in it replaced."""
    if isinstance(value, str):
        return value.replace(TEXT, text)
    if isinstance(value, Mapping):
        return {key: _filled(inner, text) for key, inner in value.items()}
    return [_filled(inner, text) for inner in value] if isinstance(value, list | tuple) else value


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
