"""Templates to HTML: every value is escaped; nothing a stranger wrote is ever marked as safe."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, RedirectResponse, Response

from duecare.core import Estimate
from duecare.review.pages.visit import Visit
from duecare.review.password import SHORTEST
from duecare.review.people import Role

ASSETS = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}

_MENU = (
    ("/home", "Home", frozenset(Role)),
    ("/settle", "Disputes", frozenset({Role.ADJUDICATOR})),
    ("/oversight", "Oversight", frozenset({Role.ETHICS})),
    ("/waivers", "Waivers", frozenset({Role.ETHICS, Role.OWNER})),
    ("/owner/rounds", "Rounds", frozenset({Role.OWNER})),
    ("/owner/people", "People", frozenset({Role.OWNER})),
)


def show(visit: Visit, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """The page `template` for this visit; `errors` maps a field to what is wrong with it."""
    menu = [
        {"path": path, "name": name, "here": visit.here == path or visit.here.startswith(path + "/")}
        for path, name, roles in _MENU
        if visit.who and roles & set(visit.who.roles)
    ]
    given: dict[str, Any] = {"errors": {}, "values": Blanks(), "anchors": {}, "item": None, "more": ""}
    given |= {"done": DONE.get(visit.query.get("done", ""), "")}
    given |= {"person": visit.who, "token": visit.token, "menu": menu} | values
    return HTMLResponse(_templates().get_template(template).render(given), status_code=status)


def go(path: str, done: str = "") -> Response:
    """Look at another page next; `done` names one of our own sentences (DONE), never a text that was sent."""
    return RedirectResponse(path + (f"?done={done}" if done else ""), status_code=303)


DONE = {
    "answered": "Saved.",
    "skipped": "Skipped.",
    "flagged": "Sent to the ethical reviewer. Thank you for saying so.",
    "attributes": "Saved. You may change or delete it at any time.",
    "forgotten": "Everything that you said about yourself is deleted.",
    "password": "Your password is changed; you are logged out everywhere else.",
    "settled": "Settled.",
    "revised": "The new version is in force. Labels made before are marked with theirs.",
    "recused": "Recused. This person is not given these items any more.",
    "asked": "Asked for. The waiver holds once a second person agrees.",
    "seconded": "The waiver holds, and is told to the ledger.",
    "closed": "The round is closed. `duecare review close` enters its labels in the ledger of the run.",
    "exported": "Exported. The files are listed below.",
    "draft": "Draft saved.",
    "changed": "Saved.",
    "nothing-to-undo": "There is nothing to take back any more.",
}


class Blanks(dict[str, Any]):
    """What stands in a form; a field that nobody filled in is empty."""

    def __missing__(self, name: str) -> Any:
        return [] if name.endswith(".rows") else ""


def asset(name: str) -> str:
    """The address of a file of ours; it changes with the content, so it may be kept for good."""
    return f"/assets/{_digest(name)}/{name}"


@cache
def asset_bytes(name: str) -> bytes:
    """The content of one of ASSETS."""
    return (resources.files("duecare.review.pages") / "assets" / name).read_bytes()


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(asset_bytes(name)).hexdigest()[:12]


def exact(text: str) -> Markup:
    """Escaped so that a browser shows exactly these code points: HTML makes a CR an LF, and drops NUL."""
    return Markup(str(escape(text.replace("\0", "\ufffd"))).replace("\r", "&#13;"))  # noqa: S704 - escaped just here


def digits(value: float) -> str:
    """A figure as a reader wants it."""
    return (f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}").replace("-", "−")


def between(estimate: Estimate) -> str:
    """The interval in words."""
    if estimate.low is None or estimate.high is None:
        return "no interval"
    return f"{estimate.level:.0%} interval {digits(estimate.low)} to {digits(estimate.high)}"


def along(value: float, low: float, high: float) -> float:
    """Where on a line from `low` to `high` a value lies, in per cent, cut at both ends."""
    return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 2)


def when(time: str) -> str:
    """An ISO time to the minute."""
    return f"{time[:10]} {time[11:16]} UTC" if time else ""


def ready() -> None:
    """Compile every template now, so that nobody waits for it, and a broken one is found at the start."""
    for name in _templates().list_templates():
        _templates().get_template(name)


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("duecare.review.pages", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    pages.filters.update(exact=exact, digits=digits, between=between, along=along, when=when)
    pages.globals.update(asset=asset, shortest=SHORTEST)
    return pages


def sentence(error: Exception) -> str:
    """What was wrong, as a sentence."""
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def listed(values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Choices of a select field."""
    return list(values.items())
