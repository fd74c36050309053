"""Our two cookies: who is logged in, and whose form it is before that. Neither is seen by a script."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from duecare.review.pages.settings import Settings


@dataclass(frozen=True, slots=True)
class Cookies:
    """Names of our cookies; over https the prefix binds them to this host and to https."""

    session: str
    guest: str
    secure: bool

    @classmethod
    def of(cls, settings: Settings) -> Cookies:
        """The names for these settings."""
        prefix = "__Host-" if settings.secure else ""
        return cls(f"{prefix}duecare-session", f"{prefix}duecare-form", settings.secure)


def keep(response: Response, cookies: Cookies, token: str) -> Response:
    """Logged in: the browser forgets it when it is closed, the store after its time."""
    response.set_cookie(
        cookies.session, token, path="/", httponly=True, samesite="strict", secure=cookies.secure
    )
    return response


def keep_guest(response: Response, cookies: Cookies, token: str) -> None:
    """Not logged in yet: what ties a form to the browser that loaded it."""
    response.set_cookie(
        cookies.guest, token, path="/", httponly=True, samesite="strict", secure=cookies.secure
    )


def drop(response: Response, cookies: Cookies) -> Response:
    """Logged out."""
    response.delete_cookie(cookies.session, path="/", httponly=True, samesite="strict", secure=cookies.secure)
    return response
