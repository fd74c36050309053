"""The owner's pages: people and invitations, rounds, closing them, and what is exported."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response

from duecare.review import export, people
from duecare.review.errors import GoneError, ReviewError
from duecare.review.pages.access import get, only, post
from duecare.review.pages.home import POINTS
from duecare.review.pages.render import Blanks, go, sentence, show
from duecare.review.pages.telling import tell
from duecare.review.pages.visit import Visit
from duecare.review.people import Role
from duecare.review.rounds import close_round, progress, round_of, rounds
from duecare.review.store import stamp

THEIRS = only(Role.OWNER)
ROLES = [
    ("annotator", "Annotator: judges items"),
    ("adjudicator", "Adjudicator: settles disputes"),
    ("ethics", "Ethical reviewer: watches over it all"),
    ("owner", "Owner: runs the review"),
]


def every_round(visit: Visit) -> Response:
    """Rounds, and how far each is."""
    listed = []
    for one in rounds(visit.store):
        far = progress(visit.store, one.id)
        tiles = [
            ("labels", f"{far.labels:,} of {far.planned:,}"),
            ("items with all labels", f"{far.complete:,} of {far.items:,}"),
            ("with people now", f"{far.with_people:,}"),
            ("in dispute", f"{far.disputed:,}"),
            ("settled", f"{far.settled:,}"),
            ("flags", f"{far.flags:,}"),
            ("people", f"{far.people:,}"),
        ]
        about = f"Each of these {POINTS[one.point]} is judged by {one.overlap} people."
        shown = {"id": one.id, "name": one.name, "open": one.state == "open", "about": about, "tiles": tiles}
        listed.append(shown | {"done": far.labels, "planned": max(far.planned, 1)})
    return show(visit, "rounds.html", rounds=listed)


def close(visit: Visit) -> Response:
    """Close a round: nobody is given its items any more."""
    close_round(visit.store, visit.path["round"], visit.person)
    tell(visit.store, visit.settings)
    return go("/owner/rounds", "closed")


def exported(visit: Visit) -> Response:
    """The files of the last export of a round."""
    found = round_of(visit.store, visit.path["round"])
    files = _files(visit, found.id)
    listed = [{"name": path.name, "size": _size(path)} for path in files]
    writable = visit.settings.exports is not None
    return show(visit, "export.html", round=found, files=listed, writable=writable)


def write(visit: Visit) -> Response:
    """Export a round anew."""
    found = round_of(visit.store, visit.path["round"])
    if visit.settings.exports is None:
        raise ReviewError("This server was started without a folder to export into.")
    folder = visit.settings.exports / found.id
    folder.mkdir(parents=True, exist_ok=True)
    export.write(visit.store, found.id, folder)
    tell(visit.store, visit.settings)
    return go(f"/owner/rounds/{found.id}/export", "exported")


def file(visit: Visit) -> Response:
    """One file of the last export. What is asked for is looked up in a list, never joined to a path."""
    found = round_of(visit.store, visit.path["round"])
    for path in _files(visit, found.id):
        if path.name == visit.path["name"]:
            return FileResponse(path, media_type="application/octet-stream", filename=path.name)
    raise GoneError("This export has no such file.")


def _files(visit: Visit, round: str) -> list[Path]:
    folder = visit.settings.exports / round if visit.settings.exports else None
    if folder is None or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.is_symlink())


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size:,} bytes" if size < 10_000 else f"{size / 1000:,.0f} kB"


def everybody(visit: Visit) -> Response:
    """Who takes part."""
    return _people(visit)


def _people(visit: Visit, status: int = 200, **more: Any) -> Response:
    given = {"people": people.everybody(visit.store), "roles": ROLES, "invitation": "", "values": Blanks()}
    return show(visit, "people.html", status, **(given | more))


def invite(visit: Visit) -> Response:
    """A link for one person; it is shown once, and kept as a digest."""
    role, days = visit.form.get("role"), visit.form.get("days")
    try:
        if not (days.isascii() and days.isdigit() and len(days) < 4):
            raise ReviewError("Say for how many days, as a whole number.", field="days")
        token = people.invite(visit.store, role, visit.person, int(days))
    except ReviewError as error:
        if error.field is None:
            raise
        return _people(visit, 422, errors={error.field: sentence(error)}, values=Blanks(role=role, days=days))
    expires = stamp(visit.store.now() + timedelta(days=int(days)))
    link = f"{visit.origin}/join/{token}"
    return _people(
        visit, invitation=link, invited_role=dict(ROLES)[role].partition(":")[0].lower(), expires=expires
    )


def give_roles(visit: Visit) -> Response:
    """Set somebody's roles."""
    wanted = visit.form.all("role")
    known = {role.value for role in Role}
    if not wanted or not set(wanted) <= known:
        raise ReviewError("Choose at least one role; to end somebody's part, lock them out.")
    people.give_roles(visit.store, visit.person, visit.path["person"], frozenset(map(Role, wanted)))
    return go("/owner/people", "changed")


def leave(visit: Visit) -> Response:
    """Lock somebody out; what they decided stays."""
    people.deactivate(visit.store, visit.person, visit.path["person"])
    return go("/owner/people", "changed")


PAGES = (
    get("/owner/rounds", THEIRS, every_round),
    post("/owner/rounds/{round}/close", THEIRS, close),
    get("/owner/rounds/{round}/export", THEIRS, exported),
    post("/owner/rounds/{round}/export", THEIRS, write),
    get("/owner/rounds/{round}/export/{name}", THEIRS, file),
    get("/owner/people", THEIRS, everybody),
    post("/owner/people/invite", THEIRS, invite),
    post("/owner/people/{person}/roles", THEIRS, give_roles),
    post("/owner/people/{person}/leave", THEIRS, leave),
)
