"""How the application is served, and what it is given by the run it belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from duecare.core import Finding, Tell, refuse_unless

_NAME = re.compile(r"\[[0-9A-Fa-f:.]+\]|[^:\[\]/*@ ,.][^:\[\]/*@ ,]*")
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def _none() -> Sequence[Finding]:
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What `application` needs to know.

    - hosts: names by which people reach it, without port; any other Host is refused.
    - secure: people reach it by https, so cookies are sent over nothing else.
    - exports: folder into which rounds are exported; None where nothing may be exported from here.
    - tell: hears notes for the ledger (waivers, revisions); without it they stay in the store.
    - failed: the findings of the run that failed and may be waived.
    """

    hosts: tuple[str, ...] = LOOPBACK_HOSTS
    secure: bool = False
    exports: Path | None = None
    tell: Tell | None = None
    failed: Callable[[], Sequence[Finding]] = _none

    def __post_init__(self) -> None:
        plain = all(map(_NAME.fullmatch, self.hosts))
        refuse_unless(
            "review.serve",
            (bool(self.hosts) and plain, "hosts", self.hosts, "host names without wildcard, port or path"),
        )
