"""Home: what waits for this person in each of their roles."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from duecare.review.pages.access import EVERY_ROLE, get
from duecare.review.pages.render import show
from duecare.review.pages.visit import Visit
from duecare.review.people import Role
from duecare.review.rounds import Round, progress, rounds
from duecare.review.share import share

POINTS = {
    "data": "rows of the data set",
    "pairs": "pairs of answers",
    "reward": "pairs that the reward model was asked about",
    "model": "answers of the model",
}


def home(visit: Visit) -> Response:
    """Rounds to judge, disputes to settle, rounds to watch over or to answer for."""
    every = rounds(visit.store)
    mine = [_mine(visit, one) for one in every] if visit.person.has(Role.ANNOTATOR) else []
    desks = [_desk(visit, every, role) for role in _DESKS if visit.person.has(role)]
    return show(visit, "home.html", rounds=mine, desks=desks)


def _mine(visit: Visit, which: Round) -> dict[str, Any]:
    """One round as its annotator sees it: their own part only."""
    part = share(visit.store, visit.person, which.id)
    return {
        "id": which.id,
        "name": which.name,
        "open": which.state == "open",
        "about": f"You judge {POINTS[which.point]}.",
        "mine": part.judged,
        "of": int(which.settings["items"]),
        "exposed": part.disturbing_today,
        "limit": which.care.a_day,
    }


_DESKS = {
    Role.ADJUDICATOR: ("Disputes", "/settle/{id}", "Settle"),
    Role.ETHICS: ("Oversight", "/oversight/{id}", "Watch over it"),
    Role.OWNER: ("Your rounds", "/owner/rounds/{id}/export", "Export"),
}


def _desk(visit: Visit, every: list[Round], role: Role) -> dict[str, Any]:
    title, path, link = _DESKS[role]
    cards = []
    for which in every:
        far = progress(visit.store, which.id)
        lines = {
            Role.ADJUDICATOR: [f"{far.disputed} in dispute, {far.settled} settled"],
            Role.ETHICS: [f"{far.flags} flagged, {far.disputed} in dispute, {far.people} people"],
            Role.OWNER: [f"{far.labels:,} of {far.planned:,} labels, from {far.people} people"],
        }[role]
        links = [{"path": path.format(id=which.id), "name": link}]
        cards.append({"name": which.name, "open": which.state == "open", "lines": lines, "links": links})
    return {"title": title, "cards": cards, "empty": "There is no round yet."}


PAGES = (get("/home", EVERY_ROLE, home),)
