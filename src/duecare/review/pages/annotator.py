"""An annotator's pages: one item, answer, skip, flag, undo, draft, and what they judged before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from duecare.review import desk
from duecare.review.errors import GoneError, ReviewError
from duecare.review.pages import questions as forms
from duecare.review.pages.access import get, only, post
from duecare.review.pages.render import Blanks, go, listed, sentence, show
from duecare.review.pages.visit import Visit
from duecare.review.people import Role
from duecare.review.rounds import round_of
from duecare.review.shown import Rest, Shown

MINE = only(Role.ANNOTATOR)
SKIPS = {
    "cannot tell": "I cannot tell",
    "not understood": "I do not understand it",
    "knows them": "I know whom it is about",
    "rather not": "I would rather not judge this one",
    "broken": "Something is broken",
}
_RESTS = {
    "break": ("Time for a break", "You have read a number of disturbing texts in a short time."),
    "limit": ("Enough for today", "You have read as many disturbing texts as anybody should in a day."),
    "qualification": (
        "Thank you for trying",
        "Your answers to the first items differ too much from the guideline to go on. The person who "
        "runs this review knows what they were for: talk to them.",
    ),
    "waiting": ("Nothing is free just now", "What is left is with other people. Some of it may come back."),
}


def following(visit: Visit) -> Response:
    """The item before this person, or why there is none."""
    found = desk.next_item(visit.store, visit.person, visit.path["round"])
    if isinstance(found, Rest):
        title, reason = _RESTS[found.reason]
        return show(visit, "break.html", title=title, reason=reason, until=found.until or "")
    if found is None:
        history = f"/rounds/{visit.path['round']}/history"
        links = [{"path": "/home", "name": "Go home"}, {"path": history, "name": "What I judged"}]
        lines = ["You have judged everything in this round that is yours to judge. Thank you."]
        return show(visit, "message.html", title="All done", lines=lines, links=links)
    more = visit.query.get("rows", "")
    blank = int(more) if more in ("1", "2", "3", "4", "5") else 1
    values = forms.values(found.questions, found.draft, blank)
    saved = "Your draft is here." if found.draft or found.draft_comment else ""
    return _judge(visit, found, values | {"comment": found.draft_comment}, saved=saved)


def _judge(visit: Visit, shown: Shown, values: Mapping[str, Any], status: int = 200, **more: Any) -> Response:
    """The page of one item. All that it holds comes from `shown`, which holds nothing that is hidden."""
    item = {
        "assignment": shown.assignment,
        "round": shown.round,
        "round_name": round_of(visit.store, shown.round).name,
        "position": shown.position,
        "done": min(shown.position - 1, shown.of),
        "of": max(shown.of, 1),
        "groups": forms.laid(shown.texts, any(one.kind == "spans" for one in shown.questions)),
        "declared": sorted(shown.texts.get("groups", {}).items()),
        "disturbing": shown.blurred,
        "guideline": shown.guideline,
        "flagged": shown.flagged,
        "again": visit.query.get("again") == "1",
    }
    given: dict[str, Any] = {
        "opened": str(int(time.time())),
        "saved": "",
        "skips": listed(SKIPS),
        "values": Blanks(values),
    }
    given |= {"item": item, "questions": forms.asked(shown.questions, shown.texts)}
    given |= {"base": f"/rounds/{shown.round}/items/{shown.assignment}"}
    given["more"] = f"{given['base']}/draft"
    return show(visit, "judge.html", status, **(given | more))


def _before(visit: Visit) -> Shown:
    """The item that a form speaks of, where it is still before this person."""
    found = desk.next_item(visit.store, visit.person, visit.path["round"])
    if not isinstance(found, Shown) or found.assignment != visit.path["assignment"]:
        raise GoneError("This item is not before you any more. What you answered before is kept.")
    return found


def answer(visit: Visit) -> Response:
    """Keep the answers; where one is wrong, the page comes back as it was filled in."""
    questions = round_of(visit.store, visit.path["round"]).questions
    entered = forms.typed(questions, visit.form)
    comment = visit.form.get("comment")
    try:
        texts = _before(visit).texts if forms.by_words(questions, entered) else {}
        answers = forms.answers(questions, entered, texts)
        desk.submit(visit.store, visit.person, visit.path["assignment"], answers, comment, _seconds(visit))
    except ReviewError as error:
        if error.field is None:
            raise
        names = {question.name for question in questions}
        field = f"q.{error.field}" if error.field in names else error.field
        values = forms.values(questions, entered) | {"comment": comment}
        return _judge(visit, _before(visit), values, 422, errors={field: sentence(error)})
    return go(f"/rounds/{visit.path['round']}/next", "answered")


def _seconds(visit: Visit) -> float | None:
    """How long the page was open, as far as the form tells."""
    opened = visit.form.get("opened")
    return time.time() - int(opened) if opened.isascii() and opened.isdigit() and len(opened) < 12 else None


def draft(visit: Visit) -> Response:
    """Keep what was typed so far. A script gets no page back."""
    questions = round_of(visit.store, visit.path["round"]).questions
    entered = forms.typed(questions, visit.form)
    desk.save_draft(visit.store, visit.person, visit.path["assignment"], entered, visit.form.get("comment"))
    if visit.form.get("draft") == "script":
        return Response(status_code=204)
    more = "?rows=3" if visit.form.get("more") else "?done=draft"
    return Response(status_code=303, headers={"location": f"/rounds/{visit.path['round']}/next{more}"})


def skip(visit: Visit) -> Response:
    """Leave the item to others, for one of the stated reasons."""
    reason = SKIPS.get(visit.form.get("skip_reason"))
    if reason is None:
        raise ReviewError("Say why you skip it: choose one of the reasons.")
    desk.skip(visit.store, visit.person, visit.path["assignment"], reason)
    return go(f"/rounds/{visit.path['round']}/next", "skipped")


def flag(visit: Visit) -> Response:
    """Tell the ethical reviewer; the item stays."""
    reason = visit.form.text("flag_reason", "what is wrong with this item", 2000)
    desk.flag(visit.store, visit.person, visit.path["assignment"], reason)
    return go(f"/rounds/{visit.path['round']}/next", "flagged")


def undo(visit: Visit) -> Response:
    """Take the last decision back; the item stands before the person again."""
    found = desk.undo(visit.store, visit.person)
    if found is None:
        return go(f"/rounds/{visit.path['round']}/next", "nothing-to-undo")
    return Response(status_code=303, headers={"location": f"/rounds/{found.round}/next?again=1"})


def history(visit: Visit) -> Response:
    """What this person judged in a round."""
    found = round_of(visit.store, visit.path["round"])
    past = desk.history(visit.store, visit.person, found.id, limit=100)
    kinds = {"label": "Judged", "skip": "Skipped", "flag": "Told the ethical reviewer"}
    entries = [
        {
            "time": one.time,
            "kind": kinds[one.kind],
            "answers": forms.read_back(found.questions, one.answers, one.texts)
            if one.kind == "label"
            else [],
            "comment": one.comment,
            "guideline": one.guideline,
            "withdrawn": one.withdrawn,
            "groups": forms.laid(one.texts),
            "disturbing": one.blurred,
        }
        for one in past
    ]
    undoable = any(one.undoable for one in past)
    return show(visit, "history.html", round=found, entries=entries, undoable=undoable)


PAGES = (
    get("/rounds/{round}/next", MINE, following),
    post("/rounds/{round}/items/{assignment}/answer", MINE, answer),
    post("/rounds/{round}/items/{assignment}/draft", MINE, draft),
    post("/rounds/{round}/items/{assignment}/skip", MINE, skip),
    post("/rounds/{round}/items/{assignment}/flag", MINE, flag),
    post("/rounds/{round}/undo", MINE, undo),
    get("/rounds/{round}/history", MINE, history),
)
