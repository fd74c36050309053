"""The application served on loopback, in a thread, for a real browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from duecare.review.pages.settings import Settings
from duecare.review.serve import Binding, server
from duecare.review.store import Store


@contextmanager
def served(store: Store, settings: Settings) -> Iterator[str]:
    """The address of a server that is gone when the block ends."""
    running = server(store, settings, Binding(port=0))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not running.started and time.monotonic() < until:
        time.sleep(0.01)
    assert running.started
    yield f"http://127.0.0.1:{port_of(running)}"
    running.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


def port_of(running: Any) -> int:
    """The port that the system chose."""
    return int(running.servers[0].sockets[0].getsockname()[1])
