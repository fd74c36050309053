"""What is said of people: signatures, duties, releases, incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from duecare.ledger.outside.ed25519 import NEUTRAL, bytes_of, multiplied, point_of
from duecare.ledger.outside.people import (
    PeopleBook,
    SaidThere,
    asks_to_forget,
    before,
    book_of,
    lacking,
    people_matter,
    subject_now,
    when,
)

WORDS_OF = {
    "people": "signed the list of people",
    "entry": "signed entry {of}",
    "approve": "approved the {about}",
    "waive": "waived the gate {about}, until {expires}",
    "incident": "reported an incident ({about}): {text}",
    "answer": "answered the incident of entry {of}: {text}",
    "release": "released the run",
    "forget": "signed the request to forget of entry {of}",
}


def flaws_of(lists: dict[str, Any] | None) -> list[str]:
    """What is wrong with a list of people itself."""
    owner: dict[str, str] = {}
    flaws = []
    names = [" ".join(name.casefold().split()) for name in (lists or {"people": {}})["people"]]
    flaws += [f"Two people are called {name!a}." for name in sorted({*names}) if names.count(name) > 1]
    for name, person in (lists or {"people": {}})["people"].items():
        for key in filter(None, (person["key"], person["records"])):
            if owner.setdefault(key, name) != name:
                flaws.append(f"{owner[key]!a} and {name!a} have one key: they may be one person.")
            point = point_of(bytes.fromhex(key)) if len(key) == 64 else None
            if point is None or bytes_of(multiplied(8, point)) == bytes_of(NEUTRAL):
                flaws.append(f"A key of {name!a} is none: anybody can sign with it.")
        for one, two in (lists or {})["rules"]["separate"]:
            if one in person["roles"] and two in person["roles"]:
                flaws.append(f"{name!a} is {one} and {two}, which exclude each other.")
    return flaws


def judge_people(  # noqa: PLR0917  # what the judge has read, and the day
    say: Any,
    entries: list[dict[str, Any]],
    lines: list[bytes],
    leaves: list[bytes],
    head: dict[str, Any],
    day: datetime,
) -> list[str]:
    """Say what holds of people by `say(holds, yes, no)`; what they signed, a line each."""
    if not people_matter(entries):
        return []
    book = book_of(entries, lines, leaves, head)
    flaws = book.wrong + flaws_of(book.lists)
    if book.waiting is not None:
        flaws.append(f"Entry {book.waiting} changes the list of people, and no owner signed that.")
    say(
        not flaws,
        f"{len(book.said)} statements are signed by whom they name, for this run and as its rules allow.",
        " ".join(flaws[:10]),
    )
    if book.lists is None:
        return []
    open_now = book.open_incidents()
    released = book.of_act("release")
    current = released and released[-1].fields.get("subject") == subject_now(book, "release")[0]
    want = lacking(book, day)
    if want and not current:
        say(None, "It is not released as it is, and for a release it lacks: " + " ".join(want[:10]))
    else:
        say(not want, "Approvals and waivers are as the rules of the study ask.", " ".join(want[:10]))
    judge_forgetting(say, book)
    if open_now:
        say(False, "", f"Incidents are open: entries {', '.join(map(str, open_now))}.")
    for each in released:
        judge_release(say, each, before(book, each.entry), entries)
    return [words_of(each) for each in book.said]


def judge_forgetting(say: Any, book: PeopleBook) -> None:
    """Whether somebody who may signed every request to forget a person, where somebody may."""
    asked = [each for each in book.past if asks_to_forget(each)]
    signed = [said.fields["of"] for said in book.of_act("forget")]
    good = [each["note"]["data"] for each in asked if each["index"] in signed]
    begun = [each["note"]["data"] for each in asked if each["note"]["topic"] == "forgetting"]
    for each in asked:
        data, lists = each["note"]["data"], before(book, each["index"]).lists
        may = (lists or {"rules": {"forget": []}})["rules"].get("forget", ["data-steward"])
        held = {role for person in (lists or {"people": {}})["people"].values() for role in person["roles"]}
        if not held & {*may}:
            continue
        if each["note"]["topic"] == "forgetting":
            yes = f"Entry {each['index']} destroyed keys as a person had asked, and that is signed."
            say(data in good, yes, f"Entry {each['index']} destroyed keys, and nobody signed that who may.")
        elif data not in good and data not in begun:
            say(None, f"The request to forget of entry {each['index']} waits for a signature.")


def judge_release(say: Any, release: SaidThere, then: PeopleBook, entries: list[dict[str, Any]]) -> None:
    """Whether everything was there when a release was signed."""
    day = when(entries[release.entry]["time"])
    want = ["It has no time."] if day is None else lacking(then, day)
    want += then.wrong + flaws_of(then.lists)
    if release.fields.get("subject") != subject_now(then, "release")[0]:
        want.append("It is of another state of the run.")
    say(
        not want,
        f"Entry {release.entry} releases the run, and nothing was missing then.",
        f"Entry {release.entry} releases the run, but: {' '.join(want[:10])}",
    )


def words_of(each: SaidThere) -> str:
    """Who said what, as printable text."""
    said = each.fields
    did = WORDS_OF[said["act"]]
    for name in ("of", "about", "expires", "text"):
        did = did.replace("{" + name + "}", str(said.get(name)))
    if said["act"] == "release" and said["of"] is not None:
        did += f" with the attestations of entry {said['of']}"
    return ascii(f"entry {each.entry}: {said['person']} ({said['role']}) {did}")[1:-1]
