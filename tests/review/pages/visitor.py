"""A visitor of the application: a browser without scripts, without a network."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx

FORM = "application/x-www-form-urlencoded"


class Visitor:
    """Keeps cookies, follows what it is told to, and reads the token out of the page it saw last."""

    def __init__(self, app: Any, *, base: str = "http://localhost:8000", where: str = "127.0.0.1") -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app=app, client=(where, 40000), raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url=base, follow_redirects=False)
        self.base = base
        self.token = ""
        self.last: httpx.Response | None = None

    def close(self) -> None:
        self._runner.run(self.client.aclose())
        self._runner.close()

    def request(self, method: str, path: str, **settings: Any) -> httpx.Response:
        response = self._runner.run(self.client.request(method, path, **settings))
        if found := re.search(r'name="csrf" value="([^"]*)"', response.text):
            self.token = found[1]
        self.last = response
        return response

    def get(self, path: str, **settings: Any) -> httpx.Response:
        return self.request("GET", path, **settings)

    def post(
        self, path: str, fields: Mapping[str, str | Sequence[str]] | None = None, **settings: Any
    ) -> httpx.Response:
        """Send a form with the token of the last page, unless the fields bring their own."""
        sent = {"csrf": self.token, **(fields or {})}
        headers = {"content-type": FORM, "origin": self.base, **settings.pop("headers", {})}
        return self.request("POST", path, content=urlencode(sent, doseq=True), headers=headers, **settings)

    def follow(self) -> httpx.Response:
        """Where the last answer leads to."""
        assert self.last is not None
        assert self.last.status_code == 303, (self.last.status_code, self.last.text[:2000])
        return self.get(self.last.headers["location"])

    def log_in(self, login: str, password: str) -> None:
        self.get("/log-in")
        assert self.post("/log-in", {"login": login, "password": password}).status_code == 303
        self.get("/me")
