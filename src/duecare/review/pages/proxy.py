"""Behind a reverse proxy: only the proxy is answered, and it says on whose behalf it asks."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Behind:
    """Refuses whoever is none of the stated proxies; takes the visitor's address from their X-Forwarded-For.

    The address is the last one in the list that is not a proxy of ours: what stands before it was
    written by the visitor and proves nothing.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self.app = app
        self.proxies = [ipaddress.ip_network(proxy) for proxy in proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        peer = (scope.get("client") or ("",))[0]
        headers = Headers(scope=scope)
        if not self._ours(peer):
            refusal = PlainTextResponse("This server is reached through its proxy.\n", 403)
            await refusal(scope, receive, send)
            return
        if headers.get("x-forwarded-proto", "https").strip().lower() != "https":
            refusal = PlainTextResponse("This server is reached by https.\n", 403)
            await refusal(scope, receive, send)
            return
        said = [one.strip() for line in headers.getlist("x-forwarded-for") for one in line.split(",")]
        visitor = next((one for one in reversed(said) if one and not self._ours(one)), peer)
        await self.app({**scope, "client": (visitor[:64], 0), "scheme": "https"}, receive, send)

    def _ours(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.proxies)
