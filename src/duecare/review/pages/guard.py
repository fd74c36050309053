"""What holds for every answer, before any page is asked: headers, Host, size of what is sent."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from duecare.review.pages.settings import Settings
from duecare.review.pages.visit import MOST_BYTES

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::[0-9]{1,5})?")
_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
    "x-robots-tag": "noindex",
}


class Guard:
    """Around the whole application: refuses a foreign Host, cross-site forms and large bodies.

    A body is refused by what it declares and, where it declares nothing, by what has arrived; no more
    than MOST_BYTES of it is ever held. Every answer carries the headers, errors and assets included.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.hosts = {host.lower() for host in settings.hosts}
        self.secure = settings.secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sending = self._with_headers(send)
        if refusal := self._refusal(headers, scope["method"]):
            status, text = refusal
            await PlainTextResponse(text, status, {"connection": "close"})(scope, receive, sending)
            return
        await self.app(scope, receive, sending)

    def _refusal(self, headers: Headers, method: str) -> tuple[int, str] | None:
        if len(headers.getlist("host")) != 1 or _name(headers["host"]) not in self.hosts:
            return 400, "This server does not answer to that name.\n"
        if method in ("GET", "HEAD"):
            return None
        if method != "POST":
            return 405, "This is not done here.\n"
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or len(length) > 12 or int(length) > MOST_BYTES:
            return 413, f"A form may have {MOST_BYTES // 1024} kB; more was sent. Nothing was changed.\n"
        if self._foreign(headers):
            return 403, "This form was sent from another site.\n"
        return None

    def _foreign(self, headers: Headers) -> bool:
        """Whether a browser says that a form comes from elsewhere; the token of the form is asked besides.

        Under our referrer policy browsers send "null" as the origin of our own forms.
        """
        site, origin = headers.get("sec-fetch-site"), headers.get("origin", "null").lower()
        elsewhere = origin != "null" and origin not in self._origins(headers["host"])
        return elsewhere or site not in (None, "same-origin", "none")

    def _origins(self, host: str) -> set[str]:
        """Where a form of ours comes from: this host, and by https where people reach it by https."""
        return {f"https://{host.lower()}"} if self.secure else {f"http://{host.lower()}"}

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-store"
                if self.secure:
                    headers["strict-transport-security"] = "max-age=31536000"
            await send(message)

        return sending


def _name(host: str) -> str:
    """The name in a Host header, without its port: "[::1]:8000" -> "[::1]"; "" where it is none."""
    found = _HOST.fullmatch(host.lower())
    return found[1] if found else ""
