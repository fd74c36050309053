"""An adjudicator's pages: what is in dispute, and one dispute side by side."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from duecare.review import adjudicate
from duecare.review.errors import GoneError, ReviewError
from duecare.review.pages import questions as forms
from duecare.review.pages.access import get, only, post
from duecare.review.pages.render import Blanks, go, sentence, show
from duecare.review.pages.visit import Visit
from duecare.review.people import Role
from duecare.review.rounds import round_of, rounds

THEIRS = only(Role.ADJUDICATOR)
_MOST = 200


def every_round(visit: Visit) -> Response:
    """Rounds, and how much waits in each."""
    cards = []
    for one in rounds(visit.store):
        waiting = len(adjudicate.disputed(visit.store, one.id, unsettled=True))
        cards.append({"id": one.id, "name": one.name, "waiting": waiting})
    return show(visit, "disputes.html", round=None, rounds=cards)


def one_round(visit: Visit) -> Response:
    """The disputes of a round, what waits first."""
    found = round_of(visit.store, visit.path["round"])
    disputes = adjudicate.disputed(visit.store, found.id, limit=_MOST)
    further = len(disputes) == _MOST
    return show(visit, "disputes.html", round=found, disputes=disputes, further=further)


def dispute(visit: Visit) -> Response:
    """One item, and what people answered, as A, B and C."""
    return _page(visit, _found(visit))


def _found(visit: Visit) -> adjudicate.Dispute:
    found = adjudicate.dispute(visit.store, visit.path["item"])
    if found.round != visit.path["round"]:
        raise GoneError("This round has no such item.")
    return found


def _page(visit: Visit, found: adjudicate.Dispute, status: int = 200, **more: Any) -> Response:
    sides = [
        {
            "letter": side.who,
            "answers": forms.read_back(found.questions, side.answers, found.texts),
            "comment": side.comment,
            "guideline": side.guideline,
        }
        for side in found.labels
    ]
    markable = any(one.kind == "spans" for one in found.questions)
    given: dict[str, Any] = {
        "round": round_of(visit.store, found.round),
        "item_id": found.item,
        "groups": forms.laid(found.texts, markable),
        "disturbing": found.blurred,
        "guideline": found.guideline,
        "sides": sides,
        "questions": forms.asked(found.questions, found.texts),
        "settled": found.settled is not None,
        "values": forms.values(found.questions, found.settled or {}, 2) | {"reason": found.reason},
    }
    return show(visit, "dispute.html", status, **(given | more))


def settle(visit: Visit) -> Response:
    """Say what counts, and why."""
    found = _found(visit)
    entered, reason = forms.typed(found.questions, visit.form), visit.form.get("reason")
    if visit.form.get("more"):
        values = forms.values(found.questions, entered, 4) | {"reason": reason}
        return _page(visit, found, values=Blanks(values))
    try:
        answers = forms.answers(found.questions, entered, found.texts)
        adjudicate.settle(visit.store, visit.person, found.item, answers, reason)
    except ReviewError as error:
        if error.field is None:
            raise
        names = {question.name for question in found.questions}
        field = f"q.{error.field}" if error.field in names else error.field
        values = forms.values(found.questions, entered, 2) | {"reason": reason}
        return _page(visit, found, 422, errors={field: sentence(error)}, values=Blanks(values))
    return go(f"/settle/{found.round}", "settled")


PAGES = (
    get("/settle", THEIRS, every_round),
    get("/settle/{round}", THEIRS, one_round),
    get("/settle/{round}/{item}", THEIRS, dispute),
    post("/settle/{round}/{item}", THEIRS, settle),
)
