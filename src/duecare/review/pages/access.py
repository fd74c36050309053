"""Which page is open to whom: a page cannot be written down without saying so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from starlette.responses import Response

from duecare.review.pages.visit import Visit
from duecare.review.people import Role

ANYBODY: Final = "anybody"
"""Open without log-in."""

Access = frozenset[Role] | Literal["anybody"]
EVERY_ROLE: Final[Access] = frozenset(Role)
Handler = Callable[[Visit], Response]


def only(*roles: Role) -> Access:
    """Open to people who hold one of these roles."""
    return frozenset(roles)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One address and method, who may ask for it, and what answers.

    `path` is a Starlette path ("/rounds/{round}/next"), `method` GET (changes nothing that a person
    decided) or POST (needs the token of the form).
    """

    path: str
    method: Literal["GET", "POST"]
    access: Access
    answer: Handler

    def __post_init__(self) -> None:
        if not self.access:
            raise ValueError(f"{self.method} {self.path}: nobody may see this page")

    def opens_to(self, roles: frozenset[Role]) -> bool:
        """Whether somebody with these roles, once logged in, is let in."""
        return self.access == ANYBODY or bool(roles & self.access)


def get(path: str, access: Access, answer: Handler) -> Page:
    """A page that is looked at."""
    return Page(path=path, method="GET", access=access, answer=answer)


def post(path: str, access: Access, answer: Handler) -> Page:
    """A form that is sent."""
    return Page(path=path, method="POST", access=access, answer=answer)
