"""Waivers on record: two people let one failed gate pass for a time. Who reads them decides nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from duecare.core.finding import Finding
from duecare.ledger.digest import value_digest
from duecare.ledger.duties import Account, waivers_of
from duecare.ledger.entry import Entry

WAIVER = "waiver"
"""Topic of the note of a waiver that two people signed (`review.waive`)."""


@dataclass(frozen=True, slots=True)
class Waived:
    """Entry `entry` says that two people or more, by pseudonym, waived a gate until `expires`, and why.

    `reason` is free text by one of them: shown quoted, and never taken for anything else.
    """

    entry: int
    people: tuple[str, ...]
    reason: str
    expires: datetime

    @property
    def text(self) -> str:
        """In words. Whether it still holds depends on the day of reading, which a record cannot know."""
        *first, last = self.people
        return f"Waived until {self.expires.date()} by {', '.join(first)} and {last}"

    @property
    def quoted(self) -> str:
        """The reason between quotation marks, on one line; it holds no such mark, and no sign unseen."""
        flat = " ".join(self.reason.replace('"', "'").split())
        return '"' + "".join(sign if sign.isprintable() else "\ufffd" for sign in flat) + '"'


def waivers(entries: Iterable[Entry], finding: Finding, people: Account | None = None) -> tuple[Waived, ...]:
    """Every waiver of this very finding on record that two different people signed, the oldest first.

    Where the study lists `people`, only statements that they signed with their keys count.
    """
    named = value_digest(finding)
    if people is not None and people.listed is not None:
        return _of_people(people, named)
    found = []
    for entry in entries:
        said = entry.note.data if entry.note is not None and entry.note.topic == WAIVER else {}
        signers = (said.get("asked_by", ""), said.get("seconded_by", ""))
        ends = _moment(said.get("expires", ""))
        if entry.happened != "told" or said.get("finding") != named or ends is None:
            continue
        if all(signers) and signers[0] != signers[1]:
            found.append(Waived(entry.index, signers, said.get("reason", ""), ends))
    return tuple(found)


def _of_people(people: Account, finding: str) -> tuple[Waived, ...]:
    """The waiver that so many people as the rules ask for signed; it ends when the first of theirs does."""
    needed = people.listed.listing.rules.waivers if people.listed else 2
    given = [
        (ends, each)
        for each in waivers_of(people, finding)
        if (ends := _moment(each.statement.expires or "")) is not None
    ]
    longest = sorted(given, key=lambda pair: (pair[0], pair[1].entry), reverse=True)[:needed]
    if len(longest) < needed:
        return ()
    signed = sorted((each for _, each in longest), key=lambda each: each.entry)
    names = tuple(each.statement.person for each in signed)
    ends = min(ends for ends, _ in longest)
    return (Waived(signed[-1].entry, names, signed[0].statement.text, ends),)


def _moment(written: str) -> datetime | None:
    """A moment with its zone; None for any other text."""
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
