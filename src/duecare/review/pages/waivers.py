"""Waivers of failed gates: asked for by one person, seconded by another, told to the ledger."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from duecare.ledger.digest import value_digest
from duecare.review import oversight, people
from duecare.review.errors import ReviewError
from duecare.review.pages.access import get, only, post
from duecare.review.pages.render import Blanks, go, sentence, show
from duecare.review.pages.telling import tell
from duecare.review.pages.visit import Visit
from duecare.review.people import Role
from duecare.review.store import moment

THEIRS = only(Role.ETHICS, Role.OWNER)


def waivers(visit: Visit) -> Response:
    """What was asked for, what holds, and what may be asked for."""
    return _page(visit)


def _page(visit: Visit, status: int = 200, **more: Any) -> Response:
    everybody = {person.id: person for person in people.everybody(visit.store)}
    listed = [_shown(visit, one, everybody) for one in oversight.waivers(visit.store)]
    failed = [(value_digest(one), f"{one.name}: {one.limit}") for one in visit.settings.failed()]
    given = {"waivers": listed, "failed": failed, "values": Blanks(days="30")}
    return show(visit, "waivers.html", status, **(given | more))


def _shown(visit: Visit, one: oversight.Waiver, everybody: dict[str, people.Person]) -> dict[str, Any]:
    mine = one.asked_by == visit.person.id
    asker = everybody.get(one.asked_by)
    ethical = visit.person.has(Role.ETHICS) or (asker is not None and asker.has(Role.ETHICS))
    over = moment(one.expires) <= visit.store.now()
    why_not = "You asked for it: somebody else must agree." if mine else "An ethical reviewer must agree."
    state = "holds" if one.holds(visit.store.now()) else "over" if over else "waits"
    return {
        "id": one.id,
        "gate": one.gate,
        "reason": one.reason,
        "expires": one.expires,
        "asked": one.asked,
        "asked_by": asker.name if asker else one.asked_by,
        "seconded": one.seconded or "",
        "seconded_by": everybody[one.seconded_by].name if one.seconded_by in everybody else one.seconded_by,
        "state": state,
        "may_second": state == "waits" and not mine and ethical,
        "why_not": why_not if state == "waits" else "",
    }


def ask(visit: Visit) -> Response:
    """Ask for a waiver of a gate that failed in this run."""
    form = visit.form
    failed = {value_digest(one): one for one in visit.settings.failed()}
    days, finding = form.get("days"), form.get("finding")
    try:
        if finding not in failed:
            raise ReviewError("Choose one of the gates that failed.", field="finding")
        if not (days.isascii() and days.isdigit() and len(days) < 5):
            raise ReviewError("Say for how many days, as a whole number.", field="days")
        name = failed[finding].name
        oversight.ask_waiver(visit.store, visit.person, name, finding, form.get("reason"), int(days))
    except ReviewError as error:
        if error.field is None:
            raise
        values = Blanks({field: form.get(field) for field in ("finding", "reason", "days")})
        return _page(visit, 422, errors={error.field: sentence(error)}, values=values)
    return go("/waivers", "asked")


def second(visit: Visit) -> Response:
    """Turn the second key."""
    oversight.second_waiver(visit.store, visit.person, visit.path["waiver"])
    tell(visit.store, visit.settings)
    return go("/waivers", "seconded")


PAGES = (
    get("/waivers", THEIRS, waivers),
    post("/waivers", THEIRS, ask),
    post("/waivers/{waiver}/second", THEIRS, second),
)
