"""The way in: from a request to the page that answers it, or to the reason why it may not be asked."""

from __future__ import annotations

import hmac
import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from duecare.review import people
from duecare.review.errors import BusyError, DeniedError, GoneError, ReviewError
from duecare.review.pages.access import ANYBODY, Page
from duecare.review.pages.cookies import Cookies, keep_guest
from duecare.review.pages.render import show
from duecare.review.pages.settings import Settings
from duecare.review.pages.visit import MOST_BYTES, Form, Visit
from duecare.review.store import Store

FORM_TYPE = "application/x-www-form-urlencoded"
_log = logging.getLogger("duecare.review")
_GUEST_SECRET = secrets.token_bytes(32)
"""Signs the forms of people who are not logged in; a restart makes them load the form again."""


def endpoint(page: Page, store: Store, settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    """What Starlette calls. The page itself runs in a thread: the store waits for the disk."""

    async def answer(request: Request) -> Response:
        body = b""
        if page.method == "POST":
            try:
                body = await _body(request)
            except _TooLargeError:
                return _told(_outside(request, store, settings), 413, "Too much at once", _TOO_LARGE)
        try:
            return await run_in_threadpool(_enter, page, store, settings, request, body)
        except Exception as error:
            _noted(page, error)
            return broken(request, store, settings)

    answer.page = page  # type: ignore[attr-defined] # read by the test that walks every route and role
    return answer


def _noted(page: Page, error: Exception) -> None:
    """For whoever runs the server: what broke and where, without the message, in which a text might stand."""
    places = [
        f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        for place in traceback.extract_tb(error.__traceback__)
    ]
    _log.error(
        "%s %s: %s at %s", page.method, page.path, type(error).__name__, " < ".join(reversed(places[-6:]))
    )


class _TooLargeError(Exception):
    pass


_TOO_LARGE = f"A form may have {MOST_BYTES // 1024} kB. Nothing was changed; your last draft is kept."


async def _body(request: Request) -> bytes:
    """What was sent, never more than MOST_BYTES of it."""
    held = bytearray()
    try:
        async for chunk in request.stream():
            held += chunk
            if len(held) > MOST_BYTES:
                raise _TooLargeError
    except ClientDisconnect:
        raise _TooLargeError from None
    return bytes(held)


def _enter(page: Page, store: Store, settings: Settings, request: Request, body: bytes) -> Response:
    """Who asks, may they, is the form ours: only then the page is asked."""
    cookies = Cookies.of(settings)
    cookie = request.cookies.get(cookies.session, "")
    visit = _outside(request, store, settings)
    try:
        session = people.person_of(store, cookie) if cookie else None
        guest = request.cookies.get(cookies.guest, "")
        fresh = ""
        if session is None and not guest:
            guest = fresh = secrets.token_urlsafe(24)
        visit = Visit(
            store=store,
            settings=settings,
            who=session.person if session else None,
            token=session.csrf if session else _guest_token(guest),
            here=request.url.path,
            where=visit.where,
            path={key: str(value) for key, value in request.path_params.items()},
            query=dict(request.query_params),
            form=Form(),
            session=cookie if session else "",
            origin=f"{'https' if settings.secure else 'http'}://{request.headers['host']}",
        )
        response = _answer(page, visit, request, body)
    except ReviewError as error:
        return refused(visit, error)
    if fresh and visit.who is None:
        keep_guest(response, cookies, fresh)
    return response


def _answer(page: Page, visit: Visit, request: Request, body: bytes) -> Response:
    if page.access != ANYBODY and visit.who is None:
        return _log_in_first(visit, page)
    if visit.who is not None and not page.opens_to(frozenset(visit.who.roles)):
        raise DeniedError("Your role does not include this page.")
    if page.method == "POST":
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
            raise ReviewError("This is not a form of this site.")
        form = Form.read(body)
        if not hmac.compare_digest(form.raw("csrf").encode(), visit.token.encode()):
            raise DeniedError(
                "This form is too old, or not one of ours. Load the page again, and send it anew."
            )
        visit = replace(visit, form=form)
    return page.answer(visit)


def _log_in_first(visit: Visit, page: Page) -> Response:
    if page.method == "GET":
        return Response(status_code=303, headers={"location": "/log-in"})
    lines = "You are not logged in any more, so nothing was changed. Your last draft is kept."
    return _told(visit, 401, "Please log in again", lines, {"/log-in": "Log in"})


def refused(visit: Visit, error: ReviewError) -> Response:
    """Why a page did not do what it was asked, in words of ours."""
    if isinstance(error, BusyError):
        response = _told(visit, 429 if visit.who is None else 503, "Not just now", str(error))
        response.headers["retry-after"] = str(max(1, round(error.after)))
        return response
    if isinstance(error, DeniedError):
        return _told(visit, 403, "This is not open to you", str(error))
    if isinstance(error, GoneError):
        return _told(visit, 404, "This is not here", str(error))
    return _told(visit, 400, "This could not be done", str(error))


def _told(
    visit: Visit, status: int, title: str, text: str, links: Mapping[str, str] | None = None
) -> Response:
    ways = [{"path": path, "name": name} for path, name in (links or {"/": "Go home"}).items()]
    return show(visit, "message.html", status, title=title, lines=[text], links=ways)


def _outside(request: Request, store: Store, settings: Settings) -> Visit:
    """A visit of nobody, for answers given before it is known who asks."""
    where = request.client.host if request.client else "unknown"
    return Visit(store, settings, None, "", request.url.path, where, {}, dict(request.query_params), Form())


def _guest_token(guest: str) -> str:
    return hmac.digest(_GUEST_SECRET, guest.encode(), "sha256").hex()


def missing(request: Request, store: Store, settings: Settings) -> Response:
    """No page has this address."""
    return _told(
        _outside(request, store, settings), 404, "This is not here", "There is no page at this address."
    )


def broken(request: Request, store: Store, settings: Settings) -> Response:
    """A defect of ours: the reader learns that, and nothing about the inside."""
    text = "Something went wrong on our side, and nothing was changed. Your last draft is kept."
    return _told(_outside(request, store, settings), 500, "Something went wrong", text)
