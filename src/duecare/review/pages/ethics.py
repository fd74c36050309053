"""The ethical reviewer's pages: how people agree, who leans, who judges, what hurts, and what is revised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from duecare.core import Estimate
from duecare.review import oversight, people, watched
from duecare.review.errors import ReviewError
from duecare.review.pages import questions as forms
from duecare.review.pages.access import get, only, post
from duecare.review.pages.render import Blanks, go, sentence, show
from duecare.review.pages.telling import tell
from duecare.review.pages.visit import Visit
from duecare.review.people import Role
from duecare.review.recused import recusals as recusals_of
from duecare.review.recused import strata
from duecare.review.rounds import Round, guidelines, progress, round_of, rounds

THEIRS = only(Role.ETHICS)
_TABS = (
    ("", "Agreement"),
    ("/raters", "Raters"),
    ("/panel", "Panel"),
    ("/guideline", "Guideline"),
    ("/flags", "Flags"),
    ("/exposure", "Exposure"),
    ("/recusals", "Recusals"),
)


def every_round(visit: Visit) -> Response:
    """Rounds, and what in each wants to be looked at."""
    cards = []
    for one in rounds(visit.store):
        far = progress(visit.store, one.id)
        lines = f"{far.people} people, {far.labels:,} labels, {far.flags} flags, {far.disputed} in dispute"
        cards.append({"id": one.id, "name": one.name, "open": one.state == "open", "lines": lines})
    return show(visit, "oversight.html", rounds=cards)


def _watch(visit: Visit, page: str, status: int = 200, **values: Any) -> Response:
    found = round_of(visit.store, visit.path["round"])
    base = f"/oversight/{found.id}"
    tabs = [{"path": base + path, "name": name, "here": visit.here == base + path} for path, name in _TABS]
    return show(visit, f"watch_{page}.html", status, round=found, tabs=tabs, **values)


def agreement(visit: Visit) -> Response:
    """How people agree on each question, with intervals."""
    found = round_of(visit.store, visit.path["round"])
    names = {question.name: question.ask for question in found.questions}
    tables: dict[str, list[dict[str, Any]]] = {}
    for estimate in watched.agreement(visit.store, found.id):
        tables.setdefault(estimate.slice.get("question", ""), []).append(_row(estimate, "question"))
    questions = [
        {"ask": names.get(name, name or "All questions"), "figures": rows} for name, rows in tables.items()
    ]
    return _watch(visit, "agreement", questions=questions)


_NAMES = {
    "percent": ("Share of pairs of people who agree", ""),
    "fleiss_kappa": ("Fleiss’ kappa", "Above chance, as the people of this round use the answers."),
    "krippendorff_alpha": ("Krippendorff’s alpha", "Above chance; near answers count half on a scale."),
    "gwet_ac1": ("Gwet’s AC1", "Above chance; holds where one answer is rare."),
    "gwet_ac2": ("Gwet’s AC2", "As AC1; near answers count half."),
    "cohen_kappa": ("Cohen’s kappa", "Above chance, of two people."),
    "attention": ("Attention checks", "Share answered as anybody who reads them does."),
    "qualification": ("Qualification", "Share of the first items answered as the guideline says."),
    "self_consistency": ("Same as before", "Share of repeated items answered as the first time."),
    "severity": ("Above others", "Steps of the scale, on the same items."),
    "twins": ("Between twins", "Steps of the scale, where only the group differs."),
    "difference": ("Between groups of reviewers", "On the same items."),
}
_SHARES = ("percent", "attention", "qualification", "self_consistency")


def _row(estimate: Estimate, *known: str) -> dict[str, Any]:
    """A figure with its line, on an axis of its own kind."""
    kind = estimate.metric.rpartition(".")[2]
    name, says = _NAMES.get(kind, (kind.replace("_", " "), ""))
    words = [
        f"p = {value} after Holm" if key == "holm" else value
        for key, value in estimate.slice.items()
        if key not in (*known, "round", "person", "axis")
    ]
    low, high, zero = _range(estimate, kind)
    about = "; ".join(words)
    return {"name": name, "says": says, "about": about, "e": estimate, "low": low, "high": high, "zero": zero}


def _range(estimate: Estimate, kind: str) -> tuple[float, float, float | None]:
    """The ends of the line, and where no difference (or chance) lies."""
    if kind in _SHARES:
        return 0.0, 1.0, None
    ends = [abs(value) for value in (estimate.low, estimate.high) if value is not None]
    most = max([1.0, *ends])
    return -most, most, 0.0


def raters(visit: Visit) -> Response:
    """What is known of each person: severity, leaning, attention, consistency with themselves."""
    found = round_of(visit.store, visit.path["round"])
    names = _names(visit)
    by_person: dict[str, list[dict[str, Any]]] = {}
    for estimate in watched.raters(visit.store, found.id):
        by_person.setdefault(estimate.slice.get("person", ""), []).append(_row(estimate))
    listed = [
        {
            "person": person,
            "name": names.get(person, "Everybody" if not person else "Somebody"),
            "figures": rows,
        }
        for person, rows in by_person.items()
    ]
    return _watch(visit, "raters", raters=listed)


def _names(visit: Visit) -> dict[str, str]:
    return {person.id: person.name for person in people.everybody(visit.store)}


def panel(visit: Visit) -> Response:
    """How diverse the people are who judged, and which views are missing."""
    found = oversight.panel(visit.store, visit.path["round"])
    axes = [
        {
            "name": axis,
            "stated": found.stated.get(axis, 0),
            "groups": list(found.groups.get(axis, {}).items()),
        }
        for axis in sorted(found.groups)
    ]
    figures = [_row(one) for one in watched.panel_gaps(visit.store, visit.path["round"])]
    missing = [{"axis": axis, "values": ", ".join(values)} for axis, values in found.missing.items()]
    return _watch(visit, "panel", people=found.people, axes=axes, missing=missing, figures=figures)


def guideline(visit: Visit) -> Response:
    """The guideline, to be revised, and its versions."""
    versions = guidelines(visit.store, round_of(visit.store, visit.path["round"]).id)
    return _watch(visit, "guideline", versions=versions, values=Blanks(text=versions[0].text))


def revise(visit: Visit) -> Response:
    """Put a new version in force."""
    which = round_of(visit.store, visit.path["round"]).id
    text, why = visit.form.get("text"), visit.form.get("why")
    try:
        oversight.revise(visit.store, which, visit.person, text, why)
    except ReviewError as error:
        if error.field is None:
            raise
        versions, values = guidelines(visit.store, which), Blanks(text=text, why=why)
        return _watch(
            visit, "guideline", 422, versions=versions, values=values, errors={error.field: sentence(error)}
        )
    tell(visit.store, visit.settings)
    return go(f"/oversight/{which}/guideline", "revised")


def flags(visit: Visit) -> Response:
    """What people passed on."""
    names = _names(visit)
    listed = [
        {
            "time": one.time,
            "person": one.person,
            "name": names.get(one.person, "Somebody"),
            "item": one.item,
            "reason": one.reason,
            "groups": forms.laid(one.texts),
        }
        for one in oversight.flags(visit.store, visit.path["round"])
    ]
    return _watch(visit, "flags", flags=listed)


def exposure(visit: Visit) -> Response:
    """Who read how many disturbing texts."""
    which = round_of(visit.store, visit.path["round"])
    names = _names(visit)
    listed = [
        {"name": names.get(one.person, "Somebody"), "of": one}
        for one in oversight.exposures(visit.store, which.id)
    ]
    return _watch(visit, "exposure", people=listed, care=which.care)


def recusals(visit: Visit) -> Response:
    """Who is kept from what."""
    return _recusals(visit, values=Blanks(item=visit.query.get("item", "")))


def _recusals(visit: Visit, status: int = 200, **more: Any) -> Response:
    which = round_of(visit.store, visit.path["round"])
    choices = [
        (person.id, f"{person.name} ({person.id})")
        for person in people.everybody(visit.store)
        if person.has(Role.ANNOTATOR)
    ]
    listed = recusals_of(visit.store, which.id)
    return _watch(
        visit,
        "recusals",
        status,
        **({"people": choices, "recusals": listed, "strata": _strata(visit, which)} | more),
    )


def _strata(visit: Visit, which: Round) -> Iterable[tuple[str, str]]:
    named = [
        (f"s {stratum}", f"Every item of {stratum}") for stratum in strata(visit.store, which.id) if stratum
    ]
    return [("item", "One item, named below"), *named]


def recuse(visit: Visit) -> Response:
    """Keep somebody from an item or a stratum."""
    form, which = visit.form, round_of(visit.store, visit.path["round"]).id
    scope, item, reason = form.get("scope"), form.get("item"), form.get("reason")
    whole = scope.removeprefix("s ") if scope.startswith("s ") else None
    try:
        if whole is None and not item:
            raise ReviewError("Say which item: its code stands beside each flag and dispute.", field="item")
        oversight.recuse(
            visit.store,
            visit.person,
            form.get("person"),
            which,
            reason,
            item=None if whole else item,
            stratum=whole,
        )
    except ReviewError as error:
        field = error.field or "item"
        values = Blanks({name: form.get(name) for name in ("person", "scope", "item", "reason")})
        return _recusals(visit, 422, values=values, errors={field: sentence(error)})
    return go(f"/oversight/{which}/recusals", "recused")


PAGES = (
    get("/oversight", THEIRS, every_round),
    get("/oversight/{round}", THEIRS, agreement),
    get("/oversight/{round}/raters", THEIRS, raters),
    get("/oversight/{round}/panel", THEIRS, panel),
    get("/oversight/{round}/guideline", THEIRS, guideline),
    post("/oversight/{round}/guideline", THEIRS, revise),
    get("/oversight/{round}/flags", THEIRS, flags),
    get("/oversight/{round}/exposure", THEIRS, exposure),
    get("/oversight/{round}/recusals", THEIRS, recusals),
    post("/oversight/{round}/recusals", THEIRS, recuse),
)
