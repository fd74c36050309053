"""The web application: every page under its rule, inside the guard that holds for all of them."""

from __future__ import annotations

from itertools import groupby

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from duecare.review.pages import adjudicator, annotator, door, ethics, home, me, owner, waivers
from duecare.review.pages.access import Page
from duecare.review.pages.enter import endpoint, missing
from duecare.review.pages.guard import Guard
from duecare.review.pages.render import ready
from duecare.review.pages.settings import Settings
from duecare.review.store import Store

__all__ = ["PAGES", "Settings", "application"]

PAGES: tuple[Page, ...] = (
    *door.PAGES,
    *home.PAGES,
    *me.PAGES,
    *annotator.PAGES,
    *adjudicator.PAGES,
    *ethics.PAGES,
    *waivers.PAGES,
    *owner.PAGES,
)
"""Every page, its method and who may ask for it. The application answers to nothing else."""


def application(store: Store, settings: Settings) -> Starlette:
    """The ASGI application over an open store. Closing the store is the caller's business."""
    _refuse_twice(PAGES)
    ready()

    async def not_found(request: Request, _error: Exception) -> Response:
        return missing(request, store, settings)

    return Starlette(
        routes=[Route(page.path, endpoint(page, store, settings), methods=[page.method]) for page in PAGES],
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={404: not_found, 405: not_found},
    )


def _refuse_twice(pages: tuple[Page, ...]) -> None:
    """Of two pages at one address the second would never be reached, and neither would its rule."""
    for address, same in groupby(sorted(pages, key=_address), key=_address):
        if len(list(same)) > 1:
            raise ValueError(f"{' '.join(address)}: two pages have this address")


def _address(page: Page) -> tuple[str, str]:
    return page.method, page.path
