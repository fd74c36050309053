"""Serving the application: beyond loopback only with a certificate, or behind a stated proxy."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from duecare.core import refuse_unless
from duecare.review.app import application
from duecare.review.pages.proxy import Behind
from duecare.review.pages.settings import LOOPBACK_HOSTS, Settings
from duecare.review.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Binding:
    """Where the application listens, and who may stand in front of it.

    - host, port: the address to listen on; port 0 lets the system choose
    - certificate, key: PEM files, where this process speaks TLS itself
    - proxies: addresses or networks of the reverse proxies that end TLS; only they are answered
    - names: host names by which people reach it
    """

    host: str = "127.0.0.1"
    port: int = 8000
    certificate: Path | None = None
    key: Path | None = None
    proxies: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        here, safe = _is_loopback(self.host), bool(self.proxies or self.certificate)
        refuse_unless(
            "review.serve",
            (
                here or safe,
                "host",
                self.host,
                "a loopback address (127.0.0.1, ::1, localhost), or a certificate and key, or the stated "
                "address of a reverse proxy that ends TLS: without them passwords would travel in the open",
            ),
            (0 <= self.port <= 65535, "port", self.port, "a port from 0 to 65535"),
            ((self.certificate is None) == (self.key is None), "key", self.key, "a key beside a certificate"),
            (all(map(_is_network, self.proxies)), "proxies", self.proxies, "addresses or networks"),
            (
                bool(self.names) or not safe,
                "names",
                self.names,
                "the host names by which people reach it: other names are refused",
            ),
        )

    @property
    def secure(self) -> bool:
        """Whether people reach it by https."""
        return bool(self.proxies or self.certificate)


def server(store: Store, settings: Settings, binding: Binding) -> uvicorn.Server:
    """A server that is not running yet. It logs no addresses: invitations stand in them."""
    hosts = (*binding.names, *LOOPBACK_HOSTS) if not binding.secure else binding.names
    known = replace(settings, hosts=hosts, secure=binding.secure)
    app = application(store, known)
    config = uvicorn.Config(
        Behind(app, binding.proxies) if binding.proxies else app,
        host=binding.host,
        port=binding.port,
        ssl_certfile=binding.certificate,
        ssl_keyfile=binding.key,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
        lifespan="off",
        timeout_keep_alive=75,  # longer than a proxy keeps its own connections idle
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=32 * 1024,
    )
    return uvicorn.Server(config)


def serve(store: Store, settings: Settings, binding: Binding) -> None:
    """Serve until a signal ends it; requests under way are finished first."""
    server(store, settings, binding).run()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
