"""About oneself: what one states voluntarily, one's password, and the page for a break."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from duecare.review import people
from duecare.review.errors import BusyError, ReviewError
from duecare.review.pages.access import EVERY_ROLE, get, post
from duecare.review.pages.cookies import Cookies, keep
from duecare.review.pages.render import Blanks, go, show
from duecare.review.pages.visit import Visit

AXES = (
    ("age", "Age", "For example 30 to 39"),
    ("gender", "Gender", "In your own words"),
    ("origin", "Where you grew up", "A country or region"),
    ("language", "First language", ""),
    ("religion", "Religion or belief", ""),
    ("experience", "What you know of the matter", "For example: worked in a bank, cared for somebody"),
)
"""What may be stated: the axis as it is stored, how it is asked, an example. All of it may stay empty."""


def me(visit: Visit) -> Response:
    """What this person may state and change about themselves."""
    return _page(visit)


def _page(visit: Visit, status: int = 200, **values: Any) -> Response:
    stated = people.attributes_of(visit.store, visit.person)
    filled = Blanks({f"a-{axis}": value for axis, value in stated.items()})
    given = {"axes": AXES, "stated": bool(stated), "values": filled, "roles": sorted(visit.person.roles)}
    return show(visit, "me.html", status, **(given | values))


def state(visit: Visit) -> Response:
    """Replace what was stated before; an empty field states nothing."""
    said = {axis: visit.form.get(f"a-{axis}") for axis, _, _ in AXES}
    try:
        people.state_attributes(
            visit.store, visit.person, {axis: value for axis, value in said.items() if value}
        )
    except ReviewError as error:
        return _page(
            visit, 422, errors={"": f"{error}."}, values=Blanks({f"a-{k}": v for k, v in said.items()})
        )
    return go("/me", "attributes")


def forget(visit: Visit) -> Response:
    """Delete all that was stated."""
    people.forget_attributes(visit.store, visit.person)
    return go("/me", "forgotten")


def password(visit: Visit) -> Response:
    """A new password ends every session, and opens this one anew."""
    old, new = visit.form.raw("old"), visit.form.raw("new")
    try:
        token = people.change_password(visit.store, visit.person, old, new)
    except BusyError:
        raise
    except ReviewError as error:
        return _page(visit, 422, errors={error.field or "old": f"{error}."})
    return keep(go("/me", "password"), Cookies.of(visit.settings), token)


def pause(visit: Visit) -> Response:
    """A break that somebody takes because they want one."""
    reason = "Nothing is waiting for you. Take as long as you like."
    return show(visit, "break.html", title="Take your time", reason=reason, until="")


PAGES = (
    get("/me", EVERY_ROLE, me),
    post("/me/attributes", EVERY_ROLE, state),
    post("/me/attributes/delete", EVERY_ROLE, forget),
    post("/me/password", EVERY_ROLE, password),
    get("/break", EVERY_ROLE, pause),
)
