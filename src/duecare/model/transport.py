"""JSON over HTTP to a server that may be slow, busy, broken or dishonest. Needs no JAX.

A question is asked again after a time-out, a broken connection, "too many requests", a server's own error
and an answer that makes no sense, with pauses that double and vary; every wait has an end. What a server
says never enters an error: it may repeat the prompt, and a row's text may stand in that.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from duecare.core import ModelError

if TYPE_CHECKING:
    import httpx

KEY = "DUECARE_ENDPOINT_KEY"
"""Environment variable with the key of the server, the only place it is read from."""
MOST_BYTES = 64_000_000
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_OK = 200
_KEY = re.compile(r"[\x21-\x7e]+")
_CHANCE = random.SystemRandom()
T = TypeVar("T")


class NonsenseError(Exception):
    """An answer that cannot be right; the reason holds no word of the server."""


class RefusedError(ModelError):
    """The server understood the request and refuses it: asking again is of no use."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for, in seconds.

    `request`: one try; `overall`: one question with all its tries and pauses; `tries`: at most; `first`
    and `longest`: the first pause, and the longest unless the server asks for more (Retry-After).
    """

    request: float = 180.0
    overall: float = 900.0
    tries: int = 6
    first: float = 0.5
    longest: float = 30.0


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: `path` below the server's URL; `body` None means GET."""

    path: str
    body: dict[str, Any] | None = None


class Server:
    """One server, asked many questions at once but never more than `at_once`.

    Raises ModelError for a key that no header can hold. The key goes into the header only.
    """

    def __init__(self, url: str, at_once: int = 8, patience: Patience | None = None) -> None:
        self._url, self._at_once = url.rstrip("/"), at_once
        self._patience = patience or Patience()
        key = os.environ.get(KEY, "").strip()
        if key and not _KEY.fullmatch(key):
            raise ModelError(f"{KEY} holds a character that no header may have")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def ask(self, question: Question, read: Callable[[bytes], T]) -> T:
        """The answer to one question, as `read` understands it."""
        return self.ask_all([question], read)[0]

    def ask_all(self, questions: Sequence[Question], read: Callable[[bytes], T]) -> list[T]:
        """The answers in order. `read` raises NonsenseError where an answer cannot be right.

        Raises RefusedError or ModelError where one question finds no answer; the others are then dropped.
        """
        if not questions:
            return []
        work = partial(asyncio.run, self._all(questions, read))
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return work()
        with ThreadPoolExecutor(1) as aside:  # a notebook has a loop of its own in this thread
            return aside.submit(work).result()

    async def _all(self, questions: Sequence[Question], read: Callable[[bytes], T]) -> list[T]:
        import httpx

        gate = asyncio.Semaphore(self._at_once)
        limits = httpx.Limits(max_connections=self._at_once)
        async with httpx.AsyncClient(headers=self._headers, limits=limits, timeout=None) as client:  # noqa: S113 - `asyncio.timeout` below bounds the whole try, bytes that drip included

            async def one(question: Question) -> T:
                async with gate:
                    return await self._patiently(partial(self._once, client, question), question, read)

            tasks = [asyncio.ensure_future(one(question)) for question in questions]
            try:
                return list(await asyncio.gather(*tasks))
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _patiently(
        self,
        once: Callable[[float], Awaitable[tuple[int, float | None, bytes]]],
        question: Question,
        read: Callable[[bytes], T],
    ) -> T:
        """Ask until an answer makes sense, tries are used up or the time is over."""
        import httpx

        rules, end, tried, why = self._patience, time.monotonic() + self._patience.overall, 0, ""
        while tried < rules.tries and (left := end - time.monotonic()) > 0:
            pause: float | None = None
            try:
                status, pause, data = await once(min(rules.request, left))
                if status == _OK:
                    return read(data)
                why = f"it answers with status {status}"
                if status not in _AGAIN:
                    raise RefusedError(f"endpoint: {question.path} is refused with status {status}", status)
            except TimeoutError:
                if left >= rules.request or not why:  # a try that the overall end cut short says nothing new
                    why = "it does not answer in time"
            except NonsenseError as error:
                why = str(error)
            except httpx.HTTPError as error:
                why = f"the connection fails ({type(error).__name__})"
            except httpx.InvalidURL:
                raise ModelError("endpoint: its URL cannot be used") from None
            tried += 1
            own = min(rules.longest, rules.first * 2 ** (tried - 1)) * _CHANCE.uniform(0.5, 1)
            wait = max(own, pause or 0.0)
            if tried < rules.tries and time.monotonic() + wait < end:
                await asyncio.sleep(wait)
            else:
                break
        raise ModelError(f"endpoint: no answer from {question.path} in {tried} tries; the last time {why}")

    async def _once(
        self, client: httpx.AsyncClient, question: Question, seconds: float
    ) -> tuple[int, float | None, bytes]:
        """Status, the pause that the server asks for, body."""
        body = None if question.body is None else msgspec.json.encode(question.body)
        request = client.build_request(
            "GET" if body is None else "POST",
            self._url + question.path,
            content=body,
            headers={"Content-Type": "application/json"},
        )
        async with asyncio.timeout(seconds):
            answer = await client.send(request, stream=True)
            try:
                parts, size = [], 0
                async for part in answer.aiter_bytes():
                    parts.append(part)
                    size += len(part)
                    if size > MOST_BYTES:
                        raise NonsenseError(f"its answer is longer than {MOST_BYTES} bytes")
            finally:
                await answer.aclose()
        return answer.status_code, _asked_pause(answer.headers.get("Retry-After")), b"".join(parts)


def _asked_pause(said: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (a number or a date); None where it says nothing."""
    if not said:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", said.strip()):
        return float(said)
    try:
        at = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def read_as(kind: type[T], data: bytes) -> T:
    """The JSON of an answer as `kind`; NonsenseError where it is not (NaN is no JSON)."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise NonsenseError("its answer is not the JSON that was asked for") from None
