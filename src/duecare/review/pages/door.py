"""Open to anybody: logging in, joining by invitation, and the files that pages are made of."""

from __future__ import annotations

from starlette.responses import Response

from duecare.review import people
from duecare.review.errors import BusyError, GoneError, ReviewError
from duecare.review.pages.access import ANYBODY, EVERY_ROLE, get, post
from duecare.review.pages.cookies import Cookies, drop, keep
from duecare.review.pages.render import ASSETS, Blanks, asset, asset_bytes, go, show
from duecare.review.pages.visit import Visit


def front(visit: Visit) -> Response:
    """The bare address."""
    return go("/home" if visit.who else "/log-in")


def log_in_form(visit: Visit) -> Response:
    """Where one logs in."""
    return go("/home") if visit.who else show(visit, "log_in.html")


def log_in(visit: Visit) -> Response:
    """A session for a log-in name and its password; too many attempts wait."""
    login = visit.form.get("login")
    try:
        _, token = people.log_in(visit.store, login, visit.form.raw("password"), visit.where)
    except BusyError:
        raise
    except ReviewError as error:
        values = Blanks(login=login)
        return show(visit, "log_in.html", 403, errors={error.field or "login": f"{error}."}, values=values)
    return keep(go("/home"), Cookies.of(visit.settings), token)


def join_form(visit: Visit) -> Response:
    """What an invitation link leads to."""
    people.invitation(visit.store, visit.path["token"])
    return show(visit, "join.html", invitation=visit.path["token"])


def join(visit: Visit) -> Response:
    """A new person; the invitation is used up, and they are logged in."""
    form, token = visit.form, visit.path["token"]
    login, name, password = form.get("login"), form.get("name"), form.raw("password")
    try:
        people.join(visit.store, token, login, name, password)
    except (GoneError, BusyError):
        raise
    except ReviewError as error:
        errors = {error.field or "": f"{error}."}
        values = Blanks(login=login, name=name)
        return show(visit, "join.html", 422, invitation=token, errors=errors, values=values)
    _, session = people.log_in(visit.store, login, password, visit.where)
    return keep(go("/home"), Cookies.of(visit.settings), session)


def log_out(visit: Visit) -> Response:
    """The session ends, here and in the store."""
    people.log_out(visit.store, visit.session)
    return drop(go("/log-in"), Cookies.of(visit.settings))


def file(visit: Visit) -> Response:
    """A style sheet, script or picture of ours, kept by the browser until it changes."""
    name = visit.path["name"]
    if name not in ASSETS or asset(name) != visit.here:
        raise GoneError("There is no such file.")
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(asset_bytes(name), media_type=ASSETS[name], headers=headers)


PAGES = (
    get("/", ANYBODY, front),
    get("/log-in", ANYBODY, log_in_form),
    post("/log-in", ANYBODY, log_in),
    get("/join/{token}", ANYBODY, join_form),
    post("/join/{token}", ANYBODY, join),
    get("/assets/{digest}/{name}", ANYBODY, file),
    post("/log-out", EVERY_ROLE, log_out),
)
